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
  private let queue: Queue
  private let thread: WorkerThread

  /// Starts the thread; ``stop()`` must follow.
  init() throws(ReelError) {
    let queue = Queue()
    self.queue = queue
    thread = try WorkerThread { queue.run() }
  }

  /// Asks for a task to be run, after those before it.
  func add(_ task: SyncTask) { queue.add(task) }

  /// The highest sequence number that is durable by now.
  /// - Throws: The failure of a sync, after which the recorder may not go on.
  func takeWatermark() throws(ReelError) -> UInt64 { try queue.takeWatermark() }

  /// Ends the thread once it has run what it is running.
  func stop() {
    queue.stop()
    thread.join()
  }

  private final class Queue: @unchecked Sendable {
    private let lock = Lock()
    private var tasks: [SyncTask] = []
    private var watermark: UInt64 = 0
    private var failure: ReelError?
    private var isStopping = false

    func add(_ task: SyncTask) {
      lock.withLock {
        tasks.append(task)
        lock.wakeAll()
      }
    }

    func takeWatermark() throws(ReelError) -> UInt64 {
      lock.lock()
      defer { lock.unlock() }
      if let failure { throw failure }
      return watermark
    }

    func stop() {
      lock.withLock {
        isStopping = true
        lock.wakeAll()
      }
    }

    func run() {
      while let task = next() {
        do throws(ReelError) {
          try task.run()
          lock.withLock { watermark = max(watermark, task.watermark) }
        } catch {
          lock.withLock { failure = failure ?? error }
        }
      }
    }

    private func next() -> SyncTask? {
      lock.lock()
      defer { lock.unlock() }
      while tasks.isEmpty && !isStopping { lock.wait() }
      return isStopping ? nil : tasks.removeFirst()
    }
  }
}
