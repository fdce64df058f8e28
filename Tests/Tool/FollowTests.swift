import Foundation
import Testing

/// `reel follow` beside a recorder in another process.
@Suite struct FollowTests {
  /// A follow whose output is read while it runs.
  private final class Follow {
    let process: Process
    private let output = Pipe()
    private let errors = Pipe()
    private var text = ""

    init(_ arguments: [String]) throws {
      process = try Tool.process(["follow"] + arguments)
      process.standardInput = FileHandle.nullDevice
      process.standardOutput = output
      process.standardError = errors
      try process.run()
      // A test that waits in vain ends as well.
      DispatchQueue.global().asyncAfter(deadline: .now() + 60) { [process] in
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
      }
    }

    /// The output up to the given number of lines, waited for.
    func lines(_ count: Int) -> [String] {
      while text.split(separator: "\n").count < count {
        let piece = output.fileHandleForReading.availableData
        if piece.isEmpty { break }
        text += String(decoding: piece, as: UTF8.self)
      }
      return text.split(separator: "\n").map(String.init)
    }

    /// Returns once it has said something on standard error.
    func waitForWord() -> String {
      String(decoding: errors.fileHandleForReading.availableData, as: UTF8.self)
    }

    /// Ends it as Control-C does.
    /// - Returns: What it said on standard error.
    func interrupt() -> String {
      process.interrupt()
      let said = errors.fileHandleForReading.readDataToEndOfFile()
      process.waitUntilExit()
      return String(decoding: said, as: UTF8.self)
    }
  }

  @Test func everyLineComesAndTheCursorGoesOnExactly() throws {
    let folder = try TemporaryFolder()
    let trace = folder.path("trace")
    let follow = try Follow([trace, "--wait", "--json"])
    // What is recorded before it looks for the first time is not from now on.
    #expect(follow.waitForWord().contains("waiting for"))
    let first = try ToolRun("record", trace, input: Lines.simple(0..<300))
    #expect(first.status == 0)
    #expect(follow.lines(300).joined(separator: "\n") + "\n" == Lines.simple(0..<300))
    let second = try ToolRun("record", trace, input: Lines.simple(300..<400))
    #expect(second.status == 0)
    #expect(follow.lines(400).count == 400)
    let said = follow.interrupt()
    #expect(follow.process.terminationStatus == 0, "\(said)")
    #expect(follow.process.terminationReason == .exit)
    #expect(said.contains("the recorder was opened by process"), "\(said)")
    let cursor = try #require(said.split(separator: "'").dropLast().last)
    #expect(cursor.hasPrefix("#"), "\(said)")
    try #expect(ToolRun("record", trace, input: Lines.simple(400..<410)).status == 0)
    let rest = try ToolRun("follow", trace, "--after", String(cursor), "--limit", "10", "--json")
    #expect(rest.status == 0 && rest.output == Lines.simple(400..<410), "\(rest.errors)")
  }

  @Test func conditionsHoldAndAnEndComes() throws {
    let folder = try TemporaryFolder()
    let trace = folder.path("trace")
    try #expect(ToolRun("record", trace, input: Lines.simple(0..<2000)).status == 0)
    let some = try ToolRun(
      "follow", trace, "--from-start", "--for", "50ms", "--kind", "send", "--json")
    #expect(some.status == 0 && some.lines.count == 500, "\(some.errors)")
    #expect(try ToolRun("follow", trace, "--for", "10ms", "--json").output == "")
    let names = try FileManager.default.contentsOfDirectory(atPath: trace)
    let name = try #require(names.first { $0.hasSuffix(".segment") })
    let lone = try ToolRun("follow", "\(trace)/\(name)", "--from-start", "--json")
    #expect(lone.status == 0 && lone.output == Lines.simple(0..<2000))
  }

  @Test func wrongUsageIsSaid() throws {
    let folder = try TemporaryFolder()
    let trace = folder.path("trace")
    try #expect(ToolRun("record", trace, input: Lines.simple(0..<20)).status == 0)
    #expect(try ToolRun("follow", folder.path("nowhere"), "--for", "1ms").status == 2)
    for arguments in [
      ["--after", "#99999"], ["--after", "x"], ["--after", "#1", "--from-start"],
      ["--limit", "-1"],
    ] {
      let run = try ToolRun(["follow", trace, "--for", "10ms"] + arguments)
      #expect(run.status == 64, "\(arguments): \(run.errors)")
    }
  }
}
