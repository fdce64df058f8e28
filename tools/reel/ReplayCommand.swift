import ArgumentParser
import Reel

/// `reel replay`: events one after the other, at the pace at which they happened.
struct ReplayCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay",
    abstract: "Prints events at their recorded pace.",
    discussion: """
      Examples:
        reel replay trace/                       as fast as it happened
        reel replay trace/ --speed 0.1           ten times slower
        reel replay trace/ --speed max --json    without waiting
        reel replay trace/ --correlation req-17 --speed 0.01

      The first event is printed at once and each later one when its time has come. A replay that \
      cannot keep up hurries on until it has caught up.
      """)

  @Argument(help: "The folder of a recording, or a segment file.")
  var recording: String

  @Option(
    help: ArgumentHelp(
      "How many times as fast as recorded, or max for no waiting.", valueName: "factor"),
    transform: Pace.init)
  var speed = Pace.times(1)

  @Option(parsing: .unconditional, help: "Stop after so many events (default: all).")
  var limit: Int?

  @OptionGroup(title: "Conditions") var filter: FilterOptions
  @OptionGroup var output: OutputOptions

  /// How fast events are given.
  enum Pace {
    case times(Double)
    case unlimited

    init(_ text: String) throws {
      if text == "max" {
        self = .unlimited
      } else if let factor = Double(text), factor.isFinite, factor > 0 {
        self = .times(factor)
      } else {
        throw ValidationError("the speed '\(text)' is neither max nor a number above 0")
      }
    }
  }

  func validate() throws {
    if let limit, limit < 0 {
      throw ValidationError("the limit is \(limit); it must be 0 or more, or left out for all")
    }
  }

  func run() throws {
    let source = try Recording(path: recording)
    let cursor = try source.cursor(try filter.query(source), limit: limit)
    var printer = EventPrinter(
      isJSON: output.json, attributes: try source.attributes, writesAtOnce: true)
    var out = Output()
    var start: (clock: Int64, first: Int64)?
    while let view = try cursor.next() {
      if case .times(let factor) = speed {
        let begin = start ?? (monotonicNanoseconds(), view.timestamp.nanoseconds)
        start = begin
        let deadline = Self.deadline(view.timestamp.nanoseconds, begin, factor)
        // Whoever watches sees everything that has happened by now before time passes.
        if monotonicNanoseconds() < deadline {
          out.flush()
          sleep(untilMonotonic: deadline)
        }
      }
      printer.print(view, to: &out)
    }
    printer.flush(to: &out)
    out.flush()
    var status = AnswerStatus()
    status.take(cursor.completeness, cursor.cost)
    if cursor.position == nil, !cursor.completeness.isLimited {
      status.nothingMatches(ofRecording: try source.count())
    }
    try status.finish()
  }

  /// When, on the monotonic clock, an event is due: from the start on, so that delays do not add
  /// up.
  private static func deadline(
    _ timestamp: Int64, _ start: (clock: Int64, first: Int64), _ factor: Double
  ) -> Int64 {
    // The difference of two timestamps may not fit into 64 bits, and a slow replay of it less so.
    let passed = Double(timestamp) - Double(start.first)
    let exact = timestamp.subtractingReportingOverflow(start.first)
    let wait = (exact.overflow ? passed : Double(exact.partialValue)) / factor
    return wait < 9e18 ? start.clock &+ Int64(min(max(wait, 0), 4e18)) : .max
  }
}
