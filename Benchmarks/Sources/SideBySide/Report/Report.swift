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
    parts.append(Notes.markdown(arguments))
    return parts.joined(separator: "\n\n")
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
