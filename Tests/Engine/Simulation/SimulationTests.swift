import Foundation
import Testing

@testable import Reel

/// Every promise of AboutDurability, held against simulated crashes.
///
/// The environment variable `REEL_SIMULATION_STATES` says how many; `REEL_SEED` replays.
@Suite struct SimulationTests {
  @Test func aCrashAtAnyMomentLosesNothingThatWasAcknowledged() throws {
    let total = environment("REEL_SIMULATION_STATES").flatMap(Int.init) ?? 60_000
    let seed = seeds(1)[0]
    let start = ContinuousClock.now
    var states = 0
    var openings = 0
    var bad = 0
    for (index, workload) in Workload.all.enumerated() {
      let rehearsal = try workload.rehearse(seed: seed)
      var simulation = Simulation(workload.name, rehearsal, seed: seed)
      let began = ContinuousClock.now
      simulation.run(stateCount: total * (index + 1) / Workload.all.count - states)
      states += simulation.stateCount
      openings += simulation.openingCount
      bad += simulation.failures.count
      print(
        "  \(workload.name): \(rehearsal.disk.log.count) operations, \(simulation.stateCount) states, \(simulation.failures.count) bad, \(ContinuousClock.now - began)"
      )
      for failure in simulation.failures { Issue.record("\(failure)") }
    }
    print(
      "SIMULATION: seed \(seed): \(states) states, \(openings) openings, \(bad) bad, \(ContinuousClock.now - start)"
    )
  }
}
