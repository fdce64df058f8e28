@testable import Reel

/// Simulates crashes of every workload, one after the other.
struct SimulationRun: CustomStringConvertible {
  var seed: UInt64
  /// The one workload to be tried; nothing for all of them.
  var workload: String?
  /// A folder of the system for states that are found wrong.
  var evidence: String?
  /// Crashes after which something is wrong, and after which only the report is.
  private(set) var failures: [Simulation.Failure] = []
  private(set) var reportFailures: [Simulation.Failure] = []
  private(set) var stateCount = 0
  private(set) var equalCount = 0
  private(set) var openingCount = 0
  private var elapsed = Duration.zero

  init(seed: UInt64, workload: String? = nil, evidence: String? = nil) {
    self.seed = seed
    self.workload = workload
    self.evidence = evidence
  }

  /// Checks about so many states, as many of each workload.
  mutating func run(stateCount wanted: Int) throws {
    let start = ContinuousClock.now
    let workloads = Workload.all.filter { workload == nil || workload == $0.name }
    for (index, workload) in workloads.enumerated() {
      let quota = wanted * (index + 1) / workloads.count - stateCount
      let rehearsal = try workload.rehearse(seed: seed)
      var simulation = Simulation(workload.name, rehearsal, seed: seed, evidence: evidence)
      simulation.run(stateCount: quota)
      stateCount += simulation.stateCount
      equalCount += simulation.equalCount
      openingCount += simulation.openingCount
      failures += simulation.failures
      reportFailures += simulation.reportFailures
    }
    elapsed += ContinuousClock.now - start
  }

  var description: String {
    "SIMULATION: seed \(seed): \(stateCount) states, \(failures.count) bad,"
      + " \(reportFailures.count) with a wrong report, \(openingCount) openings, \(equalCount)"
      + " more states equal to one of them, \(elapsed.components.seconds) s"
  }
}
