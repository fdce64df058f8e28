import Foundation
import Testing

/// `reel query`, `info`, `replay` and `drop` on a small recording, outputs compared whole.
@Suite struct QueryTests {
  let folder: TemporaryFolder
  let trace: String

  init() throws {
    folder = try TemporaryFolder()
    trace = folder.path("trace")
    let run = try ToolRun("record", trace, input: Lines.simple(0..<2000))
    #expect(run.status == 0)
  }

  @Test func printsATableThatAlsoReadsWellInAPipe() throws {
    let run = try ToolRun("query", trace, "--limit", "2")
    #expect(run.status == 0)
    #expect(
      run.output == """
        1970-01-01 UTC      kind    process  function    correlation  id  data
        00:00:01.000000000  call    p0       Shop.buy/2  req-0        e0  {"n": 0}
        00:00:01.000001000  return  p1       Shop.buy/2  req-1        e1  {"n": 1}

        """)
    #expect(
      run.errors == """
        reel: only the first 2 events; there are more: give --after 1000001000/3 to go on, or \
        --all for all

        """)
  }

  @Test func aCursorGoesOnWhereTheLimitEnded() throws {
    let first = try ToolRun("query", trace, "--limit", "7", "--desc", "--json")
    let words = first.errors.split(separator: " ")
    let place = try #require(words.firstIndex(of: "--after"))
    let rest = try ToolRun(
      "query", trace, "--all", "--desc", "--json", "--after", String(words[place + 1]))
    let all = try ToolRun("query", trace, "--all", "--json")
    #expect((first.lines + rest.lines).reversed() == all.lines)
    #expect(rest.errors == "")
  }

  @Test func theLimitIsAThousand() throws {
    #expect(try ToolRun("query", trace, "--json").lines.count == 1000)
    #expect(try ToolRun("query", trace, "--json", "--limit", "0").lines.isEmpty)
    #expect(try ToolRun("query", trace, "--limit", "-1").status == 64)
  }

  @Test(arguments: [
    (["--kind", "call"], 500), (["--kind", "call", "--kind", "send"], 1000),
    (["--process", "p1"], 400), (["--process", "p1", "--role", "peer"], 0),
    (["--function", "buy"], 2000), (["--function", "Shop.buy"], 2000),
    (["--function", "Shop.buy/2"], 2000), (["--function", "Shop.buy/3"], 0),
    (["--module", "Shop", "--arity", "2"], 2000), (["--correlation", "req-1"], 667),
    (["--from", "1000001000", "--to", "1000003000"], 3),
    (["--from", "1970-01-01T00:00:01.000001Z", "--to", "1970-01-01T00:00:01.000003Z"], 3),
    (["--from", "9", "--to", "3"], 0), (["--from", "-5", "--to", "-3"], 0),
    (["--kind", "call", "--correlation", "req-0", "--process", "p0"], 34),
  ])
  func counts(arguments: [String], expected: Int) throws {
    let run = try ToolRun(["query", trace, "--count"] + arguments)
    #expect(run.status == 0 && run.errors == "" && run.output == "\(expected)\n")
    let listed = try ToolRun(["query", trace, "--all", "--json"] + arguments)
    #expect(listed.lines.count == expected)
  }

  @Test func countsByField() throws {
    let run = try ToolRun("query", trace, "--by", "correlation_id")
    #expect(run.output == "667  req-0\n667  req-1\n666  req-2\n")
    let json = try ToolRun("query", trace, "--by", "function", "--json")
    #expect(json.output == #"{"value":"Shop.buy/2","count":"2000"}"# + "\n")
    let unknown = try ToolRun("query", trace, "--by", "colour")
    #expect(unknown.status == 64 && unknown.errors.contains("colour"))
  }

  @Test func explainsOnStandardError() throws {
    let run = try ToolRun("query", trace, "--id", "e7", "--explain", "--json")
    #expect(run.output == Lines.simple(7..<8))
    #expect(run.errors.hasPrefix(#"{"cost":{"segments":"1""#), "\(run.errors)")
  }

  @Test func whatDoesNotExistIsStatusTwo() throws {
    for command in ["query", "info", "replay"] {
      let run = try ToolRun(command, folder.path("nowhere"))
      #expect(run.status == 2 && run.errors.contains("nowhere"), "\(command): \(run.errors)")
    }
    let drop = try ToolRun("drop", folder.path("nowhere"), "--keep-events", "1")
    #expect(drop.status == 2)
    #expect(!FileManager.default.fileExists(atPath: folder.path("nowhere")))
    let id = try ToolRun("query", trace, "--id", "e2000")
    #expect(id.status == 2 && id.output == "" && id.errors.contains("e2000"))
  }

  @Test(arguments: [["query"], ["query", "--json"], ["replay"]])
  func nothingFoundIsNoFailureAndIsSaid(command: [String]) throws {
    let run = try ToolRun(command + [trace, "--kind", "none"])
    #expect(run.status == 0 && run.output == "")
    #expect(run.errors.hasPrefix("reel: none of the recording's "), "\(run.errors)")
    #expect(try ToolRun("query", trace, "--limit", "0").errors.contains("more"))
  }

  @Test func infoSaysWhatThereIs() throws {
    let run = try ToolRun("info", trace)
    #expect(run.status == 0 && run.errors == "")
    for part in [
      "events      2,000\n", "from        1970-01-01T00:00:01.000000000Z\n",
      "to          1970-01-01T00:00:01.001999000Z\n", "\n  500  call\n", "  closed  ",
    ] { #expect(run.output.contains(part), "\(part) in \(run.output)") }
    let json = try ToolRun("info", trace, "--json")
    let object =
      try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
    #expect(object?["events"] as? String == "2000")
    #expect((object?["runs"] as? [Any])?.count == 1)
  }

  @Test func damageIsReportedAndTheRestIsPrinted() throws {
    let names = try FileManager.default.contentsOfDirectory(atPath: trace)
    let name = try #require(names.first { $0.hasSuffix(".segment") })
    let file = URL(fileURLWithPath: trace).appendingPathComponent(name)
    var bytes = try Data(contentsOf: file)
    let middle = bytes.count / 4
    for index in middle..<(middle + 64) { bytes[index] ^= 0xFF }
    try bytes.write(to: file)
    let run = try ToolRun("query", trace, "--all", "--json")
    #expect(run.status == 4 && run.errors.contains("reel: damage: "), "\(run.errors)")
    #expect(try ToolRun("query", trace, "--count", "--process", "p1").status == 4)
  }

  @Test func aLoneSegmentIsARecording() throws {
    let names = try FileManager.default.contentsOfDirectory(atPath: trace)
    let name = try #require(names.first { $0.hasSuffix(".segment") })
    let file = "\(trace)/\(name)"
    #expect(try ToolRun("query", file, "--all", "--json").output == Lines.simple(0..<2000))
    #expect(try ToolRun("info", file).status == 0)
  }

  @Test func replayTakesItsTime() throws {
    let clock = ContinuousClock()
    let start = clock.now
    let run = try ToolRun("replay", trace, "--speed", "0.01", "--json")
    // 2 ms a hundred times slower.
    #expect(clock.now - start >= .milliseconds(199))
    #expect(run.output == Lines.simple(0..<2000))
    let fast = try ToolRun("replay", trace, "--speed", "max", "--json", "--kind", "call")
    #expect(fast.lines.count == 500)
    let short = try ToolRun("replay", trace, "--speed", "max", "--limit", "3", "--json")
    #expect(short.output == Lines.simple(0..<3))
    #expect(try ToolRun("replay", trace, "--speed", "0").status == 64)
  }

  @Test func dropSaysFirstAndThenRemoves() throws {
    let dry = try ToolRun("drop", trace, "--before", "1000001000", "--dry-run")
    #expect(dry.output == "1 event would be removed\n")
    #expect(try ToolRun("query", trace, "--count").output == "2000\n")
    let drop = try ToolRun("drop", trace, "--before", "1000001000", "--json")
    #expect(drop.output.hasPrefix(#"{"dry_run":false,"events":"1","#))
    #expect(try ToolRun("drop", trace, "--keep-events", "1500").status == 0)
    let rest = try ToolRun("query", trace, "--all", "--json")
    #expect(rest.output == Lines.simple(500..<2000))
    #expect(rest.errors.contains("have been removed"))
    #expect(try ToolRun("drop", trace).status == 64)
  }

  @Test func helpAndVersion() throws {
    let version = try ToolRun("--version")
    #expect(version.status == 0 && version.output.contains("format"))
    for command in ["record", "info", "query", "replay", "drop"] {
      let help = try ToolRun(command, "--help")
      #expect(help.status == 0 && help.output.contains("Examples:"))
    }
    #expect(try ToolRun("query").status == 64)
  }
}
