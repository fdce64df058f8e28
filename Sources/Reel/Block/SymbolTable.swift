/// The distinct byte strings of one column within a segment, numbered from 0 in order of first
/// appearance: one hash look-up an event, and array accesses from there on.
///
/// An open-addressing table over the numbers; the bytes lie in one array. Beside that it keeps the
/// symbols in order of their bytes, so that a block's dictionary is sorted without comparing texts.
package struct SymbolTable {
  /// The upper half of a text's hash and its number, so that most texts are found without another
  /// look; ``empty`` where there is none.
  private var slots: [UInt64]
  private var hashes: [UInt64] = []
  private var offsets: [UInt32] = [0]
  private var bytes: [UInt8] = []
  private let seed: UInt64

  /// Symbols below ``rankedCount`` in order of their bytes, and each one's place in that order.
  private var ordered: [UInt32] = []
  private var ranks: [UInt32] = []

  private static let empty = UInt64.max
  /// Above this many symbols, inserting new ones in order costs more than sorting each block's.
  private static let maximumRankedCount = 4096

  package init(seed: UInt64) {
    self.seed = seed
    slots = [UInt64](repeating: Self.empty, count: 256)
  }

  package var count: Int { hashes.count }
  var byteCount: Int { bytes.count }

  /// The bytes of a symbol.
  @_lifetime(borrow self)
  func bytes(of symbol: UInt32) -> RawSpan {
    let range = Int(offsets[Int(symbol)])..<Int(offsets[Int(symbol) + 1])
    return bytes.rawSpan.extracting(range)
  }

  /// The number of `text`, given now if it is new.
  package mutating func symbol(_ text: RawSpan) -> UInt32 {
    let hash = textHash(text, seed: seed)
    if let known = find(text, hash) { return known }
    let symbol = UInt32(hashes.count)
    hashes.append(hash)
    bytes.append(text)
    offsets.append(UInt32(bytes.count))
    if hashes.count * 2 > slots.count { grow() } else { insert(symbol, hash) }
    return symbol
  }

  /// The number of `text`, if it has one.
  func find(_ text: RawSpan) -> UInt32? { find(text, textHash(text, seed: seed)) }

  @inline(__always)
  private func find(_ text: RawSpan, _ hash: UInt64) -> UInt32? {
    let mask = slots.count &- 1
    var slot = Int(truncatingIfNeeded: hash) & mask
    while true {
      let entry = slots[slot]
      if entry == Self.empty { return nil }
      let symbol = UInt32(truncatingIfNeeded: entry)
      if entry >> 32 == hash >> 32, bytes(of: symbol).equals(text) { return symbol }
      slot = (slot &+ 1) & mask
    }
  }

  private mutating func insert(_ symbol: UInt32, _ hash: UInt64) {
    let mask = slots.count &- 1
    var slot = Int(truncatingIfNeeded: hash) & mask
    while slots[slot] != Self.empty { slot = (slot &+ 1) & mask }
    slots[slot] = hash & ~0xFFFF_FFFF | UInt64(symbol)
  }

  private mutating func grow() {
    slots = [UInt64](repeating: Self.empty, count: slots.count * 2)
    for (symbol, hash) in hashes.enumerated() { insert(UInt32(symbol), hash) }
  }

  /// Sorts `symbols`, each of which occurs once, by their bytes.
  mutating func sort(_ symbols: inout [UInt32]) {
    if count <= Self.maximumRankedCount {
      rankNewSymbols()
      // A bit for each rank that occurs: a table has few words of them.
      var present = [UInt64](repeating: 0, count: (count + 63) / 64)
      for symbol in symbols {
        let rank = ranks[Int(symbol)]
        present[Int(rank) >> 6] |= 1 << UInt64(rank & 63)
      }
      var next = 0
      for (index, word) in present.enumerated() {
        var rest = word
        while rest != 0 {
          symbols[next] = ordered[index << 6 | rest.trailingZeroBitCount]
          next &+= 1
          rest &= rest &- 1
        }
      }
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

/// A hash for tables in memory: as strong as a table needs, and for short texts a few instructions.
///
/// The multiplications are those of wyhash (Wang Yi, final version 4); nobody who does not know the
/// seed can choose texts that collide.
@inline(__always)
func textHash(_ text: RawSpan, seed: UInt64) -> UInt64 {
  let count = text.byteCount
  guard count <= 32 else { return Checksum.xxh3(text, seed: seed) }
  @inline(__always)
  func mix(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let product = a.multipliedFullWidth(by: b)
    return product.high ^ product.low
  }
  @inline(__always)
  func word(_ offset: Int) -> UInt64 { text.integer(at: offset, as: UInt64.self) }
  let first: UInt64
  let last: UInt64
  var state = seed ^ 0xA076_1D64_78BD_642F
  if count >= 8 {
    (first, last) = (word(0), word(count &- 8))
    if count > 16 {
      state = mix(word(8) ^ 0xE703_7ED1_A0B4_28DB, word(count &- 16) ^ state)
    }
  } else if count >= 4 {
    first = UInt64(text.integer(at: 0, as: UInt32.self))
    last = UInt64(text.integer(at: count &- 4, as: UInt32.self))
  } else if count > 0 {
    first =
      UInt64(text.byte(at: 0)) << 16 | UInt64(text.byte(at: count / 2)) << 8
      | UInt64(text.byte(at: count &- 1))
    last = 0
  } else {
    (first, last) = (0, 0)
  }
  let product = mix(first ^ 0x8EBC_6AF0_9C88_C6E3, last ^ state)
  return mix(product ^ 0x5899_65CC_7537_4CC3, state ^ UInt64(count))
}
