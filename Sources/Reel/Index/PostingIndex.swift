/// Builds the index of one column: each key with the blocks that have it and in how many rows.
///
/// Normative: format-spec.md, "Posting indexes".
struct PostingIndexBuilder {
  private var table: SymbolTable
  private var postings: [(symbol: UInt32, block: UInt32, count: UInt32)] = []
  private(set) var rowCount = 0
  private(set) var keyByteCount = 0

  init(seed: UInt64) {
    table = SymbolTable(seed: seed)
  }

  /// Per number that a block builder gave a text: the symbol plus one, 0 when it has not come yet.
  private var known: [UInt32] = []
  private var generation = -1

  var isEmpty: Bool { postings.isEmpty }

  /// Forgets the numbers of texts when they are another generation's.
  mutating func renumber(_ generation: Int) {
    guard generation != self.generation else { return }
    self.generation = generation
    known = []
  }

  /// Adds a text that a block builder knows as number `symbol`: its bytes are looked up once only.
  mutating func add(_ key: RawSpan, symbol: UInt32, block: Int, count: Int) {
    while known.count <= Int(symbol) { known.append(0) }
    if known[Int(symbol)] == 0 {
      let before = table.count
      known[Int(symbol)] = table.symbol(key) + 1
      if table.count > before { keyByteCount += key.byteCount }
    }
    postings.append((known[Int(symbol)] - 1, UInt32(block), UInt32(count)))
    rowCount += count
  }

  mutating func add(_ key: RawSpan, block: Int, count: Int) {
    let before = table.count
    let symbol = table.symbol(key)
    if table.count > before { keyByteCount += key.byteCount }
    postings.append((symbol, UInt32(block), UInt32(count)))
    rowCount += count
  }

  /// Whether keys are so many and long that fingerprints take less room: above 8 bytes a row.
  var prefersFingerprints: Bool { keyByteCount > 8 * rowCount }

  /// The raw content of the index: the number of keys, then each key front-coded, its total count
  /// and its blocks as differences, each with its count.
  ///
  /// All numbers are varints.
  mutating func encode() -> [UInt8] {
    let order = table.allSorted()
    var starts = [Int](repeating: 0, count: table.count + 1)
    for posting in postings { starts[Int(posting.symbol) + 1] += 1 }
    for symbol in 0..<table.count { starts[symbol + 1] += starts[symbol] }
    var next = starts
    var sorted = [Int](repeating: 0, count: postings.count)
    for (index, posting) in postings.enumerated() {
      sorted[next[Int(posting.symbol)]] = index
      next[Int(posting.symbol)] += 1
    }
    var raw: [UInt8] = []
    raw.append(varint: UInt64(order.count))
    for (position, symbol) in order.enumerated() {
      let key = table.bytes(of: symbol)
      let shared =
        position == 0 ? 0 : table.bytes(of: order[position - 1]).commonPrefix(key)
      raw.append(varint: UInt64(shared))
      raw.append(lengthPrefixed: key.extracting(shared..<key.byteCount))
      let range = starts[Int(symbol)]..<starts[Int(symbol) + 1]
      raw.append(varint: range.reduce(0) { $0 + UInt64(postings[sorted[$1]].count) })
      raw.append(varint: UInt64(range.count))
      var previous: UInt32 = 0
      for index in range {
        let posting = postings[sorted[index]]
        raw.append(varint: UInt64(posting.block - previous))
        raw.append(varint: UInt64(posting.count))
        previous = posting.block
      }
    }
    return raw
  }

  /// Every key's hash with each block that has it, for the other form.
  func hashes() -> [(hash: UInt64, block: UInt32)] {
    postings.map { (keyHash(table.bytes(of: $0.symbol)), $0.block) }
  }
}

/// A posting index in memory.
struct PostingIndex: Sendable {
  private let keys: [UInt8]
  private let keyOffsets: [UInt32]
  private let counts: [UInt64]
  /// Block ordinals, relative to the first that the index covers, and rows, in key order.
  private let blocks: [UInt32]
  private let rowCounts: [UInt32]
  private let blockOffsets: [UInt32]

  /// Decodes the raw content of an index over `blockCount` blocks.
  init(decoding raw: RawSpan, blockCount: Int) throws(ByteReader.Malformed) {
    var reader = ByteReader(raw)
    let keyCount = try reader.count("the number of keys", limit: raw.byteCount)
    var keys: [UInt8] = []
    var keyOffsets: [UInt32] = [0]
    var counts: [UInt64] = []
    var blocks: [UInt32] = []
    var rowCounts: [UInt32] = []
    var blockOffsets: [UInt32] = [0]
    var previous = 0..<0
    var key: [UInt8] = []
    for _ in 0..<keyCount {
      let shared = try reader.count("a shared prefix", limit: previous.count)
      let length = try reader.count("a key's length", limit: Limits.dictionaryTextByteCount)
      let rest = try reader.span(length, "a key")
      guard keyOffsets.count == 1 || isAfter(rest, shared: shared, previous: keys[previous]) else {
        throw ByteReader.Malformed("an index", "is not sorted", found: length)
      }
      guard shared + length <= Limits.dictionaryTextByteCount,
        keys.count + shared + length <= ReelFrame.maximumByteCount
      else { throw ByteReader.Malformed("a key", "is too long", found: shared + length) }
      // The key lies apart: appending a slice of an array to the array itself would copy all of it.
      key.removeLast(key.count - shared)
      key.append(rest)
      keys.append(contentsOf: key)
      previous = Int(keyOffsets[keyOffsets.count - 1])..<keys.count
      keyOffsets.append(UInt32(keys.count))
      counts.append(try reader.varint("a key's count"))
      let entries = try reader.count("a key's blocks", limit: blockCount)
      var block: UInt64 = 0
      var isFirst = true
      for _ in 0..<entries {
        defer { isFirst = false }
        let step = UInt64(try reader.count("a block", limit: blockCount))
        block &+= step
        guard block < UInt64(blockCount), step > 0 || isFirst else {
          throw ByteReader.Malformed("a block", "is outside the index", found: block)
        }
        blocks.append(UInt32(block))
        rowCounts.append(
          UInt32(try reader.count("a key's rows", limit: Limits.blockRecordCount)))
      }
      blockOffsets.append(UInt32(blocks.count))
    }
    try reader.finish("an index")
    self.keys = keys
    self.keyOffsets = keyOffsets
    self.counts = counts
    self.blocks = blocks
    self.rowCounts = rowCounts
    self.blockOffsets = blockOffsets
  }

  var keyCount: Int { counts.count }
  var byteCount: Int { keys.count + counts.count * 16 + blocks.count * 8 }

  /// A key, in order of its bytes.
  @_lifetime(borrow self)
  func key(_ index: Int) -> RawSpan {
    let range = Int(keyOffsets[index])..<Int(keyOffsets[index + 1])
    return keys.rawSpan.extracting(range)
  }

  /// Calls `body` with each block of a key, ascending, and how many of its rows have it.
  @inline(__always)
  func forEachPosting(_ index: Int, _ body: (_ block: Int, _ rowCount: Int) -> Void) {
    for place in Int(blockOffsets[index])..<Int(blockOffsets[index + 1]) {
      body(Int(blocks[place]), Int(rowCounts[place]))
    }
  }

  /// The blocks of a key, with the rows in each that have it.
  func postings(_ index: Int) -> [(block: Int, rowCount: Int)] {
    var postings: [(block: Int, rowCount: Int)] = []
    forEachPosting(index) { postings.append(($0, $1)) }
    return postings
  }

  /// The place of a key, or nothing; O(log n).
  func find(_ key: RawSpan) -> Int? {
    let low = lowerBound(key)
    return low < keyCount && self.key(low).equals(key) ? low : nil
  }

  /// The keys that begin with `prefix`.
  func range(prefix: RawSpan) -> Range<Int> {
    let low = lowerBound(prefix)
    var high = low
    while high < keyCount, key(high).commonPrefix(prefix) == prefix.byteCount { high += 1 }
    return low..<high
  }

  private func lowerBound(_ key: RawSpan) -> Int {
    var low = 0
    var high = keyCount
    while low < high {
      let middle = (low + high) / 2
      if self.key(middle).isLexicographicallyBefore(key) { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
