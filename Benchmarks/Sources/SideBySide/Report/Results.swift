/// All that the measurements have found.
struct Results {
  var operations = ResultTable()
  var tables: [Section: FigureTable] = [:]
  private var answers: [String: (store: String, fold: Fold)] = [:]

  /// The tables beside the comparison, in their order.
  enum Section: CaseIterable {
    case limits, appendTimes, threads, memory, drop, columns, growth

    var empty: FigureTable {
      switch self {
      case .limits: FigureTable("What the machine allows, in the same run", heading: "limit")
      case .appendTimes: FigureTable("Time of one append call of Reel (ns)", heading: "call")
      case .threads: FigureTable("Reel with several threads", heading: "writers")
      case .memory: FigureTable("Peak memory of ingest, beyond the caller's own", heading: "store")
      case .drop: FigureTable("Drop of the oldest half", heading: "store")
      case .columns: FigureTable("Bytes of Reel's files by what they hold", heading: "part")
      case .growth: FigureTable("Reel as a recording grows", heading: "figure")
      }
    }
  }

  /// Adds a figure to a table beside the comparison.
  mutating func add(
    _ section: Section, _ row: String, _ column: String, _ value: Double,
    target: Target.Bound? = nil
  ) {
    tables[section, default: section.empty].add(row, column, value, target: target)
  }

  /// Compares a store's answer with that of the first store that was asked the same.
  mutating func check(_ question: String, _ store: String, _ fold: Fold) throws {
    guard let first = answers[question] else {
      answers[question] = (store, fold)
      return
    }
    guard first.fold == fold else {
      throw StoreError(
        message: "\(question): \(store) answers \(fold), \(first.store) \(first.fold)")
    }
  }

  /// Adds how near Reel's replay comes to the mere decompression of the same events.
  mutating func compareReplay() {
    guard let replay = operations.median(ReelStore.name, .replay),
      let limit = tables[.limits]?.median(Limits.decompression, Limits.eventRate)
    else { return }
    add(
      .limits, "replay by Reel to " + Limits.decompression, "ratio", replay / limit,
      target: .atLeast(0.7))
  }
}
