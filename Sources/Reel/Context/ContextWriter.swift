/// A context as the writer made it.
struct SegmentContext {
  var content: [UInt8]
  var maximumTimestamp: Int64
}

/// Keeps what matters of the records that are appended, and says when a context of it is due.
///
/// Each segment begins with one. So that a question about a moment need not read half a segment,
/// more follow, as often as they cost little.
struct ContextWriter {
  private var lives: ProcessLives
  private var recordCount = 0
  private var byteCount = 0

  private let recordInterval: Int
  private let byteRatio: Int

  /// Knows nothing yet but the greatest timestamp of the events before the first to be taken.
  init(
    roles: KindRoles, maximumTimestamp: Int64, configuration: RecorderConfiguration
  ) {
    recordInterval = configuration.contextRecordInterval
    byteRatio = configuration.contextByteRatio
    lives = ProcessLives(roles: roles, maximumTimestamp: maximumTimestamp)
  }

  /// Takes the record that was appended last to the block with these symbols.
  @inline(__always)
  mutating func take(
    _ record: borrowing RecordView, sequence: UInt64, runID: UInt64, symbols: RecordSymbols
  ) {
    recordCount &+= 1
    byteCount &+= record.byteCount
    lives.take(
      record, sequence: sequence, runID: runID, kind: symbols.kind, process: symbols.process,
      generation: symbols.generation)
  }

  /// Records are missing: nothing is known any more until a run begins.
  mutating func forget() { lives.forget() }

  /// The next run begins with these lives.
  mutating func carry(_ context: Context, intoRun runID: UInt64) {
    lives.carry(context, intoRun: runID)
  }

  /// Declares what kinds mean.
  mutating func setRoles(_ roles: KindRoles) {
    guard roles != lives.roles else { return }
    lives = ProcessLives(roles: roles, maximumTimestamp: lives.maximumTimestamp)
  }

  /// The context ahead of a block that begins with `record`; nothing while none is due.
  mutating func next(
    ahead record: borrowing RecordView, sequence: UInt64, runID: UInt64, isSegmentStart: Bool,
    state: LZ4.State
  ) -> SegmentContext? {
    let isDue =
      recordCount >= recordInterval && byteCount >= byteRatio * lives.byteCount
    guard isSegmentStart || isDue else { return nil }
    lives.begin(runID: runID)
    // Before its first record a run has no processes, but those that it takes over.
    guard lives.isAnchored || record.type == ControlRecord.runStartType else { return nil }
    recordCount = 0
    byteCount = 0
    return SegmentContext(
      content: lives.encodeContext(firstSequence: sequence, state: state),
      maximumTimestamp: lives.maximumTimestamp)
  }
}
