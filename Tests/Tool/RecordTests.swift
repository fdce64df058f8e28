import Foundation
import Testing

/// `reel record` as a user runs it: what it takes, what it refuses and how it says so.
@Suite struct RecordTests {
  let folder: TemporaryFolder
  let trace: String

  init() throws {
    folder = try TemporaryFolder()
    trace = folder.path("trace")
  }

  @Test func whatIsRecordedComesOutAndInAgain() throws {
    let input = Lines.simple(0..<500)
    let record = try ToolRun("record", trace, input: input)
    #expect(record.status == 0 && record.output == "" && record.errors == "")
    let all = try ToolRun("query", trace, "--all", "--json")
    #expect(all.output == input)
    let copy = folder.path("copy")
    #expect(try ToolRun("record", copy, input: all.output).status == 0)
    #expect(try ToolRun("query", copy, "--all", "--json").output == all.output)
  }

  @Test func everyFieldComesOutAsItWentIn() throws {
    let input =
      #"{"id":"a","timestamp_ns":"-5","kind":"k\n","process":"p","peer_process":"q","module":"M","#
      + #""function":"f","arity":0,"correlation_id":"","ast_node_id":"n","node":"h","#
      + #""call_id":"c","parent_id":"z","second_clock":"9223372036854775807","size":["1","2"],"#
      + #""data":{"x": 1.0},"colour":"\u0072ed"}"# + "\n"
    try #expect(
      ToolRun("record", trace, "--attribute", "size:integer", input: input).status == 0)
    #expect(try ToolRun("query", trace, "--json").output == input)
    #expect(try ToolRun("query", trace, "--where", "size=2", "--count").output == "1\n")
    #expect(try ToolRun("query", trace, "--where", "size=3", "--count").output == "0\n")
    #expect(try ToolRun("query", trace, "--where", "size=x").status == 64)
    #expect(try ToolRun("query", trace, "--where", "weight=1").status == 64)
  }

  @Test func aRecordingIsContinued() throws {
    _ = try ToolRun("record", trace, input: Lines.simple(0..<10))
    _ = try ToolRun("record", trace, input: Lines.simple(10..<20))
    #expect(try ToolRun("query", trace, "--json").output == Lines.simple(0..<20))
  }

  @Test func missingIDsAndTimesAreFilledIn() throws {
    _ = try ToolRun("record", trace, input: "{}\n\n  \n{\"kind\":\"k\"}")
    let ids = try Lines.ids(ToolRun("query", trace, "--json"))
    #expect(ids.count == 2 && Set(ids).count == 2)
    let one = try ToolRun("query", trace, "--id", ids[1], "--json")
    #expect(one.output.contains(#""kind":"k""#) && one.output.contains("timestamp_ns"))
  }

  @Test(arguments: [1, 3])
  func linesThatCannotBeReadAreReportedCountedAndSkipped(batch: Int) throws {
    let bad = "oops\n{\"arity\":-1}\n{\"id\":\"\"}\n"
    let input = Lines.simple(0..<2) + bad + Lines.simple(2..<4)
    let run = try ToolRun("record", trace, "--batch", "\(batch)", "--json", input: input)
    #expect(run.status == 3)
    #expect(
      run.output
        == #"{"events":"4","skipped_lines":"3","known_events":"0","dropped_events":"0"}"# + "\n")
    let errors = run.errors.split(separator: "\n")
    #expect(errors.count == 4)
    #expect(errors.first?.hasPrefix("line 3: expected a JSON object") == true, "\(run.errors)")
    #expect(
      run.errors.contains("line 4: arity is -1, expected a whole number from 0 to 65534\n"))
    #expect(run.errors.contains("line 5: "))
    #expect(errors.last == "reel: 3 lines skipped, 4 events recorded")
    #expect(try ToolRun("query", trace, "--json").output == Lines.simple(0..<4))
  }

  @Test func onlyTheFirstTwentyBadLinesAreReported() throws {
    let run = try ToolRun("record", trace, input: String(repeating: "x\n", count: 50))
    #expect(run.status == 3)
    #expect(run.errors.split(separator: "\n").count { $0.hasPrefix("line ") } == 20)
    #expect(run.errors.hasSuffix("reel: 50 lines skipped, 0 events recorded\n"))
  }

  @Test func strictStopsAtTheFirstBadLine() throws {
    let input = Lines.simple(0..<2) + "oops\n" + Lines.simple(2..<4)
    let run = try ToolRun("record", trace, "--strict", "--ack", input: input)
    #expect(run.status == 1 && run.output == "1\n2\n")
    #expect(run.errors.hasPrefix("reel: line 3: "))
    #expect(try ToolRun("query", trace, "--count").output == "2\n")
  }

  @Test func knownEventsArePassedOver() throws {
    _ = try ToolRun("record", trace, input: Lines.simple(0..<10))
    let again = try ToolRun("record", trace, "--unique", "--ack", input: Lines.simple(5..<15))
    #expect(again.status == 0 && again.lines.last == "10")
    #expect(again.errors == "reel: 5 events passed over as recorded before\n")
    #expect(try ToolRun("query", trace, "--json").output == Lines.simple(0..<15))
  }

  @Test func acknowledgesEachLineOrBatch() throws {
    let input = Lines.simple(0..<3) + "\n" + Lines.simple(3..<5)
    #expect(try ToolRun("record", trace, "--ack", input: input).output == "1\n2\n3\n5\n6\n")
    let batches = try ToolRun(
      "record", folder.path("b"), "--ack", "--batch", "2", "--durability", "disk", input: input)
    #expect(batches.output == "2\n5\n6\n")
  }

  @Test func theNewestEventsAreKept() throws {
    let run = try ToolRun(
      "record", trace, "--max-events", "10000", input: Lines.simple(0..<40_000))
    #expect(run.status == 0)
    let query = try ToolRun("query", trace, "--all", "--json")
    let ids = try Lines.ids(query)
    #expect((8000...14_000).contains(ids.count), "\(ids.count)")
    #expect(ids.last == "e39999")
    #expect(query.errors.contains("retention has removed"))
  }

  @Test(arguments: [
    ["--batch", "0"], ["--max-bytes", "10x"], ["--max-age", "5"], ["--attribute", "a:number"],
    ["--durability", "some"], ["--max-events", "1"], ["--max-bytes", "10"], ["--ack", "--json"],
  ])
  func wrongUsageIsRefused(arguments: [String]) throws {
    let run = try ToolRun(["record", trace] + arguments)
    #expect(run.status == 64 && !run.errors.isEmpty, "\(arguments): \(run.errors)")
  }

  @Test func aFolderOfOtherFilesIsRefused() throws {
    try Data("x".utf8).write(to: folder.url("file"))
    let run = try ToolRun("record", folder.path("file"))
    #expect(run.status == 1 && run.errors.hasPrefix("reel: "), "\(run.errors)")
  }
}
