/// A place in a recording from which one goes to other events, forwards and backwards in time.
///
/// Every step sees the recording as it is at that moment, so one can walk into what is being
/// recorded. Events with one timestamp are in the order of their arrival. A step that finds nothing
/// leaves the place as it is. A navigator belongs to one task.
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
  public enum Direction: Sendable, CaseIterable {
    /// Towards later events.
    case forward
    /// Towards earlier events.
    case backward
  }

  /// The recording that it goes through.
  public let recording: Recording
  /// What every event that is stepped to must match, but for steps into, over and out of calls; its
  /// order and ``Query/after`` do not matter.
  public var filter: Query
  /// The event of the place; nothing before the first step.
  public private(set) var current: Event?
  /// What seeking by time and going or looking along tracks has met that could not be read, each
  /// once: events behind it are found.
  public private(set) var damages: [Corruption] = []
  /// Goes on where the last step ended, as long as the recording is the same.
  private var walk: Walk?

  private struct Walk {
    let track: Track
    let direction: Direction
    let filter: Query
    let snapshot: Snapshot
    let events: EventCursor
    /// The damages of its events that are noted.
    var damageCount = 0
  }

  /// Stands nowhere, before any event.
  ///
  /// - Parameters:
  ///   - recording: The recording to go through.
  ///   - filter: What every event that is stepped to must match.
  public init(_ recording: Recording, filter: Query = Query()) {
    self.recording = recording
    self.filter = filter
  }

  // MARK: Seeking

  /// Goes to the first event at `time` or later, or, `backward`, to the last at `time` or earlier.
  ///
  /// - Returns: The event; nothing when there is none.
  /// - Throws: ``ReelError/io(_:)``, ``ReelError/closed``, as every step does; the place is then as
  ///   it was.
  @discardableResult
  public func seek(
    to time: Timestamp, _ direction: Direction = .forward
  ) throws(ReelError) -> Event? {
    var query = filter
    query.after = nil
    query.order = direction == .forward ? .ascending : .descending
    if direction == .forward {
      query.from = max(query.from, time)
    } else {
      query.to = min(query.to, time)
    }
    let events = try recording.cursor(query, limit: 1)
    defer { note(events.completeness.damages[...]) }
    return go(to: try events.next()?.event)
  }

  private func note(_ met: ArraySlice<Corruption>) {
    for damage in met where !damages.contains(damage) { damages.append(damage) }
  }

  /// Goes to the event with a sequence number, whether or not the filter holds for it.
  @discardableResult
  public func seek(to number: SequenceNumber) throws(ReelError) -> Event? {
    go(to: try recording.event(number))
  }

  /// Goes to the event with an id, whether or not the filter holds for it.
  @discardableResult
  public func seek(to id: EventID) throws(ReelError) -> Event? {
    go(to: try recording.event(id: id))
  }

  /// Goes to an event that was found in another way.
  ///
  /// - Parameter event: An event of the recording, as it was read.
  public func seek(to event: Event) {
    guard event.timestamp != nil, event.sequenceNumber != nil else { return }
    go(to: event)
  }

  @discardableResult
  func go(to event: Event?) -> Event? {
    guard let event else { return nil }
    walk = nil
    current = event
    return event
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
    guard let path = TrackQuery(track, of: current, filter, direction) else { return nil }
    let snapshot = try recording.snapshot()
    var next: Walk
    if let walk, walk.snapshot === snapshot, walk.track == track, walk.direction == direction,
      walk.filter == filter
    {
      next = walk
    } else {
      next = Walk(
        track: track, direction: direction, filter: filter, snapshot: snapshot,
        events: try EventCursor(path.query, limit: nil, snapshot: snapshot, cache: recording.cache))
    }
    defer { note(next.events.completeness.damages[next.damageCount...]) }
    while let view = try next.events.next() {
      let event = view.event
      guard path.accepts(event) else { continue }
      self.current = event
      walk = next
      walk?.damageCount = next.events.completeness.damages.count
      return event
    }
    return nil
  }

  /// The events that steps along `track` would lead to, the nearest first, without going there.
  ///
  /// - Parameters:
  ///   - direction: On which side of the current event they lie.
  ///   - track: What they have in common with it.
  ///   - limit: How many at most.
  /// - Returns: None from nowhere.
  /// - Throws: As a step does.
  public func neighbours(
    _ direction: Direction, along track: Track = .all, limit: Int
  ) throws(ReelError) -> [Event] {
    guard let current, let path = TrackQuery(track, of: current, filter, direction) else {
      return []
    }
    let events = try recording.cursor(path.query)
    defer { note(events.completeness.damages[...]) }
    var found: [Event] = []
    while found.count < limit, let view = try events.next() {
      let event = view.event
      if path.accepts(event) { found.append(event) }
    }
    return found
  }
}

/// The events of a track before or after an event, as a query and what it cannot say.
private struct TrackQuery {
  private(set) var query: Query
  /// The other end that the filter asks for, where the process is already the track's.
  private var peer: String?
  private var function: Function?

  /// - Returns: Nothing when `event` is on no such track, and when no event of it matches `filter`.
  init?(
    _ track: Navigator.Track, of event: Event, _ filter: Query, _ direction: Navigator.Direction
  ) {
    guard let time = event.timestamp, let number = event.sequenceNumber else { return nil }
    query = filter
    query.order = direction == .forward ? .ascending : .descending
    query.after = Query.Position(timestamp: time, sequenceNumber: number)
    let fits =
      switch track {
      case .all: true
      case .process: follow(process: event.process)
      case .function: follow(function: event.function)
      case .correlation: follow(correlation: event.correlationID)
      case .kind: follow(kind: event.kind)
      }
    if !fits { return nil }
  }

  private mutating func follow(process: String?) -> Bool {
    guard let process else { return false }
    if let wanted = query.process {
      switch query.role {
      case .process: if wanted != process { return false }
      case .peer: peer = wanted
      case .either: if wanted != process { peer = wanted }
      }
    }
    query.process = process
    query.role = .process
    return true
  }

  private mutating func follow(function: Function?) -> Bool {
    guard let function else { return false }
    func isSame<T: Equatable>(_ wanted: T?, _ found: T?) -> Bool {
      wanted == nil || wanted == found
    }
    guard isSame(query.module, function.module), isSame(query.function, function.name),
      isSame(query.arity, function.arity)
    else { return false }
    // What a query leaves out may be anything.
    self.function = function
    query.module = function.module
    query.function = function.name
    query.arity = function.arity
    return true
  }

  private mutating func follow(correlation: String?) -> Bool {
    guard let correlation, query.correlationID ?? correlation == correlation else { return false }
    query.correlationID = correlation
    return true
  }

  private mutating func follow(kind: String?) -> Bool {
    guard let kind, query.kinds.isEmpty || query.kinds.contains(kind) else { return false }
    query.kinds = [kind]
    return true
  }

  func accepts(_ event: Event) -> Bool {
    if let peer, event.peerProcess != peer { return false }
    if let function, event.function != function { return false }
    return true
  }
}
