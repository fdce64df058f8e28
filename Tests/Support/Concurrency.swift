import Foundation
import Synchronization

/// A number that tasks share.
final class Counter: Sendable {
  private let number = Mutex(0)

  var value: Int {
    get { number.withLock { $0 } }
    set { number.withLock { $0 = newValue } }
  }

  func add(_ amount: Int) { number.withLock { $0 += amount } }
}

/// Runs what blocks, such as an append that waits for room, on a thread of its own: two of them
/// would take every thread that tasks have on two cores, and nobody could end their waiting.
func onThread(_ body: @escaping @Sendable () throws -> Void) -> Task<Void, any Error> {
  Task {
    try await withCheckedThrowingContinuation { continuation in
      Thread.detachNewThread { continuation.resume(with: Result(catching: body)) }
    }
  }
}
