import Reel

/// A thread that looks on while the main one works.
///
/// Not a task: for tasks and their timers the language's runtime needs descriptors of its own, and
/// ends the process by a trap when there are none left.
final class SideThread: @unchecked Sendable {
  private let lock = Lock()
  private let ended: Condition
  /// The lock guards it.
  private var isEnding = false

  private init() {
    ended = Condition(lock)
  }

  /// Runs `body` on a new thread while `work` runs on this one, and waits for both; `body` returns
  /// once ``pause(nanoseconds:)`` tells it to.
  ///
  /// Without a thread to be had `work` runs alone.
  static func run<R>(
    _ body: @escaping @Sendable (SideThread) -> Void, beside work: () throws -> R
  ) rethrows -> R {
    let side = SideThread()
    let thread = try? WorkerThread { body(side) }
    defer {
      side.end()
      thread?.join()
    }
    return try work()
  }

  /// Waits for as long, or until the work beside is done.
  ///
  /// - Returns: Whether to go on.
  func pause(nanoseconds: Int64) -> Bool {
    let deadline = monotonicNanoseconds() + nanoseconds
    return lock.withLock {
      while !isEnding {
        let rest = deadline - monotonicNanoseconds()
        if rest <= 0 { break }
        ended.wait(nanoseconds: rest)
      }
      return !isEnding
    }
  }

  private func end() {
    lock.withLock {
      isEnding = true
      ended.wakeAll()
    }
  }
}
