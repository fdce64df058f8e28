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
