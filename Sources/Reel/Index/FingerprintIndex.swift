/// An index that answers "which blocks may have this key" from 16 bits of each key's hash: for ids,
/// and for columns whose keys are too many to be listed.
///
/// Keys are spread over buckets of 16 on average by the upper half of their hash; a bucket lists
/// the low 16 bits of each and the ordinal of its block, bit-packed. That is 3.2 bytes a key, and
/// one look-up in 4,000 names a block in vain. Normative: format-spec.md, "Fingerprint indexes".
///
/// | field        | size            |                                                  |
/// | :----------- | :-------------- | :----------------------------------------------- |
/// | keyCount     | u32             |                                                  |
/// | bucketCount  | u32             | at least 1                                       |
/// | ordinalBits  | u8              | 0 to 32                                          |
/// | counts       | bucketCount     | u8 each: the keys in a bucket                    |
/// | fingerprints | 2 × keyCount    | in order of buckets                              |
/// | ordinals     | to a whole byte | keyCount × ordinalBits bits, lowest bit first    |
final class FingerprintIndex: Sendable {
  private static let headerByteCount = 9
  private static let keysPerBucket = 16
  private static let bucketsPerStart = 16
  /// About what a key takes, in bytes.
  static let usualByteCount = 4

  /// The content, or only what lies ahead of the fingerprints.
  private let raw: [UInt8]
  /// Of the content in its file.
  private let offset: Int
  let keyCount: Int
  private let bucketCount: Int
  private let ordinalBits: Int
  private let blockCount: Int
  /// The keys ahead of each 16th bucket.
  private let starts: [UInt32]

  /// The content of an index over `blockCount` blocks; nothing when more than 255 keys share a
  /// bucket however many there are, as one id in very many blocks does: the column is then not
  /// indexed.
  static func encode(_ keys: [(hash: UInt64, block: UInt32)], blockCount: Int) -> [UInt8] {
    var bucketCount = max(1, keys.count / keysPerBucket)
    var counts = [UInt32](repeating: 0, count: bucketCount)
    while true {
      for key in keys { counts[bucket(key.hash, bucketCount)] += 1 }
      guard let largest = counts.max(), largest > 255, bucketCount < keys.count else { break }
      bucketCount *= 2
      counts = [UInt32](repeating: 0, count: bucketCount)
    }
    var next = [Int](repeating: 0, count: bucketCount)
    var total = 0
    for index in 0..<bucketCount {
      next[index] = total
      total += Int(counts[index])
    }
    var sorted = [Int](repeating: 0, count: keys.count)
    for (index, key) in keys.enumerated() {
      let bucket = bucket(key.hash, bucketCount)
      sorted[next[bucket]] = index
      next[bucket] += 1
    }
    guard counts.allSatisfy({ $0 <= 255 }) else { return [] }
    let ordinalBits = blockCount <= 1 ? 0 : Int.bitWidth - (blockCount - 1).leadingZeroBitCount
    var raw: [UInt8] = []
    raw.reserveCapacity(headerByteCount + bucketCount + keys.count * 4)
    raw.append(littleEndian: UInt32(keys.count))
    raw.append(littleEndian: UInt32(bucketCount))
    raw.append(UInt8(ordinalBits))
    for count in counts { raw.append(UInt8(count)) }
    for index in sorted { raw.append(littleEndian: UInt16(truncatingIfNeeded: keys[index].hash)) }
    var bits: UInt64 = 0
    var filled = 0
    for index in sorted {
      bits |= UInt64(keys[index].block) << UInt64(filled)
      filled += ordinalBits
      while filled >= 8 {
        raw.append(UInt8(truncatingIfNeeded: bits))
        bits >>= 8
        filled -= 8
      }
    }
    if filled > 0 { raw.append(UInt8(truncatingIfNeeded: bits)) }
    return raw
  }

  /// Decodes an index over `blockCount` blocks whose content begins at `offset` of its file.
  init(
    decoding raw: [UInt8], blockCount: Int, at offset: Int = 0
  ) throws(ByteReader.Malformed) {
    let span = raw.rawSpan
    var reader = ByteReader(span)
    keyCount = Int(try reader.integer(UInt32.self, "the number of keys"))
    bucketCount = Int(try reader.integer(UInt32.self, "the number of buckets"))
    ordinalBits = Int(try reader.integer(UInt8.self, "the bits of an ordinal"))
    guard bucketCount >= 1, ordinalBits <= 32,
      reader.remaining == bucketCount + 2 * keyCount + (keyCount * ordinalBits + 7) / 8
    else {
      throw ByteReader.Malformed("a fingerprint index", "has a wrong length", found: keyCount)
    }
    var starts: [UInt32] = []
    var total = 0
    for bucket in 0..<bucketCount {
      if bucket % Self.bucketsPerStart == 0 { starts.append(UInt32(total)) }
      total += Int(span.byte(at: Self.headerByteCount + bucket))
    }
    guard total == keyCount else {
      throw ByteReader.Malformed("the buckets' counts", "do not add up", found: total)
    }
    self.starts = starts
    self.blockCount = blockCount
    self.raw = raw
    self.offset = offset
  }

  /// The part of `index` that it takes to find the keys of a bucket in the file.
  private init(front index: FingerprintIndex) {
    keyCount = index.keyCount
    bucketCount = index.bucketCount
    ordinalBits = index.ordinalBits
    blockCount = index.blockCount
    starts = index.starts
    offset = index.offset
    raw = Array(index.raw[..<index.fingerprintsStart])
  }

  /// The index without its fingerprints and ordinals: a twentieth of it, for recordings whose
  /// indexes do not fit into memory.
  ///
  /// The whole was checked against its checksum; sealed segments do not change.
  var front: FingerprintIndex { FingerprintIndex(front: self) }

  /// Whether all of it is in memory.
  var isWhole: Bool { raw.count > fingerprintsStart || keyCount == 0 }

  var byteCount: Int { raw.count + starts.count * 4 + 64 }

  private var fingerprintsStart: Int { Self.headerByteCount + bucketCount }
  private var ordinalsStart: Int { fingerprintsStart + 2 * keyCount }

  /// The keys of the bucket of `hash`, by number.
  private func keys(_ hash: UInt64) -> Range<Int> {
    let raw = raw
    let span = raw.rawSpan
    let bucket = Self.bucket(hash, bucketCount)
    var key = Int(starts[bucket / Self.bucketsPerStart])
    let first = Self.headerByteCount + bucket / Self.bucketsPerStart * Self.bucketsPerStart
    key += span.sum(first..<(Self.headerByteCount + bucket))
    return key..<(key + Int(span.byte(at: Self.headerByteCount + bucket)))
  }

  /// The ordinals of the blocks that may have the key with `hash`, ascending, each once; the index
  /// must be whole.
  func blocks(_ hash: UInt64) -> [Int] {
    guard keyCount > 0 else { return [] }
    let raw = raw
    let span = raw.rawSpan
    let wanted = UInt16(truncatingIfNeeded: hash)
    let keys = keys(hash)
    var blocks: [Int] = []
    let start = fingerprintsStart &+ 2 &* keys.lowerBound
    for place in 0..<keys.count
    where span.integer(at: start &+ 2 &* place, as: UInt16.self) == wanted {
      let key = keys.lowerBound + place
      let start = ordinalsStart + key * ordinalBits / 8
      blocks.append(ordinal(key, span.extracting(start..<min(start + 5, span.byteCount))))
    }
    return blocks.count > 1 ? distinct(blocks) : blocks.filter { $0 < blockCount }
  }

  /// As ``blocks(_:)``, reading what is not in memory.
  func blocks(_ hash: UInt64, in file: SegmentFile) throws(ReelError) -> [Int] {
    let keys = keys(hash)
    guard !keys.isEmpty else { return [] }
    let fingerprints = try read(fingerprintsStart + 2 * keys.lowerBound, 2 * keys.count, file)
    let span = fingerprints.rawSpan
    let wanted = UInt16(truncatingIfNeeded: hash)
    let end = ordinalsStart + (keyCount * ordinalBits + 7) / 8
    var blocks: [Int] = []
    for (place, key) in keys.enumerated()
    where span.integer(at: 2 * place, as: UInt16.self) == wanted {
      let start = ordinalsStart + key * ordinalBits / 8
      let bytes = try read(start, min(5, end - start), file)
      blocks.append(ordinal(key, bytes.rawSpan))
    }
    return distinct(blocks)
  }

  private func read(
    _ start: Int, _ byteCount: Int, _ file: SegmentFile
  ) throws(ReelError) -> [UInt8] {
    let bytes = try file.file.read(at: offset + start, byteCount: byteCount)
    guard bytes.count == byteCount else {
      throw file.corrupted((offset + start)..<(offset + start + byteCount), "an index is cut off")
    }
    return bytes
  }

  /// The ordinal of a key, of which `bytes` begin with the byte of its first bit: up to 32 bits
  /// from any bit of a byte on lie in five bytes.
  private func ordinal(_ key: Int, _ bytes: RawSpan) -> Int {
    var value = 0
    for index in 0..<bytes.byteCount { value |= Int(bytes.byte(at: index)) << (8 * index) }
    return (value >> (key * ordinalBits & 7)) & ((1 << ordinalBits) - 1)
  }

  private func distinct(_ ordinals: [Int]) -> [Int] {
    var distinct: [Int] = []
    for ordinal in ordinals.sorted() where ordinal < blockCount && ordinal != distinct.last {
      distinct.append(ordinal)
    }
    return distinct
  }

  @inline(__always)
  private static func bucket(_ hash: UInt64, _ bucketCount: Int) -> Int {
    Int(((hash >> 32) &* UInt64(bucketCount)) >> 32)
  }
}
