import Foundation
import Testing

/// `reel play` in a real terminal, which tmux makes.
@Suite(
  .enabled(
    if: runs(if: findProgram("tmux") != nil, otherwise: "needs tmux: `reel play` in a terminal")))
struct PlayTests {
  /// A terminal of a server of its own.
  private final class Screen {
    private let socket = "reel-\(UUID().uuidString)"
    private let server = Process()

    init(columns: Int = 80, rows: Int = 24) throws {
      // Not a daemon: one would keep what tells of the end of other processes.
      server.executableURL = URL(fileURLWithPath: findProgram("tmux") ?? "")
      server.arguments = ["-D", "-u", "-L", socket, "-f", "/dev/null"]
      server.standardInput = FileHandle.nullDevice
      server.standardOutput = FileHandle.nullDevice
      server.standardError = FileHandle.nullDevice
      try server.run()
      for _ in 0..<400 {
        let status = ask(
          "new-session", "-d", "-x", "\(columns)", "-y", "\(rows)", "env", "LC_ALL=C.UTF-8",
          "PS1=ready> ", "sh")?.status
        if status == 0 { return }
        usleep(25_000)
      }
      throw POSIXError(.ETIMEDOUT)
    }

    deinit {
      _ = ask("kill-server")
      // Whatever it does about that: its terminals go with it.
      kill(server.processIdentifier, SIGKILL)
      server.waitUntilExit()
    }

    private func ask(_ arguments: String...) -> (status: Int32, output: [UInt8])? {
      run("tmux", ["-N", "-u", "-L", socket] + arguments)
    }

    @discardableResult
    func tmux(_ arguments: String...) throws -> String {
      let answer = run("tmux", ["-N", "-u", "-L", socket] + arguments)
      return String(decoding: try #require(answer).output, as: UTF8.self)
    }

    func press(_ keys: String...) throws {
      for key in keys { try tmux("send-keys", key) }
    }

    func type(_ text: String) throws { try tmux("send-keys", "-l", text) }

    var lines: [String] {
      get throws {
        try tmux("capture-pane", "-p").split(separator: "\n", omittingEmptySubsequences: false)
          .map(String.init)
      }
    }

    /// The lines once `condition` holds for them; those of the last look when it never does.
    func lines(when condition: ([String]) -> Bool) throws -> [String] {
      var found: [String] = []
      for _ in 0..<200 {
        found = try lines
        if condition(found) { break }
        usleep(25_000)
      }
      return found
    }

    func lines(with text: String) throws -> [String] {
      try lines { $0.contains { $0.contains(text) } }
    }

    /// A value that tmux knows of the pane.
    func value(_ name: String) throws -> String {
      try tmux("display-message", "-p", "#{\(name)}").trimmingCharacters(in: .newlines)
    }
  }

  let folder: TemporaryFolder
  let trace: String

  init() throws {
    folder = try TemporaryFolder()
    trace = folder.path("trace")
    #expect(try ToolRun("record", trace, input: Lines.simple(0..<2000)).status == 0)
  }

  private var command: String {
    get throws { "'\(try Tool.process([]).executableURL?.path ?? "")' play '\(trace)'" }
  }

  /// Runs the player in `screen` until `body` has ended it, and checks that the terminal is then as
  /// it was.
  private func play(_ screen: Screen, _ body: (Screen) throws -> Void) throws {
    _ = try screen.lines(with: "ready>")
    let before = folder.path("before")
    let after = folder.path("after")
    try screen.type("stty -a > \(before); echo mark; \(try command); stty -a > \(after); echo s=$?")
    try screen.press("Enter")
    let shown = try screen.lines(with: "2,000 events")
    #expect(try screen.value("alternate_on") == "1", "\(shown)")
    #expect(try screen.value("cursor_flag") == "0")
    try body(screen)
    let left = try screen.lines(with: "s=0")
    #expect(left.contains("mark"), "\(left)")
    #expect(left.contains { $0.hasPrefix("s=0") }, "\(left)")
    #expect(try screen.value("alternate_on") == "0")
    #expect(try screen.value("cursor_flag") == "1")
    #expect(try screen.value("wrap_flag") == "1")
    let settings = try String(contentsOfFile: before, encoding: .utf8)
    #expect(try String(contentsOfFile: after, encoding: .utf8) == settings)
  }

  @Test func aPersonGoesThroughARecordingAndTheTerminalIsLeftAsItWas() throws {
    let screen = try Screen()
    try play(screen) { screen in
      var lines = try screen.lines(with: "▸")
      #expect(lines[0].contains("paused") && lines[1].contains("00:00:01.000000000"), "\(lines)")
      #expect(lines[5].contains("call   p0   Shop.buy/2"), "\(lines)")
      try screen.press("Right", "l", "l")
      lines = try screen.lines { $0[1].contains("00:00:01.000003000") }
      #expect(lines[1].contains("00:00:01.000003000"), "\(lines)")
      try screen.press("p")
      lines = try screen.lines { $0[1].contains("00:00:01.000008000") }
      #expect(lines[1].contains("00:00:01.000008000"), "\(lines)")
      try screen.type("g+500us")
      try screen.press("Enter")
      lines = try screen.lines { $0[1].contains("00:00:01.000508000") }
      #expect(lines[1].contains("00:00:01.000508000"), "\(lines)")
      try screen.type("/\"n\": 1777")
      try screen.press("Enter")
      lines = try screen.lines { $0[1].contains("00:00:01.001777000") }
      #expect(lines[1].contains("00:00:01.001777000") && lines[7].contains("1777"), "\(lines)")
      try screen.type("ekind=send correlation=req-1")
      try screen.press("Enter")
      lines = try screen.lines { $0[0].contains("166 events") }
      #expect(lines[0].contains("filter: kind=send correl"), "\(lines)")
      try screen.press("Home", "Space")
      lines = try screen.lines { $0.contains { $0.contains("the end") } }
      #expect(lines[1].contains("100.0 %") || lines[1].contains("99."), "\(lines)")
      try screen.press("q")
    }
  }

  @Test func aScreenThatChangesItsSizeIsDrawnAnew() throws {
    let screen = try Screen()
    try play(screen) { screen in
      try screen.tmux("resize-window", "-x", "120", "-y", "40")
      var lines = try screen.lines { $0.count >= 40 && $0[39].contains("? help") }
      #expect(lines.count >= 40 && lines[39].contains("? help"), "\(lines)")
      try screen.tmux("resize-window", "-x", "60", "-y", "20")
      lines = try screen.lines(with: "needs 80x24")
      #expect(lines[0].contains("this is 60x20"), "\(lines)")
      try screen.tmux("resize-window", "-x", "80", "-y", "24")
      lines = try screen.lines { $0.count >= 24 && $0[23].contains("? help") }
      #expect(lines.count >= 24 && lines[23].contains("? help"), "\(lines)")
      try screen.press("C-c")
    }
  }

  @Test(arguments: [SIGTERM, SIGINT, SIGHUP])
  func aSignalLeavesTheTerminalAsItWas(number: Int32) throws {
    let screen = try Screen()
    try play(screen) { screen in
      let answer = run("ps", ["-o", "pid=", "--ppid", try screen.value("pane_pid")])
      let text = String(decoding: try #require(answer).output, as: UTF8.self)
      let id = try #require(Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)))
      #expect(kill(id, number) == 0)
    }
  }

  @Test func suspendedItGivesTheTerminalBackAndTakesItAgain() throws {
    let screen = try Screen()
    _ = try screen.lines(with: "ready>")
    try screen.type("set -m; \(try command) --kind send --process p2")
    try screen.press("Enter")
    _ = try screen.lines(with: "filter: kind=send process=p2")
    try screen.press("C-z")
    var lines = try screen.lines { lines in lines.filter { $0.hasPrefix("ready>") }.count >= 2 }
    #expect(try screen.value("alternate_on") == "0", "\(lines)")
    try screen.type("fg")
    try screen.press("Enter")
    lines = try screen.lines(with: "100 events")
    #expect(try screen.value("alternate_on") == "1", "\(lines)")
    try screen.press("q")
    _ = try screen.lines { _ in (try? screen.value("alternate_on")) == "0" }
    #expect(try screen.value("alternate_on") == "0")
    #expect(try screen.value("cursor_flag") == "1")
  }

  @Test func withoutATerminalItSaysSo() throws {
    let run = try ToolRun("play", trace)
    #expect(run.status == 1 && run.output == "" && run.errors.contains("terminal"))
    #expect(try ToolRun("play", folder.path("nowhere")).status == 2)
    #expect(try ToolRun("play", trace, "--speed", "0").status == 64)
  }
}
