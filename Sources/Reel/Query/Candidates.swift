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
        try look(
          &found, column, segment, directory, cost: &cost, hashes: condition.hashes
        ) { index in
          condition.keys.compactMap { key in index.find(key.rawSpan) }
        }
      }
      narrow(distinct(found))
    }
    if let function = filter.function {
      var found: [Int] = []
      try look(&found, .function, segment, directory, cost: &cost, hashes: nil) { index in
        Self.postings(of: function, index)
      }
      narrow(distinct(found))
    }
    for attribute in filter.attributes {
      var found: [Int] = []
      let key = attribute.key
      try look(
        &found, .attribute(attribute.index), segment, directory, cost: &cost,
        hashes: [attribute.hash]
      ) { index in
        index.find(key.rawSpan).map { [$0] } ?? []
      }
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
    try look(
      &found, .id, segment, directory, cost: &cost, hashes: [keyHash(bytes.rawSpan)]
    ) { _ in [] }
    if let sequence = id.generatedParts?.sequenceNumber {
      found += directory.blocks.indices.filter { index in
        let block = directory.blocks[index]
        return block.firstSequence <= sequence && sequence <= block.lastSequence
      }
    }
    return distinct(found)
  }

  /// Appends the blocks that may have a key in `column`, in any order; `hashes` are those of the
  /// keys where they are known.
  private func look(
    _ found: inout [Int], _ column: ColumnID, _ segment: ReadableSegment,
    _ directory: ReadableDirectory, cost: inout QueryCost,
    hashes: [UInt64]?, postings: (PostingIndex) -> [PostingIndex.Postings]
  ) throws(ReelError) {
    found += directory.unindexed
    for part in directory.indexes where part.column == column {
      if part.byteCount == 0 {
        found += part.blocks
        continue
      }
      do throws(ReelError) {
        switch part.form {
        case .postings:
          let index = try cache.postings(part, of: segment, cost: &cost).value
          for postings in postings(index) {
            index.forEachPosting(postings) { block, _ in
              found.append(part.blocks.lowerBound + block)
            }
          }
        case .fingerprints:
          guard let hashes else {
            found += part.blocks
            continue
          }
          let index = try cache.fingerprints(part, of: segment, cost: &cost)
          for hash in hashes {
            for block in index.blocks(hash) where block < part.blocks.count {
              found.append(part.blocks.lowerBound + block)
            }
          }
        }
      } catch .corrupted {
        found += part.blocks
      }
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
  private static func postings(
    of function: BlockFilter.FunctionCondition, _ index: PostingIndex
  ) -> [PostingIndex.Postings] {
    var found: [PostingIndex.Postings] = []
    let prefix = function.prefix
    index.forEachKey(prefix: prefix.rawSpan) { key, postings in
      if function.matches(key) { found.append(postings) }
    }
    return found
  }
}
