@testable import Reel

/// What a recording ought to be: an array.
///
/// Everything here is done in the plainest way there is.
struct ModelStore {
  /// As a reader returns them, in order of arrival.
  private(set) var events: [Event] = []

  /// Appends an event that a recorder took as `sequence`, in the run `runID`.
  mutating func append(_ event: Event, sequence: SequenceNumber, runID: UInt64) {
    var stored = event
    stored.sequenceNumber = sequence
    stored.id =
      event.id ?? .generated(runID: runID, sequenceNumber: sequence.rawValue)
    events.append(stored)
  }

  /// - Returns: How many were removed.
  mutating func removeEvents(before timestamp: Timestamp) -> Int {
    let before = events.count
    events.removeAll { ($0.timestamp ?? .min) < timestamp }
    return before - events.count
  }

  mutating func keepNewest(events count: Int) -> Int {
    let removed = max(0, events.count - count)
    events.removeFirst(removed)
    return removed
  }

  func event(id: EventID) -> Event? { events.last { $0.id == id } }

  func events(_ query: Query, limit: Int? = nil) -> [Event] {
    var found = events.filter { matches($0, query) }
    found = inOrder(found)
    if query.order == .descending { found.reverse() }
    if let after = query.after {
      found.removeAll { query.order == .ascending ? position($0) <= after : position($0) >= after }
    }
    return limit.map { Array(found.prefix($0)) } ?? found
  }

  /// Sorts, asking each event for its position once.
  private func inOrder(_ found: [Event]) -> [Event] {
    var keys = found.enumerated().map { place, event in
      (event.timestamp?.nanoseconds ?? .min, event.sequenceNumber?.rawValue ?? 0, place)
    }
    keys.sort { $0.0 != $1.0 ? $0.0 < $1.0 : $0.1 < $1.1 }
    return keys.map { found[$0.2] }
  }

  func position(_ event: Event) -> Query.Position {
    Query.Position(
      timestamp: event.timestamp ?? .min,
      sequenceNumber: event.sequenceNumber ?? SequenceNumber(rawValue: 0))
  }

  private func matches(_ event: Event, _ query: Query) -> Bool {
    let timestamp = event.timestamp ?? .min
    guard timestamp >= query.from, timestamp <= query.to else { return false }
    if let id = query.id, event.id != id { return false }
    if !query.kinds.isEmpty && !query.kinds.contains(where: { $0 == event.kind }) { return false }
    if let process = query.process, !hasProcess(event, process, query.role) { return false }
    if let module = query.module, event.function?.module != module { return false }
    if let name = query.function, event.function?.name != name { return false }
    if let arity = query.arity, event.function?.arity != arity { return false }
    if let wanted = query.correlationID, event.correlationID != wanted { return false }
    if let wanted = query.astNodeID, event.astNodeID != wanted { return false }
    if let wanted = query.node, event.node != wanted { return false }
    return query.attributes.allSatisfy { name, value in
      Self.has(event.attributes[name], value)
    }
  }

  private func hasProcess(_ event: Event, _ process: String, _ role: Query.Role) -> Bool {
    switch role {
    case .process: event.process == process
    case .peer: event.peerProcess == process
    case .either: event.process == process || event.peerProcess == process
    }
  }

  private static func has(_ found: AttributeValue?, _ wanted: AttributeValue) -> Bool {
    guard let found else { return false }
    if case .many(let values) = found { return values.contains { isSame($0, wanted) } }
    return isSame(found, wanted)
  }

  /// Doubles are compared by their bits.
  private static func isSame(_ a: AttributeValue, _ b: AttributeValue) -> Bool {
    if case .double(let a) = a, case .double(let b) = b { return a.bitPattern == b.bitPattern }
    return a == b
  }

  func facets(of facet: Facet, _ query: Query = Query()) -> [String?: Int] {
    var counts: [String?: Int] = [:]
    for event in events(query) {
      for value in values(event, facet) { counts[value, default: 0] += 1 }
    }
    return counts
  }

  private func values(_ event: Event, _ facet: Facet) -> [String?] {
    switch facet {
    case .kind: return [event.kind]
    case .process: return [event.process]
    case .peerProcess: return [event.peerProcess]
    case .module: return [event.function?.module]
    case .function: return [event.function?.description]
    case .correlationID: return [event.correlationID]
    case .astNodeID: return [event.astNodeID]
    case .node: return [event.node]
    case .attribute(let name):
      guard let value = event.attributes[name] else { return [nil] }
      if case .many(let values) = value { return Array(Set(values.map(\.description))) }
      return [value.description]
    }
  }
}

/// Where two answers differ, in few words; nothing when they do not.
func difference(_ found: [Event], _ wanted: [Event]) -> String? {
  if found == wanted { return nil }
  let index = zip(found, wanted).enumerated().first { $1.0 != $1.1 }?.offset
  let place = index ?? min(found.count, wanted.count)
  func number(_ events: [Event]) -> String {
    guard place < events.count else { return "none" }
    return events[place].sequenceNumber.map { String($0.rawValue) } ?? "none"
  }
  let numbers = Set(found.compactMap { $0.sequenceNumber?.rawValue })
  let missing = wanted.compactMap { $0.sequenceNumber?.rawValue }.filter { !numbers.contains($0) }
  return "\(found.count) events for \(wanted.count); at \(place) number \(number(found)) for"
    + " \(number(wanted)); missing \(missing.sorted().prefix(5)) … of \(missing.count)"
}
