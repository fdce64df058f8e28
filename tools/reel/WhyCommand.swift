import ArgumentParser
import Reel

/// `reel why`: what led to an event.
struct WhyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "why",
    abstract: "Goes back from an event to what led to it.",
    discussion: """
      Examples:
        reel why trace/ ee49625500000001
        reel why trace/ '#1041'
        reel why trace/ ee49625500000001 --limit 100 --json

      The event is named by its id, or by # and its sequence number. Each line is an event that \
      led to the one above, with how that is known: `parent` (the event names it), `entry` and \
      `call` (the call that it leaves, or that is around it), `receive` (the last message its \
      process had received), `send` (of that message: the same content, the first sent is the \
      first received), `beginning` and `spawn` of its process.
      """)

  @Argument(help: "The folder of a recording, or a segment file.")
  var recording: String

  @Argument(help: "The id of the event, or # and its sequence number.")
  var event: String

  @Option(parsing: .unconditional, help: "Go back at most so many steps.")
  var limit = 32

  @OptionGroup var output: OutputOptions

  func validate() throws {
    if limit < 0 { throw ValidationError("the limit is \(limit); it must be 0 or more") }
  }

  func run() throws {
    let source = try Recording(path: recording)
    guard let number = try Arguments.event(event, in: source),
      let causes = try source.causes(of: number, limit: limit)
    else {
      Console.error("\(source.path): there is no event '\(event)'")
      throw ExitCode(ExitStatus.notFound.rawValue)
    }
    var out = Output()
    if output.json {
      let events = EventWriter(attributes: try source.attributes, asStrings: true)
      Self.write(nil, causes.event, events, to: &out)
      for link in causes.links { Self.write(link.reason, link.event, events, to: &out) }
    } else {
      Self.write("event", causes.event, to: &out)
      for link in causes.links { Self.write(link.reason.rawValue, link.event, to: &out) }
    }
    out.flush()
    if causes.isLimited {
      Console.note("there is more before: give a higher --limit than \(limit)")
    } else if causes.links.isEmpty {
      Console.note("nothing is recorded that led to it")
    }
    var status = AnswerStatus()
    status.take(causes.damages)
    try status.finish()
  }

  private static func write(_ title: String, _ event: Event, to out: inout Output) {
    let process = event.process.map { "\($0) " } ?? ""
    let function = event.function.map { " \($0)" } ?? ""
    let id = event.sequenceNumber.map { "#\($0.rawValue)" } ?? ""
    let data = EventText.data(event, byteCount: 4 * (terminalColumnCount() ?? 250))
    let padding = String(repeating: " ", count: max(0, 10 - title.count))
    let time = TimestampText.rfc3339(event.timestamp?.nanoseconds ?? 0)
    let parts = ["\(title)\(padding)\(time)", id, "\(process)\(event.kind ?? "")\(function)", data]
    let line = parts.filter { !$0.isEmpty }.map(Wording.harmless).joined(separator: "  ")
    out.line(terminalColumnCount().map { String(line.prefix($0)) } ?? line)
  }

  private static func write(
    _ reason: Causes.Reason?, _ event: Event, _ events: EventWriter, to out: inout Output
  ) {
    out.json { writer in
      writer.member("reason", reason?.rawValue)
      writer.name("event")
      writer.raw(events.object(event))
    }
  }
}
