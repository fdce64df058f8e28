public import Reel

/// Where the events of a measurement come from.
public enum TraceSource: Sendable {
  /// Made by ``Generator`` from a seed, later than a moment if one is given: without end.
  case generated(seed: UInt64, after: Int64? = nil)
  /// The JSON Lines in the file at `path`, as `reel record` reads them.
  case recording(path: String)

  /// The source as one word of a command line.
  public var argument: String {
    switch self {
    case .generated(let seed, let moment): "seed:\(seed)" + (moment.map { ":\($0)" } ?? "")
    case .recording(let path): "file:\(path)"
    }
  }

  /// Creates a source from its ``argument``, or nothing from any other text.
  public init?(argument: String) {
    let parts = argument.split(separator: ":", maxSplits: 1)
    guard parts.count == 2 else { return nil }
    switch parts[0] {
    case "file": self = .recording(path: String(parts[1]))
    case "seed":
      let numbers = parts[1].split(separator: ":")
      guard let seed = UInt64(numbers[0]), numbers.count <= 2 else { return nil }
      self = .generated(seed: seed, after: numbers.count == 2 ? Int64(numbers[1]) : nil)
    default: return nil
    }
  }
}

/// The events of a source one after the other, without holding them.
public struct Trace {
  private var generator: Generator?
  private var lines: JSONLines?

  /// Opens a source at its first event.
  public init(_ source: TraceSource) throws {
    switch source {
    case .generated(let seed, let moment): generator = Generator(seed: seed, after: moment)
    case .recording(let path): lines = try JSONLines(path: path)
    }
  }

  /// The next event, or nothing at the end.
  public mutating func next() throws -> Event? {
    if let lines { return try lines.next() }
    return generator?.next()
  }
}
