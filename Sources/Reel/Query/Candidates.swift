/// The blocks of one segment that may hold matches, found through its indexes.
struct Candidates {
  private let filter: BlockFilter
  private let cache: ReadCache

  init(filter: BlockFilter, cache: ReadCache) {
    self.filter = filter
    self.cache = cache
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
          condition.keys.compactMap { key in index.find(key.rawSpan) }.map { $0..<($0 + 1) }
        }
      }
      narrow(distinct(found))
    }
    if let function = filter.function {
      var found: [Int] = []
      try look(&found, .function, segment, directory, cost: &cost, hashes: nil) { index in
        Self.functionKeys(function, index)
      }
      narrow(distinct(found))
    }
    for attribute in filter.attributes {
      var found: [Int] = []
      let key = attribute.key
      try look(
        &found, .attribute(attribute.index), segment, directory, cost: &cost,
        hashes: [keyHash(key.rawSpan)]
      ) { index in
        index.find(key.rawSpan).map { [$0..<($0 + 1)] } ?? []
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
    hashes: [UInt64]?, postings: (PostingIndex) -> [Range<Int>]
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
          guard
            let index = try cache.postings(part, of: segment, having: hashes, cost: &cost)?.value
          else { continue }
          for range in postings(index) {
            for key in range {
              index.forEachPosting(key) { block, _ in
                found.append(part.blocks.lowerBound + block)
              }
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

  /// The keys that a partly named function stands for: with a module they lie side by side.
  private static func functionKeys(
    _ function: BlockFilter.FunctionCondition, _ index: PostingIndex
  ) -> [Range<Int>] {
    var range = 0..<index.keyCount
    if let module = function.module {
      let prefix = module + [FunctionKey.separator]
      range = index.range(prefix: prefix.rawSpan)
    }
    return range.filter { key in function.matches(index.key(key)) }.map { $0..<($0 + 1) }
  }
}
