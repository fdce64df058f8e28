/// The calls among some events, nested, with what happened within them.
public struct CallTree: Hashable, Sendable {
  /// A call, or an event that is neither the entry nor the exit of one.
  public struct Node: Hashable, Sendable {
    /// The entry of the call, or the event; of a call whose entry is not there, its exit.
    public let event: Event
    /// The exit of the call; nothing while it is open, and for one that was left by an error.
    public internal(set) var exit: Event?
    /// Whether it is a call.
    public let isCall: Bool
    /// The calls around it.
    public let depth: Int
    /// The place of the innermost of them in the lane's nodes.
    public let parent: Int?
    /// Whether the call began before the events that were asked for.
    public let beganBefore: Bool
    /// Whether it ended without an exit of its own, as the calls around it did.
    public internal(set) var isUnwound = false
    /// The time from entry to exit; nothing without both, and where the clock went back.
    public internal(set) var duration: UInt64?
    /// The part of it that no call within took.
    public internal(set) var selfTime: UInt64?
  }

  /// The calls of one process.
  public struct Lane: Hashable, Sendable {
    /// The process; nothing for events that name none.
    public let process: String?
    /// Calls and events in the order in which they were recorded: what is within a call follows it.
    public internal(set) var nodes: [Node] = []
  }

  /// The processes in order of their first events.
  public let lanes: [Lane]
  /// What is lacking.
  public let completeness: Completeness
}

extension Recording {
  /// The calls among the events that match `query`, nested by process.
  ///
  /// Where one process is asked for from a moment on, the calls that were open then come first.
  ///
  /// - Parameters:
  ///   - query: What must hold of an event; the order does not matter.
  ///   - limit: How many events at most; nothing means all.
  /// - Returns: The calls of each process.
  /// - Throws: As ``events(_:limit:)``.
  /// - Complexity: That of the query; all its events are in memory at once.
  public func callTree(
    _ query: Query, limit: Int? = 100_000
  ) throws(ReelError) -> CallTree {
    let snapshot = try snapshot()
    var query = query
    query.order = .ascending
    let cursor = try EventCursor(query, limit: limit, snapshot: snapshot, cache: cache)
    var lanes: [String?: [EventView]] = [:]
    var names: [String?] = []
    while let view = try cursor.next() {
      let name = view.process
      if lanes[name] == nil { names.append(name) }
      lanes[name, default: []].append(view)
    }
    let roles = snapshot.control.roles
    var found: [CallTree.Lane] = []
    for name in names {
      var builder = CallTreeBuilder(process: name, roles: roles)
      if let name, name == query.process, query.from > .min {
        let before = Timestamp(nanoseconds: query.from.nanoseconds - 1)
        let moment = try MomentReader(at: before, of: name, snapshot: snapshot, cache: cache)
          .moment()
        for call in moment.processes.first(where: { $0.name == name })?.stack ?? [] {
          builder.takeOpen(call)
        }
      }
      for view in (lanes[name] ?? []).sorted(by: { $0.sequence < $1.sequence }) {
        builder.take(view)
      }
      found.append(builder.lane)
    }
    return CallTree(lanes: found, completeness: cursor.completeness)
  }
}

/// Nests the events of one process as they come.
struct CallTreeBuilder {
  private(set) var lane: CallTree.Lane
  private let roles: KindRoles
  private var open: [(node: Int, key: CallKey)] = []
  /// What the calls within each node have taken.
  private var inner: [UInt64] = []

  init(process: String?, roles: KindRoles) {
    lane = CallTree.Lane(process: process)
    self.roles = roles
  }

  /// Takes a call that was open before the first event.
  mutating func takeOpen(_ entry: Event) {
    enter(entry, CallKey(entry), beganBefore: true)
  }

  /// Takes the next event.
  mutating func take(_ view: EventView) {
    let event = view.event
    switch event.kind.map({ roles[$0] }) ?? .other {
    case .entry: enter(event, CallKey(event), beganBefore: false)
    case .exit: leave(event, CallKey(event))
    default: add(event, isCall: false)
    }
  }

  private mutating func enter(_ event: Event, _ key: CallKey, beganBefore: Bool) {
    add(event, isCall: true, beganBefore: beganBefore)
    open.append((lane.nodes.count - 1, key))
  }

  private mutating func add(_ event: Event, isCall: Bool, beganBefore: Bool = false) {
    lane.nodes.append(
      CallTree.Node(
        event: event, exit: nil, isCall: isCall, depth: open.count, parent: open.last?.node,
        beganBefore: beganBefore))
    inner.append(0)
  }

  private mutating func leave(_ event: Event, _ key: CallKey) {
    guard let place = open.lastIndex(where: { key.ends($0.key) }) else {
      // The call began before.
      add(event, isCall: true, beganBefore: true)
      lane.nodes[lane.nodes.count - 1].exit = event
      return
    }
    for unwound in open[(place + 1)...] { lane.nodes[unwound.node].isUnwound = true }
    let node = open[place].node
    open.removeLast(open.count - place)
    lane.nodes[node].exit = event
    guard let start = lane.nodes[node].event.timestamp, let end = event.timestamp, start <= end
    else { return }
    let duration = UInt64(bitPattern: end.nanoseconds &- start.nanoseconds)
    lane.nodes[node].duration = duration
    lane.nodes[node].selfTime = duration - min(duration, inner[node])
    if let parent = lane.nodes[node].parent { inner[parent] &+= duration }
  }
}
