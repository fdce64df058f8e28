import Foundation
import Testing

@testable import Reel
@testable import ReelTool

/// `reel import` from end to end.
@Suite struct ImportTests {
  let folder: TemporaryFolder
  let trace: String

  init() throws {
    folder = try TemporaryFolder()
    trace = folder.path("trace")
  }

  /// The numbers of events by kind that `reel query --by kind` and OTP's reader print alike.
  private static func counts(_ lines: [String]) -> [String: Int] {
    var counts: [String: Int] = [:]
    for line in lines {
      let parts = line.split(separator: " ").map { $0.filter { $0 != "," } }
      guard parts.count == 2, let number = Int(parts[0]) else { continue }
      counts[String(parts[1])] = number
    }
    return counts
  }

  /// What OTP's own reader counted in the fixture when it was made.
  private static let fixtureCounts = [
    "call": 40, "exception_from": 1, "exit": 12, "getting_linked": 2, "getting_unlinked": 2,
    "link": 2, "receive": 61, "register": 1, "return_from": 39, "send": 59, "spawn": 12,
    "spawned": 12, "unlink": 1, "unregister": 1,
  ]

  @Test func aTraceOfOTPGoesInWithEveryEvent() throws {
    let run = try ToolRun("import", trace, Erlang.fixture)
    #expect(run.status == 0 && run.errors == "" && run.output == "")
    let kinds = try ToolRun("query", trace, "--by", "kind")
    #expect(Self.counts(kinds.lines) == Self.fixtureCounts)
    let clerk = try ToolRun("query", trace, "--function", "shop.price/1", "--limit", "2")
    #expect(clerk.output.contains("shop.price/1") && clerk.output.contains("[1]"))
    let stock = try ToolRun("query", trace, "--where", "to=stock", "--limit", "1")
    #expect(stock.output.contains(#">,<<"item-1">>}"#))
    let tree = try ToolRun("tree", trace, "--function", "shop.order/2")
    #expect(tree.status == 0)
  }

  @Test func termsAreReadableInQueryAndDumpAndComeBackWithoutLoss() throws {
    #expect(try ToolRun("import", trace, Erlang.fixture).status == 0)
    let query = try ToolRun("query", trace, "--all", "--json")
    #expect(query.output.contains(#""data_term":"{price,1,"#))
    let segment = try #require(
      try FileManager.default.contentsOfDirectory(atPath: trace).first {
        $0.hasSuffix(".segment")
      })
    let dump = try ToolRun("dump", trace + "/" + segment, "--records")
    #expect(dump.output.contains(#""data_term":"{price,1,"#))
    let other = folder.path("other")
    #expect(
      try ToolRun(["record", other, "--attribute", "to"], input: query.output).status == 0)
    let again = try ToolRun("query", other, "--all", "--json")
    #expect(again.output == query.output && query.lines.count > 200)
  }

  @Test(.enabled(if: Erlang.canRun, "needs erl with dbg"))
  func aLargeTraceGoesInWithTheCountsOfOTP() throws {
    let file = folder.path("large.trace")
    #expect(Erlang.run([file, "200000"])?.status == 0)
    let kinds = try #require(Erlang.run(["--kinds", file]))
    let expected = Self.counts(
      String(decoding: kinds.output, as: UTF8.self).split(separator: "\n").map(String.init))
    #expect(expected.values.reduce(0, +) >= 200_000)
    let run = try ToolRun("import", trace, file)
    #expect(run.status == 0 && run.errors == "")
    #expect(Self.counts(try ToolRun("query", trace, "--by", "kind").lines) == expected)
    let longest = try Recording(path: trace)
    var byteCount = 0
    try longest.forEach(Query()) { event in
      byteCount = max(byteCount, event.payload?.bytes.count ?? 0)
    }
    #expect(byteCount > 90_000)
    longest.close()
  }

  @Test(
    .enabled(if: Erlang.canRun, "needs erl with dbg"),
    arguments: [
      ("monotonic_timestamp", "of a monotonic clock"),
      ("strict_monotonic_timestamp", "of a monotonic clock"), ("none", "without a timestamp"),
    ])
  func tracesOfOtherClocksGoIn(clock: String, message: String) throws {
    let file = folder.path("trace.\(clock)")
    #expect(Erlang.run([file, "300", clock])?.status == 0)
    let run = try ToolRun("import", trace, file)
    #expect(run.status == 0 && run.errors.contains(message))
    let other = folder.path("other")
    #expect(
      try ToolRun("import", other, file, "--start", "2026-11-21T03:22:00Z").status == 0)
    let all = try ToolRun("query", other, "--all", "--json")
    #expect(all.lines.count == (try ToolRun("query", trace, "--all", "--json").lines.count))
    #expect(all.lines.first?.contains(#""timestamp_ns":"1795231320000000000""#) == true)
    #expect(all.lines.first?.contains("second_clock") == clock.hasPrefix("strict"))
  }

  @Test func severalFilesGoInOneAfterTheOther() throws {
    let run = try ToolRun("import", trace, Erlang.fixture, Erlang.fixture, "--json")
    #expect(run.status == 0)
    #expect(run.output.hasPrefix(#"{"events":"490","skipped":"0""#))
  }

  @Test func recordsWithoutTimeKeepTheirOrder() throws {
    let records = (0..<5).flatMap { number in
      Term.tuple([.atom("trace"), .me, .atom("exit"), .integer(Int64(number))]).record
    }
    try Data(records).write(to: folder.url("file"))
    let run = try ToolRun("import", trace, folder.path("file"), "--start", "100")
    #expect(
      run.errors == """
        reel: 5 records without a timestamp: they got consecutive nanoseconds; trace with the flag \
        timestamp to have real ones

        """)
    let lines = try ToolRun("query", trace, "--json").lines
    #expect(lines.count == 5)
    for (number, line) in lines.enumerated() {
      #expect(line.contains(#""timestamp_ns":"\#(100 + number)""#))
      #expect(line.contains(#""data_term":"\#(number)""#))
    }
  }

  // MARK: What is wrong with the input

  @Test func aCutFileIsTakenUpToTheCutAndReported() throws {
    let whole = try bytes(ofFile: Erlang.fixture)
    try Data(whole.dropLast(3)).write(to: folder.url("cut.trace"))
    let run = try ToolRun("import", trace, folder.path("cut.trace"))
    #expect(run.status == 3)
    #expect(
      run.errors.contains("cut.trace: record 245, at byte ")
        && run.errors.contains("the file ends within this record, which lacks 3 bytes"))
    #expect(run.errors.contains("reel: 1 skipped, 244 events recorded"))
    #expect(try ToolRun("query", trace, "--count").output == "244\n")
  }

  @Test func aDamagedRecordIsReportedWithItsPlace() throws {
    let record = Term.message(.atom("exit"), .atom("normal")).record
    var bad = record
    bad[6] = 3
    try Data(record + bad + record).write(to: folder.url("file"))
    let run = try ToolRun("import", trace, folder.path("file"))
    #expect(run.status == 3)
    let place = "file: record 2, at byte \(record.count)"
    #expect(
      run.errors.contains(
        "\(place): no term begins with this byte (at its byte 1); \(record.count) bytes passed over"
      ))
    #expect(try ToolRun("query", trace, "--count").output == "2\n")
    let strict = try ToolRun("import", trace, folder.path("file"), "--strict")
    #expect(strict.status == 1 && strict.errors.contains("stopped there, as --strict asks"))
    #expect(try ToolRun("query", trace, "--count").output == "3\n")
  }

  @Test func aPayloadBeyondTheLimitIsReportedAndTheRestTaken() throws {
    let long = Term.message(.atom("exit"), .binary([UInt8](repeating: 1, count: 3000)))
    let short = Term.message(.atom("exit"), .atom("normal"))
    try Data(short.record + long.record + short.record).write(to: folder.url("file"))
    let run = try ToolRun("import", trace, folder.path("file"), "--max-payload", "2k")
    #expect(run.status == 3 && run.errors.contains("record 2, at byte \(short.record.count): "))
    #expect(try ToolRun("query", trace, "--count").output == "2\n")
  }

  @Test func lostMessagesAreTold() throws {
    let record = Term.message(.atom("exit"), .atom("normal")).record
    try Data(record + [1, 0, 0, 0, 9]).write(to: folder.url("file"))
    let run = try ToolRun("import", trace, folder.path("file"))
    #expect(run.status == 0)
    #expect(run.errors == "reel: 9 messages were lost while tracing, as the file says\n")
  }

  @Test func whatAFileIsTellsItsNameOrItsFirstByte() throws {
    let lines = Lines.simple(0..<10)
    try Data(lines.utf8).write(to: folder.url("plain"))
    try Data(lines.utf8).write(to: folder.url("events.jsonl"))
    try Data("hello".utf8).write(to: folder.url("other"))
    try Data([0x1F, 0x8B, 8]).write(to: folder.url("packed"))
    #expect(try ToolRun("import", trace, folder.path("plain")).status == 0)
    #expect(try ToolRun("import", trace, folder.path("events.jsonl")).status == 0)
    let other = try ToolRun("import", trace, folder.path("other"))
    #expect(other.status == 64 && other.errors.contains("give --format jsonl or beam"))
    let packed = try ToolRun("import", trace, folder.path("packed"))
    let way = "gzip -dc FILE | reel import REC - --format jsonl"
    #expect(packed.status == 64 && packed.errors.contains(way))
    let missing = try ToolRun("import", trace, folder.path("missing"))
    #expect(missing.status == 2 && missing.errors.contains("nothing was recorded"))
    #expect(try ToolRun(["import", trace, "-"], input: lines).status == 64)
    #expect(try ToolRun(["import", trace, "-", "--format", "jsonl"], input: lines).status == 0)
    #expect(try ToolRun("query", trace, "--count").output == "30\n")
  }

  @Test func linesThatCannotBeTakenAreNamedWithTheirFile() throws {
    try Data("{\"kind\":\"a\"}\n{\"kind\":7}\n".utf8).write(to: folder.url("a.jsonl"))
    let path = folder.path("a.jsonl")
    let run = try ToolRun("import", trace, path, path)
    #expect(run.status == 3)
    #expect(
      run.errors == """
        \(path): line 2: kind is 7, expected a string
        \(path): line 2: kind is 7, expected a string
        reel: 2 skipped, 2 events recorded

        """)
    let start = try ToolRun("import", trace, path, "--start", "0")
    #expect(start.status == 64 && start.errors.contains("--start goes with the format beam"))
  }
}
