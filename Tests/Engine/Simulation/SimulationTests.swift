import Testing

@testable import Reel

/// Every promise of AboutDurability, held against simulated crashes.
///
/// As many as take some seconds; `tools/simulate` tries many more. The environment variable
/// `REEL_SEED` says which.
@Suite struct SimulationTests {
  @Test func aCrashAtAnyMomentLosesNothingThatWasAcknowledged() throws {
    var run = SimulationRun(seed: seeds(1)[0])
    try run.run(stateCount: 4_000)
    print(run)
    #expect(run.stateCount > 0)
    for failure in run.failures { Issue.record("\(failure)") }
    for failure in run.reportFailures.prefix(3) { Issue.record("\(failure)") }
  }
}
