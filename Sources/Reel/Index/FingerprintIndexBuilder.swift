/// Builds a ``FingerprintIndex`` from hashes that are given twice: to be counted, and to be put at
/// their places. Neither they nor their order are kept meanwhile.
struct FingerprintIndexBuilder {
  private let keyCount: Int
  private var bucketBits: Int
  private let fingerprintBits: Int
  private let ordinalBits: Int
  private var counts: [UInt32]
  /// For each bucket, the number of its next key.
  private var next: [UInt32] = []
  /// The entries, in order of their bits.
  private var words: [UInt64] = []
  private var total = 0

  /// For about `keyCount` keys of as many blocks or segments as `ordinalCount`.
  init(keyCount: Int, ordinalCount: Int, fingerprintBits: Int) {
    self.keyCount = keyCount
    self.fingerprintBits = fingerprintBits
    bucketBits = Self.bucketBits(keyCount)
    ordinalBits = ordinalCount <= 1 ? 0 : Int.bitWidth - (ordinalCount - 1).leadingZeroBitCount
    counts = [UInt32](repeating: 0, count: 1 << bucketBits)
  }

  /// The bits of a bucket in an index of `keyCount` keys.
  static func bucketBits(_ keyCount: Int) -> Int {
    let bucketCount = max(1, (keyCount - 1) / FingerprintIndex.keysPerBucket + 1)
    let bits = Int.bitWidth - (bucketCount - 1).leadingZeroBitCount
    return min(bucketCount == 1 ? 0 : bits, FingerprintIndex.maximumBucketBits)
  }

  var bucketCount: Int { counts.count }

  /// Counts a key.
  mutating func count(_ hash: UInt64) {
    counts[Fingerprint.bucket(hash, bits: bucketBits)] += 1
  }

  /// Begins to take entries, once all keys are counted.
  /// - Returns: False when a bucket has more keys than it can tell.
  mutating func beginEntries() -> Bool {
    next.reserveCapacity(counts.count)
    total = 0
    for count in counts {
      guard count <= UInt8.max else {
        next.removeAll()
        return false
      }
      next.append(UInt32(total))
      total += Int(count)
    }
    let bitCount = total * (fingerprintBits + ordinalBits)
    words = [UInt64](repeating: 0, count: bitCount / UInt64.bitWidth + 2)
    return true
  }

  /// Twice as many buckets; all keys are to be counted anew.
  /// - Returns: False when there cannot be more.
  mutating func doubleBuckets() -> Bool {
    guard bucketBits < FingerprintIndex.maximumBucketBits else { return false }
    bucketBits += 1
    counts = [UInt32](repeating: 0, count: 1 << bucketBits)
    return true
  }

  /// Puts a key that was counted at the next place of its bucket.
  mutating func add(_ hash: UInt64, ordinal: UInt32) {
    let bucket = Fingerprint.bucket(hash, bits: bucketBits)
    let key = Int(next[bucket])
    guard key < total else { return }
    next[bucket] += 1
    let fingerprint = Fingerprint.of(hash, behind: bucketBits, bits: fingerprintBits)
    let entry = UInt64(ordinal) << UInt64(fingerprintBits) | UInt64(fingerprint)
    let bit = key &* (fingerprintBits &+ ordinalBits)
    let shift = UInt64(bit & 63)
    words[bit >> 6] |= entry << shift
    // Shifted in two steps: where nothing is left over, a single one would be by 64.
    words[bit >> 6 &+ 1] |= (entry >> 1) >> (63 &- shift)
  }

  /// The content of the index, once every key that was counted has been added.
  func finish() -> [UInt8] {
    let entriesByteCount = (total * (fingerprintBits + ordinalBits) + 7) / 8
    var raw: [UInt8] = []
    raw.reserveCapacity(FingerprintIndex.headerByteCount + counts.count + entriesByteCount + 8)
    raw.append(littleEndian: UInt32(total))
    raw.append(UInt8(bucketBits))
    raw.append(UInt8(fingerprintBits))
    raw.append(UInt8(ordinalBits))
    for count in counts { raw.append(UInt8(count)) }
    let end = raw.count + entriesByteCount
    for word in words where raw.count < end { raw.append(littleEndian: word) }
    raw.removeLast(raw.count - end)
    return raw
  }
}
