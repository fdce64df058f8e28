import Testing

@testable import Reel

/// Every promise of AboutDurability, held against simulated crashes.
///
/// The environment variable `REEL_SIMULATION_STATES` says how many there are about, `REEL_SEED`
/// which; without the former as many as take some seconds.
@Suite struct SimulationTests {
  private struct Totals {
    var states = 0
    var openings = 0
    var bad = 0
    var unreported = 0
  }

  @Test func aCrashAtAnyMomentLosesNothingThatWasAcknowledged() throws {
    let wanted = environment("REEL_SIMULATION_STATES").flatMap(Int.init) ?? 4_000
    let start = ContinuousClock.now
    var totals = Totals()
    let seed = seeds(1)[0]
    for (index, workload) in Workload.all.enumerated() {
      let quota = wanted * (index + 1) / Workload.all.count - totals.states
      try crash(workload, seed: seed, stateCount: quota, &totals)
    }
    let seconds = (ContinuousClock.now - start).components.seconds
    print(
      "SIMULATION: seed \(seed): \(totals.states) states, \(totals.bad) bad,"
        + " \(totals.unreported) with a wrong report, \(totals.openings) openings,"
        + " \(seconds) s")
    #expect(totals.states > 0)
  }

  private func crash(
    _ workload: Workload, seed: UInt64, stateCount: Int, _ totals: inout Totals
  ) throws {
    let rehearsal = try workload.rehearse(seed: seed)
    var simulation = Simulation(workload.name, rehearsal, seed: seed)
    simulation.run(stateCount: stateCount)
    totals.states += simulation.stateCount
    totals.openings += simulation.openingCount
    totals.unreported += simulation.reportFailures.count
    totals.bad += simulation.failures.count
    for failure in simulation.failures { Issue.record("\(failure)") }
    for failure in simulation.reportFailures.prefix(3) { Issue.record("\(failure)") }
  }
}
