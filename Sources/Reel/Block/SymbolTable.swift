/// The distinct byte strings of one column within a segment, numbered from 0 in order of first
/// appearance: one hash look-up an event, and array accesses from there on.
///
/// An open-addressing table over the numbers; the bytes lie in one array.
package struct SymbolTable {
  /// The upper half of a text's hash and its number, so that most texts are found without another
  /// look; ``empty`` where there is none.
  private var slots: [UInt64]
  private var hashes: [UInt64] = []
  private var texts = SymbolTexts()
  private let seed: UInt64

  private static let empty = UInt64.max

  package init(seed: UInt64) {
    self.seed = seed
    slots = [UInt64](repeating: Self.empty, count: 256)
  }

  package var count: Int { hashes.count }
  var byteCount: Int { texts.byteCount }

  /// The bytes of a symbol.
  @inline(__always)
  @_lifetime(borrow self)
  func bytes(of symbol: UInt32) -> RawSpan { texts.bytes(of: symbol) }

  /// The number of `text`, given now if it is new.
  package mutating func symbol(_ text: RawSpan) -> UInt32 {
    symbol(text, hash(text))
  }

  /// The hash of a text, to be looked up with ``symbol(_:_:)``.
  @inline(__always)
  func hash(_ text: RawSpan) -> UInt64 { textHash(text, seed: seed) }

  /// As ``hash(_:)``; where the look-up begins is brought near meanwhile.
  @inline(__always)
  func prefetch(_ text: RawSpan) -> UInt64 {
    let hash = hash(text)
    slots.prefetch(at: Int(truncatingIfNeeded: hash) & (slots.count &- 1))
    return hash
  }

  /// As ``symbol(_:)``, of a text with a hash of this table.
  mutating func symbol(_ text: RawSpan, _ hash: UInt64) -> UInt32 {
    if let known = find(text, hash) { return known }
    let symbol = UInt32(hashes.count)
    hashes.append(hash)
    texts.append(text)
    if hashes.count * 2 > slots.count { grow() } else { insert(symbol, hash) }
    return symbol
  }

  /// The number of `text`, if it has one.
  func find(_ text: RawSpan) -> UInt32? { find(text, hash(text)) }

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

  /// All symbols in order of their bytes.
  mutating func allSorted() -> [UInt32] { texts.allSorted() }

  /// Appends the texts from the number `first` on to `other`.
  func appendTexts(from first: Int, to other: inout SymbolTexts) {
    other.append(contentsOf: texts, from: first)
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
