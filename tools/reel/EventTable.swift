import Reel

/// Events as lines of aligned columns that fit the terminal.
///
/// Columns are as wide as the first events need and widen when a later one needs more. Where there
/// is no terminal, the data is printed whole, so that it can be searched.
struct EventTable {
  private static let titles = ["time", "kind", "process", "function", "correlation", "id"]
  /// Columns that are never wider than this on a terminal; what is longer is cut.
  private static let limits = [18, 24, 28, 40, 24, 40]
  /// Events that the first widths are taken from.
  private static let sampleCount = 256

  private let columnCount: Int?
  private let writesAtOnce: Bool
  private var widths: [Int] = titles.map(\.count)
  private var waiting: [[String]] = []
  private var dates: [[UInt8]] = []
  private var date: [UInt8]?
  private var isSampled = false

  /// - Parameters:
  ///   - columnCount: Columns of the terminal; nothing means as many as are needed.
  ///   - writesAtOnce: Whether each line is written when its event is given.
  init(columnCount: Int?, writesAtOnce: Bool = false) {
    self.columnCount = columnCount
    self.writesAtOnce = writesAtOnce
    if writesAtOnce { widths = [18, 15, 20, 24, 11, 16] }
  }

  /// Adds the line of `event`; the first few hundred are held back to see how wide they are.
  mutating func add(_ view: EventView, to output: inout Output) {
    let event = view.event
    var time: [UInt8] = []
    TimestampText.append(view.timestamp.nanoseconds, to: &time)
    let cells = [
      String(decoding: time[11..<(time.count - 1)], as: UTF8.self), event.kind ?? "",
      Self.processes(event),
      event.function?.description ?? "", event.correlationID ?? "",
      event.id.map(\.description) ?? "",
      EventText.data(event, byteCount: columnCount.map { $0 * 4 } ?? .max),
    ]
    waiting.append(cells.map(Wording.harmless))
    dates.append(Array(time.prefix(10)))
    if isSampled || writesAtOnce || waiting.count == Self.sampleCount { flush(to: &output) }
  }

  /// Writes the lines held back.
  mutating func flush(to output: inout Output) {
    for cells in waiting {
      for index in widths.indices {
        widths[index] = max(widths[index], min(Wording.characterCount(cells[index]), limit(index)))
      }
    }
    isSampled = true
    for (cells, day) in zip(waiting, dates) {
      if date != day {
        let text = String(decoding: day, as: UTF8.self)
        append(["\(text) UTC"] + Self.titles.dropFirst() + ["data"], to: &output)
        date = day
      }
      append(cells, to: &output)
    }
    waiting.removeAll(keepingCapacity: true)
    dates.removeAll(keepingCapacity: true)
  }

  private func limit(_ index: Int) -> Int { columnCount == nil ? .max : Self.limits[index] }

  private func append(_ cells: [String], to output: inout Output) {
    let start = output.bytes.count
    var count = 0
    for (index, cell) in cells.enumerated() {
      // The id is worth its room only where much is left for the data.
      if index == 5, let columnCount, columnCount - count < widths[5] + 40 { continue }
      let room = columnCount.map { $0 - count } ?? .max
      guard room > 0 else { break }
      let isLast = index == cells.count - 1
      let shown = Self.cut(cell, to: min(isLast ? .max : max(widths[index], 0), room))
      output.bytes.append(contentsOf: shown.text.utf8)
      count += shown.count
      guard !isLast else { break }
      let padding = min(widths[index] - shown.count + 2, (columnCount ?? .max) - count)
      if padding > 0 {
        output.bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: padding))
        count += padding
      }
    }
    while output.bytes.count > start, output.bytes.last == UInt8(ascii: " ") {
      output.bytes.removeLast()
    }
    output.bytes.append(UInt8(ascii: "\n"))
    output.flushIfFull()
  }

  private static func cut(_ text: String, to width: Int) -> (text: String, count: Int) {
    // The width of the last column where there is no terminal: nobody asks for the count.
    guard width < .max else { return (text, 0) }
    let count = Wording.characterCount(text)
    guard count > width else { return (text, count) }
    return (text.prefix(max(width - 1, 0)) + "…", width)
  }

  // MARK: Cells

  private static func processes(_ event: Event) -> String {
    guard let peer = event.peerProcess else { return event.process ?? "" }
    return "\(event.process ?? "") > \(peer)"
  }
}
