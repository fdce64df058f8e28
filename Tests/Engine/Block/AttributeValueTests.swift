import Testing

@testable import Reel

/// R30: bytes that are no values of an attribute are those of none.
@Suite struct AttributeValueTests {
  private func values(_ bytes: [UInt8]) -> [[UInt8]]? {
    var found: [[UInt8]] = []
    do {
      try AttributeSchema.forEachValue(bytes.rawSpan) { found.append($0.copied()) }
      return found
    } catch {
      // Not even the whole ones ahead of what is malformed.
      #expect(found.isEmpty)
      return nil
    }
  }

  private func several(_ values: [Int]) -> [UInt8] {
    var bytes: [UInt8] = [1]
    bytes.append(varint: UInt64(values.count))
    for count in values {
      let value = [UInt8](repeating: 7, count: count)
      bytes.append(lengthPrefixed: value.rawSpan)
    }
    return bytes
  }

  @Test func malformedValuesAreNone() {
    #expect(values([0]) == [[]])
    #expect(values([0, 1, 2]) == [[1, 2]])
    #expect(values(several([1, 0, 2])) == [[7], [], [7, 7]])
    #expect(values(several([])) == [])
    #expect(values(several([4096, 1]))?.map(\.count) == [4096, 1])
    let one = { (count: Int) in [0] + [UInt8](repeating: 7, count: count) }
    #expect(values(one(4096))?.map(\.count) == [4096])
    for bytes in [
      [], [2], [2, 1], several([1, 2]) + [0], Array(several([1, 2]).dropLast()), [1], one(4097),
      several([1, 4097]),
    ] as [[UInt8]] { #expect(values(bytes) == nil) }
  }
}
