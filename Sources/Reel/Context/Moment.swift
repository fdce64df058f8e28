/// What the recorded program was at one moment, as far as its recording tells.
///
/// The events of a process count in the order in which they were recorded, those up to the moment;
/// what kinds mean say the recording's roles (``KindRoles``). The processes of a run end with it.
public struct Moment: Hashable, Sendable {
  /// The moment; events with this timestamp have happened.
  public let time: Timestamp
  /// The processes that live, in the order in which they appeared.
  public let processes: [ProcessMoment]
  /// The last event of each latched kind, by kind.
  public let latched: [Event]
  /// Whether everything is known that came before in the run.
  ///
  /// Not where it begins with segments that retention has dropped, where bytes are damaged or
  /// missing, and where more than 65,536 processes live or what is known of them takes more than
  /// 1 MiB: then processes may be missing here, and calls that were open.
  public let isComplete: Bool
  /// What could not be read.
  public let damages: [Corruption]
  /// What answering took.
  public let cost: QueryCost
}

/// A process at one moment.
public struct ProcessMoment: Hashable, Sendable {
  /// Its name in the recording.
  public let name: String
  /// The event that told of its beginning, if one did.
  public let spawn: Event?
  /// The event that gave it a name which it still has.
  public let registration: Event?
  /// The last event that told its state.
  public let state: Event?
  /// The events that began the calls which are open, the outermost first.
  public let stack: [Event]
  /// Calls that are open within those: of more than 1,024 the inner ones are only counted.
  public let unlistedCallCount: Int
}

extension Recording {
  /// What the program was at `time`: its processes, their states and their open calls.
  ///
  /// - Parameters:
  ///   - time: The moment.
  ///   - process: The one asked about; nothing for all.
  ///   - withPayloads: Whether the payloads of the events are looked up where the context does not
  ///     have them: each costs about as much as ``event(_:)``.
  /// - Returns: What is known; without processes where none lived.
  /// - Throws: ``ReelError/io(_:)``, ``ReelError/closed``. Damage is told in ``Moment/damages``.
  /// - Complexity: A context lies at the beginning of each segment, and another after 16,384
  ///   records or 96 times its own bytes, whichever is later: the newest before the moment is read
  ///   and what follows up to it. Events that came in too late by more than a segment make that
  ///   more.
  ///   Of one process, only blocks that have it are decoded.
  public func moment(
    at time: Timestamp = .max, process: String? = nil, withPayloads: Bool = true
  ) throws(ReelError) -> Moment {
    try MomentReader(
      at: time, of: process, snapshot: try snapshot(), cache: cache, withPayloads: withPayloads
    ).moment()
  }
}
