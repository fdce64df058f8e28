#if SIMULATOR
  import Foundation

  /// A value of the environment.
  func environment(_ name: String) -> String? { ProcessInfo.processInfo.environment[name] }

  /// The program of `tools/simulate`: one seed, without the tests around it.
  @main enum Simulator {
    static func main() throws {
      let arguments = CommandLine.arguments
      guard arguments.count == 3, let seed = UInt64(arguments[1]), let count = Int(arguments[2])
      else {
        print("simulator: a seed and a number of states are asked for")
        exit(64)
      }
      var run = SimulationRun(
        seed: seed, workload: environment("REEL_SIMULATION_WORKLOAD"),
        evidence: environment("REEL_SIMULATION_EVIDENCE"))
      try run.run(stateCount: count)
      for failure in run.failures + run.reportFailures { print("BAD: \(failure)") }
      print(run)
      exit(run.failures.isEmpty && run.reportFailures.isEmpty && run.stateCount > 0 ? 0 : 1)
    }
  }
#endif
