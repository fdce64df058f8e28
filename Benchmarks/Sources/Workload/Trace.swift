public import Reel

/// Where the events of a measurement come from.
public enum TraceSource: Sendable {
  /// Made by ``Generator`` from a seed, later than a moment if one is given: without end.
  case generated(seed: UInt64, after: Int64? = nil)
}

/// The events of a source one after the other, without holding them.
public struct Trace {
  private var generator: Generator

  /// Opens a source at its first event.
  public init(_ source: TraceSource) throws {
    switch source {
    case .generated(let seed, let moment): generator = Generator(seed: seed, after: moment)
    }
  }

  /// The next event, or nothing at the end.
  public mutating func next() throws -> Event? { generator.next() }
}
