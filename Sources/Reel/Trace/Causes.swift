/// Why an event happened: the events that led to it, each with how that is known.
public struct Causes: Hashable, Sendable {
  /// How an event is known to have led to the next.
  public enum Reason: String, Sendable, CaseIterable {
    /// The event names it as its parent.
    case parent
    /// It is the entry of the call that the event leaves.
    case entry
    /// It is the entry of the innermost call that was open.
    case call
    /// It is the send of the message that the event receives: the same content, and of equal ones
    /// the first sent.
    case send
    /// It is the last message that the process had received before.
    case receive
    /// It tells of the beginning of the process.
    case beginning
    /// It is the spawn of the process by another one.
    case spawn
  }

  /// An event and why it is taken for a cause of the one before.
  public struct Link: Hashable, Sendable {
    /// The event that led to the one before.
    public let event: Event
    /// How that is known.
    public let reason: Reason
  }

  /// The event that was asked about.
  public let event: Event
  /// What led to it, the nearest first; each led to the one before.
  public let links: [Link]
  /// Whether the budget ended the chain, and not the beginning of what is known.
  public let isLimited: Bool
  /// What could not be read on the way: a cause there is not found, and another, further back, may
  /// stand in its place.
  public let damages: [Corruption]
}

extension Recording {
  /// Goes back from an event to what led to it: the call around it, the message that its process
  /// had received, its send, the spawn.
  ///
  /// Each link goes back in the order of events, so that the chain ends.
  ///
  /// - Parameters:
  ///   - number: The event's sequence number.
  ///   - limit: How many links at most.
  /// - Returns: Nothing when there is no such event.
  /// - Throws: ``ReelError/corrupted(_:)`` when the event itself cannot be read,
  ///   ``ReelError/io(_:)``, ``ReelError/closed``. Other damage is told in ``Causes/damages``.
  /// - Complexity: A few queries a link, most of them for one event.
  public func causes(
    of number: SequenceNumber, limit: Int = 32
  ) throws(ReelError) -> Causes? {
    guard let event = try event(number) else { return nil }
    var search = CauseSearch(snapshot: try snapshot(), cache: cache)
    var links: [Causes.Link] = []
    var last = event
    while let link = try search.cause(of: last) {
      guard links.count < limit else {
        return Causes(event: event, links: links, isLimited: true, damages: search.damages)
      }
      links.append(link)
      last = link.event
    }
    return Causes(event: event, links: links, isLimited: false, damages: search.damages)
  }
}

/// Finds the cause of one event.
struct CauseSearch {
  private let snapshot: Snapshot
  private let cache: ReadCache
  private let roles: KindRoles
  private var known: Set<SequenceNumber> = []
  /// What could not be read.
  private(set) var damages: [Corruption] = []

  /// How far back the send of a message is looked for, one after the other.
  private static let windows: [Int64] = [1_000_000, 32_000_000, 1_000_000_000, 30_000_000_000]

  init(snapshot: Snapshot, cache: ReadCache) {
    self.snapshot = snapshot
    self.cache = cache
    roles = snapshot.control.roles
  }

  mutating func cause(of event: Event) throws(ReelError) -> Causes.Link? {
    if let number = event.sequenceNumber { known.insert(number) }
    let role = event.kind.map { roles[$0] } ?? .other
    if let link = try check(parent(of: event), .parent) { return link }
    switch role {
    case .exit: if let link = try check(entry(of: event), .entry) { return link }
    case .receive: if let link = try check(send(of: event), .send) { return link }
    case .spawned: return try check(spawn(of: event), .spawn)
    default: break
    }
    guard let process = event.process, let moment = try moment(process, before: event) else {
      return nil
    }
    if let call = try check(moment.stack.last, .call) { return call }
    if let receive = try check(lastReceive(process, before: event), .receive) { return receive }
    guard let spawn = moment.spawn else { return nil }
    return try check(spawn, spawn.process == process ? .beginning : .spawn)
  }

  /// A link, unless the event is in the chain already: ids may be wrong.
  private mutating func check(
    _ event: Event?, _ reason: Causes.Reason
  ) throws(ReelError) -> Causes.Link? {
    guard let event, let number = event.sequenceNumber, !known.contains(number) else { return nil }
    // What a context gives may be without its payload.
    return Causes.Link(event: try find(number) ?? event, reason: reason)
  }

  // MARK: Damage

  private mutating func note(_ more: [Corruption]) {
    for damage in more where !damages.contains(damage) { damages.append(damage) }
  }

  /// What `body` looks up, or nothing where damage keeps it from that.
  private mutating func lookUp<R>(
    _ body: (IDLookup) throws(ReelError) -> R?
  ) throws(ReelError) -> R? {
    do throws(ReelError) {
      return try body(IDLookup(snapshot: snapshot, cache: cache))
    } catch .corrupted(let damage) {
      note([damage])
      return nil
    }
  }

  private mutating func find(_ number: SequenceNumber) throws(ReelError) -> Event? {
    try lookUp { lookup throws(ReelError) in try lookup.find(number.rawValue)?.event }
  }

  /// The first event of an answer that is wanted; the damage met up to there is noted.
  private mutating func first(
    _ query: Query, limit: Int?, where isWanted: (EventView) -> Bool
  ) throws(ReelError) -> EventView? {
    let cursor = try EventCursor(query, limit: limit, snapshot: snapshot, cache: cache)
    var found: EventView?
    while found == nil, let view = try cursor.next() {
      if isWanted(view) { found = view }
    }
    note(cursor.completeness.damages)
    return found
  }

  // MARK: Candidates

  private mutating func parent(of event: Event) throws(ReelError) -> Event? {
    guard let id = event.parentID else { return nil }
    return try lookUp { lookup throws(ReelError) in try lookup.find(id)?.event }
  }

  private mutating func moment(
    _ process: String, before event: Event
  ) throws(ReelError) -> ProcessMoment? {
    guard let time = event.timestamp, let number = event.sequenceNumber else { return nil }
    let reader = MomentReader(
      at: time, of: process, snapshot: snapshot, cache: cache, below: number.rawValue,
      withPayloads: false)
    let moment = try reader.moment()
    note(moment.damages)
    return moment.processes.first { $0.name == process }
  }

  private mutating func entry(of exit: Event) throws(ReelError) -> Event? {
    guard let process = exit.process, let moment = try moment(process, before: exit) else {
      return nil
    }
    let key = CallKey(exit)
    return moment.stack.last { key.ends(CallKey($0)) }
  }

  /// The last event that matches `query` before `event`.
  private mutating func last(_ query: Query, before event: Event) throws(ReelError) -> Event? {
    guard let time = event.timestamp, let number = event.sequenceNumber else { return nil }
    var query = query
    query.to = time
    query.order = .descending
    query.after = Query.Position(timestamp: time, sequenceNumber: number)
    return try first(query, limit: 1) { _ in true }?.event
  }

  private mutating func lastReceive(
    _ process: String, before event: Event
  ) throws(ReelError) -> Event? {
    var query = Query()
    query.kinds = roles.kinds([.receive])
    query.process = process
    query.role = .process
    return query.kinds.isEmpty ? nil : try last(query, before: event)
  }

  private mutating func send(of receive: Event) throws(ReelError) -> Event? {
    guard let time = receive.timestamp?.nanoseconds else { return nil }
    let roles = self.roles
    for window in Self.windows {
      let (start, overflow) = time.subtractingReportingOverflow(window)
      var query = Query(
        from: overflow ? .min : Timestamp(nanoseconds: start), to: Timestamp(nanoseconds: time))
      query.kinds = roles.kinds([.send, .receive])
      var flows = MessageFlows()
      var number: SequenceNumber?
      let received = try first(query, limit: nil) { view in
        if view.kind.map({ roles[$0] }) == .send {
          flows.send(view)
          return false
        }
        number = flows.receive(view)
        return view.sequenceNumber == receive.sequenceNumber
      }
      if received != nil, let number { return try find(number) }
    }
    return nil
  }

  /// The spawn, in another process, of the one that `beginning` tells of.
  private mutating func spawn(of beginning: Event) throws(ReelError) -> Event? {
    guard let process = beginning.process, let time = beginning.timestamp else { return nil }
    var query = Query(to: time)
    query.kinds = roles.kinds([.spawn])
    if beginning.peerProcess != nil {
      query.process = beginning.peerProcess
      query.role = .process
    }
    query.order = .descending
    return try first(query, limit: 10_000) { MessageLinker.child($0.event) == process }?.event
  }
}
