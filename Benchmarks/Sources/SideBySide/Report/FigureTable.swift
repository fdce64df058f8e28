/// Figures of Reel or of the machine alone: named rows, named columns, the medians of all rounds.
struct FigureTable {
  private let title: String
  private let heading: String
  private var rows: [String] = []
  private var columns: [String] = []
  private var values: [String: [String: [Double]]] = [:]
  /// Per row and column.
  private var targets: [String: [String: Target.Bound]] = [:]

  /// Creates an empty table; `heading` says what its rows are.
  init(_ title: String, heading: String) {
    self.title = title
    self.heading = heading
  }

  /// Adds a figure; `target` is what it is to reach.
  mutating func add(
    _ row: String, _ column: String, _ value: Double, target: Target.Bound? = nil
  ) {
    if !rows.contains(row) { rows.append(row) }
    if !columns.contains(column) { columns.append(column) }
    values[row, default: [:]][column, default: []].append(value)
    if let target { targets[row, default: [:]][column] = target }
  }

  /// The median of a figure, or nothing when there is none.
  func median(_ row: String, _ column: String) -> Double? {
    values[row]?[column].map { middle(of: $0) }
  }

  func markdown() -> String {
    let isTargeted = !targets.isEmpty
    let headings = [heading] + columns + (isTargeted ? ["target"] : [])
    var lines = [
      "## \(title)", "", "| " + headings.joined(separator: " | ") + " |",
      "| :-- |" + columns.map { _ in " --: |" }.joined() + (isTargeted ? " :-- |" : ""),
    ]
    for row in rows {
      var cells = [row] + columns.map { cell(values[row]?[$0] ?? []) }
      if isTargeted {
        let marks = columns.compactMap { column in
          targets[row]?[column].map { bound in
            Target.value(bound).cell(value: median(row, column) ?? 0, ratio: nil)
          }
        }
        cells.append(marks.joined(separator: ", "))
      }
      lines.append("| " + cells.joined(separator: " | ") + " |")
    }
    return lines.joined(separator: "\n")
  }

  /// The targets that are not reached, each with by how much.
  var misses: [String] {
    rows.flatMap { row in
      columns.compactMap { column in
        targets[row]?[column]
          .flatMap { Target.value($0).miss(value: median(row, column) ?? 0, ratio: nil) }
          .map { "\(row), \(column): \($0)" }
      }
    }
  }
}
