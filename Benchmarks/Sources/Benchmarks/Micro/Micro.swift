import Benchmark

/// Operations of Reel, each measured alone; every benchmark runs in a process of its own.
@main
struct MicroBenchmarks: BenchmarkRunnerHooks {
  static func registerBenchmarks() {
    Benchmark.defaultConfiguration = .init(
      // Instructions are left out of the tables of a machine that does not count them.
      metrics: [
        .wallClock, .processorTime, .throughput, .instructions, .readSyscalls, .writeSyscalls,
        .peakMemoryResident,
      ],
      maxDuration: .seconds(2))
    registerAppends()
    registerOpenings()
    registerQueries()
  }
}
