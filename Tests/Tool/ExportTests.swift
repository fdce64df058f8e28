import Foundation
import Testing

@testable import Reel
@testable import ReelTool

/// `reel export` to rows: JSON Lines, CSV, folded stacks; and where it writes to.
@Suite struct ExportTests {
  private let exported: ExportedTrace
  private var folder: TemporaryFolder { exported.folder }
  private var trace: String { exported.path }

  init() throws { exported = try ExportedTrace() }

  /// Records random events of everything that there may be.
  private func recordRandom(_ seed: UInt64, _ count: Int, narrowTime: Bool = true) throws {
    var events = RandomEvents(seed: seed)
    events.narrowTime = narrowTime
    try exported.record(events.events(count))
  }

  private static let attributeOptions = RandomEvents.declarations.flatMap {
    ["--attribute", "\($0.name):\($0.type)"]
  }

  // MARK: JSON Lines

  @Test(arguments: seeds(3)) func linesGoOutAndInWithoutLoss(seed: UInt64) throws {
    try recordRandom(seed, 2000, narrowTime: false)
    let out = try ToolRun("export", trace, "--format", "jsonl")
    #expect(out.status == 0 && out.errors == "" && out.lines.count == 2000, "seed \(seed)")
    try Data(out.output.utf8).write(to: folder.url("events.jsonl"))
    let other = folder.path("other")
    let back = try ToolRun(
      ["import", other, folder.path("events.jsonl")] + Self.attributeOptions)
    #expect(back.status == 0, "seed \(seed): \(back.errors)")
    let again = try ToolRun("export", other, "--format", "jsonl")
    #expect(again.output == out.output, "seed \(seed)")
    let query = try ToolRun("query", trace, "--all", "--json")
    #expect(query.output == out.output, "seed \(seed)")
  }

  // MARK: CSV

  /// The rows of RFC 4180; absent fields are nothing, quoted empty ones are not.
  private static func rows(_ text: [UInt8]) -> [[String?]] {
    var rows: [[String?]] = []
    var row: [String?] = []
    var field: [UInt8] = []
    var (isQuoted, wasQuoted) = (false, false)
    var index = 0
    func end() {
      row.append(field.isEmpty && !wasQuoted ? nil : String(decoding: field, as: UTF8.self))
      field = []
      wasQuoted = false
    }
    while index < text.count {
      let byte = text[index]
      index += 1
      if isQuoted {
        if byte != UInt8(ascii: "\"") {
          field.append(byte)
        } else if index < text.count, text[index] == byte {
          field.append(byte)
          index += 1
        } else {
          isQuoted = false
        }
      } else if byte == UInt8(ascii: "\"") {
        (isQuoted, wasQuoted) = (true, true)
      } else if byte == UInt8(ascii: ",") {
        end()
      } else if byte == 0x0D, index < text.count, text[index] == 0x0A {
        index += 1
        end()
        rows.append(row)
        row = []
      } else {
        field.append(byte)
      }
    }
    return row.isEmpty && field.isEmpty && !isQuoted ? rows : []
  }

  @Test(arguments: seeds(3)) func csvHasEveryFieldOfEveryEvent(seed: UInt64) throws {
    try recordRandom(seed, 1500)
    let out = try ToolRun("export", trace, "--format", "csv")
    #expect(out.status == 0 && out.errors == "")
    let rows = Self.rows(Array(out.output.utf8))
    let recording = try Recording(path: trace)
    defer { recording.close() }
    let events = try recording.events(Query(), limit: nil).events
    #expect(rows.count == events.count + 1 && rows.allSatisfy { $0.count == 21 }, "seed \(seed)")
    for (row, event) in zip(rows.dropFirst(), events) {
      let fields = zip(rows[0].map { $0 ?? "" }, row).map { ($0, $1) }
      let found = Dictionary(fields) { $1 }
      #expect(found["id"] == event.id?.description, "seed \(seed)")
      #expect(found["timestamp_ns"] == event.timestamp?.nanoseconds.description)
      #expect(found["kind"] == event.kind && found["process"] == event.process)
      #expect(found["peer_process"] == event.peerProcess)
      #expect(found["module"] == event.function?.module)
      #expect(found["function"] == event.function?.name)
      #expect(found["arity"] == event.function?.arity?.description)
      #expect(found["correlation_id"] == event.correlationID && found["call_id"] == event.callID)
      #expect(found["parent_id"] == event.parentID?.description)
      #expect(found["second_clock"] == event.secondClock?.description)
      if case .integer(let size) = event.attributes["size"] {
        #expect(found["size"] == size.description)
      }
      #expect(Self.payload(found["data"] ?? nil, found["data_encoding"] ?? nil) == event.payload)
    }
  }

  private static func payload(_ data: String?, _ encoding: String?) -> Payload? {
    guard let encoding else { return nil }
    let known: [Payload.Encoding] = [.bytes, .text, .json, .jsonMembers, .externalTerm]
    let isBase64 = encoding.hasSuffix("_base64")
    let name = isBase64 ? String(encoding.dropLast(7)) : encoding
    let tag = known.first { $0.name == name } ?? Payload.Encoding(rawValue: UInt8(name) ?? 0)
    let isText = !isBase64 && [.text, .json, .jsonMembers].contains(tag)
    guard isText else {
      return Payload(BinaryText.decodeBase64(Array((data ?? "").utf8)) ?? [0xFF], encoding: tag)
    }
    let text = tag == .jsonMembers ? String((data ?? "").dropFirst().dropLast()) : data ?? ""
    return Payload(text, encoding: tag)
  }

  @Test(.enabled(if: findProgram("python3") != nil, "needs python3"))
  func pythonReadsTheSameCSV() throws {
    try exported.recordCut()
    let out = try ToolRun("export", trace, "--format", "csv", "-o", folder.path("cut.csv"))
    #expect(out.status == 0 && out.output == "")
    let script = """
      import csv, json, sys
      rows = list(csv.DictReader(open(sys.argv[1], newline="", encoding="utf-8"), strict=True))
      for row in rows: json.loads(row["data"])
      print(len(rows), sum(row["kind"] == "message_send" for row in rows))
      """
    let read = try #require(run("python3", ["-c", script, folder.path("cut.csv")]))
    #expect(String(decoding: read.output, as: UTF8.self) == "12000 1831\n")
  }

  // MARK: Folded stacks

  @Test(arguments: [false, true]) func foldedStacksAreThoseOfTheCallTree(counts: Bool) throws {
    try exported.recordCut()
    let out = try ToolRun(
      ["export", trace, "--format", "folded"] + (counts ? ["--count"] : []))
    #expect(out.status == 0)
    let recording = try Recording(path: trace)
    defer { recording.close() }
    var expected: [String: UInt64] = [:]
    for lane in try recording.callTree(Query(), limit: nil).lanes {
      var names: [String] = []
      for node in lane.nodes where node.isCall {
        names.removeLast(names.count - node.depth)
        names.append((node.event.function ?? Function()).description)
        guard let own = node.selfTime, counts || own > 0 else { continue }
        let stack = ([lane.process ?? "(no process)"] + names).joined(separator: ";")
        expected[stack, default: 0] += counts ? 1 : own
      }
    }
    var found: [String: UInt64] = [:]
    for line in out.lines {
      let space = try #require(line.lastIndex(of: " "))
      found[String(line[..<space])] = UInt64(line[line.index(after: space)...])
    }
    #expect(found == expected && found.count > 500)
    #expect(out.lines == out.lines.sorted { Array($0.utf8).lexicographicallyPrecedes($1.utf8) })
  }

  // MARK: Files

  @Test func aFileThatIsThereIsKeptUnlessForced() throws {
    #expect(try ToolRun("record", trace, input: Lines.simple(0..<10)).status == 0)
    let path = folder.path("out.csv")
    try Data("mine".utf8).write(to: folder.url("out.csv"))
    let kept = try ToolRun("export", trace, "--format", "csv", "-o", path)
    #expect(kept.status == 1)
    #expect(
      kept.errors
        == "reel: \(path) exists; give --force to replace it, or another --output\n")
    #expect(try bytes(ofFile: path) == Array("mine".utf8))
    #expect(try ToolRun("export", trace, "--format", "csv", "-o", path, "--force").status == 0)
    #expect(Self.rows(try bytes(ofFile: path)).count == 11)
    #expect(!FileManager.default.fileExists(atPath: path + ".part"))
    let nowhere = try ToolRun("export", trace, "--format", "csv", "-o", "/nowhere/out.csv")
    #expect(nowhere.status == 1 && nowhere.errors.contains("nothing was written"))
  }

  @Test func conditionsHoldInEveryFormat() throws {
    #expect(try ToolRun("record", trace, input: Lines.simple(0..<100)).status == 0)
    let conditions = ["--process", "p1", "--from", "1000000000", "--to", "1000050000"]
    let lines = try ToolRun(["export", trace, "--format", "jsonl"] + conditions)
    #expect(lines.lines.count == 10)
    let rows = try ToolRun(["export", trace, "--format", "csv"] + conditions)
    #expect(Self.rows(Array(rows.output.utf8)).count == 11)
    let none = try ToolRun("export", trace, "--format", "csv", "--kind", "nothing")
    #expect(none.status == 0 && none.errors.contains("none of the recording's 100 events matches"))
    #expect(try ToolRun("export", trace, "--format", "jsonl", "--id", "nothing").status == 2)
  }

  @Test func optionsThatDoNotGoTogetherAreRefused() throws {
    #expect(try ToolRun("record", trace, input: Lines.simple(0..<10)).status == 0)
    for options in [
      ["--format", "csv", "--split-size", "1M", "-o", "x"], ["--format", "chrome", "--count"],
      ["--format", "chrome", "--split-size", "1M"], ["--format", "nothing"],
      ["--format", "chrome", "--split-size", "1", "-o", "x"], [],
    ] {
      #expect(try ToolRun(["export", trace] + options).status == 64, "\(options)")
    }
    #expect(try ToolRun("export", folder.path("none"), "--format", "csv").status == 2)
  }
}
