import Foundation
import Testing

/// Faults in the system calls of the real tool: a sample of what `tools/soak calls` goes through.
@Suite struct SystemFaultTests {
  #if os(Linux)
    static let isLinux = true
  #else
    static let isLinux = false
  #endif
  static let canRun = runs(
    if: isLinux && run("cc", ["--version"])?.status == 0,
    otherwise: "needs Linux and a C compiler: no system call of the tool is made to fail")

  @Test(.enabled(if: canRun, "no C compiler, or not Linux"), arguments: seeds(1))
  func aCallThatFailsOrIsTheLastCostsNothingThatWasAcknowledged(seed: UInt64) throws {
    let shim = try FaultShim()
    var random = SeededRandom(seed)
    let calls = try shim.calls(["record", shim.trace, "--ack"], input: Lines.simple(0..<60))
    try #require(calls.count > 60, "the tool makes its calls past the shim")
    var faults = (0..<12).map { _ in
      let call = random.pick(calls)
      return "\(call):\(random.pick(FaultShim.actions(String(call.prefix { $0 != ":" }))))"
    }
    faults += ["write:70:torn", "write:71:short", "write:71:ENOSPC", "sync:1:EIO:sticky"]
    for fault in faults { try check(fault, shim, "fault \(fault), seed \(seed)") }
  }

  /// Records with a fault, then looks at what is there and records on without one.
  private func check(_ fault: String, _ shim: FaultShim, _ comment: Comment) throws {
    try shim.removeTrace()
    let run = try ToolRun(
      ["record", shim.trace, "--ack"], input: Lines.simple(0..<60),
      environment: shim.environment(fault))
    if run.wasSignaled {
      #expect(fault.contains("kill") && run.status == SIGKILL, comment)
    } else {
      #expect([0, 1].contains(run.status), comment)
      #expect(run.status == 0 || run.errors.hasPrefix("reel: "), comment)
    }
    let acknowledged = run.lines.last.flatMap { Int($0) } ?? 0
    #expect(run.status != 0 || acknowledged == 60, comment)
    let found = try ToolRun("query", shim.trace, "--all", "--json")
    // Nothing may have been made yet.
    #expect(found.status == 0 || (found.status == 2 && acknowledged == 0), comment)
    let count = found.lines.count
    #expect((acknowledged...60).contains(count), comment)
    #expect(found.output == Lines.simple(0..<count), comment)
    let next = try ToolRun(["record", shim.trace], input: Lines.simple(count..<80))
    #expect(next.status == 0, comment)
    let all = try ToolRun("query", shim.trace, "--all", "--json")
    #expect(all.output == Lines.simple(0..<80), comment)
    #expect(try ToolRun("verify", shim.trace).status == 0, comment)
  }

  @Test(.enabled(if: canRun, "no C compiler, or not Linux"))
  func theBufferOfADeadRunGoesOnlyOnceItsEventsAreDurable() throws {
    let shim = try FaultShim()
    let feed = try RecorderFeed(shim.trace)
    try feed.write(Lines.simple(0..<60))
    while let last = feed.acknowledged().last, last < 60 {}
    kill(feed.process.processIdentifier, SIGKILL)
    feed.process.waitUntilExit()
    let calls = try shim.log(["record", shim.trace], input: "")
    // A sync may have made them durable where they were, and a loss of power may come next.
    let unlink = try #require(
      calls.firstIndex { $0.contains(" unlink ") && $0.contains("0001.buffer ") })
    let sync = try #require(
      calls.firstIndex { $0.contains(" sync ") && $0.contains(".segment") })
    #expect(sync < unlink)
  }

  @Test(.enabled(if: canRun, "no C compiler, or not Linux"))
  func aFailedCallOfAReaderIsSaidAndIsNoDamage() throws {
    let shim = try FaultShim()
    #expect(try ToolRun(["record", shim.trace], input: Lines.simple(0..<500)).status == 0)
    let before = try shim.digest()
    let query = ["query", shim.trace, "--all", "--json"]
    for call in ["open:1", "open:3", "read:1", "read:3", "list:1", "stat:2"] {
      for arguments in [query, ["verify", shim.trace]] {
        let run = try ToolRun(arguments, environment: shim.environment("\(call):EIO:sticky"))
        #expect(run.status == 1 && !run.wasSignaled, "\(arguments[0]), \(call)")
        #expect(run.errors.contains("errno 5"), "\(arguments[0]), \(call): \(run.errors)")
      }
      // Interrupted calls are made again.
      let run = try ToolRun(query, environment: shim.environment("\(call):EINTR:alternate"))
      if !call.hasPrefix("list"), !call.hasPrefix("stat") {
        #expect(run.output == Lines.simple(0..<500), "\(call)")
      }
    }
    #expect(try shim.digest() == before)
  }

  @Test(.enabled(if: canRun, "no C compiler, or not Linux"), arguments: 3...16)
  func withoutDescriptorsTheToolSaysSoAndIsNotEndedByATrap(limit: Int) throws {
    let shim = try FaultShim()
    #expect(try ToolRun(["record", shim.trace], input: Lines.simple(0..<20)).status == 0)
    let environment = shim.environment("any:1:delay=0").merging(["FAULT_NOFILE": "\(limit)"]) { $1 }
    for command in ["record", "query", "verify", "info"] {
      let run = try ToolRun(
        [command, shim.trace], input: command == "record" ? Lines.simple(20..<30) : "",
        environment: environment)
      #expect(!run.wasSignaled && [0, 1].contains(run.status), "\(command): \(run.errors)")
      #expect(run.status == 0 || run.errors.contains("Too many open files"), "\(command)")
    }
    #expect(try ToolRun("verify", shim.trace).status == 0)
  }

  @Test(.enabled(if: canRun, "no C compiler, or not Linux"))
  func aRepairThatFailsLeavesNothingUnderTheNewName() throws {
    let shim = try FaultShim()
    #expect(try ToolRun(["record", shim.trace], input: Lines.simple(0..<20)).status == 0)
    let target = shim.trace + "-repaired"
    let syncs = try shim.calls(["repair", shim.trace, target], input: "")
      .filter { $0.hasPrefix("sync:") }
    // The last one is that of the name.
    for sync in try [#require(syncs.first), #require(syncs.last)] {
      try FileManager.default.removeItem(atPath: target)
      let run = try ToolRun(
        ["repair", shim.trace, target], environment: shim.environment(sync + ":EIO"))
      #expect(run.status == 1 && run.errors.contains("errno 5"), "\(sync): \(run.errors)")
      #expect(!FileManager.default.fileExists(atPath: target), "\(sync)")
      #expect(!FileManager.default.fileExists(atPath: target + ".repair"), "\(sync)")
      #expect(try ToolRun("repair", shim.trace, target).status == 0)
    }
  }
}

/// `tools/soaking/fault_shim.c`, compiled, and a recording whose calls it sees.
private struct FaultShim {
  private let folder = try? TemporaryFolder()
  private let library: String
  let trace: String

  init() throws {
    let folder = try #require(folder)
    library = folder.path("fault_shim.so")
    trace = folder.path("below/trace")
    try FileManager.default.createDirectory(
      at: folder.url("below"), withIntermediateDirectories: true)
    let compiled = run(
      "cc",
      [
        "-std=gnu11", "-shared", "-fPIC", "-o", library,
        repositoryPath + "/tools/soaking/fault_shim.c", "-ldl", "-lpthread",
      ])
    try #require(compiled?.status == 0, "the shim does not compile")
  }

  /// What lets calls on files of the recording fail as `fault` says.
  func environment(_ fault: String) -> [String: String] {
    [
      "LD_PRELOAD": library, "FAULT_DIR": trace.replacing("/trace", with: ""), "FAULT": fault,
      "SWIFT_BACKTRACE": "enable=no",
    ]
  }

  /// The calls of a run without a fault, each as its kind and its number of that kind.
  func calls(_ arguments: [String], input: String) throws -> [String] {
    try log(arguments, input: input)
      .map { $0.split(separator: " ") }
      .filter { $0.first != "FIRED" }
      .map { "\($0[1]):\($0[2])" }
  }

  /// The calls of a run without a fault, a line each, as `fault_shim.c` describes.
  func log(_ arguments: [String], input: String) throws -> [String] {
    let log = library + ".log"
    let variables = environment("any:1:delay=0").merging(["FAULT_LOG": log]) { $1 }
    #expect(try ToolRun(arguments, input: input, environment: variables).status == 0)
    return try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n")
      .map(String.init)
  }

  func removeTrace() throws {
    try? FileManager.default.removeItem(atPath: trace)
  }

  /// Every file of the recording with its bytes.
  func digest() throws -> [String: [UInt8]] {
    try Dictionary(
      uniqueKeysWithValues: fileNames(trace).map { ($0, try bytes(ofFile: trace + "/" + $0)) })
  }

  /// What can happen at a call of a kind.
  static func actions(_ call: String) -> [String] {
    let common = ["kill", "EIO", "EIO:sticky"]
    return switch call {
    case "open": common + ["EMFILE", "ENOSPC:sticky", "EINTR"]
    case "write": common + ["ENOSPC", "EINTR:alternate", "short", "torn", "torn-kill"]
    case "read": common + ["EINTR", "short:sticky"]
    case "sync": common + ["ENOSPC", "EINTR"]
    case "map": common + ["ENOMEM"]
    default: common
    }
  }
}
