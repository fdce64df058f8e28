import Testing

@testable import Reel

@Suite("Varints")
struct VarintTests {
  /// Where the number of bytes changes, and numbers of which each group of seven bits differs.
  private static let values: [UInt64] =
    (0..<64).flatMap { shift in [1 << shift, (1 << shift) - 1, .max >> UInt64(shift)] }
    + [0x0123_4567_89AB_CDEF, 0x00FE_DCBA_9876_5432, 0x0005_0403_0201_0001]

  @Test("Every length comes back, whatever follows it")
  func everyLengthComesBack() throws {
    for value in Self.values {
      var bytes: [UInt8] = []
      bytes.append(varint: value)
      let count = bytes.count
      for tail in [
        [], [0xFF], [UInt8](repeating: 0xFF, count: 12), [UInt8](repeating: 0, count: 12),
      ] {
        let all = bytes + tail
        var reader = ByteReader(all.rawSpan)
        #expect(try reader.varint("a value") == value)
        #expect(reader.offset == count)
      }
    }
  }

  @Test("What does not end, or is longer than 64 bits, is refused")
  func malformedOnesAreRefused() {
    let malformed: [[UInt8]] = [
      [], [0x80], [UInt8](repeating: 0x80, count: 9), [UInt8](repeating: 0x80, count: 30),
      [UInt8](repeating: 0xFF, count: 9) + [0x02],
    ]
    for bytes in malformed {
      #expect(throws: ByteReader.Malformed.self) {
        var reader = ByteReader(bytes.rawSpan)
        _ = try reader.varint("a value")
      }
    }
  }
}
