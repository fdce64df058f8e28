import Reel

/// Opening a closed store and asking it everything, each answer compared with the other stores'.
struct Queries<S: Store> {
  private let bench: Workbench
  private let folder: TemporaryFolder

  init(_: S.Type, _ bench: Workbench, _ folder: TemporaryFolder) {
    self.bench = bench
    self.folder = folder
  }

  func measure(_ results: inout Results) throws {
    let start = nanoseconds()
    var store = try S(path: folder.path)
    results.operations.add(S.name, .open, Double(nanoseconds() - start) * 1e-6)
    try scans(store, &results)
    results.operations.add(S.name, .get, try gets(store, "get", &results))
    for (operation, isDescending) in [(Operation.range, false), (.rangeDescending, true)] {
      try several(operation, &results) { event in
        let from = event.timestamp?.nanoseconds ?? 0
        return try store.range(from: from, limit: 1000, isDescending: isDescending)
      }
    }
    try several(.correlation, &results) { event in
      try event.correlationID.map { try store.correlation($0) }
    }
    try several(.process, &results) { event in
      try event.process.map { try store.events(ofProcess: $0, limit: 1000) }
    }
    try several(.function, &results) { event in
      try event.function.map { try store.events(of: $0, limit: 1000) }
    }
    try store.close()
  }

  /// Gets by id with the small cache.
  func measureSmallCache(_ results: inout Results) throws {
    guard S.hasCache else { return }
    var configuration = StoreConfiguration()
    configuration.cacheByteCount = 8 << 20
    var store = try S(path: folder.path, configuration: configuration)
    let time = try gets(store, "get", &results)
    results.operations.add(S.name, .getSmallCache, time)
    try store.close()
  }

  /// What reads everything; the first time warms up.
  private func scans(_ store: S, _ results: inout Results) throws {
    let count = Double(bench.events.count)
    for (operation, body) in [
      (Operation.replay, store.replay), (.countByFunction, store.countByFunction),
    ] {
      _ = try body()
      let (fold, time) = try timed(body)
      try results.check(operation.rawValue, S.name, fold)
      // Events without a function are in no count of functions.
      let isWhole = operation == .replay
      results.operations.add(S.name, operation, (isWhole ? count : Double(fold.count)) / time)
    }
  }

  /// The median of 10,000 gets after as many that warm up, in microseconds.
  private func gets(_ store: S, _ question: String, _ results: inout Results) throws -> Double {
    var picks = Picks(seed: 42)
    var times: [Double] = []
    var total = Fold()
    for _ in 0..<20_000 {
      let id = bench.events[picks.next(below: bench.events.count)].id?.bytes ?? []
      let (fold, time) = try timed { try store.get(id) }
      times.append(time)
      total.add(fold)
    }
    try results.check(question, S.name, total)
    return middle(of: Array(times.dropFirst(10_000))) * 1e6
  }

  /// The median of 300 answers after 100 that warm up, for events picked at random that have what
  /// is asked about.
  private func several(
    _ operation: Operation, _ results: inout Results, _ body: (Event) throws -> Fold?
  ) throws {
    var picks = Picks(seed: 42)
    var times: [Double] = []
    var total = Fold()
    var attempts = 0
    while times.count < 400, attempts < 40_000 {
      attempts += 1
      let event = bench.events[picks.next(below: bench.events.count)]
      let start = nanoseconds()
      guard let fold = try body(event) else { continue }
      times.append(Double(nanoseconds() - start) * 1e-9)
      total.add(fold)
    }
    guard times.count == 400 else { return }
    try results.check(operation.rawValue, S.name, total)
    results.operations.add(S.name, operation, middle(of: Array(times.dropFirst(100))) * 1e6)
  }

  private func timed(_ body: () throws -> Fold) rethrows -> (fold: Fold, seconds: Double) {
    let start = nanoseconds()
    let fold = try body()
    return (fold, Double(nanoseconds() - start) * 1e-9)
  }
}
