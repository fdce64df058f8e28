/// Tells of a key that it is not in an index.
///
/// A Bloom filter (Bloom, "Space/time trade-offs in hash coding with allowable errors", 1970) of 16
/// bits a key and six probes, so that it errs once in a thousand times. Nothing of it is ever
/// written.
final class KeyFilter: Sendable {
  private let words: [UInt64]
  private let bitCount: UInt64

  private static let bitsPerKey = 16
  private static let probeCount = 6

  /// The filter of the keys of `index`.
  init(_ index: PostingIndex) {
    let wordCount = max(1, Self.bitsPerKey * index.keyCount / UInt64.bitWidth)
    let bitCount = UInt64(wordCount * UInt64.bitWidth)
    var words = [UInt64](repeating: 0, count: wordCount)
    index.forEachKey { key, _ in
      Self.forEachBit(keyHash(key), bitCount) { bit in
        words[Int(bit >> 6)] |= 1 << (bit & 63)
        return true
      }
    }
    self.words = words
    self.bitCount = bitCount
  }

  var byteCount: Int { words.count * 8 + 48 }

  /// Whether a key with `hash` may be in the index; false is certain.
  func mayHave(_ hash: UInt64) -> Bool {
    var isThere = true
    Self.forEachBit(hash, bitCount) { bit in
      isThere = words[Int(bit >> 6)] >> (bit & 63) & 1 == 1
      return isThere
    }
    return isThere
  }

  /// The bits of a hash: its two halves make all probes (Kirsch and Mitzenmacher, "Less hashing,
  /// same performance", 2006).
  @inline(__always)
  private static func forEachBit(_ hash: UInt64, _ bitCount: UInt64, _ body: (UInt64) -> Bool) {
    var probe = hash
    let step = hash << 32 | hash >> 32 | 1
    for _ in 0..<probeCount {
      guard body(probe.multipliedFullWidth(by: bitCount).high) else { return }
      probe &+= step
    }
  }
}
