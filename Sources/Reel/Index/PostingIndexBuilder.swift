/// Builds the index of one column: each key with the blocks that have it and in how many rows.
///
/// Normative: format-spec.md, "Posting indexes".
struct PostingIndexBuilder {
  private let seed: UInt64
  private var table: SymbolTable
  private var postings: [(symbol: UInt32, block: UInt32, count: UInt32)] = []
  private(set) var rowCount = 0
  private(set) var keyByteCount = 0

  init(seed: UInt64) {
    self.seed = seed
    table = SymbolTable(seed: seed)
  }

  /// Forgets all keys, and keeps the memory of their blocks.
  mutating func removeAll() {
    table = SymbolTable(seed: seed)
    known.forget()
    postings.forget()
    (rowCount, keyByteCount) = (0, 0)
  }

  /// Per number that a ``TextColumnBuilder`` gave a text: the symbol plus one, 0 when it has not
  /// come yet.
  private var known: [UInt32] = []
  private var generation = -1

  var isEmpty: Bool { postings.isEmpty }

  /// Forgets the numbers of texts when they are another generation's.
  mutating func renumber(_ generation: Int) {
    guard generation != self.generation else { return }
    self.generation = generation
    known = []
  }

  /// Adds a text that a ``TextColumnBuilder`` knows as number `symbol`: its bytes are looked up
  /// once only.
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

  /// Every key's hash with each block that has it, for the other form: block by block, in order of
  /// the keys in whatever order a block's were added.
  func hashes() -> [(hash: UInt64, block: UInt32)] {
    var hashes: [(hash: UInt64, block: UInt32)] = []
    hashes.reserveCapacity(postings.count)
    var start = 0
    while start < postings.count {
      let block = postings[start].block
      let end = postings[start...].firstIndex { $0.block != block } ?? postings.count
      var symbols = postings[start..<end].map(\.symbol)
      symbols.sort { table.bytes(of: $0).isLexicographicallyBefore(table.bytes(of: $1)) }
      for symbol in symbols { hashes.append((keyHash(table.bytes(of: symbol)), block)) }
      start = end
    }
    return hashes
  }
}
