import ArgumentParser
import Reel

/// `reel slice`: a part of a recording as a recording of its own.
struct SliceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "slice",
    abstract: "Makes a recording of a part of another, which stands by itself.",
    discussion: """
      Examples:
        reel slice trace/ ten-ms/ --from 1795223980700000000 --to 1795223980710000000
        reel slice trace/ req-17/ --correlation req-17

      With --from it begins with the processes, states and open calls of that moment, so that \
      `reel at`, `tree` and exports are right in it. Events keep their ids and get sequence \
      numbers of their own; documents are copied. The recording may be written to meanwhile. \
      Where something is at the new place already, nothing is done.
      """)

  @Argument(help: "The folder of a recording, or a segment file.")
  var recording: String

  @Argument(help: "The folder of the new recording.")
  var output: String

  @OptionGroup(title: "Conditions") var filter: FilterOptions

  @Flag(help: "Print one object that says what it has.")
  var json = false

  func run() throws {
    let source = try Recording(path: recording)
    let report = try source.slice(try filter.query(source), to: output)
    if json {
      var out = Output()
      out.json {
        $0.member("events", report.eventCount)
        $0.member("processes", report.processCount)
        $0.member("open_calls", report.callCount)
        $0.member("documents", report.documentCount)
      }
      out.flush()
    }
    Console.note(
      "\(output): \(Wording.count(report.eventCount, "event")); it begins with"
        + " \(Wording.count(report.processCount, "process", plural: "processes")) and"
        + " \(Wording.count(report.callCount, "open call"))")
    var status = AnswerStatus(isJSON: json)
    status.take(report.completeness)
    try status.finish()
  }
}

/// `reel merge`: several recordings as one, by time.
struct MergeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "merge",
    abstract: "Puts recordings together by time.",
    discussion: """
      Examples:
        reel merge all/ web/ worker/
        reel merge all/ front=a/trace back=b/trace --prefix-processes
        reel query all/ --where source=front

      Each event keeps its id and says in the attribute `source` where it came from: the last part \
      of its recording's path, or the name before `=`. Processes of one name in several recordings \
      count as one unless --prefix-processes names them NAME/PROCESS. Documents are copied in all \
      their versions; those of one name that differ, and with --prefix-processes all, are called \
      NAME/DOCUMENT.
      """)

  @Argument(help: "The folder of the new recording.")
  var output: String

  @Argument(help: "The recordings, each as PATH or NAME=PATH.")
  var recordings: [String]

  @Flag(help: "Name processes for the recordings they come from.")
  var prefixProcesses = false

  @Flag(help: "Print an object for each recording that says what came from it.")
  var json = false

  func run() throws {
    var sources: [(name: String, recording: Recording)] = []
    for text in recordings {
      let (name, path) = Self.split(text)
      sources.append((name, try Recording(path: path)))
    }
    let report = try Recording.merge(
      sources, to: output, prefixesProcesses: prefixProcesses)
    var status = AnswerStatus(isJSON: json)
    var out = Output()
    for (source, part) in zip(sources, report) {
      if json {
        out.json {
          $0.member("source", source.name)
          $0.member("events", part.eventCount)
        }
      }
      Console.note("\(source.name): \(Wording.count(part.eventCount, "event"))")
      status.take(part.completeness)
    }
    out.flush()
    try status.finish()
  }

  /// The name and the path that `text` means.
  static func split(_ text: String) -> (name: String, path: String) {
    if let equals = text.firstIndex(of: "="), equals != text.startIndex {
      return (String(text[..<equals]), String(text[text.index(after: equals)...]))
    }
    let name = text.split(separator: "/").last.map(String.init) ?? text
    return (name, text)
  }
}
