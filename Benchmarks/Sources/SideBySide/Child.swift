#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif
import Reel
import Workload

/// A process that writes and is killed, to measure the opening after that.
enum Child {
  private static let eventCount = 100_000

  /// Runs a child that stores events in `path` and is killed with all of them stored, then opens.
  /// - Returns: Milliseconds to open until the first answer.
  static func openAfterKill(_ store: String, path: String) throws -> Double {
    mkdir(path, 0o755)
    let command = CommandLine.arguments[0]
    let status = system("'\(command)' child '\(store)' '\(path)' 2>/dev/null")
    guard status != 0 else { throw StoreError(message: "the child was to be killed") }
    let time: Double
    switch store {
    case ReelStore.name: time = try opening(ReelStore.self, path)
    case LMDBStore.name: time = try opening(LMDBStore.self, path)
    case LevelDBStore.name: time = try opening(LevelDBStore.self, path)
    default: time = try opening(SQLiteStore.self, path)
    }
    return time * 1e3
  }

  private static func opening<S: Store>(_ type: S.Type, _ path: String) throws -> Double {
    var fold = Fold()
    var store: S?
    let time = try seconds {
      store = try S(path: path)
      fold = try store?.range(from: .min, limit: 1, isDescending: false) ?? Fold()
    }
    guard fold.count == 1 else { throw StoreError(message: "\(S.name) lost events to a kill") }
    try store?.close()
    return time
  }

  static func run(_ arguments: [String]) throws {
    var generator = Generator(seed: 2)
    let events = generator.events(eventCount)
    switch arguments[0] {
    case ReelStore.name: try fill(ReelStore.self, arguments[1], events)
    case LMDBStore.name: try fill(LMDBStore.self, arguments[1], events)
    case LevelDBStore.name: try fill(LevelDBStore.self, arguments[1], events)
    default: try fill(SQLiteStore.self, arguments[1], events)
    }
  }

  private static func fill<S: Store>(_ type: S.Type, _ path: String, _ events: [Event]) throws {
    var store = try S(path: path)
    for event in events { try store.append(event) }
    kill(getpid(), SIGKILL)
  }
}
