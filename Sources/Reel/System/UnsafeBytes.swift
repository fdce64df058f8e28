internal import CPrefetch

// Unaligned loads, stores, copies and searches, and the one owner of raw memory. Other files use
// these operations and stay free of pointers; each line here says why it is safe.

/// A fixed stretch of memory with one address for its whole life: the heap's, or a mapping's.
///
/// A value of one reference, with the address beside it: whoever has a region at hand waits for no
/// object to tell where its bytes are. The write-ahead buffer lives in one. Several threads may
/// touch it; whoever writes a byte range holds the lock that the owner of the region names.
@safe
@usableFromInline
struct Region: @unchecked Sendable {
  @usableFromInline
  let byteCount: Int
  @usableFromInline
  let base: UnsafeMutableRawPointer
  private let owner: Owner

  /// Gives the memory back when nobody has the region any more.
  @safe private final class Owner: @unchecked Sendable {
    private let base: UnsafeMutableRawPointer
    private let byteCount: Int
    private let release: @Sendable (UnsafeMutableRawPointer, Int) -> Void

    init(
      _ base: UnsafeMutableRawPointer, _ byteCount: Int,
      _ release: @escaping @Sendable (UnsafeMutableRawPointer, Int) -> Void
    ) {
      unsafe self.base = base
      self.byteCount = byteCount
      unsafe self.release = release
    }

    deinit { unsafe release(base, byteCount) }
  }

  /// Takes over `byteCount` bytes at `base`; `release` gives them back when the region dies.
  init(
    adopting base: UnsafeMutableRawPointer, byteCount: Int,
    release: @escaping @Sendable (UnsafeMutableRawPointer, Int) -> Void
  ) {
    unsafe self.base = base
    self.byteCount = byteCount
    owner = unsafe Owner(base, byteCount, release)
  }

  /// Allocates zeroed heap memory, 64-byte aligned.
  init(byteCount: Int) {
    let base = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 64)
    unsafe base.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
    unsafe self.init(adopting: base, byteCount: byteCount) { pointer, _ in
      unsafe pointer.deallocate()
    }
  }

  /// Allocates memory that the caller fills before anybody reads it, 64-byte aligned: of the heap,
  /// or of the ``PageArena`` where that gives so much.
  init(uninitializedByteCount byteCount: Int) {
    let arena = PageArena.shared
    if PageArena.byteCounts.contains(byteCount), let base = unsafe arena.allocate(byteCount) {
      unsafe self.init(adopting: base, byteCount: byteCount, of: arena)
      return
    }
    let base = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 64)
    unsafe self.init(adopting: base, byteCount: byteCount) { pointer, _ in
      unsafe pointer.deallocate()
    }
  }

  /// As ``init(uninitializedByteCount:)`` with memory of `arena`, or nothing when it has none.
  init?(byteCount: Int, from arena: PageArena) {
    guard let base = unsafe arena.allocate(byteCount) else { return nil }
    unsafe self.init(adopting: base, byteCount: byteCount, of: arena)
  }

  private init(adopting base: UnsafeMutableRawPointer, byteCount: Int, of arena: PageArena) {
    unsafe self.init(adopting: base, byteCount: byteCount) { pointer, byteCount in
      unsafe arena.release(pointer, byteCount)
    }
  }

  /// The bytes of `range`, valid while the region lives.
  @_lifetime(borrow self)
  @inlinable @inline(__always)
  func bytes(_ range: Range<Int>) -> RawSpan {
    precondition(range.lowerBound >= 0 && range.upperBound <= byteCount, "range outside region")
    // Safe: the range was checked against the allocation, which lives as long as `self`.
    let span = unsafe RawSpan(_unsafeStart: base + range.lowerBound, byteCount: range.count)
    return unsafe _overrideLifetime(span, borrowing: self)
  }

  /// Stores `value` in little-endian order at `offset`.
  @inline(__always)
  func store<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, at offset: Int) {
    precondition(offset >= 0 && offset <= byteCount - MemoryLayout<T>.size, "store outside region")
    // Safe: the whole value lies inside the allocation, as just checked; alignment is not needed.
    unsafe base.storeBytes(of: value.littleEndian, toByteOffset: offset, as: T.self)
  }

  /// Loads a little-endian integer at `offset`.
  @inlinable @inline(__always)
  func integer<T: FixedWidthInteger & BitwiseCopyable>(at offset: Int, as type: T.Type) -> T {
    precondition(offset >= 0 && offset <= byteCount - MemoryLayout<T>.size, "load outside region")
    // Safe: the whole value lies inside the allocation, as just checked; alignment is not needed.
    return unsafe T(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: T.self))
  }

  /// As ``integer(at:as:)``, of a place for which whoever filled the region answers; checked in
  /// debug builds alone.
  @inlinable @inline(__always)
  func vouchedInteger<T: FixedWidthInteger & BitwiseCopyable>(
    at offset: Int, as type: T.Type
  ) -> T {
    assert(offset >= 0 && offset <= byteCount - MemoryLayout<T>.size, "load outside region")
    // Safe: the place lies inside by the word of the caller; alignment is not needed.
    return unsafe T(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: T.self))
  }

  /// Copies `source` to `offset`.
  @inline(__always)
  func copy(_ source: RawSpan, at offset: Int) {
    precondition(
      offset >= 0 && source.byteCount <= byteCount - offset, "copy outside region")
    // Safe: the destination was checked; the source is a live span and never overlaps a range
    // that the caller is about to write.
    unsafe source.withUnsafeBytes { bytes in
      guard let start = bytes.baseAddress else { return }
      let target = unsafe base + offset
      switch bytes.count {
      case 8...16: unsafe copyEnds(start, target, bytes.count, as: UInt64.self)
      case 17...32: unsafe copyEnds(start, target, bytes.count, as: SIMD2<UInt64>.self)
      default: unsafe target.copyMemory(from: start, byteCount: bytes.count)
      }
    }
  }

  /// Copies what most texts and identifiers are, one to two words of `type`, without a call.
  @inline(__always)
  private func copyEnds<Word: BitwiseCopyable>(
    _ source: UnsafeRawPointer, _ target: UnsafeMutableRawPointer, _ byteCount: Int,
    as type: Word.Type
  ) {
    // Safe: both words lie inside, and overlap where there are fewer bytes than two words have.
    let last = byteCount &- MemoryLayout<Word>.size
    let head = unsafe source.loadUnaligned(as: type)
    let tail = unsafe source.loadUnaligned(fromByteOffset: last, as: type)
    unsafe target.storeBytes(of: head, as: type)
    unsafe target.storeBytes(of: tail, toByteOffset: last, as: type)
  }

  /// Copies the bytes of `range` to `offset` behind it.
  func copyWithin(_ range: Range<Int>, to offset: Int) {
    precondition(
      range.lowerBound >= 0 && range.upperBound <= offset && range.count <= byteCount - offset,
      "copy outside region")
    // Safe: both ranges lie inside the allocation, as just checked, and do not overlap.
    unsafe (base + offset).copyMemory(from: base + range.lowerBound, byteCount: range.count)
  }

  /// Asks the processor to bring bytes from `offset` on near, at most 512 of them.
  @inline(__always)
  func prefetch(at offset: Int, byteCount: Int) {
    let end = min(offset &+ min(byteCount, 512), self.byteCount)
    var line = offset
    while line < end {
      // Safe: a prefetch reads nothing that the program sees, and the address lies inside.
      unsafe reel_prefetch(base + line)
      line &+= 64
    }
  }

  /// Fills `range` with zeros.
  func zero(_ range: Range<Int>) {
    precondition(range.lowerBound >= 0 && range.upperBound <= byteCount, "range outside region")
    // Safe: the range was checked against the allocation.
    unsafe (base + range.lowerBound).initializeMemory(
      as: UInt8.self, repeating: 0, count: range.count)
  }
}

extension RawSpan {
  /// Loads a little-endian integer at `offset`; traps when it does not lie inside the span, so
  /// bytes from a file are read through ``ByteReader``, which throws instead.
  @inline(__always)
  func integer<T: FixedWidthInteger & BitwiseCopyable>(at offset: Int, as type: T.Type) -> T {
    // Safe: `unsafeLoadUnaligned` checks the bounds; every bit pattern is a valid integer.
    unsafe T(littleEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: T.self))
  }

  /// The byte at `offset`; traps outside the span.
  @inline(__always)
  func byte(at offset: Int) -> UInt8 {
    // Safe: `unsafeLoad` checks the bounds and a byte has no alignment.
    unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self)
  }

  /// A copy of the bytes.
  func copied() -> [UInt8] {
    // Safe: the pointer is used only inside the closure.
    unsafe withUnsafeBytes { unsafe [UInt8]($0) }
  }

  /// The first offset from `start` on that has `byte`; O(n), eight at a time.
  func firstIndex(of byte: UInt8, from start: Int) -> Int? {
    let lanes = UInt64(byte) &* 0x0101_0101_0101_0101
    var offset = start
    while offset &+ 8 <= byteCount {
      let difference = integer(at: offset, as: UInt64.self) ^ lanes
      // As in `lastIndex(of:before:)`; the lowest lane found is never one in error.
      let zeros = (difference &- 0x0101_0101_0101_0101) & ~difference & 0x8080_8080_8080_8080
      if zeros != 0 { return offset &+ zeros.trailingZeroBitCount / 8 }
      offset &+= 8
    }
    while offset < byteCount {
      if self.byte(at: offset) == byte { return offset }
      offset &+= 1
    }
    return nil
  }

  /// Calls `body` with each offset that has `byte`, ascending; O(n), 32 at a time where there is
  /// none.
  @inline(__always)
  func forEachIndex(of byte: UInt8, _ body: (Int) -> Void) {
    let wanted = SIMD16(repeating: byte)
    var offset = 0
    // Safe: the loop stays 32 bytes ahead of the end.
    unsafe withUnsafeBytes { bytes in
      func matches(_ offset: Int) -> SIMD2<UInt64> {
        unsafe equalLanes(
          bytes.loadUnaligned(fromByteOffset: offset, as: SIMD16<UInt8>.self), wanted)
      }
      while offset &+ 32 <= bytes.count {
        let (low, high) = (matches(offset), matches(offset &+ 16))
        let any = low | high
        if any[0] | any[1] != 0 {
          forEachLane(low[0]) { body(offset &+ $0) }
          forEachLane(low[1]) { body(offset &+ 8 &+ $0) }
          forEachLane(high[0]) { body(offset &+ 16 &+ $0) }
          forEachLane(high[1]) { body(offset &+ 24 &+ $0) }
        }
        offset &+= 32
      }
    }
    while offset < byteCount {
      if self.byte(at: offset) == byte { body(offset) }
      offset &+= 1
    }
  }

  /// The last offset below `end` that has `byte`; O(n), 32 at a time.
  func lastIndex(of byte: UInt8, before end: Int) -> Int? {
    let lanes = UInt64(byte) &* 0x0101_0101_0101_0101
    let wanted = SIMD16(repeating: byte)
    precondition(end <= byteCount, "search outside span")
    var end = end
    // Safe: the loop stays 32 bytes behind the beginning, and `end` lies inside.
    unsafe withUnsafeBytes { bytes in
      func matches(_ offset: Int) -> SIMD2<UInt64> {
        unsafe equalLanes(
          bytes.loadUnaligned(fromByteOffset: offset, as: SIMD16<UInt8>.self), wanted)
      }
      while end >= 32 {
        let any = matches(end &- 16) | matches(end &- 32)
        if any[0] | any[1] != 0 { break }
        end &-= 32
      }
    }
    while end >= 8 {
      let difference = integer(at: end &- 8, as: UInt64.self) ^ lanes
      // Whether any of eight bytes is zero (Warren, Hacker's Delight, 6-1).
      if (difference &- 0x0101_0101_0101_0101) & ~difference & 0x8080_8080_8080_8080 != 0 { break }
      end &-= 8
    }
    while end > 0 {
      end &-= 1
      if self.byte(at: end) == byte { return end }
    }
    return nil
  }

  /// The sum of the bytes of `range`, at most 16 of them.
  @inline(__always)
  func sum(_ range: Range<Int>) -> Int {
    var total = 0
    var offset = range.lowerBound
    if offset &+ 8 <= range.upperBound {
      // Neighbours are added in lanes of 16 bits, and a product adds up the lanes in its upper one.
      let word = integer(at: offset, as: UInt64.self)
      let lanes = (word & 0x00FF_00FF_00FF_00FF) &+ (word >> 8 & 0x00FF_00FF_00FF_00FF)
      total = Int((lanes &* 0x0001_0001_0001_0001) >> 48)
      offset &+= 8
    }
    while offset < range.upperBound {
      total &+= Int(byte(at: offset))
      offset &+= 1
    }
    return total
  }

  /// Whether both spans hold the same bytes.
  @inline(__always)
  func equals(_ other: RawSpan) -> Bool {
    guard byteCount == other.byteCount else { return false }
    var offset = 0
    guard byteCount >= 8 else {
      while offset < byteCount {
        guard byte(at: offset) == other.byte(at: offset) else { return false }
        offset &+= 1
      }
      return true
    }
    // The last word overlaps the one before it: no byte is looked at by itself.
    let last = byteCount &- 8
    while offset < last {
      guard integer(at: offset, as: UInt64.self) == other.integer(at: offset, as: UInt64.self)
      else { return false }
      offset &+= 8
    }
    return integer(at: last, as: UInt64.self) == other.integer(at: last, as: UInt64.self)
  }
}

/// All bits of each of sixteen bytes in which both are equal.
@inline(__always)
private func equalLanes(_ a: SIMD16<UInt8>, _ b: SIMD16<UInt8>) -> SIMD2<UInt64> {
  // Safe: a mask of sixteen bytes is sixteen bytes, all bits set or none.
  unsafe unsafeBitCast(a .== b, to: SIMD2<UInt64>.self)
}

/// Calls `body` with the number of each byte of which all bits are set in `lanes`, where the others
/// have none.
@inline(__always)
private func forEachLane(_ lanes: UInt64, _ body: (Int) -> Void) {
  var lanes = lanes & 0x8080_8080_8080_8080
  while lanes != 0 {
    body(lanes.trailingZeroBitCount / 8)
    lanes &= lanes &- 1
  }
}

extension Array where Element == UInt8 {
  /// Appends `count` bytes, each from `byte`.
  @inline(__always)
  mutating func append(count: Int, _ byte: (Int) -> UInt8) {
    // Safe: exactly the capacity that was asked for is initialized.
    unsafe append(
      contentsOf: [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
        for index in 0..<count { unsafe buffer[index] = byte(index) }
        filled = count
      })
  }

  /// The array's bytes.
  package var rawSpan: RawSpan {
    @_lifetime(borrow self)
    get {
      // Safe: an array's elements are initialized bytes, and the span borrows the array.
      unsafe span.bytes
    }
  }

  /// Appends `value` in little-endian order.
  @inline(__always)
  mutating func append<T: FixedWidthInteger & BitwiseCopyable>(littleEndian value: T) {
    // Safe: the pointer to the local copy is used only inside the closure.
    unsafe Swift.withUnsafeBytes(of: value.littleEndian) { unsafe append(contentsOf: $0) }
  }

  /// Appends the bytes of `span`.
  @inline(__always)
  mutating func append(_ span: RawSpan) {
    // Safe: the pointer is used only inside the closure.
    unsafe span.withUnsafeBytes { unsafe append(contentsOf: $0) }
  }

  /// Overwrites the bytes at `offset` with `value` in little-endian order.
  mutating func overwrite<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, at offset: Int) {
    precondition(offset >= 0 && offset <= count - MemoryLayout<T>.size, "overwrite outside array")
    // Safe: the whole value lies inside the array, as just checked.
    unsafe withUnsafeMutableBytes {
      unsafe $0.storeBytes(of: value.littleEndian, toByteOffset: offset, as: T.self)
    }
  }

  /// Appends `value` as an unsigned LEB128 integer: seven bits a byte, least significant first.
  package mutating func append(varint value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    append(UInt8(truncatingIfNeeded: rest))
  }

  /// Appends a length as varint and then the bytes.
  mutating func append(lengthPrefixed span: RawSpan) {
    append(varint: UInt64(span.byteCount))
    append(span)
  }

  /// Appends a length as varint and then the text in UTF-8.
  mutating func append(lengthPrefixed text: String) {
    append(varint: UInt64(text.utf8.count))
    append(contentsOf: text.utf8)
  }
}

extension String {
  /// The text of `span`, with ill-formed UTF-8 replaced by U+FFFD.
  init(decoding span: RawSpan) {
    // Safe: the pointer is used only inside the closure.
    self = unsafe span.withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
  }
}

extension RawSpan {
  /// Whether the bytes come before those of `other` in unsigned byte order.
  func isLexicographicallyBefore(_ other: RawSpan) -> Bool {
    let common = Swift.min(byteCount, other.byteCount)
    let shared = commonPrefix(other)
    if shared == common { return byteCount < other.byteCount }
    return byte(at: shared) < other.byte(at: shared)
  }

  /// The number of bytes at the front that both have in common.
  func commonPrefix(_ other: RawSpan) -> Int {
    let common = Swift.min(byteCount, other.byteCount)
    var offset = 0
    while offset &+ 8 <= common {
      let difference =
        integer(at: offset, as: UInt64.self) ^ other.integer(at: offset, as: UInt64.self)
      if difference != 0 { return offset &+ difference.trailingZeroBitCount / 8 }
      offset &+= 8
    }
    if common >= 8 {
      // The last word overlaps the one before it, which is equal.
      let last = common &- 8
      let difference =
        integer(at: last, as: UInt64.self) ^ other.integer(at: last, as: UInt64.self)
      return last &+ difference.trailingZeroBitCount / 8
    }
    while offset < common, byte(at: offset) == other.byte(at: offset) { offset &+= 1 }
    return offset
  }
}

/// Where an object lies in memory: nothing to be looked at by, but to be brought near.
@safe
struct Address: Sendable {
  private let bits: UInt

  init<Object: AnyObject>(of object: Object) {
    bits = unsafe UInt(bitPattern: Unmanaged.passUnretained(object).toOpaque())
  }

  private init() { bits = 0 }

  /// Nowhere.
  static var none: Address { Address() }

  /// Asks the processor to bring the first bytes of the object near, which may be gone by now.
  @inline(__always)
  func prefetch(byteCount: Int = 64) {
    guard bits != 0 else { return }
    for offset in stride(from: 0, to: UInt(byteCount), by: 64) {
      // Safe: a prefetch reads nothing that the program sees, whatever the address.
      unsafe reel_prefetch(UnsafeRawPointer(bitPattern: bits &+ offset))
    }
  }
}

extension Array where Element: BitwiseCopyable {
  /// Asks the processor to bring an element near.
  @inline(__always)
  func prefetch(at index: Int) {
    unsafe withUnsafeBufferPointer { elements in
      guard elements.indices.contains(index), let base = elements.baseAddress else { return }
      // Safe: a prefetch reads nothing that the program sees, and the address lies inside.
      unsafe reel_prefetch(base + index)
    }
  }
}
