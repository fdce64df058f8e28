#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif
import Synchronization

/// Runs `body` on `count` threads of their own at once and waits for all of them.
///
/// - Parameters:
///   - count: How many threads.
///   - body: Gets the number of its thread, from 0.
/// - Throws: The first error of any thread.
func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Void) throws {
  let failure = Failure()
  var threads: [pthread_t] = []
  for index in 0..<count {
    let work = Unmanaged.passRetained(
      Work {
        do { try body(index) } catch { failure.set(error) }
      })
    #if canImport(Glibc)
      var thread = pthread_t()
      let code = pthread_create(&thread, nil, { run($0) }, work.toOpaque())
    #else
      var started: pthread_t?
      let code = pthread_create(&started, nil, { run($0) }, work.toOpaque())
    #endif
    guard code == 0 else {
      work.release()
      failure.set(StoreError(message: "cannot start a thread: error \(code)"))
      break
    }
    #if canImport(Glibc)
      threads.append(thread)
    #else
      if let started { threads.append(started) }
    #endif
  }
  for thread in threads { pthread_join(thread, nil) }
  try failure.rethrow()
}

private func run(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  if let context { Unmanaged<Work>.fromOpaque(context).takeRetainedValue().body() }
  return nil
}

/// What a thread does, as an object that can be handed over as a pointer.
private final class Work {
  let body: @Sendable () -> Void

  init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}

/// The first error of several threads.
private final class Failure: Sendable {
  private let first = Mutex<(any Error)?>(nil)

  func set(_ error: any Error) { first.withLock { if $0 == nil { $0 = error } } }

  func rethrow() throws {
    if let error = first.withLock({ $0 }) { throw error }
  }
}

/// The processors this process may run on.
var processorCount: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

/// A result that a thread leaves for another that waits for its end.
final class Shared<Value: Sendable>: Sendable {
  private let stored = Mutex<Value?>(nil)

  var value: Value? { stored.withLock { $0 } }

  func set(_ value: Value) { stored.withLock { $0 = value } }
}
