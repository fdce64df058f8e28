/// The blocks of one segment that may hold matches, found through its indexes.
struct Candidates {
  private let filter: BlockFilter
  private let cache: ReadCache

  init(filter: BlockFilter, cache: ReadCache) {
    self.filter = filter
    self.cache = cache
  }

  /// Whether a segment may hold matches, by what is known of its keys alone.
  func mayMatch(_ segment: ReadableSegment, cost: inout QueryCost) -> Bool {
    do {
      for condition in filter.texts {
        guard try mayHaveAny(condition.hashes, in: condition.columns, segment, cost: &cost)
        else { return false }
      }
      for attribute in filter.attributes {
        guard
          try mayHaveAny(
            [attribute.hash], in: [.attribute(attribute.index)], segment, cost: &cost)
        else { return false }
      }
      return true
    } catch {
      return true  // whoever opens the segment meets the error too, and says so
    }
  }

  private func mayHaveAny(
    _ hashes: [UInt64], in columns: [ColumnID], _ segment: ReadableSegment,
    cost: inout QueryCost
  ) throws(ReelError) -> Bool {
    for column in columns {
      let keys = try cache.keys(column, of: segment, having: hashes, cost: &cost)
      guard let keys, try !keys.mayHaveAny(hashes, of: segment, cache: cache) else { return true }
    }
    return false
  }

  /// The ordinals of the blocks of `directory` that may hold matches, ascending; nothing when all
  /// of them may.
  ///
  /// A block that no index covers, or whose index is damaged, is always among them: an index only
  /// ever saves reading.
  func ordinals(
    _ segment: ReadableSegment, _ directory: ReadableDirectory, cost: inout QueryCost
  ) throws(ReelError) -> [Int]? {
    guard filter.hasConditions else { return nil }
    var ordinals: [Int]?
    func narrow(_ found: [Int]) {
      guard let known = ordinals else { return ordinals = found }
      ordinals = known.filter { contains(found, $0) }
    }
    for condition in filter.texts {
      var found: [Int] = []
      for column in condition.columns {
        let wanted = Wanted.keys(condition.keys, condition.hashes)
        try look(&found, column, segment, directory, wanted, cost: &cost)
      }
      narrow(distinct(found))
    }
    if let function = filter.function {
      var found: [Int] = []
      try look(&found, .function, segment, directory, .function(function), cost: &cost)
      narrow(distinct(found))
    }
    for attribute in filter.attributes {
      var found: [Int] = []
      let wanted = Wanted.keys([attribute.key], [attribute.hash])
      try look(&found, .attribute(attribute.index), segment, directory, wanted, cost: &cost)
      narrow(distinct(found))
    }
    if let id = filter.id { narrow(try blocks(of: id, segment, directory, cost: &cost)) }
    return ordinals
  }

  private func blocks(
    of id: EventID, _ segment: ReadableSegment, _ directory: ReadableDirectory,
    cost: inout QueryCost
  ) throws(ReelError) -> [Int] {
    var found: [Int] = []
    let bytes = id.bytes
    let wanted = Wanted.keys([bytes], [keyHash(bytes.rawSpan)])
    try look(&found, .id, segment, directory, wanted, cost: &cost)
    if let sequence = id.generatedParts?.sequenceNumber {
      found += directory.blocks.indices.filter { index in
        let block = directory.blocks[index]
        return block.firstSequence <= sequence && sequence <= block.lastSequence
      }
    }
    return distinct(found)
  }

  /// What is looked for in the indexes of a column.
  private enum Wanted {
    /// One of some keys, with their hashes.
    case keys([[UInt8]], [UInt64])
    case function(BlockFilter.FunctionCondition)
  }

  /// Appends the blocks that may have what is wanted in `column`, in any order.
  private func look(
    _ found: inout [Int], _ column: ColumnID, _ segment: ReadableSegment,
    _ directory: ReadableDirectory, _ wanted: Wanted, cost: inout QueryCost
  ) throws(ReelError) {
    found += directory.unindexed
    for part in directory.indexes where part.column == column {
      if part.byteCount == 0 {
        found += part.blocks
        continue
      }
      do throws(ReelError) {
        for block in try blocks(wanted, part, segment, cost: &cost)
        where block < part.blocks.count {
          found.append(part.blocks.lowerBound + block)
        }
      } catch .corrupted {
        found += part.blocks
      }
    }
  }

  /// The blocks of a part that may have what is wanted, as ordinals of the part.
  private func blocks(
    _ wanted: Wanted, _ part: IndexPart, _ segment: ReadableSegment, cost: inout QueryCost
  ) throws(ReelError) -> [Int] {
    switch (part.form, wanted) {
    case (.postings, .keys(let keys, _)):
      return try cache.blocks(having: keys, part, of: segment, cost: &cost)
    case (.postings, .function(let function)):
      let index = try cache.postings(part, of: segment, cost: &cost).value
      return Self.blocks(of: function, index)
    case (.fingerprints, .keys(_, let hashes)):
      let index = try cache.fingerprints(part, of: segment, cost: &cost)
      return hashes.flatMap { index.ordinals($0) }
    case (.fingerprints, .function):
      return Array(0..<part.blocks.count)
    }
  }

  /// Sorted, each once.
  private func distinct(_ ordinals: [Int]) -> [Int] {
    if zip(ordinals, ordinals.dropFirst()).allSatisfy({ $0 < $1 }) { return ordinals }
    var result: [Int] = []
    for ordinal in ordinals.sorted() where ordinal != result.last { result.append(ordinal) }
    return result
  }

  private func contains(_ sorted: [Int], _ ordinal: Int) -> Bool {
    let index = firstIndex(sorted.count) { sorted[$0] >= ordinal }
    return index < sorted.count && sorted[index] == ordinal
  }

  /// Of the keys that a partly named function stands for: with a module they lie side by side.
  private static func blocks(
    of function: BlockFilter.FunctionCondition, _ index: PostingIndex
  ) -> [Int] {
    var blocks: [Int] = []
    let prefix = function.prefix
    index.forEachKey(prefix: prefix.rawSpan) { key, postings in
      guard function.matches(key) else { return }
      index.forEachPosting(postings) { block, _ in blocks.append(block) }
    }
    return blocks
  }
}
