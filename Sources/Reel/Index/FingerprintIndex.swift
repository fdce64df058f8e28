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

  private let raw: [UInt8]
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

  init(decoding raw: [UInt8], blockCount: Int) throws(ByteReader.Malformed) {
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
  }

  var byteCount: Int { raw.count + starts.count * 4 }

  /// The ordinals of the blocks that may have the key with `hash`, ascending, each once.
  func blocks(_ hash: UInt64) -> [Int] {
    guard keyCount > 0 else { return [] }
    let raw = raw
    let span = raw.rawSpan
    let bucket = Self.bucket(hash, bucketCount)
    var key = Int(starts[bucket / Self.bucketsPerStart])
    for index in (bucket / Self.bucketsPerStart * Self.bucketsPerStart)..<bucket {
      key += Int(span.byte(at: Self.headerByteCount + index))
    }
    let end = key + Int(span.byte(at: Self.headerByteCount + bucket))
    let fingerprints = Self.headerByteCount + bucketCount
    let wanted = UInt16(truncatingIfNeeded: hash)
    var blocks: [Int] = []
    while key < end {
      if span.integer(at: fingerprints + 2 * key, as: UInt16.self) == wanted {
        let block = ordinal(key, span)
        if block < blockCount { blocks.append(block) }
      }
      key += 1
    }
    guard blocks.count > 1 else { return blocks }
    blocks.sort()
    var distinct: [Int] = []
    for block in blocks where block != distinct.last { distinct.append(block) }
    return distinct
  }

  private func ordinal(_ key: Int, _ span: RawSpan) -> Int {
    let start = Self.headerByteCount + bucketCount + 2 * keyCount
    let position = key * ordinalBits
    var value = 0
    // Up to 32 bits from any bit of a byte on lie in five bytes.
    for index in 0..<min(5, span.byteCount - start - position / 8) {
      value |= Int(span.byte(at: start + position / 8 + index)) << (8 * index)
    }
    return (value >> (position & 7)) & ((1 << ordinalBits) - 1)
  }

  @inline(__always)
  private static func bucket(_ hash: UInt64, _ bucketCount: Int) -> Int {
    Int(((hash >> 32) &* UInt64(bucketCount)) >> 32)
  }
}
