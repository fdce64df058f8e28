import Foundation
import Testing

@testable import Reel
@testable import ReelTool

/// `reel export` to formats that nest calls: Chrome's and Perfetto's.
@Suite struct TraceExportTests {
  private let exported: ExportedTrace
  private var folder: TemporaryFolder { exported.folder }
  private var trace: String { exported.path }

  init() throws { exported = try ExportedTrace() }

  // MARK: A checker of nesting

  /// What a Chrome trace has.
  private struct Checked {
    var phases: [String: Int] = [:]
    var threads: Set<String> = []
    /// The names of calls, by the threads they are in, in the order in which they begin.
    var calls: [String: [String]] = [:]
    var faults: [String] = []
    /// The time of the last event, and of the first.
    var times: ClosedRange<Double>?
  }

  /// Reads the trace in `text` and checks that calls nest and times do not go back on any thread.
  private static func check(_ text: String) throws -> Checked {
    var checked = Checked()
    let root = try #require(
      try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    var names: [Int: String] = [:]
    var stacks: [Int: [String]] = [:]
    var last: [Int: Double] = [:]
    var flows: Set<String> = []
    for event in try #require(root["traceEvents"] as? [[String: Any]]) {
      let phase = try #require(event["ph"] as? String)
      checked.phases[phase, default: 0] += 1
      guard let thread = event["tid"] as? Int else { continue }
      if phase == "M" {
        names[thread] = (event["args"] as? [String: String])?["name"]
        continue
      }
      let name = names[thread] ?? ""
      if name.isEmpty { checked.faults.append("thread \(thread) has no name") }
      checked.threads.insert(name)
      let time = try #require(event["ts"] as? Double)
      if time < last[thread] ?? 0 { checked.faults.append("time goes back at \(event)") }
      last[thread] = time
      let times = checked.times ?? time...time
      checked.times = min(times.lowerBound, time)...max(times.upperBound, time)
      switch phase {
      case "B":
        let call = event["name"] as? String ?? ""
        stacks[thread, default: []].append(call)
        checked.calls[name, default: []].append(call)
      case "E":
        if stacks[thread]?.popLast() == nil { checked.faults.append("nothing ends at \(event)") }
      case "s": flows.insert(event["id"] as? String ?? "")
      case "f":
        if !flows.contains(event["id"] as? String ?? "") {
          checked.faults.append("a flow ends that never began: \(event)")
        }
      default: break
      }
    }
    for (thread, stack) in stacks where !stack.isEmpty {
      checked.faults.append("thread \(thread) ends with \(stack) open")
    }
    return checked
  }

  /// What `tools/check_trace.py` says of the files.
  private static func python(_ files: [String]) -> String? {
    run("python3", [repositoryPath + "/tools/check_trace.py"] + files)
      .map { String(decoding: $0.output, as: UTF8.self) }
  }

  private func chrome(_ options: String...) throws -> Checked {
    let run = try ToolRun(["export", trace, "--format", "chrome"] + options)
    #expect(run.status == 0)
    return try Self.check(run.output)
  }

  // MARK: Chrome

  @Test func theCutNestsWithAllItsCallsAndMessages() throws {
    try exported.recordCut()
    let path = folder.path("cut.json")
    #expect(try ToolRun("export", trace, "--format", "chrome", "-o", path).status == 0)
    let checked = try Self.check(String(contentsOfFile: path, encoding: .utf8))
    #expect(checked.faults == [])
    #expect(checked.phases["B"] == 3595 && checked.phases["E"] == 3595)
    // Linked as everywhere.
    let recording = try Recording(path: trace)
    defer { recording.close() }
    var flows = MessageFlows()
    var count = 0
    for event in try recording.events(Query(), limit: nil).events {
      if event.kind == "message_send" {
        flows.send(event, as: SequenceNumber(rawValue: 1))
      }
      if event.kind == "message_receive", flows.receive(event) != nil { count += 1 }
    }
    #expect(checked.phases["f"] == count && count > 1000)
    #expect(checked.phases["s"] == 1831)
    if findProgram("python3") != nil {
      #expect(
        Self.python([path])
          == "12121 events: 3595 begin, 3595 end, \(1831 + count) messages,"
          + " \(2118 - count + 982) instants, \(count) flows\n")
    }
  }

  @Test func aCutInTimeBeginsWithTheCallsThatWereOpen() throws {
    try exported.recordCut()
    let recording = try Recording(path: trace)
    defer { recording.close() }
    let all = try recording.events(Query(), limit: nil).events
    var openCount = 0
    for place in stride(from: 500, to: all.count - 1000, by: 1000) {
      let from = try #require(all[place].timestamp).nanoseconds
      let to = try #require(all[place + 800].timestamp).nanoseconds
      let checked = try chrome("--from", "\(from)", "--to", "\(to)")
      #expect(checked.faults == [], "from \(from)")
      let moment = try recording.moment(at: Timestamp(nanoseconds: from - 1))
      let open = moment.processes.reduce(0) { $0 + $1.stack.count }
      openCount += open
      let entries = all.count { event in
        event.kind == "function_entry"
          && event.timestamp.map { from...to ~= $0.nanoseconds } == true
      }
      #expect(checked.phases["B"] == entries + open, "from \(from)")
      for process in moment.processes where !process.stack.isEmpty {
        let names = process.stack.map { ($0.function ?? Function()).description }
        #expect(checked.calls[process.name]?.starts(with: names) == true, "from \(from)")
      }
    }
    #expect(openCount > 50)
  }

  @Test func splitFilesNestEachAndGoOn() throws {
    try exported.recordCut()
    let path = folder.path("cut.json")
    let run = try ToolRun(
      "export", trace, "--format", "chrome", "-o", path, "--split-size", "300k")
    #expect(run.status == 0)
    let count = try FileManager.default.contentsOfDirectory(atPath: folder.path("."))
      .count { $0.hasPrefix("cut.") }
    #expect(count > 5)
    let files = [path] + (2...count).map { folder.path("cut.\($0).json") }
    var phases: [String: Int] = [:]
    var last = 0.0
    for file in files {
      let checked = try Self.check(String(contentsOfFile: file, encoding: .utf8))
      #expect(checked.faults.filter { !$0.hasPrefix("a flow") } == [], "\(file)")
      phases.merge(checked.phases) { $0 + $1 }
      let times = try #require(checked.times)
      #expect(times.lowerBound >= last, "\(file)")
      last = times.lowerBound
      let size = try bytes(ofFile: file).count
      #expect(size < 400 << 10, "\(file)")
    }
    let begun = try #require(phases["B"])
    #expect(phases["B"] == phases["E"] && begun > 3595)
    #expect(phases["f"] == (try chrome().phases["f"]))
    if findProgram("python3") != nil {
      #expect(Self.python(files)?.contains("\(begun) begin, \(begun) end") == true)
    }
  }

  @Test(arguments: seeds(6)) func randomEventsNest(seed: UInt64) throws {
    var events = RandomEvents(seed: seed)
    events.narrowTime = seed % 2 == 0
    try exported.record(events.events(3000))
    let path = folder.path("random.json")
    let run = try ToolRun("export", trace, "--format", "chrome", "-o", path)
    #expect(run.status == 0, "seed \(seed)")
    let checked = try Self.check(String(contentsOfFile: path, encoding: .utf8))
    #expect(checked.faults.isEmpty, "seed \(seed): \(checked.faults.prefix(3))")
    let instants = (checked.phases["i"] ?? 0) + (checked.phases["X"] ?? 0)
    let recording = try Recording(path: trace)
    defer { recording.close() }
    let entries = try recording.count(
      {
        var query = Query()
        query.kinds = ["function_entry"]
        return query
      }())
    #expect(checked.phases["B"] == entries && checked.phases["E"] == entries, "seed \(seed)")
    #expect(instants <= 3000 - entries, "seed \(seed)")
    if findProgram("python3") != nil {
      #expect(Self.python([path])?.contains("\(entries) begin") == true, "seed \(seed)")
    }
  }

  /// An event of the process p, so many nanoseconds from the start.
  private func event(_ kind: String, _ name: String, _ time: Int64) -> Event {
    Event(
      timestamp: Timestamp(nanoseconds: time), kind: kind, process: "p",
      function: Function(module: "M", name: name, arity: 0))
  }

  @Test func anExitEndsTheCallsWithinAndAStrayOneIsAnInstant() throws {
    try exported.record([
      event("function_exit", "before", 0), event("function_entry", "a", 1),
      event("function_entry", "b", 2), event("function_entry", "c", 3),
      event("function_exit", "a", 4), event("function_entry", "d", 5), event("error", "x", 9),
    ])
    let run = try ToolRun("export", trace, "--format", "chrome")
    let lines = run.lines.filter { $0.contains("\"tid\"") && !$0.contains("\"M\"") }
    let shown = lines.map { line in
      let phase = line.split(separator: "\"")[3]
      let time = line.split(separator: "\"ts\":")[1].prefix { $0 != "," && $0 != "}" }
      return "\(phase) \(time)"
    }
    #expect(
      shown == [
        "i 0.000", "B 0.001", "B 0.002", "B 0.003", "E 0.004", "E 0.004", "E 0.004", "B 0.005",
        "i 0.009", "E 0.009",
      ])
    #expect(lines[6].contains(#""exit":{"event":"#))
  }

  @Test func theOrderOfArrivalCountsWithinAProcess() throws {
    // The exit arrived last and tells the earliest time.
    try exported.record([
      event("function_entry", "a", 10), event("function_entry", "b", 30),
      event("function_exit", "b", 20), event("function_exit", "a", 40),
    ])
    let run = try ToolRun("export", trace, "--format", "chrome")
    #expect(
      run.errors == """
        reel: 1 event recorded behind later ones of the same process: shown at the time of those

        """
    )
    let checked = try Self.check(run.output)
    #expect(checked.faults == [] && checked.calls == ["p": ["M.a/0", "M.b/0"]])
    #expect(checked.phases["i"] == nil)
  }

  @Test func callsEndWithTheirProcessAndTheirRun() throws {
    try exported.record([
      event("function_entry", "a", 1), event("process_exit", "", 2),
      event("function_entry", "b", 3),
    ])
    try exported.record([event("function_entry", "c", 4), event("function_exit", "b", 5)])
    let checked = try chrome()
    #expect(checked.faults == [])
    #expect(checked.phases["B"] == 3 && checked.phases["E"] == 3 && checked.phases["i"] == 2)
  }

  @Test func payloadsOfAllEncodingsAreShown() throws {
    let payloads = [
      Payload(#"{"n": 12345678901234567890}"#, encoding: .json), Payload("{", encoding: .json),
      Payload(#""a":1,"b":[2]"#, encoding: .jsonMembers), Payload("x\"y\u{1}"),
      Payload([0xFF, 0]), Payload(Term.me.bytes, encoding: .externalTerm),
      Payload([131, 5], encoding: .externalTerm), Payload([1], encoding: .init(rawValue: 200)),
    ]
    try exported.record(
      payloads.enumerated().map { number, payload in
        Event(
          timestamp: Timestamp(nanoseconds: Int64(number)), kind: "note", process: "p",
          payload: payload)
      })
    let run = try ToolRun("export", trace, "--format", "chrome")
    #expect(try Self.check(run.output).faults == [])
    for text in [
      #""data":{"n": 12345678901234567890}"#, #""data_base64":"ew==","data_encoding":"json""#,
      #""data":{"a":1,"b":[2]}"#, #""data":"x\"y\u0001""#,
      #""data_base64":"/wA=","data_encoding":"bytes""#, #""data":"<0.50.0>""#,
      #""data_base64":"gwU=","data_encoding":"external_term""#, #""data_encoding":"200""#,
    ] {
      #expect(run.output.contains(text), "\(text)")
    }
  }

  // MARK: Perfetto

  /// A Python with Perfetto's own classes.
  private static let python =
    environment("REEL_PERFETTO_PYTHON")
    ?? repositoryPath + "/.build-python-perfetto/bin/python3"
  static let hasPerfetto = runs(
    if: run("env", [python, "-c", "import perfetto.protos.perfetto.trace.perfetto_trace_pb2"])?
      .status == 0,
    otherwise: "needs a Python with the package perfetto (REEL_PERFETTO_PYTHON names it)")

  /// What `tools/check_perfetto.py` says of a file.
  static func checkPerfetto(_ path: String) throws -> String {
    let script = repositoryPath + "/tools/check_perfetto.py"
    let found = try #require(run("env", [python, script, path]))
    return String(decoding: found.output, as: UTF8.self)
  }

  /// What it says of the whole trace.
  private func perfetto() throws -> String {
    let path = folder.path("trace.pftrace")
    let out = try ToolRun("export", trace, "--format", "perfetto", "-o", path, "--force")
    #expect(out.status == 0)
    return try Self.checkPerfetto(path)
  }

  @Test(.enabled(if: hasPerfetto, "needs a Python with the package perfetto"))
  func perfettosClassesReadTheCut() throws {
    try exported.recordCut()
    let flows = try #require(try chrome().phases["f"])
    #expect(try perfetto() == "12121 events: 3595 begin, 3595 end, 4931 instants, \(flows) flows\n")
  }

  @Test(.enabled(if: hasPerfetto, "needs a Python with the package perfetto"), arguments: seeds(3))
  func perfettosClassesReadRandomEvents(seed: UInt64) throws {
    var events = RandomEvents(seed: seed)
    events.narrowTime = seed % 2 == 0
    try exported.record(events.events(2000))
    let phases = try chrome().phases
    let instants = (phases["i"] ?? 0) + (phases["X"] ?? 0)
    let calls = phases["B"] ?? 0
    #expect(
      try perfetto()
        == "\(2 * calls + instants) events: \(calls) begin, \(calls) end, \(instants) instants,"
        + " \(phases["f"] ?? 0) flows\n", "seed \(seed)")
  }
}
