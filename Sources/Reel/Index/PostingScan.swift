/// Looks for single keys in a posting index as it lies in its file, or goes over all of them.
///
/// To take an index over checks each of its keys and postings, half a millisecond for some
/// thousands of keys: too much for one key of an index that will hardly be asked again. This reads
/// on to the key, passing over the postings of the others.
struct PostingScan {
  private let raw: [UInt8]
  private let blockCount: Int

  /// For the raw content of an index over `blockCount` blocks.
  init(_ raw: [UInt8], blockCount: Int) {
    self.raw = raw
    self.blockCount = blockCount
  }

  /// The ordinals of the blocks that have `key`, ascending; none when it is not there.
  ///
  /// What a key shares with the one before tells whether it comes before `key`, so none is put
  /// together: with more than that one has in common with `key` it comes before it, with less
  /// behind it.
  /// - Complexity: O(bytes of the index up to the key).
  func blocks(having key: RawSpan) throws(ByteReader.Malformed) -> [Int] {
    var reader = ByteReader(raw.rawSpan)
    let keyCount = try reader.count("the number of keys", limit: raw.count)
    var common = 0
    for _ in 0..<keyCount {
      let shared = try reader.count("a shared prefix", limit: Limits.dictionaryTextByteCount)
      let length = try reader.count("a key's length", limit: Limits.dictionaryTextByteCount)
      let rest = try reader.span(length, "a key")
      if shared < common { return [] }
      var isEqual = false
      if shared == common {
        let left = key.extracting(common..<key.byteCount)
        isEqual = rest.equals(left)
        if !isEqual, !rest.isLexicographicallyBefore(left) { return [] }
        common += rest.commonPrefix(left)
      }
      _ = try reader.varint("a key's count")
      let count = try reader.count("a key's blocks", limit: blockCount)
      if isEqual { return try blocks(count, &reader) }
      try reader.skip(varints: 2 * count, "a key's blocks")
    }
    return []
  }

  /// A key's prefix, length, rows and blocks, and at least one block with its rows.
  private static let leastKeyByteCount = 6

  /// How many keys there are.
  func keyCount() throws(ByteReader.Malformed) -> Int {
    var reader = ByteReader(raw.rawSpan)
    return try Self.keyCount(&reader, raw.count)
  }

  private static func keyCount(
    _ reader: inout ByteReader, _ byteCount: Int
  ) throws(ByteReader.Malformed) -> Int {
    try reader.count("the number of keys", limit: byteCount / leastKeyByteCount)
  }

  /// Calls `body` with each key.
  ///
  /// - Complexity: O(bytes of the index and of all keys, these at most 64 MiB).
  func forEachKey(_ body: (RawSpan) -> Void) throws(ByteReader.Malformed) {
    var reader = ByteReader(raw.rawSpan)
    let keyCount = try Self.keyCount(&reader, raw.count)
    var keys = FrontCodedKeys()
    for _ in 0..<keyCount {
      try keys.next(&reader)
      body(keys.key.rawSpan)
      _ = try reader.varint("a key's count")
      let count = try reader.count("a key's blocks", limit: blockCount)
      try reader.skip(varints: 2 * count, "a key's blocks")
    }
    try reader.finish("an index")
  }

  private func blocks(
    _ count: Int, _ reader: inout ByteReader
  ) throws(ByteReader.Malformed) -> [Int] {
    var blocks: [Int] = []
    var block = 0
    for _ in 0..<count {
      block += try reader.count("a block", limit: blockCount)
      guard block < blockCount else {
        throw ByteReader.Malformed("a block", "is outside the index", found: block)
      }
      blocks.append(block)
      _ = try reader.varint("a key's rows")
    }
    return blocks
  }
}
