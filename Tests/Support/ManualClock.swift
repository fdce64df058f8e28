import Synchronization

@testable import Reel

/// Clocks that stand still until a test moves them, and a random source with a seed.
final class ManualClock: Reel.Clock {
  private struct State {
    var wall: Int64
    var monotonic: Int64
    var suspended: Int64 = 0
    var generator: SeededRandom
  }

  private let state: Mutex<State>

  init(wall: Int64 = 1_700_000_000_000_000_000, monotonic: Int64 = 1_000, seed: UInt64 = 1) {
    state = Mutex(State(wall: wall, monotonic: monotonic, generator: SeededRandom(seed)))
  }

  func wall() -> Int64 { state.withLock { $0.wall } }
  func monotonic() -> Int64 { state.withLock { $0.monotonic } }
  func sinceBoot() -> Int64 { state.withLock { $0.monotonic &+ $0.suspended } }
  func random() -> UInt64 { state.withLock { $0.generator.next() } }

  /// Lets time pass.
  func advance(by duration: Duration) {
    let nanoseconds = duration.nanoseconds
    state.withLock {
      $0.wall &+= nanoseconds
      $0.monotonic &+= nanoseconds
    }
  }

  /// Lets time pass in which the system is suspended.
  func suspend(for duration: Duration) {
    let nanoseconds = duration.nanoseconds
    state.withLock {
      $0.wall &+= nanoseconds
      $0.suspended &+= nanoseconds
    }
  }

  /// Moves the wall clock alone, as somebody who sets it does.
  func jumpWall(by duration: Duration) {
    let nanoseconds = duration.nanoseconds
    state.withLock { $0.wall &+= nanoseconds }
  }
}
