import Foundation
import Testing

/// What commands say only where somebody looks: standard error is a terminal.
@Suite(
  .enabled(
    if: runs(
      if: findProgram("script") != nil, otherwise: "needs util-linux's script: a terminal")))
struct TerminalTests {
  let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
  }

  /// Runs `reel` with a terminal for its outputs, and returns its exit status and what it wrote.
  private func runInTerminal(
    _ arguments: [String], input: String
  ) throws -> (status: Int32, text: String) {
    try Data(input.utf8).write(to: folder.url("in"))
    let tool = try #require(try Tool.process([]).executableURL?.path)
    let words = ([tool] + arguments).map { "'\($0)'" }.joined(separator: " ")
    let command = "\(words) < '\(folder.path("in"))'"
    let result = try #require(run("script", ["-q", "-e", "-c", command, "/dev/null"]))
    // A terminal ends lines in its own way.
    let text = String(decoding: result.output.filter { $0 != 0x0D }, as: UTF8.self)
    return (result.status, text)
  }

  @Test(arguments: ["record", "import"])
  func recordingEndsWithHowManyAndInWhatTime(command: String) throws {
    let options = command == "record" ? [] : ["-", "--format", "jsonl"]
    let arguments = [command, folder.path("trace")] + options
    let lines = Lines.simple(0..<10)
    let shown = try runInTerminal(arguments + ["--no-progress"], input: lines)
    #expect(shown.status == 0)
    let isSaid = shown.text.wholeMatch(of: /reel: 10 events recorded in [0-9.]+ \S+\n/) != nil
    #expect(isSaid, "\(shown.text)")
    // Nobody looks.
    let piped = try ToolRun(arguments, input: lines)
    #expect(piped.status == 0 && piped.errors == "")
  }
}
