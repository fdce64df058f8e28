import Testing

@testable import Reel

@Suite("Searches in bytes")
struct ByteSearchTests {
  @Test(
    "Every place of a byte is found, and no other, whatever the length and the neighbours",
    arguments: seeds(2))
  func everyPlaceIsFound(seed: UInt64) {
    var random = SeededRandom(seed)
    for count in 0..<140 {
      // Few different bytes, so that hits are dense, and neighbours that differ by one bit.
      let bytes = (0..<count).map { _ in UInt8(random.next() % 3) &+ 127 }
      for wanted in UInt8(126)...130 {
        let expected = bytes.indices.filter { bytes[$0] == wanted }
        var found: [Int] = []
        bytes.rawSpan.forEachIndex(of: wanted) { found.append($0) }
        #expect(found == expected, "seed \(seed), \(count) bytes")
        #expect(bytes.rawSpan.firstIndex(of: wanted, from: 0) == expected.first)
        for end in 0...count {
          #expect(
            bytes.rawSpan.lastIndex(of: wanted, before: end) == expected.last { $0 < end })
        }
      }
    }
  }

  @Test("A byte that is nowhere is not found among any others")
  func nothingIsFoundWhereThereIsNothing() {
    for wanted in UInt8.min...UInt8.max {
      let bytes = (0..<100).map { _ in wanted &+ 1 } + (0..<100).map { _ in wanted ^ 0x80 }
      var found = 0
      bytes.rawSpan.forEachIndex(of: wanted) { _ in found += 1 }
      #expect(found == 0)
      #expect(bytes.rawSpan.lastIndex(of: wanted, before: bytes.count) == nil)
    }
  }

  @Test("Bytes are equal when all are, and not when any one differs, whatever the length")
  func equalityIsOfAllBytes() {
    for count in 0..<40 {
      let bytes = (0..<count).map { UInt8($0) }
      let same = bytes.map { $0 }
      let isSame = bytes.rawSpan.equals(same.rawSpan)
      #expect(isSame, "\(count) bytes")
      for place in 0..<count {
        var other = bytes
        other[place] ^= 0x80
        let isOther = !bytes.rawSpan.equals(other.rawSpan)
        #expect(isOther, "byte \(place) of \(count)")
        // With more behind it, so that the shorter one's end is within a word of the longer.
        other += [1, 2, 3]
        let common = bytes.rawSpan.commonPrefix(other.rawSpan)
        #expect(common == place, "byte \(place) of \(count)")
      }
    }
  }

  @Test("A sum of up to sixteen bytes counts each once", arguments: seeds(2))
  func sumsCountEachByteOnce(seed: UInt64) {
    var random = SeededRandom(seed)
    let bytes = (0..<40).map { _ in UInt8(truncatingIfNeeded: random.next() | 0xC0) }
    for start in 0..<24 {
      for count in 0...16 {
        let expected = bytes[start..<(start + count)].reduce(0) { $0 + Int($1) }
        #expect(bytes.rawSpan.sum(start..<(start + count)) == expected)
      }
    }
  }
}
