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
  static func main() throws {
    let arguments = CommandLine.arguments.dropFirst()
    if arguments.first == "child" { return try Child.run(Array(arguments.dropFirst())) }
    let count = arguments.first.flatMap { Int($0) } ?? 200_000
    let rounds = arguments.dropFirst().first.flatMap { Int($0) } ?? 3
    let stores = arguments.dropFirst(2).first?.split(separator: ",").map(String.init)
    var generator = Generator(seed: 1)
    let events = generator.events(count)
    var table = ResultTable()
    for round in 1...rounds {
      report("round \(round) of \(rounds)")
      var folds: [[Fold]] = []
      func measure<S: Store>(_: S.Type) throws {
        guard stores?.contains(S.name) ?? true else { return }
        folds.append(try Measurement<S>(events).run(into: &table))
      }
      try measure(ReelStore.self)
      try measure(LMDBStore.self)
      try measure(LevelDBStore.self)
      try measure(SQLiteStore.self)
      guard folds.allSatisfy({ $0 == folds[0] }) else {
        throw StoreError(message: "the stores' answers differ: \(folds)")
      }
    }
    print(table.markdown(events: count, rounds: rounds))
  }

  /// Progress on standard error.
  static func report(_ text: String) {
    let line = text + "\n"
    _ = line.withCString { write(2, $0, strlen($0)) }
  }
}

/// One store's work in one round.
struct Measurement<S: Store> {
  private let events: [Event]
  private let path: String

  init(_ events: [Event]) {
    self.events = events
    path = "\(Self.temporaryFolder)/reel-side-by-side-\(getpid())-\(S.name)"
  }

  private static var temporaryFolder: String {
    getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
  }

  /// Runs everything and notes the figures.
  /// - Returns: The folds of all answers, to be compared with the other stores'.
  func run(into table: inout ResultTable) throws -> [Fold] {
    SideBySide.report("  \(S.name)")
    clear()
    defer { clear() }
    mkdir(path, 0o755)
    var store = try S(path: path)
    let cpu = processorSeconds()
    let ingest = try seconds {
      for event in events { try store.append(event) }
      try store.settle()
    }
    table.add(S.name, .ingest, Double(events.count) / ingest)
    table.add(S.name, .processor, (processorSeconds() - cpu) / Double(events.count) * 1e6)
    try store.close()
    table.add(S.name, .bytes, Double(folderByteCount()) / Double(events.count))
    let open = try seconds { store = try S(path: path) }
    table.add(S.name, .open, open * 1e3)
    let folds = try questions(store, &table)
    try store.close()
    table.add(S.name, .openAfterKill, try Child.openAfterKill(S.name, path: path + "-killed"))
    return folds
  }

  private func questions(_ store: S, _ table: inout ResultTable) throws -> [Fold] {
    var folds: [Fold] = []
    let replays = try (0..<2).map { _ in try timed { try store.replay() } }
    table.add(S.name, .replay, Double(events.count) / replays[1].seconds)
    folds.append(replays[1].fold)
    var picks = Picks(count: events.count)
    var gets: [Double] = []
    var total = Fold()
    for _ in 0..<20_000 {
      let id = events[picks.next()].id?.bytes ?? []
      let (fold, time) = try timed { try store.get(id) }
      gets.append(time)
      total.count += fold.count
      total.sum &+= fold.sum
    }
    table.add(S.name, .get, median(Array(gets.dropFirst(10_000))) * 1e6)
    folds.append(total)
    for (operation, isDescending) in [(Operation.range, false), (.rangeDescending, true)] {
      folds.append(
        try several(operation, &table) { pick in
          let from = events[pick].timestamp?.nanoseconds ?? 0
          return try store.range(from: from, limit: 1000, isDescending: isDescending)
        })
    }
    folds.append(
      try several(.correlation, &table) { pick in
        try store.correlation(events[pick].correlationID ?? "")
      })
    return folds
  }

  private func several(
    _ operation: Operation, _ table: inout ResultTable, _ body: (Int) throws -> Fold
  ) throws -> Fold {
    var picks = Picks(count: events.count)
    var times: [Double] = []
    var total = Fold()
    for _ in 0..<400 {
      let pick = picks.next()
      let (fold, time) = try timed { try body(pick) }
      times.append(time)
      total.count += fold.count
      total.sum &+= fold.sum
    }
    table.add(S.name, operation, median(Array(times.dropFirst(100))) * 1e6)
    return total
  }

  private func timed(_ body: () throws -> Fold) rethrows -> (fold: Fold, seconds: Double) {
    var fold = Fold()
    let time = try seconds { fold = try body() }
    return (fold, time)
  }

  private func clear() { _ = system("rm -rf '\(path)' '\(path)-killed'") }

  private func folderByteCount() -> Int {
    guard let pipe = popen("du -s --block-size=1 '\(path)' | cut -f1", "r") else { return 0 }
    defer { pclose(pipe) }
    var line = [CChar](repeating: 0, count: 64)
    guard fgets(&line, 64, pipe) != nil else { return 0 }
    return atol(line)
  }
}

/// A repeatable choice of events.
struct Picks {
  private var state: UInt64 = 42
  private let count: Int

  init(count: Int) { self.count = count }

  mutating func next() -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int((state >> 33) % UInt64(count))
  }
}

func seconds(_ body: () throws -> Void) rethrows -> Double {
  let time = try ContinuousClock().measure(body)
  return Double(time.components.seconds) + Double(time.components.attoseconds) * 1e-18
}

func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

/// The processor time of this process, all threads, in seconds.
func processorSeconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}
