import Foundation
import Reel
import Testing

/// `reel dump` of what is no segment.
@Suite struct DumpTests {
  let folder: TemporaryFolder
  let trace: String

  init() throws {
    folder = try TemporaryFolder()
    trace = folder.path("trace")
    try #require(try ToolRun("record", trace, input: Lines.simple(0..<3)).status == 0)
  }

  @Test func aDocumentIsOneObject() throws {
    try #require(
      try ToolRun(["document", trace, "set", "plan"], input: "twelve bytes").status == 0)
    let listed = try ToolRun("document", trace, "list", "--json")
    let file = trace + "/documents/plan.0000000001.document"
    let dump = try ToolRun("dump", file, "--json")
    // The same members and then some more.
    #expect(dump.status == 0 && dump.lines.count == 1)
    let start = try #require(listed.lines.first?.dropLast())
    #expect(dump.output.hasPrefix(start + #","recording":""#), "\(dump.output)")
    #expect(dump.output.hasSuffix(#"","damage":null}"# + "\n"), "\(dump.output)")
    #expect(try ToolRun("dump", file).output == "document 'plan' version 1, 12 bytes\n")
    for option in [["--records"], ["--index", "kind"]] {
      let run = try ToolRun(["dump", file] + option)
      #expect(run.status == 64 && run.errors.contains("a document has no records"))
    }
    var bytes = try Data(contentsOf: URL(fileURLWithPath: file))
    bytes[bytes.count - 1] ^= 1
    try bytes.write(to: URL(fileURLWithPath: file))
    let damaged = try ToolRun("dump", file, "--json")
    #expect(damaged.status == 4 && damaged.output.contains(#""damage":""#), "\(damaged.output)")
  }

  @Test func aMergedIndexNamesItsSegmentsAndColumns() throws {
    let many = folder.path("many")
    var configuration = RecorderConfiguration()
    configuration.segmentByteCount = 64 << 10
    let recorder = try Recorder(path: many, configuration: configuration)
    var file: String?
    // It is made as soon as sixteen segments are sealed and durable.
    var random = SeededRandom(1)
    for number in 0..<10_000 where file == nil {
      let payload = (0..<4_096).map { _ in UInt8(random.below(256)) }
      try recorder.append(
        Event(id: EventID("\(number)"), kind: "kind \(number % 5)", payload: Payload(payload)))
      guard number % 20 == 0 else { continue }
      try recorder.sync()
      file = try FileManager.default.contentsOfDirectory(atPath: many)
        .first { $0.hasSuffix(".index") }.map { many + "/" + $0 }
    }
    try recorder.close()
    let path = try #require(file)
    let dump = try ToolRun("dump", path)
    #expect(dump.status == 0 && dump.lines.count == 24, "\(dump.output)")
    #expect(dump.lines.prefix(16).allSatisfy { $0.hasPrefix("segment from ") })
    #expect(dump.output.contains("index of kind: "), "\(dump.output)")
    let json = try ToolRun("dump", path, "--json")
    #expect(json.lines.count == dump.lines.count)
    #expect(json.output.contains(#"{"part":"index","column":"kind","offset":"#), "\(json.output)")
    for option in [["--records"], ["--index", "kind"]] {
      #expect(try ToolRun(["dump", path] + option).status == 64)
    }
    let info = try ToolRun("info", many)
    #expect(info.output.contains(" merged indexes, "), "\(info.output)")
    var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    bytes[bytes.count - 1] ^= 128
    try bytes.write(to: URL(fileURLWithPath: path))
    #expect(try ToolRun("dump", path).status == 4)
    let verified = try ToolRun("verify", many)
    #expect(verified.status == 0 && verified.output.contains("warning"), "\(verified.output)")
  }
}
