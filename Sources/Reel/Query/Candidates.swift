/// The blocks of one segment that may hold matches, found through its indexes.
struct Candidates {
  private let filter: BlockFilter
  private let cache: ReadCache

  init(filter: BlockFilter, cache: ReadCache) {
    self.filter = filter
    self.cache = cache
  }

  /// The ordinals of the blocks of `directory` that may hold matches, ascending.
  ///
  /// A block that no index covers, or whose index is damaged, is always among them: an index only
  /// ever saves reading.
  func ordinals(
    of file: SegmentFile, _ directory: Directory, cost: inout QueryCost
  ) throws(ReelError) -> [Int] {
    guard filter.hasConditions else { return Array(directory.blocks.indices) }
    var mayMatch = [Bool](repeating: true, count: directory.blocks.count)
    for condition in filter.texts {
      var found = [Bool](repeating: false, count: mayMatch.count)
      for column in condition.columns {
        try mark(&found, column, file, directory, cost: &cost) { index in
          condition.keys.compactMap { key in index.find(key.rawSpan) }.map { $0..<($0 + 1) }
        } hashes: {
          condition.keys.map { key in keyHash(key.rawSpan) }
        }
      }
      intersect(&mayMatch, found)
    }
    if let function = filter.function {
      var found = [Bool](repeating: false, count: mayMatch.count)
      try mark(&found, .function, file, directory, cost: &cost) { index in
        Self.functionKeys(function, index)
      } hashes: {
        nil
      }
      intersect(&mayMatch, found)
    }
    for attribute in filter.attributes {
      var found = [Bool](repeating: false, count: mayMatch.count)
      let key = attribute.key
      try mark(&found, .attribute(attribute.index), file, directory, cost: &cost) { index in
        index.find(key.rawSpan).map { [$0..<($0 + 1)] } ?? []
      } hashes: {
        [keyHash(key.rawSpan)]
      }
      intersect(&mayMatch, found)
    }
    if let id = filter.id {
      var found = [Bool](repeating: false, count: mayMatch.count)
      let bytes = id.bytes
      try mark(&found, .id, file, directory, cost: &cost) { _ in
        []
      } hashes: {
        [keyHash(bytes.rawSpan)]
      }
      if let sequence = id.generatedParts?.sequenceNumber {
        for (index, block) in directory.blocks.enumerated()
        where block.firstSequence <= sequence && sequence <= block.lastSequence {
          found[index] = true
        }
      }
      intersect(&mayMatch, found)
    }
    return mayMatch.indices.filter { mayMatch[$0] }
  }

  private func intersect(_ all: inout [Bool], _ found: [Bool]) {
    for index in all.indices where !found[index] { all[index] = false }
  }

  /// Marks the blocks that have a key in `column`.
  private func mark(
    _ found: inout [Bool], _ column: ColumnID, _ file: SegmentFile, _ directory: Directory,
    cost: inout QueryCost, postings: (PostingIndex) -> [Range<Int>],
    hashes: () -> [UInt64]?
  ) throws(ReelError) {
    var isCovered = Self.indexedBlocks(directory)
    for part in directory.indexes where part.column == column {
      if part.byteCount == 0 {
        for block in part.blocks { isCovered[block] = false }
        continue
      }
      do throws(ReelError) {
        switch part.form {
        case .postings:
          let index = try cache.postings(part, of: file, cost: &cost)
          for range in postings(index) {
            for key in range {
              for posting in index.postings(key) {
                found[part.blocks.lowerBound + posting.block] = true
              }
            }
          }
        case .fingerprints:
          guard let hashes = hashes() else {
            for block in part.blocks { isCovered[block] = false }
            continue
          }
          let index = try cache.fingerprints(part, of: file, cost: &cost)
          for hash in hashes {
            for block in index.blocks(hash) where block < part.blocks.count {
              found[part.blocks.lowerBound + block] = true
            }
          }
        }
      } catch .corrupted {
        for block in part.blocks { isCovered[block] = false }
      }
    }
    for index in found.indices where !isCovered[index] { found[index] = true }
  }

  /// Which blocks the index parts of a segment cover: a checkpoint writes all columns' parts over
  /// the same blocks, so a column without a part has no value there.
  private static func indexedBlocks(_ directory: Directory) -> [Bool] {
    var isCovered = [Bool](repeating: false, count: directory.blocks.count)
    for part in directory.indexes {
      for block in part.blocks where block < isCovered.count { isCovered[block] = true }
    }
    return isCovered
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
