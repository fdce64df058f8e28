/// One segment as a reader knows it.
final class ReadableSegment: Sendable {
  let name: String
  let summary: SegmentSummary
  let byteCount: Int
  let watermark: UInt64
  /// How the segment ends, and where its blocks are.
  let form: Form

  enum Form: Sendable {
    /// Its trailer says where the directory is.
    case complete(Trailer)
    /// It was walked over: the active segment, or one whose trailer cannot be read.
    case scanned(ReadableDirectory, end: Int)
    /// It cannot be read at all.
    case unreadable(Corruption)
  }
  /// Damage met while walking over it.
  let damages: [Corruption]
  /// Whether it is another recording's or has another name: its numbers mean nothing here.
  let isForeign: Bool

  init(
    name: String, summary: SegmentSummary, byteCount: Int, watermark: UInt64, form: Form,
    damages: [Corruption] = [], isForeign: Bool = false
  ) {
    self.isForeign = isForeign
    self.name = name
    self.summary = summary
    self.byteCount = byteCount
    self.watermark = watermark
    self.form = form
    self.damages = damages
  }

  var firstSequence: UInt64 { summary.firstSequence }
  var isSealed: Bool {
    if case .complete(let trailer) = form { return trailer.isSeal }
    return false
  }
  /// Whether anything of it could be read: what cannot be is never dropped.
  var isReadable: Bool {
    switch form {
    case .complete: true
    case .scanned(let directory, _): !directory.blocks.isEmpty
    case .unreadable: false
    }
  }

  /// Whether it was begun and has nothing: its first record is lost, or still in the buffer.
  var isEmpty: Bool {
    guard damages.isEmpty, case .scanned(let directory, _) = form else { return false }
    return directory.blocks.isEmpty
  }
}

/// The directory of a segment with the order of its blocks in time.
final class ReadableDirectory: Sendable {
  let blocks: [DirectoryEntry]
  let indexes: [IndexPart]
  let contexts: [ContextPlace]
  /// The ordinals of the blocks that no index part covers.
  ///
  /// A checkpoint writes all columns' parts over the same blocks, so where one column has a part
  /// and another has none, no row has a value for the other.
  let unindexed: [Int]
  let order: TimeOrder
  /// What was met in its place, where it cannot be read itself.
  let damages: [Corruption]

  init(_ directory: Directory, damages: [Corruption] = []) {
    self.damages = damages
    blocks = directory.blocks
    indexes = directory.indexes
    contexts = directory.contexts
    var isIndexed = [Bool](repeating: false, count: directory.blocks.count)
    for part in directory.indexes {
      for block in part.blocks where block < isIndexed.count { isIndexed[block] = true }
    }
    unindexed = isIndexed.indices.filter { !isIndexed[$0] }
    order = TimeOrder(directory.blocks.map(\.stretch))
  }
}

/// What a recording held at one moment: the basis of one query.
final class Snapshot: Sendable {
  let segments: [ReadableSegment]
  /// The order in time of all segments but the last, which may still grow.
  let order: TimeOrder
  /// All segments but the last, in groups, and their events.
  let groups: [SegmentGroup]
  let settledEventCount: Int
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
  let order: TimeOrder
  let groups: [SegmentGroup]
  let eventCount: Int

  init(_ segments: ArraySlice<ReadableSegment>) {
    self.segments = segments
    order = TimeOrder(segments.map(\.summary.stretch))
    groups = SegmentGroup.groups(of: segments)
    eventCount = segments.reduce(0) { $0.saturatingAdd(Int(clamping: $1.summary.eventCount)) }
  }

  /// Whether `segments` are the ones that this is of.
  func isCurrent(for segments: ArraySlice<ReadableSegment>) -> Bool {
    segments.elementsEqual(self.segments) { $0 === $1 }
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
