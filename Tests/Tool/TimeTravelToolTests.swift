import Foundation
import Reel
import Testing

/// `reel at`, `tree`, `why`, `slice`, `merge` and `pin`, outputs compared whole.
@Suite struct TimeTravelToolTests {
  let folder: TemporaryFolder
  let trace: String

  private static let lines = """
    {"id":"e1","timestamp_ns":1000,"kind":"process_spawn","process":"p","peer_process":"q"}
    {"id":"e2","timestamp_ns":2000,"kind":"call","process":"p","module":"Shop","function":"buy",\
    "arity":2,"ast_node_id":"Shop:buy:2","data":{"args":[1,2]}}
    {"id":"e3","timestamp_ns":3000,"kind":"call","process":"p","module":"Shop","function":"pay",\
    "arity":1,"correlation_id":"r1"}
    {"id":"e4","timestamp_ns":4000,"kind":"state_change","process":"q","data":{"n":1}}
    {"id":"e5","timestamp_ns":9000,"kind":"return","process":"p","module":"Shop","function":"pay",\
    "arity":1,"correlation_id":"r1"}
    {"id":"e6","timestamp_ns":9500,"kind":"error","process":"p","data":"\\u001b[31mboom"}
    {"id":"e7","timestamp_ns":10000,"kind":"my_enter","process":"q","function":"own"}

    """

  init() throws {
    folder = try TemporaryFolder()
    trace = folder.path("trace")
    let run = try ToolRun("record", trace, "--role", "my_enter=entry", input: Self.lines)
    #expect(run.status == 0, "\(run.errors)")
  }

  @Test func atShowsProcessesStatesAndCalls() throws {
    let run = try ToolRun("at", trace, "5000")
    #expect(
      run.output == """
        p
          1     Shop.buy/2  00:00:00.000002000 (3.0 µs ago)  {"args":[1,2]}
          2     Shop.pay/1  00:00:00.000003000 (2.0 µs ago)
        q
          began process_spawn  00:00:00.000001000 (4.0 µs ago)
          state state_change  00:00:00.000004000 (1.0 µs ago)  {"n":1}

        """)
    #expect(run.errors == "reel: 2 processes, 2 open calls\n")
    #expect(try ToolRun("at", trace, "5000", "--process", "r").status == 2)
    #expect(try ToolRun("at", trace, "yesterday").status == 64)
    #expect(try ToolRun("at", trace, "#99999").status == 64)
    let end = try ToolRun("at", trace, "end", "--process", "q", "--json")
    #expect(end.output.contains(#""stack":[{"id":"e7""#))
  }

  @Test func aMomentIsNamedAsInThePlayer() throws {
    let wanted = try ToolRun("at", trace, "5000").output
    for text in ["+4us", "00:00:00.000005", "1970-01-01T00:00:00.000005Z"] {
      #expect(try ToolRun("at", trace, text).output == wanted, "\(text)")
    }
    let fourth = try #require(try Recording(path: trace).event(id: "e4")?.sequenceNumber)
    #expect(
      try ToolRun("at", trace, "#\(fourth.rawValue)").output
        == ToolRun("at", trace, "4000").output)
    #expect(try ToolRun("at", trace, "start").output == ToolRun("at", trace, "1000").output)
    #expect(
      try ToolRun("at", trace, "4000", "--to", "+5600ns").output
        == ToolRun("at", trace, "4000", "--to", "9600").output)
  }

  @Test func atShowsWhatWasAtWork() throws {
    let run = try ToolRun("at", trace, "4000", "--to", "9600")
    #expect(
      run.output == """
        function  Shop.pay/1  1 event, 1 open before
        function  Shop.buy/2  0 events, 1 open before
        ast_node  Shop:buy:2  0 events, 1 open before

        """)
    #expect(try ToolRun("at", trace, "4000", "--to", "9", "--calling").status == 64)
  }

  @Test func treeNestsCallsAndShowsWhatSteersNoTerminal() throws {
    let run = try ToolRun("tree", trace, "--process", "p")
    #expect(
      run.output == """
        p
          · process_spawn > q
          Shop.buy/2…  {"args":[1,2]}
            Shop.pay/1  6.0 µs
            · error  "\\u001b[31mboom"

        """)
    #expect(!run.output.contains("\u{1B}"))
    let long = try ToolRun("tree", trace, "--calls", "--min", "7us")
    #expect(!long.output.contains("Shop.pay/1") && long.output.contains("Shop.buy/2…"))
    #expect(try ToolRun("tree", trace, "--min", "7").status == 64)
    #expect(try ToolRun("tree", trace, "--correlation", "r1", "--json").lines.count == 1)
  }

  @Test func whyGoesBackFromAnEvent() throws {
    let run = try ToolRun("why", trace, "e6", "--json")
    let reasons = run.lines.map { $0.prefix(while: { $0 != "," }) }
    #expect(reasons == [#"{"reason":null"#, #"{"reason":"call""#])
    #expect(try ToolRun("why", trace, "none").status == 2)
    #expect(try ToolRun("why", trace, "#99999").status == 2)
    #expect(try ToolRun("why", trace, "e6", "--limit", "0").errors.contains("--limit"))
  }

  @Test func aSliceStandsByItself() throws {
    let slice = folder.path("slice")
    let run = try ToolRun("slice", trace, slice, "--from", "5000", "--json")
    #expect(run.status == 0)
    #expect(
      run.output == """
        {"events":"3","processes":"2","open_calls":"2","documents":"0"}

        """)
    let whole = try ToolRun("at", trace, "9200", "--json").output
    #expect(try ToolRun("at", slice, "9200", "--json").output == whole)
    #expect(try ToolRun("verify", slice).status == 0)
    #expect(try ToolRun("slice", trace, slice).status == 1)
  }

  @Test func recordingsAreMergedAndPinned() throws {
    let other = folder.path("other")
    try #require(try ToolRun("record", other, input: Lines.simple(0..<10)).status == 0)
    let all = folder.path("all")
    let run = try ToolRun("merge", all, trace, "b=\(other)", "--json")
    #expect(
      run.output == """
        {"source":"trace","events":"7"}
        {"source":"b","events":"10"}

        """)
    #expect(try ToolRun("query", all, "--where", "source=b", "--count").output == "10\n")
    #expect(try ToolRun("merge", all, trace).status == 1)
    #expect(try ToolRun("merge", folder.path("x"), trace, trace).status == 64)
    #expect(try ToolRun("pin", trace, "--label", "x", "--from", "4000").status == 0)
    #expect(try ToolRun("pin", trace, "--list").lines.count == 1)
    #expect(try ToolRun("query", trace + "/pins/x", "--count").output == "7\n")
    #expect(try ToolRun("pin", trace, "--remove", "x").status == 0)
    #expect(try ToolRun("pin", trace, "--remove", "x").status == 2)
    #expect(try ToolRun("pin", trace).status == 64)
  }

  @Test func anEmptyAnswerSaysWhetherAnybodyLooked() throws {
    let stored = try ToolRun(
      "document", trace, "set", "instrumentation-plan", input: #"["Shop.buy/2"]"#)
    try #require(stored.status == 0, "\(stored.errors)")
    let run = try ToolRun("query", trace, "--function", "Shop.sell/2")
    #expect(run.status == 0 && run.errors.contains("does not name it: nobody looked"))
    let looked = try ToolRun("query", trace, "--function", "Shop.buy/2", "--from", "5000")
    #expect(looked.errors.contains("it was instrumented, and did not happen"))
  }

  @Test func atAndWhySayWhatTheyCouldNotRead() throws {
    let other = folder.path("other")
    try #require(try ToolRun("record", other, input: Lines.simple(0..<5_000)).status == 0)
    let span = ["1000005000", "--to", "1000010000"]
    #expect(try ToolRun(["at", other] + span).status == 0)
    #expect(try ToolRun("why", other, "e4999").status == 0)
    let name = try #require(
      try FileManager.default.contentsOfDirectory(atPath: other).first {
        $0.hasSuffix(".segment")
      })
    let file = URL(fileURLWithPath: other).appendingPathComponent(name)
    var bytes = try Data(contentsOf: file)
    // In the columns of the first block.
    for index in 2000..<2064 { bytes[index] ^= 0xFF }
    try bytes.write(to: file)
    for arguments in [["at", other] + span, ["why", other, "e4999"]] {
      let run = try ToolRun(arguments)
      #expect(run.status == 4 && run.errors.contains("reel: damage: "), "\(run.errors)")
      #expect(run.output.isEmpty == (arguments[0] == "at"))
    }
  }
}
