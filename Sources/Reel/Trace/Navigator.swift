/// A place in a recording from which one goes to other events, forwards and backwards in time.
///
/// Every step sees the recording as it is at that moment, so one can walk into what is being
/// recorded. Events with one timestamp are in the order of their arrival. A step that finds nothing
/// leaves the place as it is.
public final class Navigator {
  /// What two events have in common for a step to go from one to the other.
  public enum Track: String, Sendable, CaseIterable {
    /// Nothing.
    case all
    /// The process they happened in.
    case process
    /// The function.
    case function
    /// The correlation id.
    case correlation
    /// The kind.
    case kind
  }

  /// The way a step goes.
  public enum Direction: Sendable {
    /// Towards later events.
    case forward
    /// Towards earlier events.
    case backward
  }

  private let recording: Recording
  /// What every event that is stepped to must match; its time, order and place do not matter.
  public var filter: Query
  /// The event of the place; nothing before the first step.
  public private(set) var current: Event?
  /// Goes on where the last step ended, most often.
  private var cursor: (track: Track, direction: Direction, filter: Query, events: EventCursor)?

  /// Stands nowhere, before any event; every event that is stepped to must match `filter`.
  public init(_ recording: Recording, filter: Query = Query()) {
    self.recording = recording
    self.filter = filter
  }

  // MARK: Seeking

  /// Goes to the first event at `time` or later, or, `backward`, to the last at `time` or earlier.
  ///
  /// - Returns: The event; nothing when there is none.
  @discardableResult
  public func seek(
    to time: Timestamp, _ direction: Direction = .forward
  ) throws(ReelError) -> Event? {
    var query = filter
    query.from = direction == .forward ? time : .min
    query.to = direction == .forward ? .max : time
    return try go(to: try first(query, direction))
  }

  /// Goes to the event with a sequence number, whether or not the filter holds for it.
  @discardableResult
  public func seek(to number: SequenceNumber) throws(ReelError) -> Event? {
    try go(to: try recording.event(number))
  }

  /// Goes to the event with an id, whether or not the filter holds for it.
  @discardableResult
  public func seek(to id: EventID) throws(ReelError) -> Event? {
    try go(to: try recording.event(id: id))
  }

  // MARK: Steps

  /// Goes to the next event that has the same as the current one, or, `backward`, the previous.
  ///
  /// From nowhere it goes to the first event, or the last.
  @discardableResult
  public func step(
    _ direction: Direction = .forward, along track: Track = .all
  ) throws(ReelError) -> Event? {
    guard let current else {
      return try seek(to: direction == .forward ? .min : .max, direction)
    }
    if let cursor, cursor.track == track, cursor.direction == direction, cursor.filter == filter,
      let view = try cursor.events.next()
    {
      self.current = view.event
      return view.event
    }
    guard let query = query(track, direction, from: current) else { return nil }
    let events = try recording.cursor(query)
    guard let view = try events.next() else { return nil }
    self.current = view.event
    cursor = (track, direction, filter, events)
    return view.event
  }

  /// From the entry of a call, goes to its exit, and from any other event to the next of its
  /// process; backward from an exit to its entry, and else to the previous.
  ///
  /// A call that was left by an error ends with the first event after it.
  @discardableResult
  public func stepOver(_ direction: Direction = .forward) throws(ReelError) -> Event? {
    guard let current else { return try step(direction) }
    let roles = try recording.roles
    let role = current.kind.map { roles[$0] } ?? .other
    switch direction {
    case .forward where role == .entry: return try go(to: try end(of: current, after: current))
    case .backward where role == .exit:
      guard let entry = try recording.entry(of: current) else { fallthrough }
      return try go(to: entry)
    default: return try step(direction, along: .process)
    }
  }

  /// Goes to the exit of the call around the current event, or, `backward`, to its entry.
  @discardableResult
  public func stepOut(_ direction: Direction = .forward) throws(ReelError) -> Event? {
    guard let current, let call = try recording.call(around: current) else { return nil }
    return try go(to: direction == .backward ? call : try end(of: call, after: current))
  }

  private func go(to event: Event?) throws(ReelError) -> Event? {
    guard let event else { return nil }
    cursor = nil
    current = event
    return event
  }

  // MARK: Looking

  private func first(_ query: Query, _ direction: Direction) throws(ReelError) -> Event? {
    var query = query
    query.order = direction == .forward ? .ascending : .descending
    return try recording.cursor(query, limit: 1).next()?.event
  }

  /// What the events of a track after `event` match; nothing when it is on none.
  private func query(_ track: Track, _ direction: Direction, from event: Event) -> Query? {
    guard let time = event.timestamp, let number = event.sequenceNumber else { return nil }
    var query = filter
    query.from = .min
    query.to = .max
    query.order = direction == .forward ? .ascending : .descending
    query.after = Query.Position(timestamp: time, sequenceNumber: number)
    switch track {
    case .all: return query
    case .process:
      guard let process = event.process else { return nil }
      query.process = process
      query.role = .process
    case .function:
      guard let function = event.function else { return nil }
      query.module = function.module
      query.function = function.name
      query.arity = function.arity
    case .correlation:
      guard let id = event.correlationID else { return nil }
      query.correlationID = id
    case .kind:
      guard let kind = event.kind else { return nil }
      query.kinds = [kind]
    }
    return query
  }

  /// The exit of the call that `entry` begins, or the first event after it where it has none; both
  /// after `event`.
  private func end(of entry: Event, after event: Event) throws(ReelError) -> Event? {
    guard var query = query(.process, .forward, from: event) else { return nil }
    // Entries and exits must all be seen.
    let wanted = filter
    filter = Query()
    defer { filter = wanted }
    query = self.query(.process, .forward, from: event) ?? query
    let roles = try recording.roles
    query.kinds = roles.kinds([.entry, .exit])
    var open = [CallKey(entry)]
    if entry != event, let moment = try recording.stack(before: event) {
      open += moment.drop { $0.sequenceNumber != entry.sequenceNumber }.dropFirst().map {
        CallKey($0)
      }
    }
    let cursor = try recording.cursor(query)
    while let view = try cursor.next() {
      let next = view.event
      let key = CallKey(next)
      if next.kind.map({ roles[$0] }) == .entry {
        open.append(key)
      } else if let place = open.lastIndex(where: { key.ends($0) }) {
        if place == 0 { return next }
        open.removeLast(open.count - place)
      } else {
        return next
      }
    }
    return nil
  }
}

extension Recording {
  /// What the recording says of kinds of events.
  public var roles: KindRoles {
    get throws(ReelError) { try snapshot().control.roles }
  }

  /// The calls that were open in the process of `event` when it happened, the outermost first.
  func stack(before event: Event) throws(ReelError) -> [Event]? {
    guard let process = event.process, let time = event.timestamp,
      let number = event.sequenceNumber
    else { return nil }
    let reader = MomentReader(
      at: time, of: process, snapshot: try snapshot(), cache: cache, below: number.rawValue)
    return try reader.moment().processes.first { $0.name == process }?.stack
  }

  /// The entry of the innermost call around `event`; around an entry or exit, that of its caller.
  func call(around event: Event) throws(ReelError) -> Event? {
    guard let stack = try stack(before: event) else { return nil }
    let roles = try roles
    if event.kind.map({ roles[$0] }) == .exit {
      let key = CallKey(event)
      guard let place = stack.lastIndex(where: { key.ends(CallKey($0)) }) else { return nil }
      return place > 0 ? stack[place - 1] : nil
    }
    return stack.last
  }

  /// The entry of the call that `exit` leaves.
  func entry(of exit: Event) throws(ReelError) -> Event? {
    let key = CallKey(exit)
    return try stack(before: exit)?.last { key.ends(CallKey($0)) }
  }
}
