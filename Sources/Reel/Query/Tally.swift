/// A count, with what it lacks and what it took.
public struct Tally: Sendable {
  /// How many events match.
  public let count: Int
  /// The distinct values of the facet asked for, as ``Recording/facets(of:_:)`` gives them.
  public let facets: [FacetCount]
  /// What is not counted, and why.
  public let completeness: Completeness
  /// What counting read.
  public let cost: QueryCost
}

extension Recording {
  /// Counts the events that match `query`, and the values of `facet` among them, and says what the
  /// count lacks.
  ///
  /// - Throws: ``ReelError/invalidArgument(_:)`` for an attribute that is not declared,
  ///   ``ReelError/io(_:)``, ``ReelError/closed``. Damage is reported in ``Tally/completeness``.
  public func tally(_ query: Query = Query(), by facet: Facet? = nil) throws(ReelError) -> Tally {
    try tally(query, by: facet, in: snapshot())
  }

  /// As ``tally(_:by:)``, of one moment of the recording.
  func tally(
    _ query: Query, by facet: Facet?, in snapshot: Snapshot
  ) throws(ReelError) -> Tally {
    let counting = try Counting(query, snapshot: snapshot, cache: cache)
    // Not the sum of the facets: an event with several values of an attribute is in several.
    let count = try counting.count()
    var facets: [FacetCount] = []
    if let facet { facets = try counting.facets(facet) }
    var completeness = Completeness(query, snapshot)
    completeness.add(counting.sources.takeDamages())
    return Tally(
      count: count, facets: facets, completeness: completeness, cost: counting.sources.cost)
  }

  /// The attributes that the recording declares, in the order of their declaration.
  public var attributes: [AttributeDeclaration] {
    get throws(ReelError) { try snapshot().control.attributes.declarations }
  }
}
