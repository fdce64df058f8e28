/// The one writer of a recording.
///
/// An event's way: ``append(_:)-(Event)`` encodes it into the write-ahead buffer (`Append/`,
/// `Buffer/`), the flusher turns records into blocks (`Append/Flusher.swift`, `Block/`), blocks go
/// to the active segment (`Segment/`), which is sealed with its indexes (`Index/`), and retention
/// drops the oldest (`Retention/`). Opening recovers what an earlier run left (`Recovery/`).
///
/// Any number of threads may use a recorder. It must be closed: ``close()`` is what removes the
/// buffer; without it the next opening recovers.
public final class Recorder: Sendable {
  /// The folder of the recording.
  public let path: String
  /// What opening found.
  public let recovery: RecoveryReport
  let folder: any Folder
  let log: AppendLog
  let clock: any Clock
  let recordingID: RecordingID
  private let uniqueness: Uniqueness?
  private let flusher: Flusher
  private let lockFile: LockFile
  private let configuration: RecorderConfiguration
  private let reading = SharedRecording()
  private let closing = Lock()
  private nonisolated(unsafe) var isClosed = false

  /// Opens the recording at `path` for writing, making the folder when it is missing.
  ///
  /// - Throws: ``ReelError/locked(path:holder:)`` when somebody else writes to it,
  ///   ``ReelError/notARecording(path:reason:)`` when the folder holds other files,
  ///   ``ReelError/invalidArgument(_:)`` for a configuration out of bounds, or
  ///   ``ReelError/io(_:)``. The recording is then as it was, or recovered in part; opening again
  ///   goes on.
  /// - Complexity: One read a segment, and the buffer that a crash has left.
  public convenience init(
    path: String, configuration: RecorderConfiguration = RecorderConfiguration()
  ) throws(ReelError) {
    try configuration.validate()
    try self.init(
      folder: try POSIXFolder(path: path, create: true), configuration: configuration)
  }

  convenience init(folder: any Folder, configuration: RecorderConfiguration) throws(ReelError) {
    try self.init(RunStart(folder: folder, configuration: configuration))
  }

  private init(_ start: RunStart) throws(ReelError) {
    folder = start.folder
    configuration = start.configuration
    path = folder.path
    clock = configuration.clock
    lockFile = start.lockFile
    recordingID = start.appender.recording
    recovery = start.recovery
    log = start.log
    flusher = try Flusher(
      log: log, appender: start.appender, configuration: configuration, runID: start.run.id)
    uniqueness = configuration.uniqueIDs ? Uniqueness() : nil
    try start.note()
  }

  // MARK: Appending

  /// Appends an event and returns once it is as durable as the configuration asks.
  ///
  /// - Returns: Its sequence number, or nothing when it was dropped because the buffer was full and
  ///   ``RecorderConfiguration/backpressure`` is `.drop`.
  /// - Throws: ``ReelError/limitExceeded(what:found:limit:)`` or
  ///   ``ReelError/invalidArgument(_:)``, nothing being stored; ``ReelError/duplicateID(_:)`` with
  ///   ``RecorderConfiguration/uniqueIDs``; ``ReelError/closed``; ``ReelError/poisoned(by:)`` after
  ///   a failed sync or write.
  /// - Complexity: O(bytes). With durability `process` and while there is room: no system call, but
  ///   to wake the flusher after a pause or to wait for a lock that another thread holds; no
  ///   allocation, but for declared attributes and ``RecorderConfiguration/uniqueIDs``.
  @discardableResult
  public func append(_ event: Event) throws(ReelError) -> SequenceNumber? {
    guard let uniqueness, let id = event.id else {
      return try log.append(event).map(SequenceNumber.init(rawValue:))
    }
    uniqueness.lock.lock()
    defer { uniqueness.lock.unlock() }
    try uniqueness.check([id], in: recording)
    return try log.append(event).map(SequenceNumber.init(rawValue:))
  }

  /// Appends an event whose fields were given as bytes; as ``append(_:)-(Event)``.
  @discardableResult
  public func append(_ event: borrowing EventEncoder) throws(ReelError) -> SequenceNumber? {
    guard let uniqueness, let id = event.givenID else {
      return try log.append(event).map(SequenceNumber.init(rawValue:))
    }
    uniqueness.lock.lock()
    defer { uniqueness.lock.unlock() }
    try uniqueness.check([id], in: recording)
    return try log.append(event).map(SequenceNumber.init(rawValue:))
  }

  /// Appends a batch: all of it or, on an error or a crash, nothing of it.
  ///
  /// - Parameter events: Any number that fits into half the write-ahead buffer.
  /// - Returns: The number of events appended: all, or 0 when the batch was dropped or empty.
  /// - Throws: As ``append(_:)-(Event)``; nothing of the batch is then stored.
  @discardableResult
  public func append(contentsOf events: [Event]) throws(ReelError) -> Int {
    guard !events.isEmpty else { return 0 }
    guard let uniqueness else { return try log.append(batch: events) == nil ? 0 : events.count }
    uniqueness.lock.lock()
    defer { uniqueness.lock.unlock() }
    try uniqueness.check(events.compactMap(\.id), in: recording)
    return try log.append(batch: events) == nil ? 0 : events.count
  }

  /// The same recording for reading: sees every append that has returned.
  ///
  /// Cheaper to ask than one opened by path, because it need not look at files to know that nothing
  /// has come.
  public var recording: Recording {
    get throws(ReelError) {
      try reading.recording(folder, configuration) { [log] in log.mark }
    }
  }

  /// How recording stands at this moment; waits for nothing, so that a thread of its own can watch
  /// one whose appends wait for a full disk.
  public var status: RecorderStatus { log.status }

  // MARK: Durability

  /// Waits until everything appended so far is in blocks of segments.
  ///
  /// Readers need no flush: they see what is in the buffer too.
  /// - Throws: ``ReelError/io(_:)`` while the disk is full, ``ReelError/poisoned(by:)``,
  ///   ``ReelError/closed``. Everything acknowledged is kept.
  public func flush() throws(ReelError) { try log.waitForFlusher(isSync: false) }

  /// Waits until everything appended so far survives a loss of power.
  /// - Throws: As ``flush()``.
  public func sync() throws(ReelError) { try log.waitForFlusher(isSync: true) }

  /// Ends the run: everything is in blocks and durable, the buffer is gone, the lock is free.
  ///
  /// Closing twice does nothing.
  /// - Throws: ``ReelError/io(_:)`` or ``ReelError/poisoned(by:)``; the recorder is closed all the
  ///   same and the next opening recovers what is in the buffer.
  public func close() throws(ReelError) {
    let isFirst = closing.withLock {
      defer { unsafe isClosed = true }
      return unsafe !isClosed
    }
    guard isFirst else { return }
    var failure: ReelError?
    do throws(ReelError) {
      try log.append(
        .runEnd(wall: clock.wall(), monotonic: clock.monotonic()), mayWaitForRoom: false)
    } catch {
      failure = error
    }
    log.beginClosing()
    flusher.join()
    lockFile.release()
    if let failure = failure ?? log.lock.withLock({ log.failureNow }) { throw failure }
  }

  /// Runs `body` unless the recorder is closed, and keeps it from being closed meanwhile: what
  /// `body` writes, it writes under the lock that keeps the recording to one writer.
  func whileOpen<R>(_ body: () throws(ReelError) -> R) throws(ReelError) -> R {
    closing.lock()
    defer { closing.unlock() }
    if unsafe isClosed { throw .closed }
    return try body()
  }

  /// Ends the flusher of a recorder that was never closed, as a crash would: the next opening
  /// recovers what is in the buffer.
  deinit {
    let mustStop = closing.withLock { unsafe !isClosed }
    guard mustStop else { return }
    log.lock.withLock { log.poison(.closed) }
    flusher.join()
    lockFile.release()
  }
}
