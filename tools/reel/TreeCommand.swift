import ArgumentParser
import Reel

/// `reel tree`: calls, nested, with what happened within them.
struct TreeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tree",
    abstract: "Shows calls nested, with their durations and what happened within them.",
    discussion: """
      Examples:
        reel tree trace/ --correlation req-1317
        reel tree trace/ --process '<0.157.0>' --from 1795223980700000000 --limit 200
        reel tree trace/ --correlation req-1317 --calls --min 100us

      Each process is a tree of its own. A call's line has its duration and, where other calls \
      are within it, the part that those did not take. `…` stands for what is not there: a call \
      that began before (\u{2026}name) or is still open (name\u{2026}); one that was left by an \
      error ends with `!`. With --json an object a line, with the depth and the place of the \
      parent.
      """)

  @Argument(help: "The folder of a recording, or a segment file.")
  var recording: String

  @OptionGroup(title: "Conditions") var filter: FilterOptions

  @Option(parsing: .unconditional, help: "Take at most so many events.")
  var limit = 100_000

  @Flag(help: "Calls alone, no other events.")
  var calls = false

  @Option(
    help: "Only calls that took as long or longer, such as 50us or 2ms.",
    transform: Arguments.duration)
  var min: UInt64?

  @OptionGroup var output: OutputOptions

  func validate() throws {
    if limit < 0 { throw ValidationError("the limit is \(limit); it must be 0 or more") }
  }

  func run() throws {
    let source = try Recording(path: recording)
    let tree = try source.callTree(try filter.query(source), limit: limit)
    var out = Output()
    var status = AnswerStatus()
    for lane in tree.lanes {
      if output.json {
        try writeJSON(lane, try source.attributes, to: &out)
      } else {
        writeText(lane, to: &out)
      }
    }
    out.flush()
    status.take(tree.completeness)
    if tree.completeness.isLimited {
      Console.note(
        "only the first \(Wording.count(limit, "event")); there are more: give a higher --limit")
    }
    if tree.lanes.isEmpty { status.nothingMatches(ofRecording: try source.count()) }
    try status.finish()
  }

  private func isShown(_ node: CallTree.Node) -> Bool {
    if !node.isCall { return !calls && min == nil }
    guard let min else { return true }
    return node.duration.map { $0 >= min } ?? true
  }

  // MARK: Text

  private func writeText(_ lane: CallTree.Lane, to out: inout Output) {
    out.line(Wording.harmless(lane.process ?? "(no process)"))
    let width = terminalColumnCount()
    for node in lane.nodes where isShown(node) {
      let line = Self.line(node, byteCount: 4 * (width ?? 250))
      out.line(width.map { String(line.prefix($0)) } ?? line)
      out.flushIfFull()
    }
  }

  private static func line(_ node: CallTree.Node, byteCount: Int) -> String {
    let indent = String(repeating: "  ", count: node.depth + 1)
    let event = node.event
    let data = Wording.harmless(EventText.data(event, byteCount: byteCount))
    guard node.isCall else {
      let peer = event.peerProcess.map { " > \($0)" } ?? ""
      return indent + joined(["· " + Wording.harmless((event.kind ?? "event") + peer), data])
    }
    let name = Wording.harmless(event.function?.description ?? event.kind ?? "call")
    let isOpen = node.exit == nil && !node.isUnwound
    let marked =
      (node.beganBefore ? "…" : "") + name + (isOpen ? "…" : "") + (node.isUnwound ? " !" : "")
    var times = ""
    if let duration = node.duration {
      times = Wording.duration(duration)
      if let own = node.selfTime, own < duration { times += " (self \(Wording.duration(own)))" }
    }
    return indent + joined([marked, times, data])
  }

  private static func joined(_ parts: [String]) -> String {
    parts.filter { !$0.isEmpty }.joined(separator: "  ")
  }

  // MARK: JSON

  private func writeJSON(
    _ lane: CallTree.Lane, _ attributes: [AttributeDeclaration], to out: inout Output
  ) throws {
    let events = EventWriter(attributes: attributes, asStrings: true)
    for (place, node) in lane.nodes.enumerated() where isShown(node) {
      out.json { writer in
        writer.member("process", lane.process)
        writer.member("node", Int32(clamping: place))
        writer.member("parent", node.parent.map { Int32(clamping: $0) })
        writer.member("depth", Int32(clamping: node.depth))
        writer.member("call", node.isCall)
        if node.isCall {
          writer.member("began_before", node.beganBefore)
          writer.member("unwound", node.isUnwound)
          writer.member("duration_ns", node.duration)
          writer.member("self_ns", node.selfTime)
        }
        writer.name("event")
        writer.raw(events.object(node.event))
        if let exit = node.exit {
          writer.name("exit")
          writer.raw(events.object(exit))
        }
      }
      out.flushIfFull()
    }
  }
}
