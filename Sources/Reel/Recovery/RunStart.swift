/// A recording that is recovered and ready to be written, before anybody does: what a recorder
/// begins with, without its threads.
struct RunStart {
  let folder: any Folder
  let configuration: RecorderConfiguration
  let lockFile: LockFile
  /// What opening found.
  let recovery: RecoveryReport
  let run: Run
  let log: AppendLog
  let appender: SegmentAppender

  /// Takes the lock, recovers what an earlier run left and makes the new run's buffer.
  init(folder: any Folder, configuration: RecorderConfiguration) throws(ReelError) {
    self.folder = folder
    self.configuration = configuration
    lockFile = try LockFile(folder)
    var opening = try Opening(folder: folder, configuration: configuration)
    var appender = try opening.recover()
    var attributes = appender.control.attributes
    try attributes.merge(configuration.attributes)
    var roles = appender.control.roles
    try roles.merge(configuration.roles)
    run = Run(firstSequence: appender.nextSequence, clock: configuration.clock)
    let buffer = try Self.newBuffer(folder, configuration, appender, run)
    try opening.removeOldBuffers(except: buffer.header.firstSequence)
    recovery = opening.report
    log = AppendLog(
      buffer: buffer,
      rules: RecordRules(
        maximumPayloadByteCount: configuration.maximumPayloadByteCount, attributes: attributes),
      configuration: configuration)
    appender.setAttributes(attributes)
    appender.setRoles(roles)
    self.appender = appender
  }

  private static func newBuffer(
    _ folder: any Folder, _ configuration: RecorderConfiguration, _ appender: SegmentAppender,
    _ run: Run
  ) throws(ReelError) -> WriteAheadBuffer {
    let header = BufferHeader(
      durability: configuration.durability, recording: appender.recording,
      capacity: configuration.bufferByteCount, runID: run.id,
      firstSequence: appender.nextSequence, created: run.startWall)
    let progress = BufferProgress(
      counter: 0, released: 0, nextSequence: appender.nextSequence,
      watermark: appender.watermark, segment: appender.active.firstSequence,
      segmentByteCount: UInt64(appender.active.byteCount))
    return try WriteAheadBuffer(
      in: folder, header: header, progress: progress, clock: configuration.clock)
  }

  /// Notes the run in its log, and what it declares.
  ///
  /// Declarations may need more room than there is until the flusher makes some.
  func note() throws(ReelError) {
    // On a full disk an opening fails at once, as a closing does.
    try log.append(.runStart(run), mayWaitForRoom: false)
    if !configuration.attributes.isEmpty {
      let declarations = appender.control.attributes.declarations
      try log.append(.configuration(declarations), mayWaitForRoom: false)
    }
    if !configuration.roles.isEmpty {
      try log.append(.roles(appender.control.roles), mayWaitForRoom: false)
    }
  }
}
