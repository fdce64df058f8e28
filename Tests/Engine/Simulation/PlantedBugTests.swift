import Synchronization
import Testing

@testable import Reel

/// The simulation finds the mistakes it is there to find, and none where there is none.
@Suite struct PlantedBugTests {
  /// Numbers of states, spread over all moments, of which one shows each.
  private static let stateCounts = [250, 1_000, 4_000]

  /// What is found wrong where no bug is planted, by workload and number of states: many bugs are
  /// shown by the same.
  private static let soundFailures = Mutex<[String: [String]]>([:])

  private static func soundFailures(
    _ workload: Workload, stateCount: Int, seed: UInt64
  ) throws -> [String] {
    let key = "\(workload.name), \(stateCount)"
    if let known = soundFailures.withLock({ $0[key] }) { return known }
    let simulation = try crash(nil, workload, stateCount: stateCount, seed: seed)
    let found = simulation.failures.map(\.description)
    soundFailures.withLock { $0[key] = found }
    return found
  }

  private static func crash(
    _ bug: PlantedBug?, _ workload: Workload, stateCount: Int, seed: UInt64
  ) throws -> Simulation {
    let rehearsal = try workload.rehearse(seed: seed) { (folder) -> any Folder in
      if let bug { PlantedFolder(folder, bug) } else { folder }
    }
    let effort = Simulation.Effort(repeatInterval: 64, nestInterval: 100, failureLimit: 1)
    var simulation = Simulation(workload.name, rehearsal, effort: effort, seed: seed)
    simulation.run(stateCount: stateCount)
    return simulation
  }

  @Test(arguments: PlantedBug.allCases)
  func aPlantedBugIsFound(bug: PlantedBug) throws {
    let seed = seeds(1)[0]
    let workload = bug.workload
    for stateCount in Self.stateCounts {
      let found = try Self.crash(bug, workload, stateCount: stateCount, seed: seed)
      guard let failure = found.failures.first else { continue }
      print(
        "SIMULATION: planted \(bug), found at state \(failure.state) of \(workload.name):"
          + " \(failure.fault)")
      // The same calls without it, and as many states but where there are very many, which
      // SimulationTests has.
      let sound = try Self.soundFailures(
        workload, stateCount: Sweep.isFull ? stateCount : min(stateCount, 1_000), seed: seed)
      #expect(sound.isEmpty, "\(sound)")
      return
    }
    Issue.record("not found, seed \(seed)")
  }
}
