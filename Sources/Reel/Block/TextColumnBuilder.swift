/// Numbers the texts of one column, which keep their numbers from block to block, and collects the
/// rows of a block.
///
/// ``TextColumnEncoder`` makes the column of them, on another thread if need be: it has the texts
/// as well.
struct TextColumnBuilder {
  private var table: SymbolTable
  private let seed: UInt64
  /// Differs whenever the numbers of texts begin anew.
  private(set) var generation = 0
  private var rows = TextRows()
  /// Per symbol: the rows of this block that have it, 0 when it is not in the block.
  private var counts: [UInt32] = []
  /// The texts that were there when the block began.
  private var firstNew = 0

  /// Texts remembered from block to block before they are all forgotten, so that columns of ever
  /// new texts stay bounded.
  private static let maximumSymbolCount = 100_000
  private static let maximumSymbolByteCount = 4 << 20

  init(seed: UInt64) {
    self.seed = seed
    table = SymbolTable(seed: seed)
  }

  /// Gives `text` to `row`; the rows between the last one given and this are absent.
  /// - Returns: Its number.
  @inline(__always)
  @discardableResult
  mutating func append(_ text: RawSpan, row: Int) -> UInt32 {
    append(text, hash: table.hash(text), row: row)
  }

  /// The hash of a text to be appended; what that needs is brought near meanwhile.
  @inline(__always)
  func prefetch(_ text: RawSpan) -> UInt64 { table.prefetch(text) }

  /// As ``append(_:row:)``, with the hash that ``prefetch(_:)`` gave.
  @inline(__always)
  @discardableResult
  mutating func append(_ text: RawSpan, hash: UInt64, row: Int) -> UInt32 {
    let symbol = table.symbol(text, hash)
    while rows.symbols.count < row { rows.symbols.append(0) }
    rows.symbols.append(symbol &+ 1)
    if Int(symbol) >= counts.count { counts.append(0) }
    if counts[Int(symbol)] == 0 { rows.distinct.append(symbol) }
    counts[Int(symbol)] &+= 1
    return symbol
  }

  /// Hands over the rows, in exchange for empty ones, with the texts that are new; the next block
  /// begins.
  mutating func take(_ other: inout TextRows) {
    for symbol in rows.distinct {
      rows.counts.append(counts[Int(symbol)])
      counts[Int(symbol)] = 0
    }
    rows.generation = generation
    table.appendTexts(from: firstNew, to: &rows.newTexts)
    firstNew = table.count
    swap(&rows, &other)
    guard table.count > Self.maximumSymbolCount || table.byteCount > Self.maximumSymbolByteCount
    else { return }
    table = SymbolTable(seed: seed)
    generation += 1
    firstNew = 0
    counts = []
  }
}

/// The rows of a block's column of texts, as numbers.
struct TextRows {
  /// Per row: the symbol plus one, 0 when absent.
  ///
  /// Rows behind the last with a text are left out.
  var symbols: [UInt32] = []
  /// The symbols of the block, each once, and of each the rows that have it.
  var distinct: [UInt32] = []
  var counts: [UInt32] = []
  /// The texts that follow those of the blocks before, or all when it is another generation.
  var newTexts = SymbolTexts()
  var generation = 0

  /// Whether no row has a text.
  var isEmpty: Bool { distinct.isEmpty }

  /// Forgets the rows and keeps the memory.
  mutating func removeAll() {
    symbols.removeAll(keepingCapacity: true)
    distinct.removeAll(keepingCapacity: true)
    counts.removeAll(keepingCapacity: true)
    newTexts.removeAll()
  }
}
