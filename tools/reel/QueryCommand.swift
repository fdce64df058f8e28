import ArgumentParser
import Reel

/// `reel query`: events, their number, or their number by the values of a field.
struct QueryCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "query",
    abstract: "Finds events and prints them in order of time, or counts them.",
    discussion: """
      Examples:
        reel query trace/ --correlation req-1317
        reel query trace/ --function String.split/2 --kind function_entry --limit 20
        reel query trace/ --from 2026-11-21T03:22:00.5Z --to 2026-11-21T03:22:01Z --desc
        reel query trace/ --process '<0.157.0>' --count
        reel query trace/ --by kind
        reel query trace/ --all --json | reel record copy/

      At most 1,000 events are printed unless --limit or --all says otherwise; when there are \
      more, a message names the position to go on --after. With --json an event is a line in the \
      fields that `reel record` and `reel import` read: given each declared --attribute, and \
      `reel import` a --max-payload where payloads are larger than 1 MiB, they take all of it \
      back. --by prints {"value":…,"count":…} and --count {"count":…}.
      """)

  @Argument(help: "The folder of a recording, or a segment file.")
  var recording: String

  @OptionGroup(title: "Conditions") var filter: FilterOptions

  @Option(parsing: .unconditional, help: "Print at most so many (default: 1000).")
  var limit: Int?

  @Flag(help: "Print all, however many.")
  var all = false

  @Flag(help: "From the latest to the earliest.")
  var desc = false

  @Option(
    help: "Go on after this position, which an earlier query named.", transform: Arguments.position)
  var after: Query.Position?

  @Flag(
    help: """
      Print the number of events alone. A block that matches as a whole is not opened, so damage \
      in it is not met: `reel verify` finds it.
      """)
  var count = false

  @Option(
    help: """
      Count by the values of kind, process, peer_process, module, function, correlation_id, \
      ast_node_id, node or a declared attribute.
      """)
  var by: String?

  @Flag(help: "Say on standard error what answering took.")
  var explain = false

  @OptionGroup var output: OutputOptions

  func validate() throws {
    if let limit, limit < 0 {
      throw ValidationError("the limit is \(limit); it must be 0 or more, or --all for all")
    }
    if limit != nil, all { throw ValidationError("give --limit or --all, not both") }
  }

  func run() throws {
    let source = try Recording(path: recording)
    var query = try filter.query(source)
    query.order = desc ? .descending : .ascending
    query.after = after
    var status = AnswerStatus(explain: explain, isJSON: output.json)
    if count || by != nil {
      try tally(query, source, &status)
    } else {
      try printEvents(query, source, &status)
    }
    try status.finish()
  }

  private func printEvents(
    _ query: Query, _ source: Recording, _ status: inout AnswerStatus
  ) throws {
    var out = Output()
    let cursor = try source.cursor(query, limit: all ? nil : limit ?? Recording.defaultLimit)
    var printer = EventPrinter(
      isJSON: output.json, attributes: try source.attributes, writesAtOnce: false)
    var total = 0
    while let view = try cursor.next() {
      printer.print(view, to: &out)
      total += 1
    }
    printer.flush(to: &out)
    out.flush()
    status.take(cursor.completeness, cursor.cost)
    if cursor.completeness.isLimited { sayHowToGoOn(cursor, total) }
    if total == 0 {
      if let id = filter.id {
        status.idNotFound(id, source.path)
      } else if !cursor.completeness.isLimited {
        status.nothingMatches(
          ofRecording: try source.count(), try source.instrumentation(query))
      }
    }
  }

  private func sayHowToGoOn(_ cursor: EventCursor, _ total: Int) {
    let way = cursor.position.map { "--after \($0) to go on, or " } ?? ""
    Console.note(
      "only the first \(Wording.count(total, "event")); there are more: give \(way)--all for all")
  }

  private func tally(_ query: Query, _ source: Recording, _ status: inout AnswerStatus) throws {
    var out = Output()
    let facet = try by.map { try Self.facet($0, source.attributes) }
    let tally = try source.tally(query, by: facet)
    if facet == nil {
      if output.json {
        out.json { $0.member("count", tally.count) }
      } else {
        out.line(String(tally.count))
      }
    }
    let facets = tally.facets.prefix(limit ?? .max)
    let width = facets.map { Wording.grouped($0.count).count }.max() ?? 0
    for entry in facets {
      if output.json {
        out.json {
          $0.member("value", entry.value)
          $0.member("count", entry.count)
        }
      } else {
        let number = Wording.grouped(entry.count)
        out.line(
          String(repeating: " ", count: width - number.count) + number + "  "
            + Wording.harmless(entry.value ?? "(none)"))
      }
    }
    out.flush()
    status.take(tally.completeness, tally.cost)
    if tally.count == 0, let id = filter.id {
      status.idNotFound(id, source.path)
    } else if tally.count == 0, let instrumentation = try source.instrumentation(query) {
      status.nothingMatches(ofRecording: try source.count(), instrumentation)
    }
  }

  /// The facet that `name` means: a field of events as in JSON, or a declared attribute.
  static func facet(_ name: String, _ attributes: [AttributeDeclaration]) throws -> Facet {
    switch name {
    case "kind": return .kind
    case "process": return .process
    case "peer_process", "peer-process": return .peerProcess
    case "module": return .module
    case "function": return .function
    case "correlation_id", "correlation": return .correlationID
    case "ast_node_id", "ast-node": return .astNodeID
    case "node": return .node
    default: break
    }
    guard attributes.contains(where: { $0.name == name }) else {
      let known = attributes.isEmpty ? "" : ", " + attributes.map(\.name).joined(separator: ", ")
      throw ValidationError(
        "events cannot be counted by '\(name)'; give one of kind, process, peer_process, module,"
          + " function, correlation_id, ast_node_id, node\(known)")
    }
    return .attribute(name)
  }
}
