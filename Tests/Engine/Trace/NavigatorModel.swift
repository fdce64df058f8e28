@testable import Reel

/// Where steps lead, found in a sorted array of all events in the plainest way.
struct NavigatorModel {
  let events: [Event]
  let roles: KindRoles

  /// A model of all events, given in order of time.
  init(_ events: [Event], roles: KindRoles = KindRoles()) {
    self.events = events
    self.roles = roles
  }

  private func role(_ event: Event) -> EventRole { event.kind.map { roles[$0] } ?? .other }

  func step(
    from place: Int, _ direction: Navigator.Direction, _ track: Navigator.Track,
    _ matches: (Event) -> Bool
  ) -> Event? {
    let event = events[place]
    func isOn(_ other: Event) -> Bool {
      guard matches(other) else { return false }
      switch track {
      case .all: return true
      case .process: return event.process != nil && event.process == other.process
      case .function: return event.function != nil && event.function == other.function
      case .correlation:
        return event.correlationID != nil && event.correlationID == other.correlationID
      case .kind: return event.kind != nil && event.kind == other.kind
      }
    }
    return direction == .forward
      ? events[(place + 1)...].first(where: isOn) : events[..<place].last(where: isOn)
  }

  // MARK: Calls

  /// A call of the process, by places in the lane.
  private struct Call {
    var entry: Int?
    var exit: Int?
    /// The first event that tells that it is over.
    var end: Int?
    /// The calls around it, the innermost last.
    var around: [Int]
  }

  /// The events of a process, the calls among them, and the calls open before each event.
  private struct Lane {
    var places: [Int] = []
    var calls: [Call] = []
    var open: [[Int]] = []
    /// The call that the event enters or leaves.
    var own: [Int?] = []
  }

  private static func isCall(_ entry: Event, endedBy exit: Event) -> Bool {
    if let id = exit.callID, let other = entry.callID { return id == other }
    return exit.function == nil || exit.function == entry.function
  }

  private func lane(_ process: String) -> Lane {
    var lane = Lane()
    lane.places = events.indices.filter { events[$0].process == process }
    var open: [Int] = []
    for (index, place) in lane.places.enumerated() {
      let event = events[place]
      lane.open.append(open)
      lane.own.append(nil)
      switch role(event) {
      case .entry:
        lane.calls.append(Call(entry: index, around: open))
        lane.own[index] = lane.calls.count - 1
        open.append(lane.calls.count - 1)
      case .exit:
        let found = open.lastIndex { call in
          guard let entry = lane.calls[call].entry else { return false }
          return Self.isCall(events[lane.places[entry]], endedBy: event)
        }
        guard let found else {
          lane.calls.append(Call(exit: index, end: index, around: open))
          lane.own[index] = lane.calls.count - 1
          continue
        }
        for call in open[found...] { lane.calls[call].end = index }
        lane.calls[open[found]].exit = index
        lane.own[index] = open[found]
        open.removeLast(open.count - found)
      case .processExit, .spawned:
        for call in open { lane.calls[call].end = index }
        open = []
      default: break
      }
    }
    return lane
  }

  /// Where the three steps by calls lead.
  struct Steps: Equatable {
    var over: SequenceNumber?
    var overBack: SequenceNumber?
    var into: SequenceNumber?
    var intoBack: SequenceNumber?
    var out: SequenceNumber?
    var outBack: SequenceNumber?
  }

  /// The steps from each event of a process.
  func steps(ofProcess process: String) -> [(place: Int, steps: Steps)] {
    let lane = lane(process)
    func number(_ index: Int?) -> SequenceNumber? {
      index.flatMap { events[lane.places[$0]].sequenceNumber }
    }
    return lane.places.indices.map { index in
      let event = events[lane.places[index]]
      let own = lane.own[index].map { lane.calls[$0] }
      var steps = Steps()
      let next = index + 1 < lane.places.count ? index + 1 : nil
      let isEntry = role(event) == .entry
      let isExit = role(event) == .exit
      steps.over = number(isEntry ? own?.end : next)
      let previous = index > 0 ? index - 1 : nil
      steps.overBack = number(isExit ? own?.entry ?? previous : previous)
      // The calls around what happens here: of an entry or exit those around its call.
      let around = own?.around ?? lane.open[index]
      if let caller = around.last {
        // With the end of the process they end at once.
        steps.out = number(lane.calls[caller].end.flatMap { $0 > index ? $0 : nil })
        steps.outBack = number(lane.calls[caller].entry)
      }
      let isEnder = role(event) == .processExit || role(event) == .spawned
      steps.into = number(
        next.flatMap {
          self.into(lane, from: $0, isEntry ? own : nil, isEnder ? [] : around)
        })
      steps.intoBack = number(previous.flatMap { self.intoBack(lane, from: $0) })
      return (lane.places[index], steps)
    }
  }

  /// The first entry from an index on, unless the call that one is in ends before.
  private func into(_ lane: Lane, from index: Int, _ own: Call?, _ around: [Int]) -> Int? {
    let isEnder = { (index: Int) in
      [.processExit, .spawned].contains(role(events[lane.places[index]]))
    }
    var end = lane.places.count
    if let own {
      end = own.end ?? end
    } else if let caller = around.last {
      end = lane.calls[caller].end ?? end
    }
    for candidate in index..<max(index, end) {
      if isEnder(candidate) { return nil }
      if role(events[lane.places[candidate]]) == .entry { return candidate }
    }
    return nil
  }

  /// The last exit up to an index, unless a call or a process begins in between.
  private func intoBack(_ lane: Lane, from index: Int) -> Int? {
    for candidate in stride(from: index, through: 0, by: -1) {
      switch role(events[lane.places[candidate]]) {
      case .exit: return candidate
      case .entry, .spawned, .processExit: return nil
      default: continue
      }
    }
    return nil
  }
}
