/// What is measured, with its unit and which way is better.
enum Operation: String, CaseIterable {
  case ingest = "ingest, one event a call, until settled (events/s)"
  case processor = "processor time of ingest, all threads (µs an event)"
  case bytes = "bytes an event on disk after close, indexes included"
  case open = "open after close (ms)"
  case openAfterKill = "open after kill -9 at 100,000 events, to the first answer (ms)"
  case get = "get by id, warm (µs)"
  case range = "1,000 events by time, ascending (µs)"
  case rangeDescending = "1,000 events by time, descending (µs)"
  case correlation = "one correlation, about 20 events (µs)"
  case replay = "replay of all, every field touched (events/s)"

  var isRate: Bool { self == .ingest || self == .replay }
}

/// The figures of all rounds.
struct ResultTable {
  private var values: [String: [Operation: [Double]]] = [:]
  private var names: [String] = []

  mutating func add(_ name: String, _ operation: Operation, _ value: Double) {
    if !names.contains(name) { names.append(name) }
    values[name, default: [:]][operation, default: []].append(value)
  }

  /// Medians as a Markdown table; the ratio is that of Reel to the best peer, above 1 when Reel's
  /// rate is higher, below 1 when its time or size is smaller.
  func markdown(events: Int, rounds: Int) -> String {
    var lines = [
      "\(events) generated events, medians of \(rounds) rounds, the spread in brackets.", "",
      "| operation | ratio to the best peer | " + names.joined(separator: " | ") + " |",
      "| :-- | --: |" + names.map { _ in " --: |" }.joined(),
    ]
    for operation in Operation.allCases {
      let medians = names.map { median(values[$0]?[operation] ?? [0]) }
      let peers = medians.dropFirst()
      let best = operation.isRate ? peers.max() ?? 0 : peers.min() ?? 0
      let cells = names.map { cell(values[$0]?[operation] ?? [0]) }
      lines.append(
        "| \(operation.rawValue) | \(best > 0 ? number(medians[0] / best) + " ×" : "–") | "
          + cells.joined(separator: " | ") + " |")
    }
    return lines.joined(separator: "\n")
  }

  private func cell(_ values: [Double]) -> String {
    "\(number(median(values))) (\(number(values.min() ?? 0))–\(number(values.max() ?? 0)))"
  }

  /// Three significant digits.
  private func number(_ value: Double) -> String {
    switch value {
    case 1_000_000...: "\(Double(Int(value / 10_000)) / 100)M"
    case 1000...: "\(Double(Int(value / 100)) / 10)k"
    case 100...: "\(Int(value.rounded()))"
    case 10...: "\(Double(Int(value * 10 + 0.5)) / 10)"
    default: "\(Double(Int(value * 100 + 0.5)) / 100)"
    }
  }
}
