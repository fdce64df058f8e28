public import ArgumentParser
public import Reel
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// `reel record`: JSON Lines on standard input become a recording.
struct RecordCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "record",
    abstract: "Records the events that it reads as JSON Lines on standard input.",
    discussion: """
      Examples:
        my-program | reel record trace/
        reel record trace/ --max-bytes 2G --max-age 7d < events.jsonl
        reel record trace/ --attribute tenant --attribute size:integer --durability disk

      A line is an object with any of the fields id, timestamp_ns (nanoseconds since 1970 or ISO \
      8601), kind, process, peer_process, module, function, arity, correlation_id, ast_node_id, \
      node, call_id, parent_id, second_clock, data, and the attributes declared; integers may be \
      strings. A missing id or timestamp is filled in; data and fields that are not known are kept \
      as the exact bytes of their values. Empty lines are passed over.

      A recording that exists is continued. A line that cannot be taken is reported, counted and \
      skipped; the exit status is then 3. SIGINT or SIGTERM ends the input; what was read is \
      recorded. While the disk is full, recording waits.
      """)

  @Argument(help: "The folder of the recording; it is made when it is missing.")
  var recording: String

  @Option(
    help: """
      What a recorded event survives: the death of this process (process) or a loss of power \
      (disk).
      """)
  var durability: Durability = .process

  @Option(help: "Drop the oldest events when there are more than so many.")
  var maxEvents: Int?

  @Option(
    help: "Drop the oldest events when all takes more bytes (k, M, G: powers of 1,024).",
    transform: Arguments.byteCount)
  var maxBytes: Int?

  @Option(
    help: "Drop events so long after their arrival: 30s, 5m, 2h, 7d.", transform: Arguments.age)
  var maxAge: Duration?

  @Option(
    help: ArgumentHelp(
      "Declare an attribute that queries may ask for: text, integer, double, boolean or bytes.",
      valueName: "name[:type]"),
    transform: Arguments.attribute)
  var attribute: [AttributeDeclaration] = []

  @Option(
    help: ArgumentHelp(
      """
      Say what events of a kind mean, for `reel at`, `tree` and `why`: entry, exit, spawn, \
      spawned, process-exit, state, send, receive, error, register, unregister, latched or other. \
      The usual kinds need none.
      """, valueName: "kind=role"),
    transform: Arguments.role)
  var role: [(kind: String, role: EventRole)] = []

  @Option(help: "Append so many events at once, all or nothing; the last batch may be smaller.")
  var batch = 1

  @Flag(
    help: """
      Pass over events whose id is in the recording already, so that an input can be given again.
      """)
  var unique = false

  @Flag(help: "Stop at the first line that cannot be taken, with exit status 1.")
  var strict = false

  @Flag(
    help: """
      Write to standard output, as soon as it is recorded, the number of the last input line taken.
      """)
  var ack = false

  @Flag(help: "Show no progress, also on a terminal.")
  var noProgress = false

  @Flag(help: "Print at the end one object that says what was recorded.")
  var json = false

  func validate() throws {
    guard batch >= 1 else { throw ValidationError("the batch is \(batch); it must be 1 or more") }
    if ack, json { throw ValidationError("give --ack or --json: both use standard output") }
  }

  func run() throws {
    guard let stopSignal = StopSignal() else {
      Console.error("pipe failed: \(systemMessage(errno)); close some files and try again")
      throw ExitCode.failure
    }
    let recorder = try Recorder(path: recording, configuration: configuration)
    Self.report(recorder.recovery)
    if isatty(STDIN_FILENO) == 1, Console.isTerminal {
      Console.note("reading events from the terminal; end with Control-D")
    }
    let counters = RecordCounters()
    let watcher = RecordWatcher(
      recorder: recorder, counters: counters, stopSignal: stopSignal,
      showsProgress: !noProgress && Console.isTerminal)
    try SideThread.run({ watcher.run(on: $0) }) {
      let outcome = Result { try record(recorder, counters, stopSignal) }
      // Still watched, because closing has to wait while the disk is full.
      let closing = Result { try recorder.close() }
      try outcome.get()
      try closing.get()
    }
    try finish(counters)
  }

  private var configuration: RecorderConfiguration {
    var configuration = RecorderConfiguration()
    configuration.durability = durability
    configuration.maximumEventCount = maxEvents
    configuration.maximumByteCount = maxBytes
    configuration.maximumAge = maxAge
    configuration.attributes = attribute
    configuration.roles = Dictionary(role.map { ($0.kind, $0.role) }) { $1 }
    configuration.uniqueIDs = unique
    return configuration
  }

  private func record(
    _ recorder: Recorder, _ counters: RecordCounters, _ stopSignal: StopSignal
  ) throws {
    let reader = EventReader(attributes: try recorder.recording.attributes)
    var intake = LineIntake(
      recorder: recorder, reader: reader, counters: counters,
      options: LineIntake.Options(batch: batch, isStrict: strict, acknowledges: ack))
    try intake.run(LineReader(descriptor: STDIN_FILENO, stopSignal: stopSignal))
  }

  static func report(_ recovery: RecoveryReport) {
    if recovery.recoveredRecordCount > 0 {
      Console.note(
        "recovered \(Wording.count(recovery.recoveredRecordCount, "record")) that an earlier run"
          + " had not written to a segment")
    }
    for torn in recovery.truncated { Console.note("cut off a torn tail: \(torn)") }
    for damage in recovery.damages { Console.error("damage: \(damage)") }
  }

  private func finish(_ counters: RecordCounters) throws {
    let events = counters.events.load(ordering: .relaxed)
    let skipped = counters.skipped.load(ordering: .relaxed)
    let dropped = counters.dropped.load(ordering: .relaxed)
    if skipped > 0 {
      let lines = Wording.count(skipped, "line")
      Console.note("\(lines) skipped, \(Wording.count(events, "event")) recorded")
    } else if Console.isTerminal {
      Console.note("\(Wording.count(events, "event")) recorded")
    }
    let known = counters.known.load(ordering: .relaxed)
    if known > 0 {
      Console.note("\(Wording.count(known, "event")) passed over as recorded before")
    }
    if dropped > 0 { Console.note("\(Wording.count(dropped, "event")) dropped") }
    if json {
      var out = Output()
      out.json {
        $0.member("events", events)
        $0.member("skipped_lines", skipped)
        $0.member("known_events", known)
        $0.member("dropped_events", dropped)
      }
      out.flush()
    }
    if skipped > 0 || dropped > 0 { throw ExitCode(ExitStatus.loss.rawValue) }
  }
}

extension Durability: ExpressibleByArgument {
  /// Creates the durability that the command line names.
  public init?(argument: String) {
    switch argument {
    case "process": self = .process
    case "disk": self = .disk
    default: return nil
    }
  }

  /// Every name that there is.
  public static var allValueStrings: [String] { ["process", "disk"] }
}
