/// Storing all events, one a call, and what is on disk afterwards.
enum Ingest {
  /// Fills `folder` with all events, and measures that when the group is asked for.
  static func measure<S: Store>(
    _: S.Type, _ bench: Workbench, _ folder: TemporaryFolder, _ results: inout Results
  ) throws {
    let isMeasured = bench.groups.contains(.ingest)
    if isMeasured, S.singleAppendDivisor > 1 { try measureShare(S.self, bench, &results) }
    var store = try S(path: folder.path)
    if isMeasured, S.singleAppendDivisor == 1 {
      try append(&store, bench, count: bench.events.count, &results)
    } else {
      for batch in bench.batches { try store.append(batch: batch) }
      try store.settle()
    }
    try store.close()
    guard isMeasured else { return }
    let bytes = try folder.byteCount()
    results.operations.add(S.name, .bytes, Double(bytes) / Double(bench.events.count))
  }

  /// The rate of a store that would take too long for all events, from a share of them.
  private static func measureShare<S: Store>(
    _: S.Type, _ bench: Workbench, _ results: inout Results
  ) throws {
    let folder = try TemporaryFolder(S.name + "-share")
    defer { folder.remove() }
    var store = try S(path: folder.path)
    let count = max(1, bench.events.count / S.singleAppendDivisor)
    try append(&store, bench, count: count, &results)
    try store.close()
  }

  private static func append<S: Store>(
    _ store: inout S, _ bench: Workbench, count: Int, _ results: inout Results
  ) throws {
    let processor = processorSeconds()
    let time = try seconds {
      for event in bench.events[..<count] { try store.append(event) }
      try store.settle()
    }
    let spent = processorSeconds() - processor
    results.operations.add(S.name, .ingest, Double(count) / time)
    results.operations.add(S.name, .processor, spent / Double(count) * 1e6)
  }

  /// The rate of batches of 1,000, into a fresh folder.
  static func measureBatches<S: Store>(
    _: S.Type, _ bench: Workbench, _ results: inout Results
  ) throws {
    let folder = try TemporaryFolder(S.name + "-batches")
    defer { folder.remove() }
    let share = max(1, bench.batches.count / S.singleAppendDivisor)
    let batches = bench.batches[..<share]
    var store = try S(path: folder.path)
    let time = try seconds {
      for batch in batches { try store.append(batch: batch) }
      try store.settle()
    }
    try store.close()
    let count = batches.reduce(0) { $0 + $1.count }
    results.operations.add(S.name, .batches, Double(count) / time)
  }
}
