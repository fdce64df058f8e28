import Testing

@testable import Reel

/// Indexes name every block that has a key, and hardly another.
@Suite struct IndexTests {
  @Test func tenThousandIDsAreFoundAndRarelyMore() throws {
    let blockCount = 100
    var keys: [(hash: UInt64, block: UInt32)] = []
    for number in 0..<10_000 {
      let key = Array("id-\(number)".utf8)
      keys.append((keyHash(key.rawSpan), UInt32(number / 100)))
    }
    let raw = FingerprintIndex.encode(keys, blockCount: blockCount)
    let index = try FingerprintIndex(decoding: raw, ordinalCount: blockCount)
    var others = 0
    for key in keys {
      let found = index.ordinals(key.hash)
      #expect(found.contains(Int(key.block)))
      others += found.count - 1
    }
    #expect(others < 30)
    var strangers = 0
    for number in 0..<10_000 {
      let key = Array("stranger-\(number)".utf8)
      strangers += index.ordinals(keyHash(key.rawSpan)).count
    }
    #expect(strangers < 30)
    #expect(raw.count < 10_000 * 4)
    for length in stride(from: 0, to: raw.count, by: 997) {
      #expect(throws: ByteReader.Malformed.self) {
        try FingerprintIndex(decoding: Array(raw[..<length]), ordinalCount: blockCount)
      }
    }
  }

  @Test(arguments: seeds(4))
  func aPostingIndexIsADictionaryOfBlocks(seed: UInt64) throws {
    var random = SeededRandom(seed)
    var builder = PostingIndexBuilder(seed: seed)
    var wanted: [[UInt8]: [Int: Int]] = [:]
    for block in 0..<30 {
      for number in 0..<50 where random.chance(4) {
        let key = Array("key/\(number)".utf8)
        let count = 1 + random.below(9)
        builder.add(key.rawSpan, block: block, count: count)
        wanted[key, default: [:]][block] = count
      }
    }
    let raw = builder.encode()
    let index = try PostingIndex(decoding: raw, blockCount: 30)
    #expect(index.keyCount == wanted.count)
    for (key, blocks) in wanted {
      let known = index.find(key.rawSpan)
      let place = try #require(known)
      var found: [Int: Int] = [:]
      index.forEachPosting(place) { found[$0] = $1 }
      #expect(found == blocks, "seed \(seed)")
    }
    // What a scan finds without taking the index over, also for keys that are not there.
    let scan = PostingScan(raw, blockCount: 30)
    let others = ["", "a", "key", "key/", "key/4x", "key/499", "kez"].map { Array($0.utf8) }
    for key in wanted.keys + others {
      let found = try scan.blocks(having: key.rawSpan)
      #expect(found == (wanted[key] ?? [:]).keys.sorted(), "seed \(seed)")
      #expect(found == index.blocks(having: key.rawSpan), "seed \(seed)")
    }
    for text in ["", "k", "key/4", "key/49", "key/499", "kez"] {
      let prefix = Array(text.utf8)
      var found: [[UInt8]] = []
      index.forEachKey(prefix: prefix.rawSpan) { key, _ in found.append(key.copied()) }
      let known = wanted.keys.filter { $0.starts(with: prefix) }
      #expect(found == known.sorted { $0.lexicographicallyPrecedes($1) }, "seed \(seed)")
    }
    // Keys that are not there: before, between and behind those that are.
    for number in 0..<200 {
      let none = Array("key/\(number)".utf8) + (number < 50 ? [UInt8(random.below(256))] : [])
      if wanted[none] != nil { continue }
      let isThere = index.find(none.rawSpan) != nil
      #expect(!isThere, "seed \(seed)")
    }
    for text in ["", "a", "key", "kez"] {
      let none = Array(text.utf8)
      let isThere = index.find(none.rawSpan) != nil
      #expect(!isThere)
    }
  }

  /// A scan checks less than taking over does; it never reads beyond the bytes.
  @Test(arguments: seeds(2))
  func aScanOfAnyBytesEndsAndStaysWithinTheBlocks(seed: UInt64) throws {
    var random = SeededRandom(seed)
    var builder = PostingIndexBuilder(seed: seed)
    for block in 0..<30 {
      for number in 0..<50 where random.chance(4) {
        let key = Array("key/\(number)".utf8)
        builder.add(key.rawSpan, block: block, count: 1 + block * 9)
      }
    }
    let whole = builder.encode()
    let keys = (0..<60).map { Array("key/\($0)".utf8) }
    for round in 0..<2_000 {
      var raw = whole
      for _ in 0...random.below(4) {
        raw[random.below(raw.count)] = UInt8(random.below(256))
      }
      if random.chance(2) { raw.removeLast(random.below(raw.count)) }
      let scan = PostingScan(raw, blockCount: 30)
      let key = keys[random.below(keys.count)]
      let found = try? scan.blocks(having: key.rawSpan)
      let isWithin = (found ?? []).allSatisfy { (0..<30).contains($0) }
      #expect(isWithin, "seed \(seed), round \(round)")
    }
  }

  @Test func anIndexRebuiltFromBlocksIsTheOneBuiltWhileRecording() throws {
    try withTemporaryDirectory { path in
      var random = RandomEvents(seed: 4)
      var configuration = RecorderConfiguration.tiny
      configuration.attributes = RandomEvents.declarations
      try record(random.events(400), at: path, configuration)
      let folder = try POSIXFolder(path: path, create: false)
      for name in try fileNames(path) where name.hasSuffix(".segment") {
        let segment = try SegmentFile(file: try folder.open(name, .read))
        let byteCount = try segment.file.byteCount()
        let trailer = try #require(try segment.trailer(endingAt: byteCount))
        let directory = try segment.directory(trailer)
        try #require(!directory.indexes.isEmpty)
        var schema = AttributeSchema()
        try schema.merge(RandomEvents.declarations)
        var rebuilt = IndexBuilder(firstBlock: 0, attributes: schema, seed: 99)
        for entry in directory.blocks {
          rebuilt.add(try segment.block(entry, wanted: IndexBuilder.wanted))
        }
        let parts = rebuilt.encode(state: LZ4.State())
        #expect(parts.map(\.column) == directory.indexes.map(\.column))
        for (part, stored) in zip(parts, directory.indexes) where !part.content.isEmpty {
          let frame = try segment.frame(at: stored.offset, limit: stored.byteCount).frame
          #expect(frame.content == part.content, "\(part.column.name)")
        }
      }
    }
  }
}
