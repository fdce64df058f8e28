/// The figures of all stores in all rounds.
struct ResultTable {
  private var values: [String: [Operation: [Double]]] = [:]
  private var names: [String] = []

  var isEmpty: Bool { values.isEmpty }

  mutating func add(_ name: String, _ operation: Operation, _ value: Double) {
    if !names.contains(name) { names.append(name) }
    values[name, default: [:]][operation, default: []].append(value)
  }

  /// The median of a store's figures, or nothing when it has none.
  func median(_ name: String, _ operation: Operation) -> Double? {
    values[name]?[operation].map { middle(of: $0) }
  }

  /// Medians as a Markdown table; the ratio is that of Reel to the best peer, above 1 when Reel's
  /// rate is higher, below 1 when its time or size is smaller.
  func markdown() -> String {
    var lines = [
      "| operation | ratio to the best peer | target | " + names.joined(separator: " | ") + " |",
      "| :-- | --: | :-- |" + names.map { _ in " --: |" }.joined(),
    ]
    for operation in Operation.allCases {
      let figures = names.map { values[$0]?[operation] ?? [] }
      guard figures.contains(where: { !$0.isEmpty }) else { continue }
      let reel = median(ReelStore.name, operation)
      let ratio = ratio(operation)
      let target = reel.flatMap { operation.target?.cell(value: $0, ratio: ratio) }
      lines.append(
        "| \(operation.rawValue) | \(ratio.map { rounded($0) + " ×" } ?? "–") | \(target ?? "") | "
          + figures.map(cell).joined(separator: " | ") + " |")
    }
    return lines.joined(separator: "\n")
  }

  /// Reel's figure to the best peer's.
  private func ratio(_ operation: Operation) -> Double? {
    let peers = names.filter { $0 != ReelStore.name }.compactMap { median($0, operation) }
    guard let reel = median(ReelStore.name, operation),
      let best = operation.isRate ? peers.max() : peers.min(), best > 0
    else { return nil }
    return reel / best
  }

  /// The targets that Reel does not reach, each with by how much.
  var misses: [String] {
    Operation.allCases.compactMap { operation in
      median(ReelStore.name, operation)
        .flatMap { operation.target?.miss(value: $0, ratio: ratio(operation)) }
        .map { "\(operation.rawValue): \($0)" }
    }
  }
}

/// The median of some figures with their spread, or a dash when there is none.
func cell(_ values: [Double]) -> String {
  guard let least = values.min(), let greatest = values.max() else { return "–" }
  if values.count == 1 { return rounded(least) }
  return "\(rounded(middle(of: values))) (\(rounded(least))–\(rounded(greatest)))"
}
