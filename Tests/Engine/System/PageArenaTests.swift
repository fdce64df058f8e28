import Testing

@testable import Reel

@Suite("The arena that large regions come from")
struct PageArenaTests {
  @Test("The first run of free slots is the first there is", arguments: seeds(2))
  func firstRuns(seed: UInt64) {
    var random = SeededRandom(seed)
    for count in 1...128 { checkRuns(of: count, &random) }
  }

  private func checkRuns(of count: Int, _ random: inout SeededRandom) {
    for _ in 0..<20 {
      // Between all and no bits set, with runs of every length.
      var bits = UInt128(random.next()) << 64 | UInt128(random.next())
      for _ in 0..<(random.next() % 4) {
        bits |= UInt128(random.next()) << 64 | UInt128(random.next())
      }
      if random.next() % 8 == 0 { bits = .max << UInt128(random.next() % 128) }
      let expected = (0...(128 - count)).first { start in
        (start..<(start + count)).allSatisfy { bits >> UInt128($0) & 1 == 1 }
      }
      #expect(PageArena.firstRun(of: count, in: bits) == expected)
    }
  }

  @Test(
    "Regions do not overlap, keep their bytes, and leave at most one chunk behind",
    arguments: seeds(2))
  func regionsAreApart(seed: UInt64) throws {
    let arena = PageArena()
    var random = SeededRandom(seed)
    var live: [(region: Region, value: UInt8)] = []
    func check(_ item: (region: Region, value: UInt8)) {
      let bytes = item.region.bytes(0..<item.region.byteCount)
      #expect(bytes.byte(at: 0) == item.value)
      #expect(bytes.byte(at: bytes.byteCount / 2) == item.value)
      #expect(bytes.byte(at: bytes.byteCount - 1) == item.value)
    }
    for step in 0..<200 {
      if live.count > 40 || (!live.isEmpty && random.next() % 2 == 0) {
        check(live.remove(at: Int(random.next() % UInt64(live.count))))
        continue
      }
      let largest = random.next() % 4 == 0 ? PageArena.chunkByteCount : 12 * PageArena.slotByteCount
      let range = UInt64(largest - PageArena.slotByteCount + 1)
      let byteCount = PageArena.slotByteCount + Int(random.next() % range)
      let region = try #require(Region(byteCount: byteCount, from: arena))
      let value = UInt8(truncatingIfNeeded: step)
      for place in [0, byteCount / 2, byteCount - 1] { region.store(value, at: place) }
      live.append((region, value))
    }
    for item in live { check(item) }
    #expect(arena.byteCount >= live.reduce(0) { $0 + $1.region.byteCount })
    live = []
    #expect(arena.byteCount <= PageArena.chunkByteCount)
  }

  @Test("Slots that were given back are used again")
  func slotsAreUsedAgain() throws {
    let arena = PageArena()
    for _ in 0..<100 {
      let regions = try (0..<12).map { _ in
        try #require(Region(byteCount: 10 * PageArena.slotByteCount, from: arena))
      }
      #expect(regions.count == 12)
      #expect(arena.byteCount == PageArena.chunkByteCount)
    }
  }
}
