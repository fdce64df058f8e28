extension SegmentAppender {
  /// What retention needs to know of a segment.
  struct SealedSegment: Hashable, Sendable {
    var firstSequence: UInt64
    var eventCount: UInt64
    var byteCount: Int
    /// Nothing where no block tells.
    var lastArrival: Int64?
    var maximumTimestamp: Int64
    var nextSequence: UInt64
    /// Whether anything of it could be read: else it may have what nobody has seen, and stays.
    var isReadable: Bool
    /// Whether all records that it ever had could be: else there may be later events than known.
    var isWhole: Bool

    init(
      _ summary: SegmentSummary, byteCount: Int, isReadable: Bool = true, isWhole: Bool = true
    ) {
      self.isReadable = isReadable
      self.isWhole = isReadable && isWhole
      firstSequence = summary.firstSequence
      eventCount = summary.eventCount
      self.byteCount = byteCount
      lastArrival = summary.firstArrival <= summary.lastArrival ? summary.lastArrival : nil
      maximumTimestamp = summary.maximumTimestamp
      nextSequence = summary.nextSequence
    }
  }
}
