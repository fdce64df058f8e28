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

/// What `reel import` reads.
enum ImportFormat: String, CaseIterable, ExpressibleByArgument {
  case jsonl, beam
}

/// `reel import`: files of other programs become a recording.
struct ImportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import",
    abstract: "Records what is in files: JSON Lines, or traces of Erlang and Elixir.",
    discussion: """
      Examples:
        reel import trace/ run.trace                      of dbg:trace_port(file, "run.trace")
        reel import trace/ run.trace0 run.trace1          the files of a wrap set, oldest first
        reel import trace/ run.trace --start 2026-11-21T03:22:00Z
        gzip -dc events.jsonl.gz | reel import trace/ - --format jsonl

      jsonl: what `reel record` reads. beam: files of OTP's trace port, records of a byte 0, a \
      length of 32 bits and a term in the external term format. The tag of a trace message (call, \
      return_from, send, …) becomes the kind, the process <0.N.M> the process, the receiver, child \
      or parent the peer; a receiver that is a name the attribute 'to'. Arguments, message, return \
      value or reason become the payload: the very bytes of the term, which query and dump print \
      as Erlang does. Atoms stay as they are, so a module of Elixir is Elixir.String.

      Trace with the flag timestamp. With monotonic_timestamp or strict_monotonic_timestamp the \
      clock has no date: it is taken as it is, or begins at --start. Records without a timestamp \
      get consecutive nanoseconds from --start (default 1970): their order is right, no more.

      A recording that exists is continued. A record or line that cannot be taken is reported with \
      its place, counted and skipped; the exit status is then 3. SIGINT or SIGTERM ends the input; \
      what was read is recorded.
      """)

  @Argument(help: "The folder of the recording; it is made when it is missing.")
  var recording: String

  @Argument(help: "The files, in order; - for standard input.")
  var files: [String]

  @Option(help: "The format: jsonl or beam (default: by the file's name or first byte).")
  var format: ImportFormat?

  @Option(
    parsing: .unconditional,
    help: """
      The moment of the first timestamp, to which the others keep their distance: nanoseconds \
      since 1970 or ISO 8601 (beam only).
      """,
    transform: Arguments.time)
  var start: Timestamp?

  @OptionGroup var options: IntakeOptions

  @Option(
    help: ArgumentHelp(
      "The largest payload (k, M: powers of 1,024; default 1M, at most 16M).", valueName: "bytes"),
    transform: Arguments.byteCount)
  var maxPayload: Int?

  func run() throws {
    // All are looked at before the recording is touched.
    let inputs = try files.map { try ImportFile(path: $0, format: format) }
    if start != nil, inputs.contains(where: { $0.format == .jsonl }) {
      throw ValidationError("--start goes with the format beam; lines have their own timestamps")
    }
    var configuration = RecorderConfiguration()
    options.apply(to: &configuration)
    if let maxPayload {
      configuration.maximumPayloadByteCount = maxPayload
      // An event takes at most half of the buffer.
      configuration.bufferByteCount = max(
        configuration.bufferByteCount, 2 * min(maxPayload, 16 << 20) & ~7 + (1 << 20))
    }
    let receiver = BeamEventReader.receiverAttribute
    if inputs.contains(where: { $0.format == .beam }),
      !options.attribute.contains(where: { $0.name == receiver.name })
    {
      configuration.attributes.append(receiver)
    }
    let counters = RecordCounters()
    let outcome = try options.record(to: recording, configuration, counters) {
      try take(inputs, $0, counters, $1)
    }
    try finish(counters, outcome)
  }

  private func take(
    _ inputs: [ImportFile], _ recorder: Recorder, _ counters: RecordCounters,
    _ stopSignal: StopSignal
  ) throws -> BeamIntake.Outcome {
    var records = BeamIntake(
      recorder: recorder, counters: counters, isStrict: options.strict, start: start)
    var lines = LineIntake(
      recorder: recorder, reader: EventReader(attributes: try recorder.recording.attributes),
      counters: counters, options: LineIntake.Options(isStrict: options.strict))
    for input in inputs where !stopSignal.isRequested {
      switch input.format {
      case .beam:
        let reader = BeamFileReader(descriptor: input.descriptor, stopSignal: stopSignal)
        try records.run(reader, name: input.name)
      case .jsonl:
        lines.begin(file: input.name)
        try lines.run(LineReader(descriptor: input.descriptor, stopSignal: stopSignal))
      }
    }
    return records.outcome
  }

  private func finish(_ counters: RecordCounters, _ outcome: BeamIntake.Outcome) throws {
    if outcome.lostCount > 0 {
      Console.note(
        "\(Wording.count(outcome.lostCount, "message")) were lost while tracing, as the file says")
    }
    if outcome.untimedCount > 0 {
      Console.note(
        "\(Wording.count(outcome.untimedCount, "record")) without a timestamp: they got consecutive"
          + " nanoseconds; trace with the flag timestamp to have real ones")
    }
    if outcome.isMonotonic {
      Console.note(
        "the timestamps are of a monotonic clock, which does not count from 1970; --start gives it"
          + " a beginning")
    }
    let skipped = counters.skipped.load(ordering: .relaxed)
    try options.finish(counters, skipped: Wording.grouped(skipped)) {
      $0.member("events", counters.events.load(ordering: .relaxed))
      $0.member("skipped", skipped)
      $0.member("dropped_events", counters.dropped.load(ordering: .relaxed))
      $0.member("lost_messages", outcome.lostCount)
      $0.member("records_without_timestamp", outcome.untimedCount)
    }
  }
}

/// A file to be imported, open until the program ends.
struct ImportFile {
  let name: String
  let descriptor: Int32
  let format: ImportFormat

  /// - Throws: An exit status after a message.
  init(path: String, format: ImportFormat?) throws {
    if path == "-" {
      guard let format else {
        throw ValidationError("give --format: what standard input is cannot be told beforehand")
      }
      (name, descriptor, self.format) = ("standard input", STDIN_FILENO, format)
      return
    }
    name = path
    // Safe: the path is a C string for the call.
    descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      let code = errno
      Console.error("\(path): \(systemMessage(code)); nothing was recorded")
      throw ExitCode(code == ENOENT ? ExitStatus.notFound.rawValue : ExitStatus.failure.rawValue)
    }
    self.format = try format ?? Self.format(path, descriptor)
  }

  /// The format that the name tells, or else the first byte.
  private static func format(_ path: String, _ descriptor: Int32) throws -> ImportFormat {
    for end in [".jsonl", ".ndjson", ".json"] where path.hasSuffix(end) { return .jsonl }
    var byte: UInt8 = 0xFF
    // Safe: one byte is read.
    let count = unsafe pread(descriptor, &byte, 1, 0)
    switch byte {
    case 0 where count == 1, 1 where count == 1: return .beam
    case UInt8(ascii: "{"), 0x20, 0x09, 0x0A, 0x0D: return .jsonl
    default:
      if count == 0 { return .jsonl }
      let magic =
        byte == 0x1F
        ? "; it may be compressed: gzip -dc FILE | reel import REC - --format jsonl" : ""
      throw ValidationError(
        "what \(path) is cannot be told from its name or first byte; give --format jsonl or beam"
          + magic)
    }
  }
}
