/// Builds a ``FingerprintIndex`` from hashes that are given twice.
///
/// First they are counted, then put at their places; they are not kept meanwhile.
struct FingerprintIndexBuilder {
  private let keyCount: Int
  private var bucketBits: Int
  private let fingerprintBits: Int
  private let ordinalBits: Int
  private var counts: [UInt32]
  /// For each bucket, the number of its next key.
  private var next: [UInt32] = []
  /// The content, once entries are taken, with room behind it for eight bytes from any one on.
  private var raw: [UInt8] = []
  private var entriesStart = 0
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
    entriesStart = FingerprintIndex.headerByteCount + counts.count
    raw.reserveCapacity(byteCount + 8)
    raw.append(littleEndian: UInt32(total))
    raw.append(UInt8(bucketBits))
    raw.append(UInt8(fingerprintBits))
    raw.append(UInt8(ordinalBits))
    for count in counts { raw.append(UInt8(count)) }
    raw.append(contentsOf: repeatElement(0, count: byteCount + 8 - entriesStart))
    counts = []
    return true
  }

  /// Of the content.
  private var byteCount: Int {
    entriesStart + (total * (fingerprintBits + ordinalBits) + 7) / 8
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
    // An entry has at most 56 bits: eight bytes hold it whichever bit it begins with.
    let bit = key &* (fingerprintBits &+ ordinalBits)
    let byte = entriesStart &+ bit >> 3
    let others = raw.rawSpan.integer(at: byte, as: UInt64.self)
    raw.overwrite(others | entry << UInt64(bit & 7), at: byte)
  }

  /// The content of the index, once every key that was counted has been added.
  consuming func finish() -> [UInt8] {
    raw.removeLast(raw.count - byteCount)
    return raw
  }
}
