#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif
import Reel
import Workload

/// Runs every store on the same events, in turn, so many rounds, checks that their answers agree,
/// and prints the medians with their ratios.
@main
struct SideBySide {
  static func main() {
    do {
      try run(Array(CommandLine.arguments.dropFirst()))
    } catch {
      report("SideBySide: \(error)")
      exit(1)
    }
  }

  private static func run(_ arguments: [String]) throws {
    if arguments.first == "child" { return try Child.run(Array(arguments.dropFirst())) }
    if arguments.first == "growth" {
      return print(try Growth.run(arguments.dropFirst().map(Arguments.number)))
    }
    let arguments = try Arguments(arguments)
    let bench = try Workbench(arguments.source, count: arguments.count, groups: arguments.groups)
    var results = Results()
    for round in 1...arguments.rounds {
      report("round \(round) of \(arguments.rounds)")
      for store in arguments.stores {
        report("  \(store.name)")
        try measure(store, bench, &results)
        if round == 1 { try measureOnce(store, bench, &results) }
      }
      guard arguments.stores.contains(where: { $0 == ReelStore.self }) else { continue }
      report("  Reel alone, and the machine")
      try measureReelAlone(bench, &results)
    }
    results.compareReplay()
    print(Report(arguments, bench, results).markdown())
  }

  private static func measure<S: Store>(
    _: S.Type, _ bench: Workbench, _ results: inout Results
  ) throws {
    let groups = bench.groups
    let folder = try TemporaryFolder(S.name)
    defer { folder.remove() }
    if !groups.isDisjoint(with: [.ingest, .queries, .cache, .columns]) {
      try Ingest.measure(S.self, bench, folder, &results)
      let queries = Queries(S.self, bench, folder)
      if groups.contains(.queries) { try queries.measure(&results) }
      if groups.contains(.cache) { try queries.measureSmallCache(&results) }
      if groups.contains(.columns), S.self == ReelStore.self {
        try ColumnSizes.measure(folder, bench, &results)
      }
    }
    if groups.contains(.batches) { try Ingest.measureBatches(S.self, bench, &results) }
    if groups.contains(.durable) { try DurableWrites.measure(S.self, bench, &results) }
    if groups.contains(.kill) { try Opening.measureAfterKill(S.self, bench, &results) }
  }

  private static func measureReelAlone(_ bench: Workbench, _ results: inout Results) throws {
    let groups = bench.groups
    if groups.contains(.durable) { try DurableWrites.measureWriters(bench, &results) }
    if groups.contains(.latency) { try AppendTimes.measure(bench, &results) }
    if groups.contains(.threads) { try AppendingThreads.measure(bench, &results) }
    if groups.contains(.limits) { try Limits.measure(bench, &results) }
  }

  /// What takes long and varies little: in the first round alone.
  private static func measureOnce<S: Store>(
    _: S.Type, _ bench: Workbench, _ results: inout Results
  ) throws {
    if bench.groups.contains(.memory) { try Memory.measure(S.self, bench, &results) }
    if bench.groups.contains(.drop) { try Drop.measure(S.self, bench, &results) }
  }

  /// Progress on standard error.
  static func report(_ text: String) {
    let line = text + "\n"
    _ = line.withCString { write(2, $0, strlen($0)) }
  }
}
