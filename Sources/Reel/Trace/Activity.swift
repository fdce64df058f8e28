/// What was at work in a stretch of time.
public struct Activity: Hashable, Sendable {
  /// A function, or a node of the syntax tree.
  public struct Item: Hashable, Sendable {
    /// Its name: a function as ``FacetCount/value`` has it.
    public let name: String
    /// Events of it in that time.
    public internal(set) var eventCount: Int
    /// Calls of it that had begun before and were open at the start.
    public internal(set) var openCallCount: Int
  }

  /// The functions, those with the most events first, then by name.
  public let functions: [Item]
  /// The nodes of the syntax tree, in the same order.
  public let astNodes: [Item]
  /// What is not counted of that time, and why; the damage met on the way to the open calls too.
  public let completeness: Completeness
  /// Whether all is known that was open at the start.
  public let isStartKnown: Bool

  /// Whether it has everything that was at work in that time.
  public var isComplete: Bool { isStartKnown && completeness.isComplete }
}

extension Recording {
  /// The functions and nodes of the syntax tree that were at work from one moment to another, both
  /// inclusive: those that events name, and those of calls that were open at the start.
  ///
  /// - Throws: ``ReelError/io(_:)``, ``ReelError/closed``. Damage is told in
  ///   ``Activity/completeness``.
  /// - Complexity: That of ``facets(of:_:)``, and one ``moment(at:process:withPayloads:)``.
  public func activity(from: Timestamp, to: Timestamp) throws(ReelError) -> Activity {
    let query = Query(from: from, to: to)
    let snapshot = try snapshot()
    let byFunction = try tally(query, by: .function, in: snapshot)
    let byNode = try tally(query, by: .astNodeID, in: snapshot)
    var functions = Self.items(byFunction.facets)
    var astNodes = Self.items(byNode.facets)
    var completeness = byFunction.completeness
    completeness.add(byNode.completeness.damages)
    var isStartKnown = true
    if from > .min {
      let before = try MomentReader(
        at: Timestamp(nanoseconds: from.nanoseconds - 1), of: nil, snapshot: snapshot,
        cache: cache, withPayloads: false
      ).moment()
      isStartKnown = before.isComplete
      completeness.add(before.damages)
      for call in before.processes.flatMap(\.stack) {
        if let function = call.function { Self.count(function.description, in: &functions) }
        if let node = call.astNodeID { Self.count(node, in: &astNodes) }
      }
    }
    return Activity(
      functions: Self.sorted(functions), astNodes: Self.sorted(astNodes),
      completeness: completeness, isStartKnown: isStartKnown)
  }

  private static func items(_ counts: [FacetCount]) -> [String: Activity.Item] {
    var items: [String: Activity.Item] = [:]
    for count in counts {
      guard let name = count.value else { continue }
      items[name] = Activity.Item(name: name, eventCount: count.count, openCallCount: 0)
    }
    return items
  }

  private static func count(_ name: String, in items: inout [String: Activity.Item]) {
    items[name, default: Activity.Item(name: name, eventCount: 0, openCallCount: 0)]
      .openCallCount += 1
  }

  private static func sorted(_ items: [String: Activity.Item]) -> [Activity.Item] {
    items.values.sorted {
      $0.eventCount != $1.eventCount ? $0.eventCount > $1.eventCount : $0.name < $1.name
    }
  }
}
