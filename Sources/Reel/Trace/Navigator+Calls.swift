/// Steps by calls.
///
/// They go by all events of the process, whatever the filter, and end with the process and its run.
/// The entry and the exit of a call belong to its caller, as does what happens between two calls.
/// Of more than 1,024 calls within each other the inner ones are not known.
extension Navigator {
  /// From the entry of a call, goes to its exit, and from any other event to the next of its
  /// process that matches the filter; `backward` from an exit to its entry, and else to the
  /// previous.
  ///
  /// A call that was left by an error ends with the first event that tells so.
  @discardableResult
  public func stepOver(_ direction: Direction = .forward) throws(ReelError) -> Event? {
    guard let current else { return try step(direction) }
    let snapshot = try recording.snapshot()
    let role = snapshot.control.roles.role(of: current)
    if direction == .forward, role == .entry {
      return go(to: try CallWalk(from: current, snapshot, recording.cache)?.end(ofCall: current))
    }
    if direction == .backward, role == .exit,
      let entry = try CallWalk.entry(of: current, snapshot, recording.cache)
    {
      return go(to: entry)
    }
    return try step(direction, along: .process)
  }

  /// Goes to the entry of the next call: the first within, from an entry, and else the next that
  /// the same caller makes.
  ///
  /// `backward` it goes to the exit of the last call: the last within, from an exit, and else the
  /// last that the same caller made. A call that was left by an error has none.
  @discardableResult
  public func stepInto(_ direction: Direction = .forward) throws(ReelError) -> Event? {
    guard let current else { return try step(direction) }
    let snapshot = try recording.snapshot()
    guard let walk = try CallWalk(from: current, snapshot, recording.cache) else { return nil }
    return go(to: try direction == .forward ? walk.nextEntry() : walk.lastExit())
  }

  /// Goes to the exit of the call around the current event, or, `backward`, to its entry.
  ///
  /// Around an entry or exit is the call that made it.
  @discardableResult
  public func stepOut(_ direction: Direction = .forward) throws(ReelError) -> Event? {
    let snapshot = try recording.snapshot()
    guard let current, let call = try CallWalk.caller(of: current, snapshot, recording.cache)
    else { return nil }
    if direction == .backward { return go(to: call) }
    return go(to: try CallWalk(from: current, snapshot, recording.cache)?.end(ofCall: call))
  }

  /// The process of the current event right after it, with its state and its open calls; nothing
  /// where the event names none, and where the process has ended with it.
  public func process() throws(ReelError) -> ProcessMoment? {
    guard let current else { return nil }
    return try CallWalk.process(
      of: current, isAfter: true, try recording.snapshot(), recording.cache)
  }
}

extension KindRoles {
  func role(of event: Event) -> EventRole { event.kind.map { self[$0] } ?? .other }
}

/// Follows the calls of a process from an event on.
struct CallWalk {
  private let event: Event
  private let time: Timestamp
  private let number: SequenceNumber
  private let process: String
  private let snapshot: Snapshot
  private let cache: ReadCache
  /// The calls that are open after the event.
  private let stack: [Event]

  /// - Returns: Nothing for an event of no process.
  init?(from event: Event, _ snapshot: Snapshot, _ cache: ReadCache) throws(ReelError) {
    guard let process = event.process, let time = event.timestamp,
      let number = event.sequenceNumber
    else { return nil }
    self.event = event
    self.time = time
    self.number = number
    self.process = process
    self.snapshot = snapshot
    self.cache = cache
    stack = try Self.process(of: event, isAfter: true, snapshot, cache)?.stack ?? []
  }

  /// The process of an event right before or after it.
  static func process(
    of event: Event, isAfter: Bool, _ snapshot: Snapshot, _ cache: ReadCache
  ) throws(ReelError) -> ProcessMoment? {
    guard let process = event.process, let time = event.timestamp,
      let number = event.sequenceNumber?.rawValue
    else { return nil }
    let reader = MomentReader(
      at: time, of: process, snapshot: snapshot, cache: cache,
      below: isAfter && number < .max ? number + 1 : number)
    return try reader.moment().processes.first { $0.name == process }
  }

  /// The entry of the call that `exit` leaves; nothing when it is not known.
  static func entry(
    of exit: Event, _ snapshot: Snapshot, _ cache: ReadCache
  ) throws(ReelError) -> Event? {
    let key = CallKey(exit)
    let stack = try process(of: exit, isAfter: false, snapshot, cache)?.stack
    return stack?.last { key.ends(CallKey($0)) }
  }

  /// The entry of the call around an event; around an entry or exit, that of its caller.
  static func caller(
    of event: Event, _ snapshot: Snapshot, _ cache: ReadCache
  ) throws(ReelError) -> Event? {
    let stack = try process(of: event, isAfter: false, snapshot, cache)?.stack ?? []
    guard snapshot.control.roles.role(of: event) == .exit else { return stack.last }
    let key = CallKey(event)
    guard let place = stack.lastIndex(where: { key.ends(CallKey($0)) }) else { return stack.last }
    return place > 0 ? stack[place - 1] : nil
  }

  /// The events of the process on one side of the event that begin or end calls, nearest first.
  private func events(_ order: Query.Order) throws(ReelError) -> EventCursor? {
    var query = Query(order: order)
    query.kinds = snapshot.control.roles.kinds([.entry, .exit, .spawned, .processExit])
    guard !query.kinds.isEmpty else { return nil }
    query.process = process
    query.role = .process
    query.after = Query.Position(timestamp: time, sequenceNumber: number)
    return try EventCursor(query, limit: nil, snapshot: snapshot, cache: cache)
  }

  /// The run of the event; nothing when it is gone.
  private func runID() throws(ReelError) -> UInt64? {
    try IDLookup(snapshot: snapshot, cache: cache).find(number.rawValue)?.runID
  }

  /// The first event after this one with which the call that `entry` begins has ended; nothing when
  /// it has not.
  func end(ofCall entry: Event) throws(ReelError) -> Event? {
    guard let depth = stack.lastIndex(where: { $0.sequenceNumber == entry.sequenceNumber }),
      let events = try events(.ascending)
    else { return nil }
    let run = try runID()
    var open = stack.map { CallKey($0) }
    while let view = try events.next(), view.runID == run {
      let next = view.event
      let key = CallKey(next)
      switch snapshot.control.roles.role(of: next) {
      case .entry: open.append(key)
      case .exit:
        guard let place = open.lastIndex(where: { key.ends($0) }) else { continue }
        open.removeLast(open.count - place)
      default: return next
      }
      if open.count <= depth { return next }
    }
    return nil
  }

  /// The first entry after this event, unless the innermost open call ends before.
  func nextEntry() throws(ReelError) -> Event? {
    guard let events = try events(.ascending) else { return nil }
    let run = try runID()
    let open = stack.map { CallKey($0) }
    while let view = try events.next(), view.runID == run {
      let next = view.event
      switch snapshot.control.roles.role(of: next) {
      case .entry: return next
      case .exit:
        let key = CallKey(next)
        if open.contains(where: { key.ends($0) }) { return nil }
      default: return nil
      }
    }
    return nil
  }

  /// The last exit before this event, unless a call began in between.
  func lastExit() throws(ReelError) -> Event? {
    guard let events = try events(.descending), let view = try events.next(),
      try view.runID == runID(), snapshot.control.roles.role(of: view.event) == .exit
    else { return nil }
    return view.event
  }
}

extension Recording {
  /// What the recording says of kinds of events.
  public var roles: KindRoles {
    get throws(ReelError) { try snapshot().control.roles }
  }
}
