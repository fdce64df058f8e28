import Reel

/// A line of the screen.
struct ScreenRow: Equatable {
  /// How a line stands out.
  enum Style {
    case plain, bold, dim, reverse
  }
  var text: String
  var style = Style.plain
}

/// What the player shows, as lines of a terminal.
struct PlayerScreen {
  static let minimumColumnCount = 80
  static let minimumRowCount = 24

  let columnCount: Int
  let rowCount: Int
  private let marks: Marks

  /// The signs beyond ASCII, or what stands for them.
  private struct Marks {
    let bars: [String]
    let head, line, playing, paused, current, cut, lack: String

    static let rich = Marks(
      bars: [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"], head: "▲", line: "─", playing: "▶",
      paused: "‖", current: "▸", cut: "…", lack: "×")
    static let plain = Marks(
      bars: [" ", ".", ":", "-", "=", "+", "*", "%", "#"], head: "^", line: "-", playing: ">",
      paused: "|", current: ">", cut: "~", lack: "x")
  }

  /// A screen of so many characters; a plain one shows ASCII alone.
  init(columnCount: Int, rowCount: Int, isPlain: Bool = false) {
    self.columnCount = columnCount
    self.rowCount = rowCount
    marks = isPlain ? .plain : .rich
    self.isPlain = isPlain
  }

  private let isPlain: Bool

  /// Whether there is room.
  var isLargeEnough: Bool {
    columnCount >= Self.minimumColumnCount && rowCount >= Self.minimumRowCount
  }

  // How the lines are divided: 80×24 has 5 for the event, 4 for calls, 6 for what is around.
  private var extraCount: Int { max(0, rowCount - Self.minimumRowCount) }
  private var eventRowCount: Int { 5 + extraCount / 5 }
  private var stackRowCount: Int { 4 + extraCount / 3 }
  private var listRowCount: Int { rowCount - 9 - eventRowCount - stackRowCount }

  /// The events on either side that have room.
  var neighbourCount: Int { max(1, listRowCount - 1) }

  /// The lines of the screen, none wider than it.
  func rows(_ view: PlayerView) -> [ScreenRow] {
    var rows: [ScreenRow]
    if !isLargeEnough {
      rows = [
        ScreenRow(
          text: "reel play needs \(Self.minimumColumnCount)x\(Self.minimumRowCount) characters;"
            + " this is \(columnCount)x\(rowCount)")
      ]
    } else if view.showsHelp {
      rows = help()
    } else {
      rows = [title(view), time(view)] + timeline(view)
      rows += section("event", event(view), eventRowCount)
      rows += section(stackTitle(view), stack(view), stackRowCount)
      rows += section("around", list(view), listRowCount)
      let hint = view.prompt.map { " " + $0.hint } ?? Self.keys
      rows += [status(view), ScreenRow(text: hint, style: .dim)]
    }
    return rows.prefix(rowCount).map { row in
      ScreenRow(text: shown(row.text), style: row.style)
    }
  }

  private func shown(_ text: String) -> String {
    let text = CellText.fit(text, columnCount, mark: marks.cut)
    guard isPlain else { return text }
    return String(text.map { $0.isASCII ? $0 : "?" })
  }

  /// A heading and exactly `count` lines.
  private func section(_ title: String, _ rows: [ScreenRow], _ count: Int) -> [ScreenRow] {
    let line = "\(marks.line)\(marks.line) \(CellText.fit(title, columnCount - 4)) "
    let rest = max(0, columnCount - CellText.width(line))
    let heading = ScreenRow(
      text: line + String(repeating: marks.line, count: rest), style: .dim)
    let blank = ScreenRow(text: "")
    let shown = rows.prefix(count)
    return [heading] + shown + [ScreenRow](repeating: blank, count: count - shown.count)
  }

  // MARK: Where

  private func title(_ view: PlayerView) -> ScreenRow {
    let state = view.isPlaying ? "\(marks.playing) playing" : "\(marks.paused) paused"
    let filter = view.filterText.isEmpty ? "" : "   filter: \(view.filterText)"
    let left = " reel play \(Wording.harmless(view.name))   \(state)   speed \(Self.speed(view))"
    let count = "\(Wording.count(view.eventCount, "event")) "
    let room = max(0, columnCount - count.count - 1)
    return ScreenRow(
      text: CellText.pad(left + filter, room, mark: marks.cut) + " " + count, style: .reverse)
  }

  private static func speed(_ view: PlayerView) -> String {
    let speed = view.speed
    if speed >= 1 { return Wording.fixed(speed, digits: speed == speed.rounded() ? 0 : 1) }
    // Powers of ten do not come out even.
    let parts = 1 / speed
    return "1/\(Wording.fixed(parts, digits: (parts - parts.rounded()).magnitude < 0.01 ? 0 : 1))"
  }

  private func time(_ view: PlayerView) -> ScreenRow {
    let stamp = TimestampText.rfc3339(view.head.nanoseconds)
    var parts = ["\(stamp.prefix(10)) \(stamp.dropFirst(11).dropLast()) UTC"]
    if let range = view.density?.range {
      let head = min(max(view.head, range.lowerBound), range.upperBound).nanoseconds
      let passed = UInt64(bitPattern: head &- range.lowerBound.nanoseconds)
      let all = UInt64(
        bitPattern: range.upperBound.nanoseconds &- range.lowerBound.nanoseconds)
      let share = all == 0 ? 100 : Double(passed) / Double(all) * 100
      parts.append("+\(Wording.duration(passed)) of \(Wording.duration(all))")
      parts.append("\(Wording.fixed(share, digits: 1)) %")
    }
    if let number = view.current?.sequenceNumber { parts.append("#\(number.rawValue)") }
    return ScreenRow(text: " " + parts.joined(separator: "   "), style: .bold)
  }

  /// How many events there are over the time, and marks below: of the play head, and of what the
  /// recording lacks.
  private func timeline(_ view: PlayerView) -> [ScreenRow] {
    guard let density = view.density else { return [ScreenRow(text: ""), ScreenRow(text: "")] }
    let counts = Self.spread(density.counts, over: columnCount)
    let most = counts.max() ?? 0
    var bars = ""
    for count in counts {
      // Whatever there is can be seen.
      let level = most == 0 ? 0 : count == 0 ? 0 : 1 + count * (marks.bars.count - 2) / most
      bars += marks.bars[level]
    }
    func column(_ time: Timestamp) -> Int {
      let stretches = max(1, density.counts.count)
      return min(density.stretch(of: time) * columnCount / stretches, columnCount - 1)
    }
    var below = [String](repeating: " ", count: columnCount)
    for lack in view.lacks {
      for place in column(lack.range.lowerBound)...column(lack.range.upperBound) {
        below[place] = marks.lack
      }
    }
    below[column(view.head)] = marks.head
    while below.last == " " { below.removeLast() }
    return [ScreenRow(text: bars), ScreenRow(text: below.joined())]
  }

  /// What the recording lacks where the play head is, or else anywhere.
  private func lacks(_ view: PlayerView) -> String {
    guard !view.lacks.isEmpty else { return "" }
    let here = view.lacks.filter { $0.range.contains(view.head) }
    let texts = (here.isEmpty ? view.lacks : here).prefix(3).map(\.text)
    let rest = max(0, (here.isEmpty ? view.lacks : here).count - texts.count)
    return "incomplete\(here.isEmpty ? "" : " here"): \(texts.joined(separator: ", "))"
      + (rest > 0 ? " and \(rest) more" : "")
  }

  /// As many counts as there are columns.
  private static func spread(_ counts: [Int], over columnCount: Int) -> [Int] {
    guard counts.count != columnCount, !counts.isEmpty else { return counts }
    return (0..<columnCount).map { column in
      let first = column * counts.count / columnCount
      let end = max(first + 1, (column + 1) * counts.count / columnCount)
      return counts[first..<end].reduce(0, +)
    }
  }

  // MARK: The event

  private func event(_ view: PlayerView) -> [ScreenRow] {
    guard let event = view.current else { return [ScreenRow(text: "  no event")] }
    var head = "  \(event.kind ?? "(no kind)")"
    if let process = event.process { head += "   \(process)" }
    if let peer = event.peerProcess { head += " > \(peer)" }
    if let function = event.function { head += "   \(function.description)" }
    var parts: [String] = []
    if let id = event.correlationID { parts.append("correlation \(id)") }
    if let id = event.id { parts.append("id \(id)") }
    if let id = event.callID { parts.append("call \(id)") }
    if let id = event.parentID { parts.append("parent \(id)") }
    if let id = event.astNodeID { parts.append("node \(id)") }
    if let node = event.node { parts.append("at \(node)") }
    let count = eventRowCount - 2
    let data = EventText.data(event, byteCount: 4 * columnCount * count)
    let lines = CellText.wrap(data, width: columnCount - 2, count: count)
    return [
      ScreenRow(text: head, style: .bold), ScreenRow(text: "  " + parts.joined(separator: "   ")),
    ] + lines.map { ScreenRow(text: "  " + $0) }
  }

  private func stackTitle(_ view: PlayerView) -> String {
    guard let process = view.current?.process else { return "calls" }
    let count = (view.process?.stack.count ?? 0) + (view.process?.unlistedCallCount ?? 0)
    let name = Wording.harmless(process)
    return count == 0 ? "calls of \(name): none" : "calls of \(name): \(count)"
  }

  /// The open calls, the innermost first, and the state.
  private func stack(_ view: PlayerView) -> [ScreenRow] {
    guard let process = view.process else { return [] }
    var rows: [ScreenRow] = []
    let room = stackRowCount - (process.state == nil ? 0 : 1)
    let calls = process.stack.reversed()
    // A line for what does not fit.
    let shown = calls.count > room ? room - 1 : calls.count
    for (place, call) in calls.prefix(shown).enumerated() {
      let depth = process.stack.count - place
      let name = call.function?.description ?? call.kind ?? ""
      let data = EventText.data(call, byteCount: 4 * columnCount)
      rows.append(ScreenRow(text: "  \(depth)  \(name)  \(data)"))
    }
    if shown < calls.count {
      rows.append(ScreenRow(text: "  \(marks.cut) and \(calls.count - shown) around", style: .dim))
    }
    if let state = process.state {
      rows.append(
        ScreenRow(text: "  state  \(EventText.data(state, byteCount: 4 * columnCount))"))
    }
    return rows
  }

  // MARK: Around

  private func list(_ view: PlayerView) -> [ScreenRow] {
    guard let current = view.current else { return [] }
    // The current event keeps its place unless there is too little on one side.
    let room = listRowCount - 1
    let after = min(view.after.count, max(room - room / 3, room - view.before.count))
    let before = min(view.before.count, room - after)
    let events = view.before.prefix(before).reversed() + [current] + view.after.prefix(after)
    return events.map { event in
      let isCurrent = event.sequenceNumber == current.sequenceNumber
      let mark = isCurrent ? marks.current : " "
      return ScreenRow(
        text: mark + " " + line(event, from: current), style: isCurrent ? .reverse : .plain)
    }
  }

  private func line(_ event: Event, from current: Event) -> String {
    var time: [UInt8] = []
    TimestampText.append(event.timestamp?.nanoseconds ?? 0, to: &time)
    let clock = String(decoding: time[11..<(time.count - 1)], as: UTF8.self)
    let process = (event.process ?? "") + (event.peerProcess.map { " > \($0)" } ?? "")
    let function = event.function?.description ?? ""
    let data = EventText.data(event, byteCount: 4 * columnCount)
    let wide = max(0, columnCount - 80) / 4
    return [
      CellText.pad(clock, 18), CellText.pad(event.kind ?? "", 16, mark: marks.cut),
      CellText.pad(process, 14 + wide, mark: marks.cut),
      CellText.pad(function, 20 + wide, mark: marks.cut), data,
    ].joined(separator: " ")
  }

  // MARK: Below

  private static let keys =
    " space play  + - speed  ←→ step  p f c k same  i o u calls  g / e  ? help  q"

  private func status(_ view: PlayerView) -> ScreenRow {
    guard let prompt = view.prompt else {
      return ScreenRow(text: " \(view.message.isEmpty ? lacks(view) : view.message)")
    }
    let label = " " + prompt.label
    let room = max(8, columnCount - CellText.width(label) - 1)
    return ScreenRow(
      text: label + CellText.end(of: prompt.text, room) + "_", style: .bold)
  }

  private func help() -> [ScreenRow] {
    let lines = """
       reel play

         space            play, pause
         + -              faster, slower
         right left       next, previous event (also l h, down up)
         Page Down, Up    ten events
         p P              next, previous event of the same process
         f F              … of the same function
         c C              … of the same correlation id
         k K              … of the same kind
         i I              into the next call; back into the last
         o O              over the call; back over it
         u U              out of the call: to its exit; to its entry
         Home End         first, last event
         g                go to a time (nanoseconds, ISO 8601, 03:22:00.5, +5ms, -1s),
                          40%, #123 (a sequence number), start, end
         /                search text; n N next, previous
         e                filter, in the words of the options: kind=error process=<0.1.0>
         q                quit

         The line below the time shows how many events there are over the recording; a × below
         it, that not all of them are there: some were dropped, removed, or are damaged.

       any key goes back
      """
    return lines.split(separator: "\n", omittingEmptySubsequences: false).enumerated().map {
      ScreenRow(text: String($1), style: $0 == 0 ? .bold : .plain)
    }
  }
}
