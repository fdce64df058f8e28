import Foundation

/// What tests do with many bytes, by the C library: they are built without optimisation, where a
/// loop over bytes takes a hundred times as long.
extension [UInt8] {
  /// The first place of `byte` at or behind `start`.
  func firstIndex(of byte: UInt8, from start: Int) -> Int? {
    // Safe: the range searched lies inside the array, and the pointer does not leave the closure.
    unsafe withUnsafeBytes { all in
      guard start < all.count, let base = all.baseAddress,
        let found = unsafe memchr(base + start, Int32(byte), all.count - start)
      else { return nil }
      return unsafe UnsafeRawPointer(found) - base
    }
  }

  /// The bytes of `range`.
  func bytes(_ range: Range<Int>) -> [UInt8] {
    precondition(range.lowerBound >= 0 && range.upperBound <= count)
    // Safe: the range was checked, and as many bytes as it has are written.
    return unsafe withUnsafeBytes { all in
      unsafe [UInt8](unsafeUninitializedCapacity: range.count) { target, byteCount in
        if range.count > 0, let base = all.baseAddress, let start = target.baseAddress {
          unsafe memcpy(start, base + range.lowerBound, range.count)
        }
        byteCount = range.count
      }
    }
  }

  /// Whether `range` has the same bytes in both; it must lie inside both.
  func isSame(as other: [UInt8], in range: Range<Int>) -> Bool {
    precondition(range.lowerBound >= 0 && range.upperBound <= Swift.min(count, other.count))
    // Safe: the range lies inside both, as just checked.
    return unsafe withUnsafeBytes { mine in
      unsafe other.withUnsafeBytes { theirs in
        guard range.count > 0, let a = mine.baseAddress, let b = theirs.baseAddress else {
          return true
        }
        return unsafe memcmp(a + range.lowerBound, b + range.lowerBound, range.count) == 0
      }
    }
  }

  /// Whether both have the same bytes.
  func isSame(as other: [UInt8]) -> Bool {
    count == other.count && isSame(as: other, in: 0..<count)
  }

  /// Overwrites bytes from `offset` on, growing with zeros as a file does.
  mutating func write(_ bytes: RawSpan, at offset: Int) {
    let end = offset + bytes.byteCount
    if count < end { resize(to: end) }
    guard bytes.byteCount > 0 else { return }
    // Safe: the range lies within the array, and no span of it can be alive while it changes.
    unsafe withUnsafeMutableBytes { target in
      unsafe bytes.withUnsafeBytes { source in
        unsafe UnsafeMutableRawBufferPointer(rebasing: target[offset..<end]).copyMemory(
          from: source)
      }
    }
  }

  /// Cuts off what lies beyond `byteCount`, or adds zeros up to there.
  ///
  /// In one step: appending zeros one by one took most of the time of the whole simulation.
  mutating func resize(to byteCount: Int) {
    guard byteCount != count else { return }
    let kept = Swift.min(count, byteCount)
    // Safe: `kept` bytes are there on both sides, and the rest is filled up to the capacity.
    self = unsafe [UInt8](unsafeUninitializedCapacity: byteCount) { target, filled in
      if let start = target.baseAddress {
        unsafe memset(start + kept, 0, byteCount - kept)
        unsafe self.withUnsafeBytes { source in
          if let source = source.baseAddress, kept > 0 { unsafe memcpy(start, source, kept) }
        }
      }
      filled = byteCount
    }
  }

  /// Copies a range of other bytes over these; both must have room.
  mutating func copy(_ source: [UInt8], from range: Range<Int>, to offset: Int) {
    precondition(range.upperBound <= source.count && offset + range.count <= count)
    guard !range.isEmpty else { return }
    // Safe: both ranges lie within their arrays, as just checked, and the arrays are two.
    unsafe withUnsafeMutableBytes { target in
      unsafe source.withUnsafeBytes { source in
        unsafe UnsafeMutableRawBufferPointer(rebasing: target[offset...]).copyMemory(
          from: UnsafeRawBufferPointer(rebasing: source[range]))
      }
    }
  }
}

extension [String: [UInt8]] {
  /// Whether both have the same files with the same bytes.
  func isSame(as other: [String: [UInt8]]) -> Bool {
    count == other.count && allSatisfy { name, bytes in other[name]?.isSame(as: bytes) ?? false }
  }
}
