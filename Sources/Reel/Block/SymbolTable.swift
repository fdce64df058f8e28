/// The distinct byte strings of one column within a segment, numbered from 0 in order of first
/// appearance: one hash look-up an event, and array accesses from there on.
///
/// An open-addressing table over the numbers; the bytes lie in one array. Beside that it keeps the
/// symbols in order of their bytes, so that a block's dictionary is sorted without comparing texts.
struct SymbolTable {
  private var slots: [UInt32]
  private var hashes: [UInt32] = []
  private var offsets: [UInt32] = [0]
  private var bytes: [UInt8] = []
  private let seed: UInt64

  /// Symbols below ``rankedCount`` in order of their bytes, and each one's place in that order.
  private var ordered: [UInt32] = []
  private var ranks: [UInt32] = []

  private static let empty = UInt32.max
  /// Above this many symbols, inserting new ones in order costs more than sorting each block's.
  private static let maximumRankedCount = 4096

  init(seed: UInt64) {
    self.seed = seed
    slots = [UInt32](repeating: Self.empty, count: 256)
  }

  var count: Int { hashes.count }
  var byteCount: Int { bytes.count }

  /// The bytes of a symbol.
  @_lifetime(borrow self)
  func bytes(of symbol: UInt32) -> RawSpan {
    let range = Int(offsets[Int(symbol)])..<Int(offsets[Int(symbol) + 1])
    return bytes.rawSpan.extracting(range)
  }

  /// The number of `text`, given now if it is new.
  mutating func symbol(_ text: RawSpan) -> UInt32 {
    let hash = UInt32(truncatingIfNeeded: Checksum.xxh3(text, seed: seed))
    let mask = slots.count &- 1
    var slot = Int(hash) & mask
    while true {
      let candidate = slots[slot]
      if candidate == Self.empty { break }
      if hashes[Int(candidate)] == hash && bytes(of: candidate).equals(text) { return candidate }
      slot = (slot &+ 1) & mask
    }
    let symbol = UInt32(hashes.count)
    slots[slot] = symbol
    hashes.append(hash)
    bytes.append(text)
    offsets.append(UInt32(bytes.count))
    if hashes.count * 2 > slots.count { grow() }
    return symbol
  }

  /// The number of `text`, if it has one.
  func find(_ text: RawSpan) -> UInt32? {
    let hash = UInt32(truncatingIfNeeded: Checksum.xxh3(text, seed: seed))
    let mask = slots.count &- 1
    var slot = Int(hash) & mask
    while true {
      let candidate = slots[slot]
      if candidate == Self.empty { return nil }
      if hashes[Int(candidate)] == hash && bytes(of: candidate).equals(text) { return candidate }
      slot = (slot &+ 1) & mask
    }
  }

  private mutating func grow() {
    slots = [UInt32](repeating: Self.empty, count: slots.count * 2)
    let mask = slots.count - 1
    for (symbol, hash) in hashes.enumerated() {
      var slot = Int(hash) & mask
      while slots[slot] != Self.empty { slot = (slot + 1) & mask }
      slots[slot] = UInt32(symbol)
    }
  }

  /// Sorts `symbols` by their bytes.
  mutating func sort(_ symbols: inout [UInt32]) {
    if count <= Self.maximumRankedCount {
      rankNewSymbols()
      let ranks = ranks
      symbols.sort { ranks[Int($0)] < ranks[Int($1)] }
    } else {
      symbols.sort { isOrdered($0, $1) }
    }
  }

  /// All symbols in order of their bytes.
  mutating func allSorted() -> [UInt32] {
    var symbols = Array(UInt32(0)..<UInt32(count))
    sort(&symbols)
    return symbols
  }

  private mutating func rankNewSymbols() {
    guard ordered.count < count else { return }
    for symbol in UInt32(ordered.count)..<UInt32(count) {
      var low = 0
      var high = ordered.count
      while low < high {
        let middle = (low + high) / 2
        if isOrdered(ordered[middle], symbol) { low = middle + 1 } else { high = middle }
      }
      ordered.insert(symbol, at: low)
    }
    ranks = [UInt32](repeating: 0, count: count)
    for (rank, symbol) in ordered.enumerated() { ranks[Int(symbol)] = UInt32(rank) }
  }

  private func isOrdered(_ a: UInt32, _ b: UInt32) -> Bool {
    bytes(of: a).isLexicographicallyBefore(bytes(of: b))
  }
}
