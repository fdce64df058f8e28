import Workload

/// All results as Markdown: the comparison first.
struct Report {
  private let arguments: Arguments
  private let bench: Workbench
  private let results: Results

  init(_ arguments: Arguments, _ bench: Workbench, _ results: Results) {
    self.arguments = arguments
    self.bench = bench
    self.results = results
  }

  func markdown() -> String {
    var parts: [String] = [summary]
    if !results.operations.isEmpty { parts.append(results.operations.markdown()) }
    for section in Results.Section.allCases {
      if let table = results.tables[section] { parts.append(table.markdown()) }
    }
    if let misses { parts.append(misses) }
    parts.append(Notes.markdown(arguments))
    return parts.joined(separator: "\n\n")
  }

  /// By how much targets are not reached; nothing when all are.
  private var misses: String? {
    let tables = Results.Section.allCases.compactMap { results.tables[$0] }
    let misses = results.operations.misses + tables.flatMap(\.misses)
    guard !misses.isEmpty else { return nil }
    return (["## Targets not reached", ""] + misses.map { "- \($0)" }).joined(separator: "\n")
  }

  /// What was measured on.
  private var summary: String {
    let rounds = arguments.rounds
    let medians = rounds == 1 ? "one round" : "medians of \(rounds) rounds, the spread in brackets"
    let origin =
      switch arguments.source {
      case .generated: "generated events"
      case .recording(let path): "events of \(path.split(separator: "/").last ?? "")"
      }
    return "\(bench.events.count) \(origin), \(medians)."
  }
}
