/// Writes a recording that nobody else sees before it is whole, so that it needs no buffer: what is
/// cut out of others or put together of them.
///
/// It is one run of this process.
struct WholeRecording {
  private let clock = SystemClock()
  private let folder: any Folder
  private var appender: SegmentAppender
  private let rules: RecordRules
  private let run: Run
  private var next: UInt64 = 1

  /// Begins in an empty folder, with the lives of `carried`.
  init(
    in folder: any Folder, attributes: AttributeSchema, roles: KindRoles, carried: Context? = nil
  ) throws(ReelError) {
    self.folder = folder
    rules = RecordRules(
      maximumPayloadByteCount: Limits.payloadByteCount, attributes: attributes)
    run = Run(firstSequence: 1, clock: clock)
    appender = SegmentAppender(
      folder: folder, recording: RecordingID(low: clock.random(), high: clock.random()),
      configuration: RecorderConfiguration(), control: ControlState(), sealed: [], active: nil,
      nextSequence: 1, watermark: 0, seed: clock.random())
    appender.setAttributes(attributes)
    appender.setRoles(roles)
    if let carried { appender.carry(carried, intoRun: run.id) }
    try append(.runStart(run))
    if !attributes.declarations.isEmpty {
      try append(.configuration(attributes.declarations))
    }
    if !roles.declared.isEmpty { try append(.roles(roles)) }
  }

  /// The id that it is given.
  var recordingID: RecordingID { appender.recording }

  /// Appends an event.
  mutating func append(_ event: Event) throws(ReelError) {
    try take(try event.record(rules))
  }

  private mutating func append(_ record: ControlRecord) throws(ReelError) {
    try take(record.record(timestamp: clock.wall()))
  }

  private mutating func take(_ bytes: [UInt8]) throws(ReelError) {
    guard let record = try? RecordView(bytes.rawSpan) else { return }
    let isBlockFull = appender.take(record, sequence: next, runID: run.id)
    next += 1
    if isBlockFull { try appender.writeBlock() }
  }

  /// Ends the run and makes everything durable.
  mutating func finish() throws(ReelError) {
    try append(.runEnd(wall: clock.wall(), monotonic: clock.monotonic()))
    try appender.writeBlock()
    try appender.seal()
    try appender.sync()
    _ = try folder.open(FileName.lock, .create)
    try folder.sync()
  }
}
