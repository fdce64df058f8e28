public import Reel

/// Where the events of a measurement come from.
public enum TraceSource: Sendable {
  /// Made by ``Generator`` from a seed: without end.
  case generated(seed: UInt64)
}

/// The events of a source one after the other, without holding them.
public struct Trace {
  private var generator: Generator

  /// Opens a source at its first event.
  public init(_ source: TraceSource) throws {
    switch source {
    case .generated(let seed): generator = Generator(seed: seed)
    }
  }

  /// The next event, or nothing at the end.
  public mutating func next() throws -> Event? { generator.next() }
}
