#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// A pthread mutex.
///
/// Not `Synchronization.Mutex`: with eight threads on two cores that fell from 76 to 0.04 million
/// operations a second, and ThreadSanitizer does not know it.
@safe package final class Lock: @unchecked Sendable {
  fileprivate let mutex: UnsafeMutablePointer<pthread_mutex_t>

  package init() {
    unsafe mutex = .allocate(capacity: 1)
    #if canImport(Glibc)
      // Spins briefly before it sleeps: with eight threads on two cores 8.4 million operations a
      // second against the default's 4.3, and never worse alone.
      var kind = pthread_mutexattr_t()
      unsafe pthread_mutexattr_init(&kind)
      unsafe pthread_mutexattr_settype(&kind, Int32(PTHREAD_MUTEX_ADAPTIVE_NP))
      unsafe pthread_mutex_init(mutex, &kind)
    #else
      unsafe pthread_mutex_init(mutex, nil)
    #endif
  }

  deinit {
    unsafe pthread_mutex_destroy(mutex)
    unsafe mutex.deallocate()
  }

  @inline(__always)
  package func lock() { unsafe _ = pthread_mutex_lock(mutex) }

  @inline(__always)
  package func unlock() { unsafe _ = pthread_mutex_unlock(mutex) }

  /// Runs `body` with the lock held.
  @inline(__always)
  package func withLock<R: ~Copyable, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
    lock()
    defer { unlock() }
    return try body()
  }
}

/// Something that threads wait for with a lock held.
@safe package final class Condition: @unchecked Sendable {
  private let lock: Lock
  private let condition: UnsafeMutablePointer<pthread_cond_t>

  /// A condition on what `lock` guards.
  package init(_ lock: Lock) {
    self.lock = lock
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
    unsafe pthread_cond_destroy(condition)
    unsafe condition.deallocate()
  }

  /// Gives the lock up until somebody calls ``wakeAll()`` or ``wakeOne()``; may return without
  /// that.
  package func wait() { unsafe _ = pthread_cond_wait(condition, lock.mutex) }

  /// As ``wait()``, for at most `nanoseconds`.
  package func wait(nanoseconds: Int64) {
    #if canImport(Darwin)
      var interval = timespec(
        tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
      unsafe _ = pthread_cond_timedwait_relative_np(condition, lock.mutex, &interval)
    #else
      var deadline = timespec()
      unsafe clock_gettime(CLOCK_MONOTONIC, &deadline)
      let total = Int64(deadline.tv_nsec) + nanoseconds
      deadline.tv_sec += Int(total / 1_000_000_000)
      deadline.tv_nsec = Int(total % 1_000_000_000)
      unsafe _ = pthread_cond_timedwait(condition, lock.mutex, &deadline)
    #endif
  }

  package func wakeAll() { unsafe _ = pthread_cond_broadcast(condition) }

  /// Wakes one of those who wait.
  func wakeOne() { unsafe _ = pthread_cond_signal(condition) }
}

/// Lets other threads that could run go first; returns at once when there are none.
func yieldProcessor() { _ = sched_yield() }

/// A thread of the engine's own, so that a recorded program's tasks are never blocked by it.
package final class WorkerThread: Sendable {
  private let handle: pthread_t

  /// Starts a thread that runs `body` once; ``join()`` must follow.
  package init(_ body: @escaping @Sendable () -> Void) throws(ReelError) {
    let box = unsafe Unmanaged.passRetained(Body(run: body))
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
      throw .io(IOFailure(operation: "pthread_create", path: "the flusher", code: code))
    }
    #if canImport(Darwin)
      guard let thread else { throw .closed }
    #endif
    handle = thread
  }

  /// Waits until the thread has ended; to be called once.
  package func join() {
    _ = pthread_join(handle, nil)
  }

  private final class Body: Sendable {
    let run: @Sendable () -> Void

    init(run: @escaping @Sendable () -> Void) {
      self.run = run
    }

    static func start(_ pointer: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
      // Safe: the pointer is the retained `Body` that `init` handed to the new thread.
      unsafe Unmanaged<Body>.fromOpaque(pointer).takeRetainedValue().run()
      return nil
    }
  }
}
