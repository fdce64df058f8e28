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

  /// Eight bytes at a time: the cost of looking is not what is measured.
  @inline(__always)
  private static func sum(of bytes: RawSpan) -> UInt64 {
    var total: UInt64 = 0
    var offset = 0
    while offset &+ 8 <= bytes.byteCount {
      total &+= unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
      offset &+= 8
    }
    if offset < bytes.byteCount, bytes.byteCount >= 8 {
      // The last eight once more, some of them a second time.
      total &+= unsafe bytes.unsafeLoadUnaligned(
        fromByteOffset: bytes.byteCount &- 8, as: UInt64.self)
      offset = bytes.byteCount
    }
    while offset < bytes.byteCount {
      total &+= UInt64(unsafe bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self))
      offset &+= 1
    }
    return total
  }
}
