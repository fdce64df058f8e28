import Foundation
import Testing

@testable import Reel

/// Every call that a recorder makes fails, once or for ever: nothing acknowledged is lost, nothing
/// wrong is returned, and recording ends or goes on as promised.
@Suite struct WriteFaultTests {
  @Test(.timeLimit(.minutes(60)), arguments: FaultWorkload.Kind.allCases)
  func everyCallThatARecorderMakesMayFail(kind: FaultWorkload.Kind) throws {
    let plain = FaultWorkload(kind, nil)
    let failures = plain.run()
    try #require(failures.isEmpty, "without a fault: \(failures)")
    let cases = FaultCase.all(plain.folder.counts)
    var sweep = Sweep("write faults, \(kind.rawValue)")
    sweep.run(
      cases.count, sample: 50, label: { "\(cases[$0])" },
      { number in bounded { FaultWorkload(kind, cases[number]).run() } })
    sweep.finish(of: cases.count)
  }

  /// Runs a case on a thread of its own, which is left behind when it does not end.
  private func bounded(_ body: @escaping @Sendable () -> [Sweep.Failure]) -> [Sweep.Failure] {
    let done = DispatchSemaphore(value: 0)
    let result = Box()
    Thread.detachNewThread {
      result.failures = body()
      done.signal()
    }
    guard done.wait(timeout: .now() + 60) == .success else {
      return [Sweep.Failure(kind: "does not end", details: "")]
    }
    return result.failures
  }

  /// Written before the semaphore is signalled and read after.
  private final class Box: @unchecked Sendable {
    var failures: [Sweep.Failure] = []
  }
}
