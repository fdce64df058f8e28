/// What is measured of every store, with its unit and its target.
enum Operation: String, CaseIterable {
  case ingest = "ingest, one event a call, until settled (events/s)"
  case batches = "ingest in batches of 1,000, until settled (events/s)"
  case processor = "processor time of ingest, all threads (µs an event)"
  case durable1 = "durable against loss of power, one event a call (events/s)"
  case durable100 = "durable, batches of 100 (events/s)"
  case durable1000 = "durable, batches of 1,000 (events/s)"
  case bytes = "bytes an event on disk after close, indexes included"
  case memory = "peak memory of ingest, beyond the caller's own (MB)"
  case open = "open after close (ms)"
  case openAfterKill = "open after kill -9, to the first answer (ms)"
  case get = "get by id, warm (µs)"
  case getSmallCache = "get by id with a cache of 8 MB (µs)"
  case range = "1,000 events by time, ascending (µs)"
  case rangeDescending = "1,000 events by time, descending (µs)"
  case correlation = "one correlation, about 20 events (µs)"
  case process = "1,000 events of a process (µs)"
  case function = "1,000 events of a function (µs)"
  case replay = "replay of all, every field touched (events/s)"
  case countByFunction = "count of all by function (events/s)"
  case drop = "drop of the oldest half, until no query finds it (ms)"
  case reclaim = "drop of the oldest half, until the space is back (ms)"

  /// Whether more is better.
  var isRate: Bool { rawValue.contains("events/s") }

  /// What Reel is to reach.
  var target: Target? {
    switch self {
    case .ingest: .ratio(.atLeast(10))
    case .batches: .ratio(.atLeast(8))
    case .processor: .ratio(.atMost(0.25))
    case .durable1: .ratio(.atLeast(1.3))
    case .durable100: .ratio(.atLeast(3))
    case .durable1000: .ratio(.atLeast(5))
    case .bytes: .value(.atMost(100))
    case .memory: .value(.atMost(64))
    case .open, .drop: .value(.atMost(5))
    case .openAfterKill, .getSmallCache: .value(.atMost(20))
    case .get: .ratio(.atMost(1))
    case .range, .rangeDescending, .process, .function: .ratio(.atMost(0.6))
    case .correlation: .ratio(.atMost(0.75))
    case .replay: .ratio(.atLeast(1.5))
    case .countByFunction: .value(.atLeast(30_000_000))
    case .reclaim: nil
    }
  }
}

/// What a figure is to reach: the figure itself, or its ratio to the best peer's.
enum Target {
  case value(Bound)
  case ratio(Bound)

  enum Bound {
    case atLeast(Double)
    case atMost(Double)

    func isMet(by figure: Double) -> Bool {
      switch self {
      case .atLeast(let bound): figure >= bound
      case .atMost(let bound): figure <= bound
      }
    }

    var text: String {
      switch self {
      case .atLeast(let bound): "≥ " + rounded(bound)
      case .atMost(let bound): "≤ " + rounded(bound)
      }
    }

    /// By how much `figure` misses it, in words; nothing when it does not.
    func miss(of figure: Double) -> String? {
      guard !isMet(by: figure) else { return nil }
      return switch self {
      case .atLeast(let bound): "\(rounded((1 - figure / bound) * 100)) % less"
      case .atMost(let bound): "\(rounded((figure / bound - 1) * 100)) % more"
      }
    }
  }

  /// The target with a mark whether `value`, or its `ratio` where there is a peer, reaches it.
  func cell(value: Double, ratio: Double?) -> String {
    switch self {
    case .value(let bound): bound.text + (bound.isMet(by: value) ? " ✓" : " ✗")
    case .ratio(let bound):
      bound.text + " ×" + (ratio.map { bound.isMet(by: $0) ? " ✓" : " ✗" } ?? "")
    }
  }

  /// The figure, the target and by how much it is missed; nothing when it is reached.
  func miss(value: Double, ratio: Double?) -> String? {
    switch self {
    case .value(let bound):
      bound.miss(of: value).map { "\(rounded(value)), to be \(bound.text): \($0)" }
    case .ratio(let bound):
      ratio.flatMap { ratio in
        bound.miss(of: ratio).map { "\(rounded(ratio)) ×, to be \(bound.text) ×: \($0)" }
      }
    }
  }
}

/// A figure with three significant digits.
func rounded(_ value: Double) -> String {
  switch value {
  case 1_000_000_000...: trimmed(Double(Int(value / 10_000_000)) / 100) + "G"
  case 1_000_000...: trimmed(Double(Int(value / 10_000)) / 100) + "M"
  case 10_000...: trimmed(Double(Int(value / 100)) / 10) + "k"
  case 1000...: trimmed(Double(Int(value / 10)) / 100) + "k"
  case 100...: "\(Int(value.rounded()))"
  case 10...: trimmed(Double(Int(value * 10 + 0.5)) / 10)
  case ..<0: "-" + rounded(-value)
  case 0.0001..<0.1: trimmed(Double(Int(value * 10_000 + 0.5)) / 10_000)
  default: trimmed(Double(Int(value * 100 + 0.5)) / 100)
  }
}

/// A number without a fraction of zero.
private func trimmed(_ value: Double) -> String {
  value == value.rounded() ? "\(Int(value))" : "\(value)"
}
