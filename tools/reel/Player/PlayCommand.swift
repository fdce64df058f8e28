import ArgumentParser
import Reel

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// `reel play`: goes through a recording in the terminal.
struct PlayCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "play",
    abstract: "Goes through a recording in the terminal, forwards and backwards.",
    discussion: """
      Examples:
        reel play trace/
        reel play trace/ --process '<0.157.0>' --speed 0.001
        reel play trace/ --at 2026-11-21T03:22:00.5Z

      It shows how many events there are over the time, the current event with the open calls and \
      the state of its process, and the events around it. Space plays and pauses, + and - change \
      the speed, the arrow keys step; p, f, c and k go to the next event of the same process, \
      function, correlation id or kind, and with Shift to the previous; i, o and u step into, \
      over and out of calls. g goes to a time, / searches, e filters, ? tells more, q ends.

      It needs a terminal of 80x24 characters or more, and leaves it as it was. A recording that \
      is still being written to may be played as well.
      """)

  @Argument(help: "The folder of a recording, or a segment file.")
  var recording: String

  @OptionGroup(title: "Conditions") var filter: FilterOptions

  @Option(help: "How many times as fast as recorded.")
  var speed = 1.0

  @Option(
    parsing: .unconditional, help: "Begin with the first event at this time or later.",
    transform: Arguments.time)
  var at: Timestamp?

  func validate() throws {
    guard speed.isFinite, (1e-9...1e9).contains(speed) else {
      throw ValidationError("the speed is \(speed); it must be a number from 1e-9 to 1e9")
    }
  }

  func run() throws {
    let source = try Recording(path: recording)
    let query = try filter.query(source)
    let model = try PlayerModel(
      source, filter: query, filterText: filter.text, speed: speed,
      clock: monotonicNanoseconds())
    if let at { try model.begin(at: at) }
    let isWritten: Bool
    do throws(Terminal.Fault) {
      let terminal = try Terminal()
      var player = Player(model: model, painter: Painter(isPlain: !Self.speaksUnicode))
      isWritten = player.run(on: terminal)
    } catch {
      switch error {
      case .notATerminal:
        Console.error("play needs a terminal on standard input and output; see also `reel replay`")
      case .failed(let text): Console.error("the terminal cannot be taken over: \(text)")
      }
      throw ExitCode(ExitStatus.failure.rawValue)
    }
    if !isWritten { throw ExitCode(ExitStatus.failure.rawValue) }
  }

  /// Whether the terminal shows more than ASCII, as the environment says.
  private static var speaksUnicode: Bool {
    for name in ["LC_ALL", "LC_CTYPE", "LANG"] {
      // Safe: the text is copied at once.
      guard let value = unsafe getenv(name), unsafe value.pointee != 0 else { continue }
      let text = unsafe String(cString: value).lowercased()
      return text.contains("utf-8") || text.contains("utf8")
    }
    return false
  }
}

/// Keys go from the terminal to the model, and what it shows goes back.
private struct Player {
  let model: PlayerModel
  var painter: Painter
  private var keys = KeyDecoder()

  /// How long the rest of a key may take.
  private static let escapeDelay: Int64 = 30_000_000

  init(model: PlayerModel, painter: Painter) {
    self.model = model
    self.painter = painter
  }

  /// Runs until the user quits or a signal asks for the end.
  /// - Returns: Whether everything could be shown.
  mutating func run(on terminal: borrowing Terminal) -> Bool {
    while !model.isDone {
      if !terminal.write(painter.frame(model, terminal.size)) { return false }
      let now = monotonicNanoseconds()
      let rest = max(0, model.deadline(after: now) - now)
      switch terminal.wait(nanoseconds: keys.isPending ? min(rest, Self.escapeDelay) : rest) {
      case .input:
        guard let bytes = terminal.input() else { return true }
        keys.take(bytes)
        while let key = keys.next() { press(key, terminal) }
      case .timeout:
        if keys.isPending, let key = keys.next(isLate: true) { press(key, terminal) }
      case .redraw: painter.forget()
      case .suspend:
        terminal.suspend()
        painter.forget()
      case .stop: return true
      }
      model.advance(to: monotonicNanoseconds())
    }
    return true
  }

  private mutating func press(_ key: Key, _ terminal: borrowing Terminal) {
    switch key {
    case .control("z"):
      terminal.suspend()
      painter.forget()
    case .control("l"): painter.forget()
    default: model.handle(key, at: monotonicNanoseconds())
    }
  }
}

/// Makes of what is to be seen the bytes that change the terminal's screen into it.
struct Painter {
  private let isPlain: Bool
  private var shown: [ScreenRow] = []
  private var size = (columns: 0, rows: 0)

  init(isPlain: Bool) { self.isPlain = isPlain }

  /// Everything is to be written anew.
  mutating func forget() { shown = [] }

  mutating func frame(_ model: PlayerModel, _ size: (columns: Int, rows: Int)) -> [UInt8] {
    let screen = PlayerScreen(columnCount: size.columns, rowCount: size.rows, isPlain: isPlain)
    var view = PlayerView()
    do {
      view = try PlayerView(model, neighbourCount: screen.neighbourCount)
    } catch {
      view.message = "\(error)"
    }
    return bytes(screen.rows(view), size)
  }

  /// Only lines that differ are written.
  mutating func bytes(_ rows: [ScreenRow], _ size: (columns: Int, rows: Int)) -> [UInt8] {
    var text = ""
    if shown.isEmpty || self.size != size {
      text += "\u{1B}[0m\u{1B}[2J"
      shown = []
      self.size = size
    }
    for (place, row) in rows.enumerated() where place >= shown.count || shown[place] != row {
      // Erased first: after a line that is as wide as the screen the cursor stands on its end.
      text += "\u{1B}[\(place + 1);1H\u{1B}[K\(Self.style(row.style))\(row.text)\u{1B}[0m"
    }
    for place in rows.count..<max(rows.count, shown.count) {
      text += "\u{1B}[\(place + 1);1H\u{1B}[K"
    }
    shown = rows
    return Array(text.utf8)
  }

  private static func style(_ style: ScreenRow.Style) -> String {
    switch style {
    case .plain: ""
    case .bold: "\u{1B}[1m"
    case .dim: "\u{1B}[2m"
    case .reverse: "\u{1B}[7m"
    }
  }
}
