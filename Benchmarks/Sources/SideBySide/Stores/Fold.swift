/// What reading events comes to: the number of events and a sum over all bytes of all fields.
///
/// Equal folds mean equal answers, whatever the order in which a store returned them.
struct Fold: Equatable {
  var count = 0
  var sum: UInt64 = 0

  @inline(__always)
  mutating func add(_ bytes: RawSpan) {
    sum &+= Self.sum(of: bytes)
  }

  @inline(__always)
  mutating func add(_ number: Int64) { sum &+= UInt64(bitPattern: number) }

  /// Adds another answer's events.
  mutating func add(_ other: Fold) {
    count += other.count
    sum &+= other.sum
  }

  /// Adds a group of events of one key, of which only their number is known.
  mutating func add(key: RawSpan, count: Int) {
    self.count += count
    sum &+= (Self.sum(of: key) &+ 1) &* UInt64(count)
  }

  /// As few steps as there can be: the cost of looking is not what is measured.
  ///
  /// The last word overlaps the one before it, so some bytes count twice.
  @inline(__always)
  private static func sum(of bytes: RawSpan) -> UInt64 {
    let count = bytes.byteCount
    return unsafe bytes.withUnsafeBytes { bytes in
      func word<Word: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, _: Word.Type) -> UInt64 {
        UInt64(
          truncatingIfNeeded: unsafe bytes.loadUnaligned(fromByteOffset: offset, as: Word.self))
      }
      switch count {
      case 16...:
        var total = unsafe bytes.loadUnaligned(
          fromByteOffset: count &- 16, as: SIMD2<UInt64>.self)
        var offset = 0
        while offset < count &- 16 {
          total &+= unsafe bytes.loadUnaligned(fromByteOffset: offset, as: SIMD2<UInt64>.self)
          offset &+= 16
        }
        return total[0] &+ total[1]
      case 8...: return word(0, UInt64.self) &+ word(count &- 8, UInt64.self)
      // Of fewer than eight each byte counts once: an arity may lie there in decimal digits, which
      // Reel gives as a number.
      case 4...:
        let rest = word(count &- 4, UInt32.self) >> UInt64(8 &* (8 &- count))
        return bytesSum(word(0, UInt32.self)) &+ bytesSum(rest)
      case 1...:
        let last = count > 1 ? word(count &- 1, UInt8.self) : 0
        return word(0, UInt8.self) &+ last &+ (count == 3 ? word(1, UInt8.self) : 0)
      default: return 0
      }
    }
  }

  /// The sum of four bytes.
  @inline(__always)
  private static func bytesSum(_ word: UInt64) -> UInt64 {
    let pairs = (word & 0x00FF_00FF) &+ (word >> 8 & 0x00FF_00FF)
    return (pairs & 0xFFFF) &+ pairs >> 16
  }
}
