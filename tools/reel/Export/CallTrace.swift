import Reel

/// Nests the calls of every process, in bounded memory, for formats that must have them nested.
///
/// Events come in order of time. Those of a process count in the order in which they were recorded,
/// as everywhere: where the two differ by less than ``windowCount`` events they are put in order,
/// and a time that would go back is taken for the one before.
struct CallTrace<Sink: CallSink> {
  /// Events that are held back to put those of each process in order.
  private static var windowCount: Int { 2048 }
  /// Calls that may be open in all processes together.
  private static var frameLimit: Int { 1 << 20 }

  var sink: Sink
  /// Events whose time had to be moved on.
  private(set) var clampedCount = 0
  /// Events that came out of the order of arrival nevertheless.
  private(set) var disorderedCount = 0
  /// Calls that there was no room for.
  private(set) var unlistedCount = 0
  /// Exits of calls that are not known.
  private(set) var strayCount = 0
  /// Calls that had no exit of their own.
  private(set) var unwoundCount = 0

  private let roles: KindRoles
  private var knownRoles: [String: EventRole] = [:]
  /// The first sequence numbers of all runs but the first.
  private let runs: [UInt64]
  private var flows: MessageFlows?
  private var lanes: [String?: CallLane] = [:]
  private var laneCount = 0
  private var laneLimit = 1 << 16
  private var frameCount = 0
  private var window: [CallLane] = []
  private var next = 0
  /// Events of the window that were taken at the end.
  private var drainedCount = 0
  /// The latest time of all.
  private(set) var time: Int64 = .min

  /// - Parameters:
  ///   - sink: The format.
  ///   - roles: What kinds mean.
  ///   - runs: The first sequence numbers of runs: calls end with the run they began in.
  ///   - linksMessages: Whether sends and receipts are linked.
  init(_ sink: Sink, roles: KindRoles, runs: [UInt64], linksMessages: Bool) {
    self.sink = sink
    self.roles = roles
    self.runs = Array(runs.sorted().dropFirst())
    flows = linksMessages ? MessageFlows() : nil
  }

  /// Takes the calls that were open before the first event, which begin anew at `time`.
  mutating func resume(_ moment: Moment, at time: Int64) {
    for process in moment.processes where !process.stack.isEmpty {
      let lane = lane(process.name, at: time)
      lane.run = run(process.stack[0].sequenceNumber?.rawValue ?? 0)
      for entry in process.stack {
        guard frameCount < Self.frameLimit else {
          unlistedCount += 1
          continue
        }
        var frame = CallFrame(key: CallKey(entry), start: time)
        sink.resume(entry, &frame, in: lane)
        lane.frames.append(frame)
        frameCount += 1
      }
      lane.unlistedCount = process.unlistedCallCount
      unlistedCount += process.unlistedCallCount
    }
  }

  /// Takes the next event in order of time.
  mutating func take(_ view: EventView) {
    let lane = lane(view.process, at: view.timestamp.nanoseconds)
    let role = role(view)
    lane.hold(
      HeldEvent(
        view: view, sequence: view.sequenceNumber.rawValue, role: role, flow: flow(view, role)))
    if window.count < Self.windowCount { return window.append(lane) }
    // A place in the order of time is its process's; which of its events takes it tells the order
    // of arrival.
    let first = window[next]
    window[next] = lane
    next = next + 1 == window.count ? 0 : next + 1
    step(first.release(), in: first)
  }

  /// Takes the next of the events held back, when there are no others any more.
  /// - Returns: False when there is none.
  mutating func takeHeldBack() -> Bool {
    guard drainedCount < window.count else { return false }
    let lane = window[(next + drainedCount) % window.count]
    drainedCount += 1
    step(lane.release(), in: lane)
    return true
  }

  /// Takes what is held back and ends all calls.
  mutating func finish() {
    while takeHeldBack() {}
    for lane in openLanes { unwind(lane, at: max(lane.time, time)) }
  }

  /// Leaves all open calls, lets `body` begin another file, and enters them again.
  mutating func interrupt<E: Error>(
    _ body: (inout Sink) throws(E) -> Void, _ reopen: (inout Sink, CallFrame, CallLane) -> Void
  ) throws(E) {
    let lanes = openLanes
    for lane in lanes {
      lane.time = max(lane.time, time)
      for frame in lane.frames.reversed() { sink.leave(nil, frame, in: lane, at: lane.time) }
    }
    try body(&sink)
    for lane in lanes {
      for frame in lane.frames { reopen(&sink, frame, lane) }
    }
  }

  // MARK: Lanes

  private var openLanes: [CallLane] {
    lanes.values.filter { !$0.frames.isEmpty }.sorted { $0.number < $1.number }
  }

  private mutating func lane(_ process: String?, at time: Int64) -> CallLane {
    if let lane = lanes[process] { return lane }
    if lanes.count >= laneLimit {
      // A process that comes back gets another number, and that does no harm.
      lanes = lanes.filter { !$0.value.isIdle }
      laneLimit = max(1 << 16, 2 * lanes.count)
    }
    laneCount += 1
    let lane = CallLane(process: process, number: laneCount, time: time)
    lane.run = -1
    lanes[process] = lane
    return lane
  }

  /// The place of the run that gave a sequence number.
  private func run(_ sequence: UInt64) -> Int {
    guard !runs.isEmpty else { return 0 }
    return runs.firstIndex { $0 > sequence } ?? runs.count
  }

  // MARK: Steps

  private mutating func role(_ view: EventView) -> EventRole {
    guard let kind = view.kind else { return .other }
    if let role = knownRoles[kind] { return role }
    let role = roles[kind]
    if knownRoles.count >= 4096 { knownRoles = [:] }
    knownRoles[kind] = role
    return role
  }

  private mutating func flow(_ view: EventView, _ role: EventRole) -> MessageFlow {
    guard flows != nil else { return .none }
    switch role {
    case .send:
      flows?.send(view)
      return .send(view.sequenceNumber.rawValue)
    case .receive:
      return flows?.receive(view).map { .receive($0.rawValue) } ?? .none
    default: return .none
    }
  }

  private mutating func step(_ event: HeldEvent, in lane: CallLane) {
    let (view, sequence) = (event.view, event.sequence)
    if sequence < lane.lastSequence { disorderedCount += 1 }
    lane.lastSequence = max(sequence, lane.lastSequence)
    if !runs.isEmpty {
      let run = run(sequence)
      // The processes of a run end with it.
      if run != lane.run, lane.run >= 0 { unwind(lane, at: lane.time) }
      lane.run = run
    }
    let now = view.timestamp.nanoseconds
    if now < lane.time { clampedCount += 1 } else { lane.time = now }
    time = max(time, lane.time)
    switch event.role {
    case .entry: enter(view, lane)
    case .exit: leave(view, lane)
    case .processExit:
      sink.happen(view, .processExit, .none, in: lane)
      unwind(lane, at: lane.time)
    case let role: sink.happen(view, role, event.flow, in: lane)
    }
  }

  private mutating func enter(_ view: EventView, _ lane: CallLane) {
    guard frameCount < Self.frameLimit else {
      lane.unlistedCount += 1
      unlistedCount += 1
      return sink.happen(view, .entry, .none, in: lane)
    }
    var frame = CallFrame(key: CallKey(view), start: lane.time)
    sink.enter(view, &frame, in: lane)
    lane.frames.append(frame)
    frameCount += 1
  }

  private mutating func leave(_ view: EventView, _ lane: CallLane) {
    if lane.unlistedCount > 0 {
      lane.unlistedCount -= 1
      return sink.happen(view, .exit, .none, in: lane)
    }
    let key = CallKey(view)
    guard let place = lane.frames.lastIndex(where: { key.ends($0.key) }) else {
      strayCount += 1
      return sink.happen(view, .exit, .none, in: lane)
    }
    unwind(lane, at: lane.time, downTo: place + 1)
    let frame = lane.frames.removeLast()
    frameCount -= 1
    sink.leave(view, frame, in: lane, at: lane.time)
  }

  private mutating func unwind(_ lane: CallLane, at time: Int64, downTo count: Int = 0) {
    while lane.frames.count > count {
      let frame = lane.frames.removeLast()
      frameCount -= 1
      unwoundCount += 1
      sink.leave(nil, frame, in: lane, at: time)
    }
    if count == 0 { lane.unlistedCount = 0 }
  }
}
