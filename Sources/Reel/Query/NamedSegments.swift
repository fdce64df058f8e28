/// What the merged indexes of a snapshot say of its segments to one filter.
///
/// A group is asked when the first of its segments is come to: an answer that ends within few
/// segments looks at no index of others.
struct NamedSegments {
  enum State {
    /// No merged index covers it in all that is asked for.
    case unknown
    /// It may have matches, and most probably has.
    case named
    /// It has none.
    case ruledOut
  }

  /// The columns of which one has to have a key, and the hashes of those that do.
  typealias Condition = (columns: [ColumnID], hashes: [UInt64])

  private let conditions: [Condition]
  private let snapshot: Snapshot
  private let cache: ReadCache
  /// For each merged group, once it was asked, the members that may have matches and those of which
  /// it can be told, by their bits.
  private var answers: [(may: UInt64, covered: UInt64)?]

  init(_ filter: BlockFilter, _ snapshot: Snapshot, _ cache: ReadCache) {
    conditions = snapshot.mergedGroups.isEmpty ? [] : Self.conditions(filter)
    self.snapshot = snapshot
    self.cache = cache
    answers = Array(repeating: nil, count: conditions.isEmpty ? 0 : snapshot.mergedGroups.count)
  }

  /// The conditions of a filter that a merged index can judge.
  private static func conditions(_ filter: BlockFilter) -> [Condition] {
    var conditions = filter.texts.map { (columns: $0.columns, hashes: $0.hashes) }
    for attribute in filter.attributes {
      conditions.append(([.attribute(attribute.index)], [attribute.hash]))
    }
    // One of the store's form names an event that has no id of its own.
    if let id = filter.id, id.generatedParts == nil {
      let bytes = id.bytes
      conditions.append(([.id], [keyHash(bytes.rawSpan)]))
    }
    return conditions
  }

  /// What is known of a segment of the snapshot; O(log n) once its group was asked.
  mutating func state(of segment: ReadableSegment, cost: inout QueryCost) -> State {
    guard !answers.isEmpty else { return .unknown }
    let groups = snapshot.mergedGroups
    let sequence = segment.firstSequence
    let after = firstIndex(groups.count) { groups[$0].firstSequence > sequence }
    guard after > 0, let member = groups[after - 1].member(sequence) else { return .unknown }
    let answer = answers[after - 1] ?? ask(groups[after - 1], cost: &cost)
    answers[after - 1] = answer
    let bit: UInt64 = 1 << UInt64(member.ordinal)
    if answer.may & bit == 0 { return .ruledOut }
    return answer.covered & bit == 0 ? .unknown : .named
  }

  private func ask(
    _ group: MergedGroup, cost: inout QueryCost
  ) -> (may: UInt64, covered: UInt64) {
    var (may, covered) = (UInt64.max, UInt64.max)
    for condition in conditions {
      var found: UInt64 = 0
      for column in condition.columns {
        let members = cache.members(
          of: group, having: condition.hashes, in: column,
          eventCount: snapshot.settledEventCount, cost: &cost)
        found |= members.may
        covered &= members.covered
      }
      may &= found
    }
    return (may, covered)
  }
}
