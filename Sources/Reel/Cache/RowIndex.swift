/// Where the records of each key of a column lie, in the order of time: of one segment all records
/// of which are in memory and of which a column is asked often.
///
/// An answer that takes a few rows from each of many blocks spends its time on the way to them: the
/// block's place in the cache, its column, the key's code, the rows that have it, each of them
/// memory to wait for. Here all that is one stretch of an array. It may outlive the records that it
/// leads to: their blocks are then read again.
final class RowIndex: Sendable {
  /// An event that has the key.
  struct Row {
    var timestamp: Int64
    /// Its sequence number, counted from the segment's first block.
    var rank: UInt32
    /// Where its record begins in the page of its block.
    var offset: UInt32
  }

  /// The questions for keys of a column that a segment is opened for without an index: making one
  /// takes as long as some ten answers.
  static let questionCount = 16
  /// Bytes of keys that are indexed at most.
  private static let maximumKeyByteCount = 64 << 20

  let segment: ReadableSegment
  let directory: ReadableDirectory
  /// Declared attributes that the blocks have values of.
  let attributeCount: Int
  private let firstSequence: UInt64
  /// The rank of each block's first record.
  private let firstRanks: [UInt32]
  private let keys: SymbolTable
  /// Where the rows of each key begin, and those of the last end.
  private let starts: [UInt32]
  private let rows: [Row]

  /// Indexes a column of `segment`; nothing when not all its records are in memory and whole.
  ///
  /// - Complexity: O(rows + texts of all blocks' dictionaries).
  init?(
    _ column: ColumnID, of segment: ReadableSegment, _ directory: ReadableDirectory,
    cache: ReadCache
  ) {
    guard directory.damages.isEmpty, let first = directory.blocks.first,
      let last = directory.blocks.last, last.lastSequence - first.firstSequence < UInt32.max,
      let blocks = cache.wholeBlocks(directory, of: segment, with: column)
    else { return nil }
    var builder = RowIndexBuilder(column, firstSequence: first.firstSequence)
    for whole in blocks {
      builder.count(whole.block)
      // Few bytes of a file can stand for very many texts.
      guard builder.keys.byteCount <= Self.maximumKeyByteCount else { return nil }
    }
    builder.layOut()
    for whole in blocks { builder.add(whole.block, whole.page) }
    builder.sort()
    self.segment = segment
    self.directory = directory
    attributeCount = blocks.reduce(0) { max($0, $1.block.header.attributeCount) }
    firstSequence = first.firstSequence
    firstRanks = directory.blocks.map { UInt32($0.firstSequence - first.firstSequence) }
    keys = builder.keys
    starts = builder.starts
    rows = builder.rows
  }

  /// The bytes it takes.
  var byteCount: Int {
    rows.count * MemoryLayout<Row>.stride + (starts.count + firstRanks.count) * 4
      + keys.count * 48 + 2 * keys.byteCount + 4096
  }

  /// The places of the rows that have `key`, by timestamp and then arrival; O(1).
  func places(of key: RawSpan) -> Range<Int> {
    guard let number = keys.find(key).map(Int.init) else { return 0..<0 }
    return Int(starts[number])..<Int(starts[number + 1])
  }

  @inline(__always)
  subscript(place: Int) -> Row { rows[place] }

  /// The key in the order of answers of the row at `place`.
  @inline(__always)
  func key(_ place: Int) -> MergeKey {
    let row = rows[place]
    return MergeKey(timestamp: row.timestamp, sequence: firstSequence &+ UInt64(row.rank))
  }

  /// The ordinal of the block that has a row, most often that of `guess` or of the next block.
  func ordinal(of row: Row, near guess: Int) -> Int {
    for ordinal in guess..<min(guess + 2, firstRanks.count) where ranks(ordinal).contains(row.rank)
    {
      return ordinal
    }
    return firstIndex(firstRanks.count) { firstRanks[$0] > row.rank } - 1
  }

  /// The ranks of a block's rows, and of what is missing behind it.
  func ranks(_ ordinal: Int) -> Range<UInt32> {
    firstRanks[ordinal]..<(ordinal + 1 < firstRanks.count ? firstRanks[ordinal + 1] : .max)
  }
}

/// Fills the arrays of a ``RowIndex``: counts each key's rows, then puts them side by side.
private struct RowIndexBuilder {
  private let column: ColumnID
  private let firstSequence: UInt64
  private(set) var keys = SymbolTable(seed: .random(in: .min ... .max))
  private(set) var starts: [UInt32] = []
  private(set) var rows: [RowIndex.Row] = []
  /// For each block counted so far the keys of its codes.
  private var symbols: [[UInt32]] = []
  private var counts: [UInt32] = []
  private var next: [UInt32] = []
  private var addedCount = 0

  init(_ column: ColumnID, firstSequence: UInt64) {
    self.column = column
    self.firstSequence = firstSequence
  }

  /// Calls `body` with the events of a block that have a text, and its code.
  @inline(__always)
  private static func forEachEvent(
    _ block: DecodedBlock, _ column: ColumnID, _ body: (_ row: Int, _ code: UInt16) -> Void
  ) {
    guard let column = block.text(column) else { return }
    for row in 0..<block.header.recordCount {
      let code = column.code(row)
      if code != 0, block.recordType(row) == 0 { body(row, code) }
    }
  }

  /// Counts the rows of the next block.
  mutating func count(_ block: DecodedBlock) {
    var symbols: [UInt32] = []
    if let column = block.text(column) {
      for index in 0..<column.count {
        symbols.append(keys.symbol(column.text(code: UInt16(index + 1))))
      }
    }
    while counts.count < keys.count { counts.append(0) }
    Self.forEachEvent(block, column) { counts[Int(symbols[Int($1) - 1])] += 1 }
    self.symbols.append(symbols)
  }

  /// Gives each key its place, once all blocks were counted.
  mutating func layOut() {
    var total: UInt32 = 0
    starts.reserveCapacity(counts.count + 1)
    for count in counts {
      starts.append(total)
      total += count
    }
    starts.append(total)
    next = starts
    rows = [RowIndex.Row](
      repeating: RowIndex.Row(timestamp: 0, rank: 0, offset: 0), count: Int(total))
  }

  /// Puts in the rows of the next of the blocks, in the order in which they were counted.
  mutating func add(_ block: DecodedBlock, _ page: RecordPage) {
    let symbols = symbols[addedCount]
    addedCount += 1
    let rank = UInt32(block.header.firstSequence - firstSequence)
    Self.forEachEvent(block, column) { row, code in
      let symbol = Int(symbols[Int(code) - 1])
      rows[Int(next[symbol])] = RowIndex.Row(
        timestamp: block.timestamps[row], rank: rank + UInt32(row), offset: page.offsets[row])
      next[symbol] += 1
    }
  }

  /// Brings each key's rows, which are in order of arrival, into that of time.
  mutating func sort() {
    for key in counts.indices {
      let range = Int(starts[key])..<Int(starts[key + 1])
      if !insertInOrder(range) {
        rows[range].sort { ($0.timestamp, $0.rank) < ($1.timestamp, $1.rank) }
      }
    }
  }

  /// Sorts rows that nearly are in order.
  /// - Returns: False when they are not so near: then some of them are sorted.
  private mutating func insertInOrder(_ range: Range<Int>) -> Bool {
    var rows = rows.mutableSpan
    var budget = 8 * range.count
    for place in range {
      let row = rows[place]
      var hole = place
      while hole > range.lowerBound, rows[hole - 1].timestamp > row.timestamp {
        rows[hole] = rows[hole - 1]
        hole -= 1
      }
      if hole < place { rows[hole] = row }
      budget -= place - hole
      if budget < 0 { return false }
    }
    return true
  }
}
