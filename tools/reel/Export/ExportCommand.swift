import ArgumentParser
import Reel

/// What `reel export` writes.
enum ExportFormat: String, CaseIterable, ExpressibleByArgument {
  case jsonl, csv, chrome, perfetto, folded
}

/// `reel export`: events in the formats of other programs.
struct ExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Writes events in the formats of other programs, in order of time.",
    discussion: """
      Examples:
        reel export trace/ --format jsonl | gzip > events.jsonl.gz
        reel export trace/ --format csv --kind error --output errors.csv
        reel export trace/ --format chrome --output trace.json --split-size 200M
        reel export trace/ --format perfetto --process '<0.157.0>' --output trace.pftrace
        reel export trace/ --format folded | flamegraph.pl > calls.svg

      jsonl: all of an event, in the fields that `reel record` and `reel import` read. csv: the \
      same in columns, as RFC 4180 has it; payloads that are no text or JSON in base64. chrome and \
      perfetto open in ui.perfetto.dev, chrome also in chrome://tracing: a thread for each \
      process, calls nested, arrows for messages. folded: stacks with the nanoseconds that their \
      calls took themselves (or --count their number).

      Calls that were open at --from begin there, and those that are open at the end end there. \
      Other conditions than time and process show those events alone, so that exits may lack \
      their entries: these are shown as instants. What is held in memory does not grow with the \
      recording.

      A file gets its name when it is complete. With --split-size (chrome) the second is \
      trace.2.json, and calls that go on are ended and begun anew.
      """)

  @Argument(help: "The folder of a recording, or a segment file.")
  var recording: String

  @Option(help: "The format: jsonl, csv, chrome, perfetto or folded.")
  var format: ExportFormat

  @OptionGroup(title: "Conditions") var filter: FilterOptions

  @Option(name: [.short, .long], help: "The file to write (default: standard output).")
  var output: String?

  @Flag(help: "Replace the file if it exists.")
  var force = false

  @Option(
    help: ArgumentHelp(
      "Begin another file when one has so many bytes (k, M, G: powers of 1,024).",
      valueName: "bytes"),
    transform: Arguments.byteCount)
  var splitSize: Int?

  @Flag(help: "Count calls instead of their time (folded).")
  var count = false

  @Flag(help: "Say on standard error what answering took.")
  var explain = false

  func validate() throws {
    if let splitSize {
      guard format == .chrome, output != nil else {
        throw ValidationError("--split-size goes with --format chrome and --output")
      }
      guard splitSize >= 64 << 10 else {
        throw ValidationError("--split-size is \(splitSize); it must be 64k or more")
      }
    }
    if count, format != .folded { throw ValidationError("--count goes with --format folded") }
  }

  func run() throws {
    let source = try Recording(path: recording)
    var query = try filter.query(source)
    query.order = .ascending
    let out = try ExportOutput(path: output, replaces: force)
    var status = AnswerStatus(explain: explain)
    let total: Int
    switch format {
    case .jsonl, .csv: total = try exportRows(query, source, out, &status)
    case .chrome, .perfetto, .folded:
      var job = CallExport(
        source: source, query: query, isWhole: isWhole, splitSize: splitSize, status: status)
      total = try job.run(format, counts: count, out)
      status = job.status
    }
    if total == 0 {
      if let id = filter.id {
        status.idNotFound(id, source.path)
      } else {
        status.nothingMatches(ofRecording: try source.count())
      }
    }
    try status.finish()
  }

  /// Whether all events of the processes asked about are there, so that calls can be told.
  private var isWhole: Bool {
    filter.id == nil && filter.kind.isEmpty && filter.module == nil && filter.function == nil
      && filter.arity == nil && filter.correlation == nil && filter.astNode == nil
      && filter.node == nil && filter.conditions.isEmpty
  }

  private func exportRows(
    _ query: Query, _ source: Recording, _ out: consuming ExportOutput,
    _ status: inout AnswerStatus
  ) throws -> Int {
    let attributes = try source.attributes
    let lines = EventWriter(attributes: attributes, asStrings: true)
    let rows = CSVExport(attributes: attributes)
    let cursor = try source.cursor(query)
    var bytes: [UInt8] = []
    var total = 0
    if format == .csv { rows.begin(&bytes) }
    while let batch = try cursor.nextBatch() {
      for view in batch {
        if format == .csv {
          rows.append(view, to: &bytes)
        } else {
          lines.write(view.event, to: &bytes)
        }
        out.writeIfFull(&bytes)
      }
      total += batch.count
    }
    out.finish(&bytes)
    status.take(cursor.completeness, cursor.cost)
    return total
  }
}
