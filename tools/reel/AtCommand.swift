import ArgumentParser
import Reel

/// `reel at`: what the program was at a moment.
struct AtCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "at",
    abstract: "Shows the processes at a moment, their states and open calls.",
    discussion: """
      Examples:
        reel at trace/ 2026-11-21T03:22:00.5Z
        reel at trace/ 1795223980700000000 --process '<0.157.0>'
        reel at trace/ end --calling
        reel at trace/ 1795223980700000000 --to +10ms
        reel at trace/ '#1041'

      The moment is nanoseconds since 1970, ISO 8601, a time of the first event's day \
      (03:22:00.5), a distance from the first event (+300ms), a part of the whole (40%), the time \
      of an event by its sequence number (#1041), or `start` or `end`. The distance of --to is \
      from that moment. What kinds of \
      events mean (entry and exit of calls, spawn, state, …) is part of the recording: see \
      `reel record --help`, --role. With --to it shows what was at work from one moment to the \
      other instead: functions and nodes of the syntax tree, with their events in that time and \
      the calls of them that were open before. With --json a line for each process, its events \
      in the fields that `reel record` reads.
      """)

  @Argument(help: "The folder of a recording, or a segment file.")
  var recording: String

  @Argument(
    help: "The moment; events with this timestamp have happened. A negative one goes behind --.")
  var time: String

  @Option(
    parsing: .unconditional, help: "Show what was at work up to this moment.")
  var to: String?

  @Option(help: "This process alone.")
  var process: String?

  @Flag(help: "Only processes with open calls.")
  var calling = false

  @Flag(help: "Say on standard error what answering took.")
  var explain = false

  @OptionGroup var output: OutputOptions

  func validate() throws {
    if to != nil, process != nil || calling || explain {
      throw ValidationError("--to goes with none of --process, --calling and --explain")
    }
  }

  func run() throws {
    let source = try Recording(path: recording)
    let time = try Self.moment(time, in: source)
    if let to {
      return try showActivity(source, from: time, to: Self.moment(to, in: source, after: time))
    }
    let moment = try source.moment(at: time, process: process)
    var status = AnswerStatus(explain: explain, isJSON: output.json)
    var out = Output()
    let processes = moment.processes.filter { !calling || !$0.stack.isEmpty }
    if output.json {
      let printer = MomentJSON(attributes: try source.attributes)
      for process in processes { printer.write(process, to: &out) }
      for event in moment.latched { printer.write(latched: event, to: &out) }
    } else {
      let text = MomentText(at: time)
      for process in processes { text.write(process, to: &out) }
      for event in moment.latched { text.write("latched", event, to: &out) }
    }
    out.flush()
    if let process, processes.isEmpty {
      Console.error("\(source.path): no process '\(process)' lives at that moment")
    } else if !output.json {
      let calls = processes.reduce(0) { $0 + $1.stack.count + $1.unlistedCallCount }
      Console.note(
        "\(Wording.count(processes.count, "process", plural: "processes")),"
          + " \(Wording.count(calls, "open call"))")
    }
    if !moment.isComplete {
      Console.note(
        "incomplete: not everything is known that came before; there may be more processes and"
          + " calls")
    }
    status.take(moment)
    try status.finish()
    if process != nil, processes.isEmpty { throw ExitCode(ExitStatus.notFound.rawValue) }
  }
}

extension AtCommand {
  /// The moment that `text` names; a distance is from `start`, or else from the first event.
  private static func moment(
    _ text: String, in source: Recording, after start: Timestamp? = nil
  ) throws -> Timestamp {
    if text == "end" { return .max }
    if let nanoseconds = try? TimestampText.nanoseconds(text) {
      return Timestamp(nanoseconds: nanoseconds)
    }
    let statistics = try source.statistics()
    // Without events there is nothing that a place could be counted from.
    let (first, last) = (statistics.oldest ?? 0, statistics.newest ?? 0)
    do throws(PlayerTarget.Fault) {
      switch try PlayerTarget(text, from: start ?? first, in: first...last) {
      case .start: return first
      case .end: return .max
      case .time(let time): return time
      case .sequenceNumber(let number):
        if let time = try? source.event(number)?.timestamp { return time }
        throw PlayerTarget.Fault(text: "there is no event \(text)")
      }
    } catch {
      throw ValidationError(error.text)
    }
  }

  private func showActivity(
    _ source: Recording, from time: Timestamp, to: Timestamp
  ) throws {
    let activity = try source.activity(from: time, to: to)
    var out = Output()
    for (title, items) in [("function", activity.functions), ("ast_node", activity.astNodes)] {
      for item in items {
        if output.json {
          out.json {
            $0.member(title, item.name)
            $0.member("events", item.eventCount)
            $0.member("open_calls", item.openCallCount)
          }
        } else {
          let open = item.openCallCount > 0 ? ", \(item.openCallCount) open before" : ""
          out.line(
            "\(title)  \(Wording.harmless(item.name))  "
              + "\(Wording.count(item.eventCount, "event"))\(open)")
        }
      }
    }
    out.flush()
    if !activity.isStartKnown {
      Console.note("incomplete: not everything is known that was open before")
    }
    var status = AnswerStatus()
    status.take(activity.completeness)
    try status.finish()
  }
}

/// What is known of a process, for people.
struct MomentText {
  /// The moment; times are given as how long ago they were.
  let time: Timestamp
  private let columnCount = terminalColumnCount()

  init(at time: Timestamp) { self.time = time }

  func write(_ process: ProcessMoment, to out: inout Output) {
    out.line(Wording.harmless(process.name))
    if let spawn = process.spawn { write("began", spawn, to: &out) }
    if let registration = process.registration { write("name", registration, to: &out) }
    if let state = process.state { write("state", state, to: &out) }
    for (depth, call) in process.stack.enumerated() { write("\(depth + 1)", call, to: &out) }
    if process.unlistedCallCount > 0 {
      out.line("  … and \(Wording.count(process.unlistedCallCount, "call")) within")
    }
  }

  /// A line of an event with a word for what it is here.
  func write(_ title: String, _ event: Event, to out: inout Output) {
    let happened = event.timestamp ?? .min
    let time = TimestampText.rfc3339(happened.nanoseconds).dropFirst(11).dropLast()
    let (elapsed, overflow) = self.time.nanoseconds.subtractingReportingOverflow(
      happened.nanoseconds)
    let ago =
      overflow || elapsed < 0 || self.time == .max
      ? "" : " (\(Wording.duration(UInt64(elapsed))) ago)"
    let parts = [
      event.function?.description ?? event.kind ?? "", "\(time)\(ago)",
      EventText.data(event, byteCount: 4 * (columnCount ?? 250)),
    ]
    let line =
      "  \(title)\(String(repeating: " ", count: max(0, 6 - title.count)))"
      + parts.filter { !$0.isEmpty }.map(Wording.harmless).joined(separator: "  ")
    out.line(columnCount.map { String(line.prefix($0)) } ?? line)
  }
}

/// What is known of a process, as a line of JSON.
struct MomentJSON {
  private let events: EventWriter

  init(attributes: [AttributeDeclaration]) {
    events = EventWriter(attributes: attributes, asStrings: true)
  }

  func write(_ process: ProcessMoment, to out: inout Output) {
    out.json { writer in
      writer.member("process", process.name)
      member("spawn", process.spawn, &writer)
      member("registration", process.registration, &writer)
      member("state", process.state, &writer)
      writer.name("stack")
      writer.array { writer in
        for call in process.stack { writer.raw(events.object(call)) }
      }
      writer.member("unlisted_calls", process.unlistedCallCount)
    }
  }

  func write(latched event: Event, to out: inout Output) {
    out.json { member("latched", event, &$0) }
  }

  private func member(_ name: String, _ event: Event?, _ writer: inout JSONWriter) {
    guard let event else { return }
    writer.name(name)
    writer.raw(events.object(event))
  }
}
