/// The merged indexes of a recording as its writer keeps book of them.
struct MergedIndexBook {
  /// Those that are there or being made, in order of their segments.
  private var entries: [IndexMerger.Entry]
  private let segmentCount: Int
  var merger: IndexMerger?
  /// The last record of the next group, until which nothing is due.
  private var dueSequence = UInt64.max

  /// Begins with those that are there; one comes of `segmentCount` segments.
  init(_ entries: [IndexMerger.Entry] = [], segmentCount: Int) {
    self.entries = entries
    self.segmentCount = segmentCount
  }

  /// The bytes of all files.
  var byteCount: Int { entries.reduce(0) { $0.saturatingAdd($1.byteCount) } }

  /// Has indexes made of segments that have none: of each so many side by side and, where those
  /// behind them have one already, of fewer.
  ///
  /// They wait until their records are durable up to `watermark`: an index that a loss of power
  /// leaves would else say of a segment that it ends as it never did.
  mutating func mergeDue(_ sealed: [SegmentAppender.SealedSegment], watermark: UInt64) {
    guard let merger else { return }
    takeFinished()
    dueSequence = .max
    for group in Self.due(sealed, entries, segmentCount) {
      guard let first = group.first, let last = group.last else { continue }
      guard last.nextSequence <= watermark + 1 else {
        dueSequence = last.nextSequence - 1
        break
      }
      entries.append(
        IndexMerger.Entry(
          firstSequence: first.firstSequence, nextSequence: last.nextSequence, byteCount: 0))
      merger.begin(group.map(\.firstSequence))
    }
    entries.sort { $0.firstSequence < $1.firstSequence }
  }

  /// As ``mergeDue(_:watermark:)`` when the watermark has risen: mostly nothing is due by it.
  mutating func mergeDurable(_ sealed: [SegmentAppender.SealedSegment], watermark: UInt64) {
    if watermark >= dueSequence { mergeDue(sealed, watermark: watermark) }
  }

  /// Gives up what is being made: its room may be needed.
  func cancel() { merger?.cancel() }

  /// The segments to be merged, group by group.
  static func due(
    _ sealed: [SegmentAppender.SealedSegment], _ entries: [IndexMerger.Entry], _ count: Int
  ) -> [[SegmentAppender.SealedSegment]] {
    var groups: [[SegmentAppender.SealedSegment]] = []
    var run: [SegmentAppender.SealedSegment] = []
    var next = 0
    for segment in sealed {
      while next < entries.count, entries[next].nextSequence <= segment.firstSequence { next += 1 }
      let isCovered = next < entries.count && entries[next].firstSequence <= segment.firstSequence
      if isCovered || !segment.isWhole {
        // No other segment will ever come beside these.
        if run.count >= MergedIndex.memberCounts.lowerBound { groups.append(run) }
        run = []
      } else {
        run.append(segment)
        if run.count == count {
          groups.append(run)
          run = []
        }
      }
    }
    return groups
  }

  private mutating func takeFinished() {
    for made in merger?.takeFinished() ?? [] {
      for index in entries.indices where entries[index].firstSequence == made.firstSequence {
        entries[index].byteCount = made.byteCount
      }
    }
  }

  /// The names of the files all of whose segments end before `sequence`; they are no longer in the
  /// book.
  mutating func takeObsolete(before sequence: UInt64) -> [String] {
    takeFinished()
    // One that is being made finds a segment gone, or is there the next time.
    let obsolete = entries.filter { $0.byteCount > 0 && $0.nextSequence <= sequence }
    entries.removeAll { $0.byteCount > 0 && $0.nextSequence <= sequence }
    return obsolete.map { FileName.mergedIndex(firstSequence: $0.firstSequence) }
  }
}
