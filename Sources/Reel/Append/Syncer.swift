/// Files to be made durable, and what is known once they are.
struct SyncTask: Sendable {
  var files: [any File]
  /// The folder, when names in it are new.
  var folder: (any Folder)?
  /// Every record up to here is in the files.
  var watermark: UInt64

  /// Syncs.
  ///
  /// - Throws: ``ReelError/poisoned(by:)``, also for a full disk: after a failed sync the kernel
  ///   may call pages clean that never reached the disk, so it is never tried again.
  func run() throws(ReelError) {
    do throws(ReelError) {
      for file in files { try file.sync() }
      if let folder { try folder.sync() }
    } catch {
      if case .io(let failure) = error { throw .poisoned(by: failure) }
      throw error
    }
  }
}

/// A thread that makes files durable, so that the flusher need not wait for a disk: at full speed a
/// sync takes longer than the buffer takes to fill.
final class Syncer: Sendable {
  private let results: Results
  private let queue: WorkQueue<SyncTask>

  /// Starts the thread; ``stop()`` must follow.
  init() throws(ReelError) {
    let results = Results()
    self.results = results
    queue = try WorkQueue { results.run($0) }
  }

  /// Asks for a task to be run, after those before it.
  func add(_ task: SyncTask) {
    results.expect()
    queue.add(task)
  }

  /// Waits until all tasks have been run.
  /// - Returns: The highest sequence number that is durable then.
  /// - Throws: As ``takeWatermark()``.
  func finish() throws(ReelError) -> UInt64 {
    results.wait()
    return try takeWatermark()
  }

  /// The highest sequence number that is durable by now.
  /// - Throws: The failure of a sync, after which the recorder may not go on.
  func takeWatermark() throws(ReelError) -> UInt64 { try results.takeWatermark() }

  /// Ends the thread once it has run what it is running.
  func stop() { queue.stop() }

  private final class Results: @unchecked Sendable {
    private let lock = Lock()
    private let changed: Condition
    private var waitingCount = 0
    private var watermark: UInt64 = 0
    private var failure: ReelError?

    init() { changed = Condition(lock) }

    func expect() { lock.withLock { waitingCount += 1 } }

    func wait() {
      lock.lock()
      while waitingCount > 0 { changed.wait() }
      lock.unlock()
    }

    func run(_ task: SyncTask) {
      var failure: ReelError?
      do throws(ReelError) { try task.run() } catch { failure = error }
      lock.withLock {
        if failure == nil { watermark = max(watermark, task.watermark) }
        self.failure = self.failure ?? failure
        waitingCount -= 1
        changed.wakeAll()
      }
    }

    func takeWatermark() throws(ReelError) -> UInt64 {
      lock.lock()
      defer { lock.unlock() }
      if let failure { throw failure }
      return watermark
    }
  }
}
