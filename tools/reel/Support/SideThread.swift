#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A thread that looks on while the main one works.
///
/// Not a task: for tasks and their timers the language's runtime needs descriptors of its own, and
/// ends the process by a trap when there are none left.
@safe final class SideThread: @unchecked Sendable {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>
  /// The mutex guards it.
  private var isEnding = false

  private init() {
    unsafe mutex = .allocate(capacity: 1)
    unsafe pthread_mutex_init(mutex, nil)
    unsafe condition = .allocate(capacity: 1)
    #if canImport(Darwin)
      unsafe pthread_cond_init(condition, nil)
    #else
      var attributes = pthread_condattr_t()
      unsafe pthread_condattr_init(&attributes)
      unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
      unsafe pthread_cond_init(condition, &attributes)
    #endif
  }

  deinit {
    // Safe: the thread that uses them has been waited for, or holds a reference.
    unsafe pthread_cond_destroy(condition)
    unsafe pthread_mutex_destroy(mutex)
    unsafe condition.deallocate()
    unsafe mutex.deallocate()
  }

  /// Runs `body` on a new thread while `work` runs on this one, and waits for both; `body` returns
  /// once ``pause(nanoseconds:)`` tells it to.
  ///
  /// Without a thread to be had `work` runs alone.
  static func run<R>(
    _ body: @escaping @Sendable (SideThread) -> Void, beside work: () throws -> R
  ) rethrows -> R {
    let side = SideThread()
    let thread = start { body(side) }
    defer {
      side.end()
      if let thread { pthread_join(thread, nil) }
    }
    return try work()
  }

  /// Waits for as long, or until the work beside is done.
  ///
  /// - Returns: Whether to go on.
  func pause(nanoseconds: Int64) -> Bool {
    let deadline = monotonicNanoseconds() + nanoseconds
    // Safe: both live as long as this object.
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    while !isEnding {
      let rest = deadline - monotonicNanoseconds()
      if rest <= 0 { break }
      wait(rest, until: deadline)
    }
    return !isEnding
  }

  private func wait(_ rest: Int64, until deadline: Int64) {
    #if canImport(Darwin)
      var interval = timespec(
        tv_sec: Int(rest / 1_000_000_000), tv_nsec: Int(rest % 1_000_000_000))
      unsafe _ = pthread_cond_timedwait_relative_np(condition, mutex, &interval)
    #else
      var time = timespec(
        tv_sec: time_t(deadline / 1_000_000_000), tv_nsec: Int(deadline % 1_000_000_000))
      unsafe _ = pthread_cond_timedwait(condition, mutex, &time)
    #endif
  }

  private func end() {
    unsafe pthread_mutex_lock(mutex)
    isEnding = true
    unsafe pthread_cond_broadcast(condition)
    unsafe pthread_mutex_unlock(mutex)
  }

  // MARK: The thread

  private final class Body: Sendable {
    let run: @Sendable () -> Void

    init(_ run: @escaping @Sendable () -> Void) {
      self.run = run
    }

    static func start(_ pointer: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
      // Safe: the pointer is the retained `Body` that was handed to the new thread.
      unsafe Unmanaged<Body>.fromOpaque(pointer).takeRetainedValue().run()
      return nil
    }
  }

  private static func start(_ body: @escaping @Sendable () -> Void) -> pthread_t? {
    let box = unsafe Unmanaged.passRetained(Body(body))
    #if canImport(Darwin)
      var thread: pthread_t?
      let code = unsafe pthread_create(
        &thread, nil, { unsafe Body.start($0) }, box.toOpaque())
    #else
      var thread = pthread_t()
      let code = unsafe pthread_create(
        &thread, nil, { unsafe $0.flatMap { unsafe Body.start($0) } }, box.toOpaque())
    #endif
    guard code == 0 else {
      unsafe box.release()
      return nil
    }
    return thread
  }
}
