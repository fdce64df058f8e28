/// A posting index in memory: each key with the blocks that have it and how often.
///
/// It stays as it lies in the file, checked, with the place of each key's entry beside it and every
/// 16th key whole: that takes a third of the memory of keys and postings in arrays, and a fifth of
/// the time to read. Normative: format-spec.md, "Posting indexes".
struct PostingIndex: Sendable {
  private let raw: [UInt8]
  /// Where the entry of each key begins.
  private let entries: [UInt32]
  /// The first key of each 16, one after the other, and where each ends.
  private let heads: [UInt8]
  private let headEnds: [UInt32]

  private static let keysPerHead = 16

  /// One key's blocks, as a place in the index.
  struct Postings {
    fileprivate let offset: Int
  }

  /// Takes over the raw content of an index over `blockCount` blocks once all of it has been
  /// checked.
  init(decoding raw: [UInt8], blockCount: Int) throws(ByteReader.Malformed) {
    var reader = ByteReader(raw.rawSpan)
    let keyCount = try reader.count("the number of keys", limit: raw.count)
    var entries: [UInt32] = []
    entries.reserveCapacity(keyCount)
    var heads: [UInt8] = []
    var headEnds: [UInt32] = []
    var keys = FrontCodedKeys()
    for number in 0..<keyCount {
      entries.append(UInt32(reader.offset))
      try keys.next(&reader)
      if number % Self.keysPerHead == 0 {
        heads.append(contentsOf: keys.key)
        headEnds.append(UInt32(heads.count))
      }
      _ = try reader.varint("a key's count")
      try Self.checkPostings(&reader, blockCount: blockCount)
    }
    try reader.finish("an index")
    self.raw = raw
    self.entries = entries
    self.heads = heads
    self.headEnds = headEnds
  }

  private static func checkPostings(
    _ reader: inout ByteReader, blockCount: Int
  ) throws(ByteReader.Malformed) {
    let count = try reader.count("a key's blocks", limit: blockCount)
    var block = 0
    for index in 0..<count {
      let step = try reader.count("a block", limit: blockCount)
      block += step
      guard block < blockCount, step > 0 || index == 0 else {
        throw ByteReader.Malformed("a block", "is outside the index", found: block)
      }
      _ = try reader.count("a key's rows", limit: Limits.blockRecordCount)
    }
  }

  var keyCount: Int { entries.count }
  var byteCount: Int { raw.count + entries.count * 4 + heads.count + headEnds.count * 4 }

  // MARK: Keys

  /// The postings of `key`, or nothing when it is not there; O(log n).
  func find(_ key: RawSpan) -> Postings? {
    let number = lowerBound(key)
    guard number.isEqual else { return nil }
    return entry(number.key).postings
  }

  /// The ordinals of the blocks that have `key`, ascending; none when it is not there; O(log n).
  func blocks(having key: RawSpan) -> [Int] {
    var blocks: [Int] = []
    if let postings = find(key) { forEachPosting(postings) { block, _ in blocks.append(block) } }
    return blocks
  }

  /// Calls `body` with each key that begins with `prefix`, in order of their bytes, and its
  /// postings.
  func forEachKey(prefix: RawSpan, _ body: (RawSpan, Postings) -> Void) {
    let first = lowerBound(prefix).key
    guard first < keyCount else { return }
    let head = first / Self.keysPerHead
    var key = self.head(head).copied()
    for number in (head * Self.keysPerHead)..<keyCount {
      let entry = entry(number)
      if number % Self.keysPerHead == 0 {
        key.removeAll(keepingCapacity: true)
        key.append(self.head(number / Self.keysPerHead))
      } else {
        key.removeLast(key.count - entry.shared)
        key.append(bytes(entry.rest))
      }
      guard number >= first else { continue }
      let span = key.rawSpan
      guard span.commonPrefix(prefix) == prefix.byteCount else { return }
      body(span, entry.postings)
    }
  }

  /// Calls `body` with each key, in order of their bytes, and its postings.
  func forEachKey(_ body: (RawSpan, Postings) -> Void) {
    forEachKey(prefix: RawSpan(), body)
  }

  /// Calls `body` with each block of a key, ascending, and how many of its rows have it.
  @inline(__always)
  func forEachPosting(_ postings: Postings, _ body: (_ block: Int, _ rowCount: Int) -> Void) {
    var reader = CheckedReader(raw.rawSpan, at: postings.offset)
    let count = reader.varint()
    var block = 0
    for _ in 0..<count {
      block &+= reader.varint()
      body(block, reader.varint())
    }
  }

  /// The number of the first key that is not before `key`, and whether it is that key.
  ///
  /// Within the 16 keys of a head, what a key shares with the one before tells where it stands:
  /// with more than `key` has in common with that one it comes before `key` too, with less it comes
  /// after it.
  private func lowerBound(_ wanted: RawSpan) -> (key: Int, isEqual: Bool) {
    let after = firstIndex(headEnds.count) { wanted.isLexicographicallyBefore(head($0)) }
    guard after > 0 else { return (0, false) }
    let first = (after - 1) * Self.keysPerHead
    let start = head(after - 1)
    var common = start.commonPrefix(wanted)
    if common == wanted.byteCount { return (first, common == start.byteCount) }
    var number = first + 1
    while number < min(first + Self.keysPerHead, keyCount) {
      let entry = entry(number)
      if entry.shared < common { return (number, false) }
      if entry.shared == common {
        let rest = bytes(entry.rest)
        let left = wanted.extracting(common..<wanted.byteCount)
        if !rest.isLexicographicallyBefore(left) { return (number, rest.equals(left)) }
        common += rest.commonPrefix(left)
      }
      number += 1
    }
    return (number, false)
  }

  @_lifetime(borrow self)
  private func head(_ index: Int) -> RawSpan {
    let start = index == 0 ? 0 : Int(headEnds[index - 1])
    return heads.rawSpan.extracting(start..<Int(headEnds[index]))
  }

  @_lifetime(borrow self)
  private func bytes(_ range: Range<Int>) -> RawSpan { raw.rawSpan.extracting(range) }

  /// What a key shares with the one before, where its other bytes lie, and its postings.
  private func entry(_ number: Int) -> (shared: Int, rest: Range<Int>, postings: Postings) {
    var reader = CheckedReader(raw.rawSpan, at: Int(entries[number]))
    let shared = reader.varint()
    let length = reader.varint()
    let rest = reader.offset..<(reader.offset + length)
    reader.offset = rest.upperBound
    _ = reader.varint()
    return (shared, rest, Postings(offset: reader.offset))
  }
}

/// Reads varints that were read before by a ``ByteReader``: they need no further check than that of
/// the span's bounds.
private struct CheckedReader: ~Escapable {
  private let bytes: RawSpan
  var offset: Int

  @_lifetime(copy bytes)
  init(_ bytes: RawSpan, at offset: Int) {
    self.bytes = bytes
    self.offset = offset
  }

  @inline(__always)
  @_lifetime(self: copy self)
  mutating func varint() -> Int {
    var byte = bytes.byte(at: offset)
    offset &+= 1
    var value = Int(byte & 0x7F)
    var shift = 7
    while byte >= 0x80 {
      byte = bytes.byte(at: offset)
      offset &+= 1
      value |= Int(byte & 0x7F) << shift
      shift &+= 7
    }
    return value
  }
}

/// The keys of a posting index one after the other, each put together from what it shares with the
/// one before, and checked.
struct FrontCodedKeys {
  private(set) var key: [UInt8] = []
  private var isFirst = true
  /// Shared prefixes let few bytes stand for many: one key and all of them are bounded.
  private var byteCount = 0

  /// Reads the next key.
  @_lifetime(reader: copy reader)
  mutating func next(_ reader: inout ByteReader) throws(ByteReader.Malformed) {
    let shared = try reader.count("a shared prefix", limit: key.count)
    let length = try reader.count("a key's length", limit: Limits.dictionaryTextByteCount)
    let rest = try reader.span(length, "a key")
    guard isFirst || isAfter(rest, shared: shared, previous: key[...]) else {
      throw ByteReader.Malformed("an index", "is not sorted", found: length)
    }
    byteCount += shared + length
    guard shared + length <= Limits.dictionaryTextByteCount,
      byteCount <= ReelFrame.maximumByteCount
    else { throw ByteReader.Malformed("a key", "is too long", found: shared + length) }
    key.removeLast(key.count - shared)
    key.append(rest)
    isFirst = false
  }
}
