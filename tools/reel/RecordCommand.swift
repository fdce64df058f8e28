import ArgumentParser
import Reel
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

      A line is an object with any of the fields id (or id_hex), timestamp_ns (nanoseconds since \
      1970 or ISO 8601), kind, process, peer_process, module, function, arity, correlation_id, \
      ast_node_id, node, call_id, parent_id (or parent_id_hex), second_clock, the attributes \
      declared, and one payload: data (any JSON), data_text (a string), or data_base64 with \
      data_encoding (a number). data_term beside these is for people, and ignored. Integers may be \
      strings. A missing id or timestamp is filled in; data and fields that are not known are kept \
      as the exact bytes of their values. Empty lines are passed over.

      A recording that exists is continued. A line that cannot be taken is reported, counted and \
      skipped; the exit status is then 3. SIGINT or SIGTERM ends the input; what was read is \
      recorded. While the disk is full, recording waits.
      """)

  @Argument(help: "The folder of the recording; it is made when it is missing.")
  var recording: String

  @OptionGroup var options: IntakeOptions

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

  @Flag(
    help: """
      Write to standard output, as soon as it is recorded, the number of the last input line taken.
      """)
  var ack = false

  func validate() throws {
    guard batch >= 1 else { throw ValidationError("the batch is \(batch); it must be 1 or more") }
    if ack, options.json { throw ValidationError("give --ack or --json: both use standard output") }
  }

  func run() throws {
    let counters = RecordCounters()
    try options.record(to: recording, configuration, counters) { recorder, stopSignal in
      if isatty(STDIN_FILENO) == 1, Console.isTerminal {
        Console.note("reading events from the terminal; end with Control-D")
      }
      try record(recorder, counters, stopSignal)
    }
    try finish(counters)
  }

  private var configuration: RecorderConfiguration {
    var configuration = RecorderConfiguration()
    options.apply(to: &configuration)
    configuration.maximumEventCount = maxEvents
    configuration.maximumByteCount = maxBytes
    configuration.maximumAge = maxAge
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
      options: LineIntake.Options(batch: batch, isStrict: options.strict, acknowledges: ack))
    try intake.run(LineReader(descriptor: STDIN_FILENO, stopSignal: stopSignal))
  }

  private func finish(_ counters: RecordCounters) throws {
    let skipped = counters.skipped.load(ordering: .relaxed)
    let known = counters.known.load(ordering: .relaxed)
    if known > 0 {
      Console.note("\(Wording.count(known, "event")) passed over as recorded before")
    }
    try options.finish(counters, skipped: Wording.count(skipped, "line")) {
      $0.member("events", counters.events.load(ordering: .relaxed))
      $0.member("skipped_lines", skipped)
      $0.member("known_events", known)
      $0.member("dropped_events", counters.dropped.load(ordering: .relaxed))
    }
  }
}
