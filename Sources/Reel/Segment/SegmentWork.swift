/// The work that a ``SegmentAppender`` decides on: blocks are made of rows, indexed and written,
/// and a full segment is sealed and gives way to the next.
///
/// One thread at a time uses it: the block writer while it has jobs, else the appender's.
final class SegmentWork: @unchecked Sendable {
  private let folder: any Folder
  private let frameByteCount: Int
  private let state = LZ4.State()
  private var encoder = BlockEncoder()
  /// Of the active segment, if there is one.
  private var writer: SegmentWriter?
  /// Of the segment before, without blocks: its memory serves the next one's.
  private var spareIndexes: IndexBuilder
  private var unfinished: Unfinished?

  /// A job that there was no room for on the disk.
  private enum Unfinished {
    case block(SegmentWriter.EncodedBlock, Parcel)
    case turn(NextSegment, sealed: ActiveSegment?)
  }

  /// The rows of a block on their way from thread to thread; whoever has it alone uses it.
  ///
  /// A class, so that none of the arrays is ever shared and then copied.
  final class Parcel: @unchecked Sendable {
    var rows = BlockRows()
  }

  enum Job: Sendable {
    /// A block is made of rows and written, with the context ahead of it.
    case block(Parcel, context: SegmentContext?)
    /// The active segment is sealed, and another begins.
    case turn(NextSegment)
  }

  /// A segment to be begun.
  struct NextSegment: Sendable {
    var header: SegmentHeader
    var controlState: ControlState
    /// What is durable, for the seal of the one before.
    var watermark: UInt64
    /// Whether its head is to be durable before it has its name.
    var isDurable: Bool
  }

  /// What has come of a job.
  struct Done: Sendable {
    /// The active segment afterwards.
    var active: ActiveSegment
    /// The one that has given way to it.
    var sealed: ActiveSegment?
    /// Of the block that has been written; without rows.
    var parcel: Parcel?
  }

  init(_ configuration: RecorderConfiguration, in folder: any Folder, seed: UInt64) {
    self.folder = folder
    spareIndexes = IndexBuilder(firstBlock: 0, attributes: AttributeSchema(), seed: seed)
    frameByteCount = configuration.payloadFrameByteCount
  }

  /// Goes on with a segment that is there, or with none.
  func goOn(with writer: SegmentWriter?) { self.writer = writer }

  /// Indexes also what `attributes` declares, from the next block on.
  func setAttributes(_ attributes: AttributeSchema) { writer?.setAttributes(attributes) }

  /// Whether a job has failed whose rest must be done before any other.
  var hasUnfinished: Bool { unfinished != nil }

  /// Does a job, all before being done; there is an active segment.
  ///
  /// - Throws: ``ReelError/io(_:)``; nothing is lost, and ``finish()`` must do the rest of it.
  func perform(_ job: Job) throws(ReelError) -> Done {
    precondition(unfinished == nil, "jobs are done in order")
    switch job {
    case .block(let parcel, let context):
      guard
        let block = writer?.encode(
          &parcel.rows, with: &encoder, frameByteCount: frameByteCount, context: context)
      else { preconditionFailure("a block has a segment") }
      unfinished = .block(block, parcel)
    case .turn(let next): unfinished = .turn(next, sealed: nil)
    }
    return try finish()
  }

  /// Does the rest of the job that has failed: what it has written is not written again.
  ///
  /// - Throws: As ``perform(_:)``.
  func finish() throws(ReelError) -> Done {
    let done: Done
    switch unfinished {
    case nil: preconditionFailure("a job has failed")
    case .block(let block, let parcel)?:
      try writer?.append(block)
      done = Done(active: active, parcel: parcel)
    case .turn(let next, let before)?:
      let sealed = try seal(watermark: next.watermark) ?? before
      unfinished = .turn(next, sealed: sealed)
      done = Done(active: try begin(next), sealed: sealed)
    }
    unfinished = nil
    return done
  }

  private var active: ActiveSegment {
    guard let writer else { preconditionFailure("a block has a segment") }
    return writer.active
  }

  // MARK: For the appender

  /// Seals the active segment, after which there is none.
  func seal(watermark: UInt64) throws(ReelError) -> ActiveSegment? {
    try writer?.checkpoint(isSeal: true, watermark: watermark)
    guard let sealed = writer else { return nil }
    writer = nil
    spareIndexes = sealed.indexes
    return sealed.active
  }

  /// Whether dead checkpoints take much of the active segment.
  var isWorthSealing: Bool { writer?.isWorthSealing ?? false }

  /// Leaves the active segment so that the next opening need not scan it.
  func checkpoint(watermark: UInt64) throws(ReelError) -> ActiveSegment {
    try writer?.checkpoint(isSeal: false, watermark: watermark)
    return active
  }

  /// Begins a segment, there being none.
  func begin(_ next: NextSegment) throws(ReelError) -> ActiveSegment {
    let (segment, end) = try SegmentWriter.createFile(
      in: folder, header: next.header, controlState: next.controlState, isDurable: next.isDurable)
    spareIndexes.restart(at: 0)
    spareIndexes.declare(next.controlState.attributes)
    let writer = SegmentWriter(
      segment: segment, directory: Directory(),
      summary: SegmentSummary(firstSequence: next.header.firstSequence), end: end,
      indexes: spareIndexes, state: state)
    spareIndexes = spareIndexes.next(after: 0)
    self.writer = writer
    return writer.active
  }
}

/// The active segment as far as it is written.
struct ActiveSegment: Sendable {
  let file: any File
  var summary: SegmentSummary
  /// Where its next frame goes.
  var end: Int

  var firstSequence: UInt64 { summary.firstSequence }
}
