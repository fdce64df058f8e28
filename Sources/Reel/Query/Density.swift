/// How many events there are in each of some equal stretches of time.
public struct Density: Hashable, Sendable {
  /// The first and last moment, both inclusive.
  public let range: ClosedRange<Timestamp>
  /// The numbers of events, from the earliest stretch to the latest.
  public internal(set) var counts: [Int]
  /// What is not counted, and why.
  public internal(set) var completeness = Completeness()

  init(range: ClosedRange<Timestamp>, stretchCount: Int) {
    self.range = range
    counts = [Int](repeating: 0, count: stretchCount)
  }

  /// The stretch that a moment lies in; the first or last for one outside.
  public func stretch(of time: Timestamp) -> Int {
    if time <= range.lowerBound { return 0 }
    if time >= range.upperBound { return counts.count - 1 }
    let start = range.lowerBound.nanoseconds
    let offset = UInt64(bitPattern: time.nanoseconds &- start)
    let width = UInt64(bitPattern: range.upperBound.nanoseconds &- start)
    // The whole range may have 2^64 moments, so that it is divided in 128 bits.
    let place = UInt128(offset) * UInt128(counts.count) / (UInt128(width) + 1)
    return Int(place)
  }

  /// The first moment of a stretch.
  public func start(of stretch: Int) -> Timestamp {
    let start = range.lowerBound.nanoseconds
    let width = UInt64(bitPattern: range.upperBound.nanoseconds &- start)
    let count = UInt128(counts.count)
    let offset = (UInt128(stretch) * (UInt128(width) + 1) + count - 1) / count
    return Timestamp(nanoseconds: start &+ Int64(bitPattern: UInt64(truncatingIfNeeded: offset)))
  }
}

extension Recording {
  /// How the events that match `query` are spread over its time, or over that of all of them where
  /// it has no bounds.
  ///
  /// Payloads are not touched, and blocks that match as a whole and lie within one stretch are not
  /// opened, as ``count(_:)`` does.
  ///
  /// - Parameters:
  ///   - query: What must hold of an event; its order and ``Query/after`` do not matter.
  ///   - stretchCount: Into how many stretches the time is divided, 1 or more.
  /// - Returns: Nothing when no event is in the time of the query.
  /// - Throws: ``ReelError/invalidArgument(_:)`` for a value of the wrong type,
  ///   ``ReelError/io(_:)``, ``ReelError/closed``.
  public func density(
    _ query: Query = Query(), stretchCount: Int
  ) throws(ReelError) -> Density? {
    precondition(stretchCount >= 1, "a density has at least one stretch")
    let snapshot = try snapshot()
    let completeness = Completeness(query, snapshot)
    var query = query
    query.after = nil
    query.order = .ascending
    if query.from == .min { query.from = try edge(query, snapshot) ?? .max }
    query.order = .descending
    if query.to == .max { query.to = try edge(query, snapshot) ?? .min }
    guard query.from <= query.to else { return nil }
    var density = Density(range: query.from...query.to, stretchCount: stretchCount)
    let counting = try Counting(query, snapshot: snapshot, cache: cache)
    try counting.spread(over: &density)
    density.completeness = completeness
    density.completeness.add(counting.sources.takeDamages())
    return density
  }

  /// The timestamp of the first event in the time and order of `query`, whatever else it asks for.
  private func edge(_ query: Query, _ snapshot: Snapshot) throws(ReelError) -> Timestamp? {
    let plain = Query(from: query.from, to: query.to, order: query.order)
    return try EventCursor(plain, limit: 1, snapshot: snapshot, cache: cache).firstTimestamp()
  }
}

extension Counting {
  /// Counts the events that match into the stretches they lie in.
  func spread(over density: inout Density) throws(ReelError) {
    var found = density
    try sources.forEachCandidate { candidate, _ throws(ReelError) in
      if case .stored(let origin) = candidate, let count = wholeCount(candidate) {
        let first = found.stretch(of: Timestamp(nanoseconds: origin.entry.minimumTimestamp))
        let last = found.stretch(of: Timestamp(nanoseconds: origin.entry.maximumTimestamp))
        if first == last { return found.counts[first] += count }
      }
      guard let matches = try sources.matches(candidate, after: nil, isPartial: true) else {
        return
      }
      for row in matches.rows {
        let time = Timestamp(nanoseconds: matches.block.timestamps[Int(row)])
        found.counts[found.stretch(of: time)] += 1
      }
    }
    density = found
  }
}
