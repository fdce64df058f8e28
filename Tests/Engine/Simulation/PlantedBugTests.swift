import Testing

@testable import Reel

/// The simulation finds the mistakes it is there to find, and finds none where there is none.
@Suite struct PlantedBugTests {
  /// States within which each is found.
  private static let stateLimit = 3_000

  @Test(arguments: PlantedBug.allCases)
  func aPlantedBugIsFound(bug: PlantedBug) throws {
    let seed = seeds(1)[0]
    let effort = Simulation.Effort(repeatInterval: 64, nestInterval: 50, failureLimit: 1)
    let rehearsal = try bug.workload.rehearse(seed: seed) { PlantedFolder($0, bug) }
    var simulation = Simulation(bug.workload.name, rehearsal, effort: effort, seed: seed)
    simulation.run(stateCount: Self.stateLimit)
    let failure = try #require(simulation.failures.first, "not found, seed \(seed)")
    print("SIMULATION: planted \(bug): found at state \(failure.state): \(failure.fault)")
    // As many states of the same calls without the bug.
    let control = try bug.workload.rehearse(seed: seed)
    var sound = Simulation(bug.workload.name, control, effort: effort, seed: seed)
    sound.run(stateCount: failure.state)
    #expect(sound.failures.isEmpty, "\(sound.failures)")
  }
}
