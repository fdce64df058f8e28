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
  mutating func put(_ bytes: [UInt8], at offset: Int) {
    grow(to: offset + bytes.count)
    // Safe: there are so many bytes behind the offset now.
    unsafe withUnsafeMutableBytes { target in
      unsafe bytes.withUnsafeBytes { source in
        if bytes.count > 0, let base = target.baseAddress, let start = source.baseAddress {
          unsafe memcpy(base + offset, start, bytes.count)
        }
      }
    }
  }

  /// Adds zeros up to `byteCount` bytes.
  mutating func grow(to byteCount: Int) {
    guard count < byteCount else { return }
    let more = byteCount - count
    // Safe: as many bytes as there is room for are written.
    append(
      contentsOf: unsafe [UInt8](unsafeUninitializedCapacity: more) { target, count in
        if let base = target.baseAddress { unsafe memset(base, 0, more) }
        count = more
      })
  }
}

extension [String: [UInt8]] {
  /// Whether both have the same files with the same bytes.
  func isSame(as other: [String: [UInt8]]) -> Bool {
    count == other.count && allSatisfy { name, bytes in other[name]?.isSame(as: bytes) ?? false }
  }
}
