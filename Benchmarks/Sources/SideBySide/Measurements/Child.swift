#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif
import Reel
import Workload

/// This program once more, as a process of its own that makes or reads its events as it goes.
enum Child {
  enum Task: String {
    /// Stores events and is killed with all of them stored.
    case fillAndDie = "fill-and-die"
    /// Stores events, or only makes them, and prints the peak of its memory in bytes.
    case tellMemory = "tell-memory"
    /// Asks a recording of Reel and prints what memory that took.
    case tellQueryMemory = "tell-query-memory"
  }

  /// Stands for the name of a store where events are made and not stored.
  static let noStore = "none"

  /// Runs a child on `count` events of a source to its end.
  ///
  /// - Returns: Its standard output, and whether it ended by itself and without a failure.
  /// - Throws: `StoreError` when it cannot be started.
  static func start(
    _ task: Task, _ store: String, path: String, count: Int, source: TraceSource
  ) throws -> (output: String, isSuccess: Bool) {
    let command = CommandLine.arguments[0]
    let words = [command, "child", task.rawValue, store, path, String(count), source.argument]
    let line = "exec " + words.map { "'\($0)'" }.joined(separator: " ")
    guard let pipe = popen(line, "r") else { throw StoreError(message: "cannot start a child") }
    var output: [UInt8] = []
    while case let byte = getc(pipe), byte != EOF { output.append(UInt8(truncatingIfNeeded: byte)) }
    let status = pclose(pipe)
    return (String(decoding: output, as: UTF8.self), status == 0)
  }

  /// What the child does.
  static func run(_ arguments: [String]) throws {
    guard arguments.count == 5, let task = Task(rawValue: arguments[0]),
      let source = TraceSource(argument: arguments[4])
    else {
      throw StoreError(message: "this is for SideBySide itself")
    }
    let count = try Arguments.number(arguments[3])
    let path = arguments[2]
    var trace = try Trace(source)
    let store = store(named: arguments[1])
    guard store != nil || arguments[1] == noStore else {
      throw StoreError(message: "no store is called \(arguments[1])")
    }
    switch task {
    case .fillAndDie: if let store { try fillAndDie(store, path, &trace, count) }
    case .tellQueryMemory: try Growth.tellQueryMemory(path: path, count: count)
    case .tellMemory: try tellMemory(store, path, &trace, count)
    }
  }

  private static func fillAndDie<S: Store>(
    _: S.Type, _ path: String, _ trace: inout Trace, _ count: Int
  ) throws {
    var store = try S(path: path)
    try fill(&store, &trace, count)
    kill(getpid(), SIGKILL)
  }

  private static func tellMemory(
    _ store: (any Store.Type)?, _ path: String, _ trace: inout Trace, _ count: Int
  ) throws {
    if let store {
      try fillAndClose(store, path, &trace, count)
    } else {
      for _ in 0..<count { _ = try trace.next() }
    }
    print(Memory.residentBytes(.peak) ?? 0, terminator: "")
  }

  private static func fillAndClose<S: Store>(
    _: S.Type, _ path: String, _ trace: inout Trace, _ count: Int
  ) throws {
    var store = try S(path: path)
    try fill(&store, &trace, count)
    try store.close()
  }

  /// Appends `count` events one by one, or in batches of 1,000 where that would take too long.
  private static func fill<S: Store>(
    _ store: inout S, _ trace: inout Trace, _ count: Int
  ) throws {
    var batch: [Event] = []
    for _ in 0..<count {
      guard let event = try trace.next() else { break }
      if S.singleAppendDivisor == 1 {
        try store.append(event)
      } else {
        batch.append(event)
        guard batch.count == 1000 else { continue }
        try store.append(batch: batch)
        batch.removeAll(keepingCapacity: true)
      }
    }
    if !batch.isEmpty { try store.append(batch: batch) }
  }
}
