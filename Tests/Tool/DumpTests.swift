import Foundation
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
}
