import Testing

@testable import Reel

@Suite struct ClockCacheTests {
  /// What was inserted last for a key, or nothing once room was needed: never anything else.
  @Test(arguments: seeds(4))
  func aCacheKeepsWithinItsBytesWhatWasInserted(seed: UInt64) {
    var random = SeededRandom(seed)
    let capacity = 400
    var cache = ClockCache<Int>(capacity: capacity)
    var inserted: [CacheKey: (value: Int, byteCount: Int)] = [:]
    var hits = 0
    for step in 0..<20_000 {
      let key = CacheKey(
        random.chance(2) ? .block : .index, segment: UInt64(random.below(5)),
        offset: random.below(12) * 4096)
      if random.chance(3) {
        let byteCount = random.chance(50) ? capacity + 1 : random.below(40)
        cache.insert(step, for: key, byteCount: byteCount)
        inserted[key] = byteCount > capacity ? nil : (step, byteCount)
        if byteCount <= capacity { #expect(cache.value(for: key) == step, "seed \(seed)") }
      } else if let value = cache.value(for: key) {
        hits += 1
        #expect(value == inserted[key]?.value, "seed \(seed), step \(step)")
      }
      #expect(cache.byteCount <= capacity, "seed \(seed), step \(step)")
    }
    let kept = inserted.filter { cache.value(for: $0.key) != nil }
    #expect(kept.reduce(0) { $0 + $1.value.byteCount } == cache.byteCount, "seed \(seed)")
    #expect(hits > 1000)
  }

  @Test func whatIsAskedForOutlivesAScanOfMore() {
    var cache = ClockCache<Int>(capacity: 100)
    let wanted = CacheKey(.block, segment: 1)
    cache.insert(-1, for: wanted, byteCount: 10)
    for offset in 1...1000 {
      #expect(cache.value(for: wanted) == -1)
      cache.insert(offset, for: CacheKey(.block, segment: 2, offset: offset), byteCount: 10)
    }
    #expect(cache.value(for: CacheKey(.block, segment: 2, offset: 1)) == nil)
    #expect(cache.value(for: CacheKey(.block, segment: 2, offset: 1000)) == 1000)
  }

  @Test func whatIsWorthMoreRoundsOutlivesMoreOfTheHand() {
    var cache = ClockCache<Int>(capacity: 100)
    let front = CacheKey(.group, segment: 1)
    let block = CacheKey(.block, segment: 1)
    cache.insert(-1, for: front, byteCount: 10, rounds: 4)
    cache.insert(-2, for: block, byteCount: 10)
    func insert(_ offsets: ClosedRange<Int>) {
      for offset in offsets {
        cache.insert(offset, for: CacheKey(.block, segment: 2, offset: offset), byteCount: 10)
      }
    }
    // Nobody asks for either: one goes in the first round, the other after the third.
    insert(1...25)
    #expect(cache.value(for: block) == nil)
    #expect(cache.value(for: front) == -1)
    // A look-up gives it four more, and not for ever.
    insert(26...55)
    #expect(cache.value(for: front) == -1)
    insert(56...155)
    #expect(cache.value(for: front) == nil)
  }
}
