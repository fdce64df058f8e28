/// What is asked of a recording.
///
/// Every condition that is set must hold; those left out do not matter.
public struct Query: Sendable, Hashable {
  /// Which end of an event a process is looked for at.
  public enum Role: String, Sendable, CaseIterable {
    /// The process it happened in, or the other end.
    case either
    /// The process it happened in.
    case process
    /// The other end of a message, link or spawn.
    case peer
  }

  /// The order of the answer.
  ///
  /// Events with one timestamp are in the order of their arrival.
  public enum Order: String, Sendable {
    /// From the earliest to the latest.
    case ascending
    /// The exact reverse.
    case descending
  }

  /// The id.
  public var id: EventID?
  /// One of these kinds; empty means any.
  public var kinds: [String] = []
  /// The process, at the end that ``role`` says.
  public var process: String?
  /// Where ``process`` is looked for.
  ///
  /// Default: either end.
  public var role: Role = .either
  /// The function's module.
  public var module: String?
  /// The function's name.
  public var function: String?
  /// The number of the function's arguments.
  public var arity: UInt16?
  /// The correlation id.
  public var correlationID: String?
  /// The AST node.
  public var astNodeID: String?
  /// The machine or runtime.
  public var node: String?
  /// Declared attributes: an event with several values has each of them.
  public var attributes: [String: AttributeValue] = [:]
  /// The earliest timestamp, inclusive.
  public var from: Timestamp = .min
  /// The latest timestamp, inclusive; earlier than ``from``, nothing matches.
  public var to: Timestamp = .max
  /// The order of the answer.
  ///
  /// Default: ascending.
  public var order: Order = .ascending
  /// Only what comes after this event in the order of the answer.
  public var after: Position?

  /// Creates a query that every event matches.
  public init() {}

  /// Creates a query for the events from one moment to another, both inclusive.
  public init(from: Timestamp = .min, to: Timestamp = .max, order: Order = .ascending) {
    self.from = from
    self.to = to
    self.order = order
  }

  /// The place of an event in every answer that has it: where a later query can go on.
  public struct Position: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The event's timestamp.
    public var timestamp: Timestamp
    /// Its sequence number.
    public var sequenceNumber: SequenceNumber

    /// Creates the place of the event with this timestamp and sequence number.
    public init(timestamp: Timestamp, sequenceNumber: SequenceNumber) {
      self.timestamp = timestamp
      self.sequenceNumber = sequenceNumber
    }

    /// Creates a place from its ``description``, or nothing from any other text.
    public init?(_ text: String) {
      let parts = text.split(separator: "/", omittingEmptySubsequences: false)
      guard parts.count == 2, let nanoseconds = Int64(parts[0]), let number = UInt64(parts[1])
      else { return nil }
      timestamp = Timestamp(nanoseconds: nanoseconds)
      sequenceNumber = SequenceNumber(rawValue: number)
    }

    /// The timestamp in nanoseconds and the sequence number, such as `1795223980598633000/17`.
    public var description: String { "\(timestamp.nanoseconds)/\(sequenceNumber.rawValue)" }

    /// Whether `lhs` comes before `rhs` in ascending order.
    public static func < (lhs: Position, rhs: Position) -> Bool {
      (lhs.timestamp, lhs.sequenceNumber) < (rhs.timestamp, rhs.sequenceNumber)
    }
  }
}

/// What an answer cannot contain, and why.
public struct Completeness: Hashable, Sendable {
  /// Events that the recorder had to drop in the time asked about.
  public internal(set) var droppedEventCount: UInt64 = 0
  /// Events that retention has removed from the recording altogether, whatever was asked.
  public internal(set) var removedEventCount: UInt64 = 0
  /// Whether a cut reaches into the time asked about, and so may hide events of it.
  public internal(set) var isCut = false
  /// Stretches that could not be read.
  public internal(set) var damages: [Corruption] = []
  /// Sequence numbers that no file has: lost with a file, reported as lost before, or missed by a
  /// copy that was made while recording.
  public internal(set) var missing: [ClosedRange<UInt64>] = []
  /// Whether the limit ended the answer before the last match.
  public internal(set) var isLimited = false

  /// Whether the answer has every event that was ever offered and matches.
  public var isComplete: Bool {
    droppedEventCount == 0 && removedEventCount == 0 && !isCut && damages.isEmpty
      && missing.isEmpty && !isLimited
  }

  /// Adds damage that is not told yet.
  mutating func add(_ more: [Corruption]) {
    for damage in more where !damages.contains(damage) { damages.append(damage) }
  }
}

/// What answering a query read.
public struct QueryCost: Hashable, Sendable {
  /// Segments in the recording.
  public internal(set) var segmentCount = 0
  /// Segments whose directory was looked at.
  public internal(set) var segmentsOpened = 0
  /// Blocks in those segments.
  public internal(set) var blockCount = 0
  /// Blocks whose attributes were decoded.
  public internal(set) var blocksDecoded = 0
  /// Events whose attributes were looked at.
  public internal(set) var rowsExamined = 0
  /// Bytes of blocks, directories and indexes that had to be fetched from files.
  public internal(set) var bytesRead = 0
  /// Rounds over all candidates, more than one when they overlap too much to be merged at once.
  public internal(set) var passCount = 1
  /// Bytes written to temporary files to sort what memory does not hold.
  public internal(set) var sortedByteCount = 0
}

/// The events that match a query.
public struct Answer: Sendable {
  /// The events, in the order asked for.
  public let events: [Event]
  /// What the answer lacks.
  public let completeness: Completeness
  /// The place of the last event, after which the next page begins: to be given as ``Query/after``;
  /// nothing for an empty answer.
  public let last: Query.Position?
  /// What it took.
  public let cost: QueryCost
}

/// A dimension along which events are counted.
public enum Facet: Hashable, Sendable {
  /// By kind.
  case kind
  /// By the process they happened in.
  case process
  /// By the other end.
  case peerProcess
  /// By the function's module.
  case module
  /// By function: module, name and arity.
  case function
  /// By correlation id.
  case correlationID
  /// By AST node.
  case astNodeID
  /// By machine or runtime.
  case node
  /// By a declared attribute.
  case attribute(String)
}

/// One distinct value and how many events have it.
public struct FacetCount: Hashable, Sendable {
  /// The value as text: of a function `module.name/arity`; nothing for events that have none.
  public let value: String?
  /// How many events have it.
  public let count: Int
}

extension Completeness {
  /// What an answer to `query` lacks before anything is read.
  init(_ query: Query, _ snapshot: Snapshot) {
    self.init()
    for gap in snapshot.control.gaps
    where gap.to >= query.from.nanoseconds && gap.from <= query.to.nanoseconds {
      droppedEventCount = droppedEventCount.saturatingAdd(gap.eventCount)
    }
    removedEventCount = snapshot.control.dropped.eventCount
    isCut = snapshot.control.cuts.contains { cut in
      cut.before.map { $0 > query.from.nanoseconds } ?? true
    }
    missing = snapshot.missing
    damages = snapshot.damages
  }
}
