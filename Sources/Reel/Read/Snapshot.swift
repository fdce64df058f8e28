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
    case scanned(Directory, end: Int)
    /// It cannot be read at all.
    case unreadable(Corruption)
  }
  /// Damage met while walking over it.
  let damages: [Corruption]

  init(
    name: String, summary: SegmentSummary, byteCount: Int, watermark: UInt64, form: Form,
    damages: [Corruption] = []
  ) {
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
}

/// What a recording held at one moment: the basis of one query.
struct Snapshot: Sendable {
  var segments: [ReadableSegment] = []
  /// Blocks in memory that stand for what is in the write-ahead buffer; rows below
  /// ``firstBufferedSequence`` are in segments as well.
  var buffered: [DecodedBlock] = []
  var firstBufferedSequence: UInt64 = 1
  var control = ControlState()
  var recording: RecordingID?
  var bufferByteCount = 0
  var missing: [ClosedRange<UInt64>] = []

  /// The first sequence number that was not given when the snapshot was taken.
  var nextSequence: UInt64 {
    buffered.last.map { $0.header.lastSequence + 1 } ?? firstBufferedSequence
  }
}
