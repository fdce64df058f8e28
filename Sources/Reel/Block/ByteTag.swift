extension RawSpan {
  /// A byte that follows from the length and the last eight bytes of `range`, by which most texts
  /// and identifiers are told apart.
  ///
  /// A column keeps those of all its values side by side: a search for one value looks at a few
  /// lines of memory instead of at the values.
  @inline(__always)
  func tag(of range: Range<Int>) -> UInt8 { tags(of: range).first }

  /// As ``tag(of:)``, with another that tells apart most of those that have the first in common.
  @inline(__always)
  func tags(of range: Range<Int>) -> (first: UInt8, second: UInt8) {
    var word = UInt64(range.count)
    if range.count >= 8 {
      word ^= integer(at: range.upperBound &- 8, as: UInt64.self)
    } else {
      for offset in range { word = word << 8 ^ UInt64(byte(at: offset)) }
    }
    // Multiplying carries every bit up to the highest byte (Fibonacci hashing: Knuth, The Art of
    // Computer Programming 3, 6.4).
    let product = word &* 0x9E37_79B9_7F4A_7C15
    return (UInt8(truncatingIfNeeded: product >> 56), UInt8(truncatingIfNeeded: product >> 48))
  }
}
