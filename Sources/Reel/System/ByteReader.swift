/// A cursor over untrusted bytes: every read is checked before it is made.
///
/// It is the one door through which bytes of a file become numbers. A failed read throws
/// ``Malformed`` and says what was being read; the caller knows the file and the offset and turns
/// that into ``Corruption``.
struct ByteReader: ~Escapable {
  private let bytes: RawSpan
  /// The position of the next byte, from the start of the span.
  private(set) var offset = 0

  /// A field that could not be read, and why.
  ///
  /// Trivial on purpose: no reference to count on the paths that a hostile file takes.
  struct Malformed: Error {
    private let problem: StaticString
    private let field: StaticString
    private let found: UInt64

    /// A field whose value cannot be.
    init(_ field: StaticString, _ problem: StaticString, found: some BinaryInteger) {
      self.field = field
      self.problem = problem
      self.found = UInt64(truncatingIfNeeded: found)
    }

    var reason: String { "\(field) \(problem) (found \(found))" }
  }

  @_lifetime(copy bytes)
  init(_ bytes: RawSpan) {
    self.bytes = bytes
  }

  /// The bytes not yet read.
  var remaining: Int { bytes.byteCount - offset }

  /// Reads a little-endian integer.
  @_lifetime(self: copy self)
  mutating func integer<T: FixedWidthInteger & BitwiseCopyable>(
    _ type: T.Type, _ field: StaticString
  ) throws(Malformed) -> T {
    guard remaining >= MemoryLayout<T>.size else { throw ends(field) }
    defer { offset += MemoryLayout<T>.size }
    return bytes.integer(at: offset, as: T.self)
  }

  /// Reads a varint (LEB128, at most ten bytes).
  @inline(__always)
  @_lifetime(self: copy self)
  mutating func varint(_ field: StaticString) throws(Malformed) -> UInt64 {
    if offset < bytes.byteCount {
      // Most have one byte.
      let byte = bytes.byte(at: offset)
      if byte < 0x80 {
        offset &+= 1
        return UInt64(byte)
      }
    }
    return try longVarint(field)
  }

  @_lifetime(self: copy self)
  private mutating func longVarint(_ field: StaticString) throws(Malformed) -> UInt64 {
    if remaining >= 8 {
      let word = bytes.integer(at: offset, as: UInt64.self)
      let ends = ~word & 0x8080_8080_8080_8080
      if ends != 0 {
        // It ends within the word: groups of seven bits are pushed together, two by two.
        offset &+= ends.trailingZeroBitCount / 8 &+ 1
        let groups = word & (ends ^ (ends &- 1)) & 0x7F7F_7F7F_7F7F_7F7F
        let pairs = groups & 0x007F_007F_007F_007F | groups >> 1 & 0x3F80_3F80_3F80_3F80
        let fours = pairs & 0x0000_3FFF_0000_3FFF | pairs >> 2 & 0x0FFF_C000_0FFF_C000
        return fours & 0x0FFF_FFFF | fours >> 4 & 0x00FF_FFFF_F000_0000
      }
    }
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while true {
      guard remaining >= 1 else { throw ends(field) }
      let byte = bytes.byte(at: offset)
      offset += 1
      guard shift < 63 || byte <= 1 else {
        throw Malformed(field, "is longer than 64 bits", found: value)
      }
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
  }

  /// Reads a sequence number as varint, within the bound that keeps arithmetic with it safe.
  @_lifetime(self: copy self)
  mutating func sequence(_ field: StaticString) throws(Malformed) -> UInt64 {
    let value = try varint(field)
    guard value <= Limits.sequenceNumber else {
      throw Malformed(field, "is larger than possible", found: value)
    }
    return value
  }

  /// Reads a varint that counts something and must not exceed `limit`.
  @inline(__always)
  @_lifetime(self: copy self)
  mutating func count(_ field: StaticString, limit: Int) throws(Malformed) -> Int {
    let value = try varint(field)
    guard value <= UInt64(limit) else {
      throw Malformed(field, "is larger than possible", found: value)
    }
    return Int(value)
  }

  /// Reads the next `byteCount` bytes.
  @_lifetime(self: copy self)
  @_lifetime(copy self)
  mutating func span(_ byteCount: Int, _ field: StaticString) throws(Malformed) -> RawSpan {
    guard byteCount >= 0, byteCount <= remaining else { throw ends(field) }
    defer { offset += byteCount }
    return bytes.extracting(offset..<(offset + byteCount))
  }

  /// Passes over the next `byteCount` bytes.
  @_lifetime(self: copy self)
  mutating func skip(_ byteCount: Int) throws(Malformed) {
    guard byteCount >= 0, byteCount <= remaining else { throw ends("skipped bytes") }
    offset += byteCount
  }

  /// Passes over `count` varints, eight bytes at a time: each ends with a byte below 128.
  @_lifetime(self: copy self)
  mutating func skip(varints count: Int, _ field: StaticString) throws(Malformed) {
    var rest = count
    while rest > 0, remaining >= 8 {
      let ends = ~bytes.integer(at: offset, as: UInt64.self) & 0x8080_8080_8080_8080
      guard ends.nonzeroBitCount <= rest else { break }
      rest -= ends.nonzeroBitCount
      offset += 8
    }
    while rest > 0 {
      guard remaining > 0 else { throw ends(field) }
      if bytes.byte(at: offset) < 0x80 { rest -= 1 }
      offset += 1
    }
  }

  /// Reads text: a length as varint, at most `limit`, and well-formed UTF-8 or not, repaired.
  ///
  /// Repairing makes it longer, and beyond the limit nobody could write it again.
  @_lifetime(self: copy self)
  mutating func text(_ field: StaticString, limit: Int) throws(Malformed) -> String {
    let length = try count(field, limit: limit)
    let text = String(decoding: try span(length, field))
    guard text.utf8.count <= limit else {
      throw Malformed(field, "is no text", found: length)
    }
    return text
  }

  /// Throws unless every byte has been read.
  func finish(_ structure: StaticString) throws(Malformed) {
    guard remaining == 0 else {
      throw Malformed(structure, "has bytes left over", found: remaining)
    }
  }

  private func ends(_ field: StaticString) -> Malformed {
    Malformed(field, "is cut off", found: remaining)
  }
}
