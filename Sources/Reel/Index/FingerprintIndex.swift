/// An index that answers "which of some things may have this key" from some bits of each key's
/// hash: which blocks of a segment, for ids and for columns whose keys are too many to be listed;
/// and which segments, in ``MergedIndex``.
///
/// Keys are spread over buckets of 8 to 16 by the highest bits of their hash; a bucket has the bits
/// after those of each key, its fingerprint, and the ordinal of its block or segment. With 16 bits
/// that is 3.2 bytes a key, and one look-up in 5,000 names a block in vain. Since a fingerprint
/// goes on where the bucket ends, an index of shorter ones over many segments is made from theirs,
/// without a look at the keys. Normative: format-spec.md, "Fingerprint indexes".
///
/// | field           | size            |                                                        |
/// | :-------------- | :-------------- | :----------------------------------------------------- |
/// | keyCount        | u32             |                                                        |
/// | bucketBits      | u8              | 0 to 28: there are 2 to the power of it                |
/// | fingerprintBits | u8              | 1 to 24                                                |
/// | ordinalBits     | u8              | 0 to 32                                                |
/// | counts          | 1 a bucket      | u8 each: the keys in it                                |
/// | entries         | to a whole byte | in order of buckets, lowest bit first: the fingerprint |
/// |                 |                 | and above it the ordinal                               |
final class FingerprintIndex: Sendable {
  static let headerByteCount = 7
  /// Buckets have at most so many keys on average, and half as many at least.
  static let keysPerBucket = 16
  private static let bucketsPerStart = 16
  /// The bits of a fingerprint in a segment's own indexes.
  static let usualFingerprintBits = 16
  static let maximumBucketBits = 28
  static let maximumFingerprintBits = 24
  /// About what a key takes, in bytes.
  static let usualByteCount = 4

  /// The content, or only what lies ahead of the entries.
  private let raw: [UInt8]
  /// Of the content in its file.
  private let offset: Int
  let keyCount: Int
  let bucketBits: Int
  let fingerprintBits: Int
  private let ordinalBits: Int
  private let ordinalCount: Int
  /// The keys ahead of each 16th bucket.
  private let starts: [UInt32]

  /// The content of an index over `blockCount` blocks; nothing when more than 255 keys share a
  /// bucket however many there are, as one id in very many blocks does: the column is then not
  /// indexed.
  static func encode(_ keys: [(hash: UInt64, block: UInt32)], blockCount: Int) -> [UInt8] {
    var builder = FingerprintIndexBuilder(
      keyCount: keys.count, ordinalCount: blockCount, fingerprintBits: usualFingerprintBits)
    while true {
      for key in keys { builder.count(key.hash) }
      if builder.beginEntries() { break }
      guard builder.bucketCount < keys.count, builder.doubleBuckets() else { return [] }
    }
    for key in keys { builder.add(key.hash, ordinal: key.block) }
    return builder.finish()
  }

  /// Decodes an index over `ordinalCount` blocks or segments whose content begins at `offset` of
  /// its file.
  init(
    decoding raw: [UInt8], ordinalCount: Int, at offset: Int = 0
  ) throws(ByteReader.Malformed) {
    let span = raw.rawSpan
    var reader = ByteReader(span)
    keyCount = Int(try reader.integer(UInt32.self, "the number of keys"))
    bucketBits = Int(try reader.integer(UInt8.self, "the bits of a bucket"))
    fingerprintBits = Int(try reader.integer(UInt8.self, "the bits of a fingerprint"))
    ordinalBits = Int(try reader.integer(UInt8.self, "the bits of an ordinal"))
    guard bucketBits <= Self.maximumBucketBits, ordinalBits <= 32,
      (1...Self.maximumFingerprintBits).contains(fingerprintBits),
      reader.remaining
        == 1 << bucketBits + (keyCount * (fingerprintBits + ordinalBits) + 7) / 8
    else {
      throw ByteReader.Malformed("a fingerprint index", "has a wrong length", found: keyCount)
    }
    var starts: [UInt32] = []
    var total = 0
    for bucket in 0..<(1 << bucketBits) {
      if bucket % Self.bucketsPerStart == 0 { starts.append(UInt32(total)) }
      total += Int(span.byte(at: Self.headerByteCount + bucket))
      guard total <= keyCount else { break }
    }
    guard total == keyCount else {
      throw ByteReader.Malformed("the buckets' counts", "do not add up", found: total)
    }
    self.starts = starts
    self.ordinalCount = ordinalCount
    self.raw = raw
    self.offset = offset
  }

  /// The part of `index` that it takes to find the keys of a bucket in the file.
  private init(front index: FingerprintIndex) {
    keyCount = index.keyCount
    bucketBits = index.bucketBits
    fingerprintBits = index.fingerprintBits
    ordinalBits = index.ordinalBits
    ordinalCount = index.ordinalCount
    starts = index.starts
    offset = index.offset
    raw = Array(index.raw[..<index.entriesStart])
  }

  /// The index without its entries: a twentieth of it, for recordings whose indexes do not fit into
  /// memory.
  ///
  /// The whole was checked against its checksum; sealed segments do not change.
  var front: FingerprintIndex { FingerprintIndex(front: self) }

  /// Whether all of it is in memory.
  var isWhole: Bool { raw.count > entriesStart || keyCount == 0 }

  var byteCount: Int { raw.count + starts.count * 4 + 64 }

  private var entriesStart: Int { Self.headerByteCount + 1 << bucketBits }
  private var entryBits: Int { fingerprintBits + ordinalBits }

  /// The keys of a bucket, by number.
  private func keys(bucket: Int) -> Range<Int> {
    let raw = raw
    let span = raw.rawSpan
    var key = Int(starts[bucket / Self.bucketsPerStart])
    let first = Self.headerByteCount + bucket / Self.bucketsPerStart * Self.bucketsPerStart
    key += span.sum(first..<(Self.headerByteCount + bucket))
    return key..<(key + Int(span.byte(at: Self.headerByteCount + bucket)))
  }

  /// The ordinals of what may have the key with `hash`, ascending, each once; the index must be
  /// whole.
  func ordinals(_ hash: UInt64) -> [Int] {
    guard keyCount > 0 else { return [] }
    let raw = raw
    let keys = keys(bucket: Fingerprint.bucket(hash, bits: bucketBits))
    return ordinals(hash, keys, raw.rawSpan, at: entriesStart)
  }

  /// As ``ordinals(_:)``, reading what is not in memory.
  func ordinals(_ hash: UInt64, in file: any File) throws(ReelError) -> [Int] {
    guard !isWhole else { return ordinals(hash) }
    let keys = keys(bucket: Fingerprint.bucket(hash, bits: bucketBits))
    guard !keys.isEmpty else { return [] }
    let start = keys.lowerBound * entryBits / 8
    let end = (keys.upperBound * entryBits + 7) / 8
    let place = offset + entriesStart + start
    let bytes = try file.read(at: place, byteCount: end - start)
    guard bytes.count == end - start else {
      throw file.corrupted(place..<(place + end - start), "an index is cut off")
    }
    return ordinals(hash, keys, bytes.rawSpan, at: -start)
  }

  /// The ordinals of those of `keys` that have the fingerprint of `hash`; entry 0 lies, or would
  /// lie, at `start` of `span`.
  private func ordinals(
    _ hash: UInt64, _ keys: Range<Int>, _ span: RawSpan, at start: Int
  ) -> [Int] {
    let wanted = Fingerprint.of(hash, behind: bucketBits, bits: fingerprintBits)
    var found: [Int] = []
    for key in keys {
      let entry = entry(key, span, at: start)
      guard entry & (1 << fingerprintBits - 1) == wanted else { continue }
      let ordinal = Int(entry >> fingerprintBits)
      if ordinal < ordinalCount { found.append(ordinal) }
    }
    return found.count > 1 ? distinct(found) : found
  }

  /// An entry has at most 56 bits, so that eight bytes hold it whichever bit it begins with.
  @inline(__always)
  private func entry(_ key: Int, _ span: RawSpan, at start: Int) -> Int {
    let bit = key &* entryBits
    let byte = start &+ bit >> 3
    var word: UInt64
    if byte &+ 8 <= span.byteCount {
      word = span.integer(at: byte, as: UInt64.self)
    } else {
      word = 0
      for index in byte..<span.byteCount {
        word |= UInt64(span.byte(at: index)) << UInt64(8 &* (index &- byte))
      }
    }
    return Int(word >> UInt64(bit & 7) & (1 << UInt64(entryBits) &- 1))
  }

  private func distinct(_ ordinals: [Int]) -> [Int] {
    var distinct: [Int] = []
    for ordinal in ordinals.sorted() where ordinal != distinct.last { distinct.append(ordinal) }
    return distinct
  }

  /// How many of the highest bits of each key's hash it knows.
  var hashBits: Int { bucketBits + fingerprintBits }

  /// Calls `body` with the highest ``hashBits`` bits of each key's hash, the others being 0, in
  /// order of buckets; the index must be whole.
  ///
  /// A key that several blocks have comes once, if `isDistinct` is set; where a bucket has far more
  /// keys than most, as one id of many events makes it, in any case.
  func forEachHash(isDistinct: Bool, _ body: (UInt64) -> Void) {
    let raw = raw
    let span = raw.rawSpan
    var key = 0
    var known: [UInt64] = []
    for bucket in 0..<(1 << bucketBits) {
      known.removeAll(keepingCapacity: true)
      let end = key + Int(span.byte(at: Self.headerByteCount + bucket))
      let isDistinct = isDistinct || end - key > 4 * Self.keysPerBucket
      while key < end {
        let entry = entry(key, span, at: entriesStart)
        let bits = UInt64(bucket) << fingerprintBits | UInt64(entry & (1 << fingerprintBits - 1))
        let hash = bits << UInt64(64 - hashBits)
        key += 1
        if isDistinct {
          if known.contains(hash) { continue }
          known.append(hash)
        }
        body(hash)
      }
    }
  }
}

/// The parts of a key's hash.
enum Fingerprint {
  /// The highest `bits`.
  @inline(__always)
  static func bucket(_ hash: UInt64, bits: Int) -> Int {
    // By 64 where there are none: a smart shift gives 0.
    Int(hash >> UInt64(64 - bits))
  }

  /// The `bits` after the highest `bucketBits`.
  @inline(__always)
  static func of(_ hash: UInt64, behind bucketBits: Int, bits: Int) -> Int {
    Int((hash << UInt64(bucketBits)) >> UInt64(64 - bits))
  }
}
