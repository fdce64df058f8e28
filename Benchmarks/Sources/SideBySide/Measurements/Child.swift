#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif
import Reel
import Workload

/// This program once more, as a process of its own that makes its events as it goes.
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

  /// Runs a child on `count` events, later than `after` if that is given, to its end.
  ///
  /// - Returns: Its standard output, and whether it ended by itself and without a failure.
  /// - Throws: `StoreError` when it cannot be started.
  static func start(
    _ task: Task, _ store: String, path: String, count: Int, after: Int64? = nil
  ) throws -> (output: String, isSuccess: Bool) {
    let command = CommandLine.arguments[0]
    let beginning = after.map { " \($0)" } ?? ""
    let line = "exec '\(command)' child \(task.rawValue) '\(store)' '\(path)' \(count)\(beginning)"
    guard let pipe = popen(line, "r") else { throw StoreError(message: "cannot start a child") }
    var output: [UInt8] = []
    while case let byte = getc(pipe), byte != EOF { output.append(UInt8(truncatingIfNeeded: byte)) }
    let status = pclose(pipe)
    return (String(decoding: output, as: UTF8.self), status == 0)
  }

  /// What the child does.
  static func run(_ arguments: [String]) throws {
    guard arguments.count >= 4, let task = Task(rawValue: arguments[0]) else {
      throw StoreError(message: "this is for SideBySide itself")
    }
    let count = try Arguments.number(arguments[3])
    let path = arguments[2]
    var trace = try Trace(
      .generated(seed: 2, after: arguments.count > 4 ? Int64(arguments[4]) : nil))
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

  /// Appends `count` events one by one.
  private static func fill<S: Store>(
    _ store: inout S, _ trace: inout Trace, _ count: Int
  ) throws {
    for _ in 0..<count {
      guard let event = try trace.next() else { return }
      try store.append(event)
    }
  }
}
