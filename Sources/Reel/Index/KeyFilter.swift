/// Tells of a posting index that is not in memory that a key is not in it.
///
/// A Bloom filter (Bloom, "Space/time trade-offs in hash coding with allowable errors", 1970) of 16
/// to 32 bits a key and six probes, so that it errs once in a thousand times. Over many segments
/// the indexes themselves take more memory than there is, and decoding each for one key took a
/// millisecond a segment. Nothing of it is ever written.
final class KeyFilter: Sendable {
  private let words: [UInt64]
  private let mask: UInt64

  private static let bitsPerKey = 16
  private static let probeCount = 6
  /// With fewer keys an index is about as small as its filter would be.
  static let minimumKeyCount = 512

  /// The filter of the keys of `index`; nothing when they are few.
  init?(_ index: PostingIndex) {
    guard index.keyCount >= Self.minimumKeyCount else { return nil }
    let bitCount = Self.bitsPerKey * index.keyCount
    // The next power of two.
    let size = 1 << (Int.bitWidth - (bitCount - 1).leadingZeroBitCount)
    var words = [UInt64](repeating: 0, count: size / 64)
    let mask = UInt64(size - 1)
    for key in 0..<index.keyCount {
      Self.forEachBit(keyHash(index.key(key)), mask) { bit in
        words[Int(bit >> 6)] |= 1 << (bit & 63)
        return true
      }
    }
    self.words = words
    self.mask = mask
  }

  var byteCount: Int { words.count * 8 + 48 }

  /// Whether a key with `hash` may be in the index; false is certain.
  func mayHave(_ hash: UInt64) -> Bool {
    var isThere = true
    Self.forEachBit(hash, mask) { bit in
      isThere = words[Int(bit >> 6)] >> (bit & 63) & 1 == 1
      return isThere
    }
    return isThere
  }

  /// As ``mayHave(_:)``, of several.
  func mayHaveAny(_ hashes: [UInt64]) -> Bool { hashes.contains { mayHave($0) } }

  /// The bits of a hash: its two halves make all probes (Kirsch and Mitzenmacher, "Less hashing,
  /// same performance", 2006).
  @inline(__always)
  private static func forEachBit(_ hash: UInt64, _ mask: UInt64, _ body: (UInt64) -> Bool) {
    var bit = hash
    let step = hash >> 32 | 1
    for _ in 0..<probeCount {
      guard body(bit & mask) else { return }
      bit &+= step
    }
  }
}
