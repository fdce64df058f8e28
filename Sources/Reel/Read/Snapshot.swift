/// What a recording held at one moment: the basis of one query.
final class Snapshot: Sendable {
  let segments: [ReadableSegment]
  /// The order in time of all segments but the last, which may still grow.
  let order: TimeOrder
  /// All segments but the last, in groups, and their events.
  let groups: [SegmentGroup]
  let settledEventCount: Int
  /// The same, by merged indexes where there are some.
  let lookUpGroups: [LookUpGroup]
  /// Of those, the ones with a merged index.
  let mergedGroups: [MergedGroup]
  /// Bytes of all merged indexes.
  let mergedIndexByteCount: Int
  /// The last segment by itself, when it ends in a directory.
  let lastGroup: SegmentGroup?
  /// Blocks in memory that stand for what is in the write-ahead buffer; rows below
  /// ``firstBufferedSequence`` are in segments as well.
  let buffered: [DecodedBlock]
  let firstBufferedSequence: UInt64
  /// The sequence numbers that damaged frames of the buffer had, with others behind them.
  let bufferHoles: [Range<UInt64>]
  let control: ControlState
  /// What ``control`` says is removed.
  let removals: Removals
  let recording: RecordingID?
  let bufferByteCount: Int
  let bufferName: String
  /// Sequence numbers that no file holds.
  let missing: [ClosedRange<UInt64>]
  /// Damage met while the files were looked at, and that which is not in ``segments``.
  let damages: [Corruption]
  let otherDamages: [Corruption]

  init(_ draft: SnapshotDraft, settled: SettledSegments = SettledSegments([])) {
    segments = draft.segments
    order = settled.order
    groups = settled.groups
    lookUpGroups = settled.lookUpGroups
    mergedGroups = settled.mergedGroups
    mergedIndexByteCount = settled.mergedIndexByteCount
    settledEventCount = settled.eventCount
    lastGroup = draft.segments.last.flatMap { last in
      if case .complete = last.form { SegmentGroup(last) } else { nil }
    }
    buffered = draft.buffered
    firstBufferedSequence = draft.firstBufferedSequence
    bufferHoles = draft.bufferHoles
    control = draft.control
    removals = draft.control.removals
    recording = draft.recording
    bufferByteCount = draft.bufferByteCount
    bufferName = draft.bufferName
    missing = draft.missing
    damages = draft.segments.flatMap(\.damages) + draft.otherDamages
    otherDamages = draft.otherDamages
  }

  /// The first sequence number that was not given when the snapshot was taken.
  var nextSequence: UInt64 {
    buffered.last.map { $0.header.lastSequence + 1 } ?? firstBufferedSequence
  }

  /// Where those end who go over everything after `position` in order of arrival: before the first
  /// hole in the buffer.
  ///
  /// A recorder with durability `disk` has in memory what the file has damaged, and writes it into
  /// a block: whoever had gone on would never be given it.
  func arrivalEnd(after position: UInt64) -> UInt64 {
    guard let hole = bufferHoles.first(where: { $0.upperBound > position &+ 1 }) else {
      return nextSequence
    }
    return max(hole.lowerBound, position &+ 1)
  }
}

/// What is known of all segments but the last, and kept while they are the same.
struct SettledSegments: Sendable {
  private let segments: ArraySlice<ReadableSegment>
  private let mergedIndexes: [MergedIndex]
  let order: TimeOrder
  let groups: [SegmentGroup]
  let lookUpGroups: [LookUpGroup]
  let mergedGroups: [MergedGroup]
  let eventCount: Int

  /// What `mergedIndexes`, in order of their segments, are of are some of `segments`.
  init(_ segments: ArraySlice<ReadableSegment>, _ mergedIndexes: [MergedIndex] = []) {
    self.segments = segments
    self.mergedIndexes = mergedIndexes
    lookUpGroups = LookUpGroup.groups(of: segments, mergedIndexes)
    mergedGroups = lookUpGroups.compactMap { group in
      if case .merged(let merged) = group { merged } else { nil }
    }
    order = TimeOrder(segments.map(\.summary.stretch))
    groups = SegmentGroup.groups(of: segments)
    eventCount = segments.reduce(0) { $0.saturatingAdd(Int(clamping: $1.summary.eventCount)) }
  }

  var mergedIndexByteCount: Int {
    mergedIndexes.reduce(0) { $0.saturatingAdd($1.byteCount) }
  }

  /// Whether `segments` and `mergedIndexes` are the ones that this is of.
  func isCurrent(
    for segments: ArraySlice<ReadableSegment>, _ mergedIndexes: [MergedIndex]
  ) -> Bool {
    segments.elementsEqual(self.segments) { $0 === $1 }
      && mergedIndexes.elementsEqual(self.mergedIndexes) { $0 === $1 }
  }
}

/// A snapshot that is being put together.
struct SnapshotDraft {
  var segments: [ReadableSegment] = []
  var buffered: [DecodedBlock] = []
  var firstBufferedSequence: UInt64 = 1
  var bufferHoles: [Range<UInt64>] = []
  var control = ControlState()
  var recording: RecordingID?
  var bufferByteCount = 0
  /// The file that ``buffered`` is from.
  var bufferName = ""
  var missing: [ClosedRange<UInt64>] = []
  /// Why buffers cannot be read, which segments are foreign, and what else is lost.
  var otherDamages: [Corruption] = []
}
