/// Why bytes are no external term, and where.
///
/// Offsets instead of texts for the reason that ``JSONFault`` gives.
struct TermFault: Error, Equatable, CustomStringConvertible {
  /// The offset of the first byte that is wrong.
  var offset: Int
  /// What is wrong: a sentence.
  var reason: JSONFault.Reason

  init(_ reason: StaticString, at offset: Int) {
    self.offset = offset
    self.reason = JSONFault.Reason(text: reason)
  }

  var description: String { "\(reason) (at its byte \(offset))" }
}

/// What a term begins with, in the external term format of Erlang.
///
/// https://www.erlang.org/doc/apps/erts/erl_ext_dist.html
enum TermTag {
  static let compressed: UInt8 = 80
  static let newFloat: UInt8 = 70
  static let bitBinary: UInt8 = 77
  static let newPID: UInt8 = 88
  static let newPort: UInt8 = 89
  static let newerReference: UInt8 = 90
  static let smallInteger: UInt8 = 97
  static let integer: UInt8 = 98
  static let float: UInt8 = 99
  static let atom: UInt8 = 100
  static let reference: UInt8 = 101
  static let port: UInt8 = 102
  static let pid: UInt8 = 103
  static let smallTuple: UInt8 = 104
  static let largeTuple: UInt8 = 105
  static let empty: UInt8 = 106
  static let string: UInt8 = 107
  static let list: UInt8 = 108
  static let binary: UInt8 = 109
  static let smallBig: UInt8 = 110
  static let largeBig: UInt8 = 111
  static let newFunction: UInt8 = 112
  static let export: UInt8 = 113
  static let newReference: UInt8 = 114
  static let smallAtom: UInt8 = 115
  static let map: UInt8 = 116
  static let function: UInt8 = 117
  static let atomUTF8: UInt8 = 118
  static let smallAtomUTF8: UInt8 = 119
  static let v4Port: UInt8 = 120
}

/// Reads terms in the external term format in place, one after the other.
///
/// Every length is held against the bytes that are left before anything is done with it, so no
/// bytes make it trap, take long or take memory. Nothing here recurses.
struct ExternalTermReader: ~Escapable {
  /// The byte that terms begin with outside of other terms.
  static let version: UInt8 = 131
  /// The bytes of 255 characters in UTF-8.
  static let atomByteLimit = 1020

  let bytes: RawSpan
  private(set) var offset: Int

  @_lifetime(copy bytes)
  init(_ bytes: RawSpan, from offset: Int = 0) {
    self.bytes = bytes
    self.offset = offset
  }

  var left: Int { bytes.byteCount &- offset }

  // MARK: Numbers

  @inline(__always)
  mutating func byte() throws(TermFault) -> UInt8 {
    guard offset < bytes.byteCount else { throw end }
    defer { offset &+= 1 }
    return bytes.loadByte(at: offset)
  }

  /// The tag that comes next, which stays there.
  @inline(__always)
  func peek() throws(TermFault) -> UInt8 {
    guard offset < bytes.byteCount else { throw end }
    return bytes.loadByte(at: offset)
  }

  @inline(__always)
  mutating func short() throws(TermFault) -> Int {
    guard left >= 2 else { throw end }
    defer { offset &+= 2 }
    return Int(bytes.loadByte(at: offset)) << 8 | Int(bytes.loadByte(at: offset &+ 1))
  }

  @inline(__always)
  mutating func long() throws(TermFault) -> Int {
    Int(try short()) << 16 | Int(try short())
  }

  @inline(__always)
  mutating func skip(_ count: Int) throws(TermFault) {
    guard count <= left else { throw end }
    offset &+= count
  }

  /// The next `count` bytes.
  @inline(__always)
  mutating func take(_ count: Int) throws(TermFault) -> Range<Int> {
    let start = offset
    try skip(count)
    return start..<offset
  }

  private var end: TermFault { TermFault("the term ends too early", at: bytes.byteCount) }

  func fault(_ reason: StaticString) -> TermFault { TermFault(reason, at: offset) }

  // MARK: Terms

  /// Passes over the byte 131.
  mutating func skipVersion() throws(TermFault) {
    guard try peek() == Self.version else { throw fault("a term begins with the byte 131") }
    offset &+= 1
  }

  /// Passes over the next term with all that is in it.
  /// - Complexity: O(terms); the bytes of binaries and atoms are not looked at.
  mutating func skipTerm() throws(TermFault) {
    // Terms still to come; each takes at least a byte, so more than are left cannot be there.
    var pending = 1
    while pending > 0 {
      pending = pending &- 1 &+ (try skipHead())
      guard pending <= left else { throw end }
    }
  }

  /// Passes over the next term but for the terms in it.
  /// - Returns: How many of these follow.
  private mutating func skipHead() throws(TermFault) -> Int {
    switch try byte() {
    case TermTag.smallInteger: try skip(1)
    case TermTag.integer: try skip(4)
    case TermTag.newFloat: try skip(8)
    case TermTag.float: try skip(31)
    case TermTag.empty: break
    case TermTag.smallAtom, TermTag.smallAtomUTF8: try skip(Int(try byte()))
    case TermTag.atom, TermTag.atomUTF8: try skip(try atomLength())
    case TermTag.string: try skip(try short())
    case TermTag.binary: try skip(try long())
    case TermTag.bitBinary: try skip(try long() &+ 1)
    case TermTag.smallBig: try skip(Int(try byte()) &+ 1)
    case TermTag.largeBig: try skip(try long() &+ 1)
    case TermTag.smallTuple: return Int(try byte())
    case TermTag.largeTuple: return try long()
    case TermTag.list: return try long() &+ 1
    case TermTag.map: return 2 &* (try long())
    case TermTag.export: return 3
    case TermTag.pid: try skipIdentifier(9)
    case TermTag.newPID, TermTag.v4Port: try skipIdentifier(12)
    case TermTag.port: try skipIdentifier(5)
    case TermTag.newPort: try skipIdentifier(8)
    case TermTag.reference: try skipIdentifier(5)
    case TermTag.newReference:
      let words = try short()
      try skipIdentifier(1 &+ 4 &* words)
    case TermTag.newerReference:
      let words = try short()
      try skipIdentifier(4 &+ 4 &* words)
    case TermTag.newFunction:
      try skip(25)
      return 4 &+ (try long())
    case TermTag.function: return 4 &+ (try long())
    case TermTag.compressed:
      offset &-= 1
      throw fault("the term is compressed, which is not supported: write it uncompressed")
    default:
      offset &-= 1
      throw fault("no term begins with this byte")
    }
    return 0
  }

  /// Passes over the node and the numbers of a pid, port or reference.
  private mutating func skipIdentifier(_ byteCount: Int) throws(TermFault) {
    _ = try atom()
    try skip(byteCount)
  }

  /// The next term, an atom.
  /// - Returns: Its characters, and whether they are in UTF-8 rather than Latin-1.
  mutating func atom() throws(TermFault) -> (text: Range<Int>, isUTF8: Bool) {
    switch try peek() {
    case TermTag.smallAtomUTF8:
      offset &+= 1
      return (try take(Int(try byte())), true)
    case TermTag.atomUTF8:
      offset &+= 1
      return (try take(try atomLength()), true)
    case TermTag.smallAtom:
      offset &+= 1
      return (try take(Int(try byte())), false)
    case TermTag.atom:
      offset &+= 1
      return (try take(try atomLength()), false)
    default: throw fault("expected an atom")
    }
  }

  private mutating func atomLength() throws(TermFault) -> Int {
    let count = try short()
    guard count <= Self.atomByteLimit else {
      throw fault("an atom has at most 255 characters")
    }
    return count
  }

  /// The next term when it is an integer of at most 64 bits, else nothing; it stays there then.
  mutating func integer() throws(TermFault) -> Int64? {
    let start = offset
    switch try byte() {
    case TermTag.smallInteger: return Int64(try byte())
    case TermTag.integer: return Int64(Int32(truncatingIfNeeded: try long()))
    case TermTag.smallBig:
      let count = Int(try byte())
      let isNegative = try byte() != 0
      let digits = try take(count)
      var magnitude: UInt64 = 0
      for place in digits.reversed() {
        guard magnitude >> 56 == 0 else {
          offset = start
          return nil
        }
        magnitude = magnitude << 8 | UInt64(bytes.loadByte(at: place))
      }
      if isNegative, magnitude == 1 << 63 { return .min }
      guard let value = Int64(exactly: magnitude) else {
        offset = start
        return nil
      }
      return isNegative ? -value : value
    default:
      offset = start
      return nil
    }
  }

  /// The elements of the next term, a tuple; nothing for another term, which stays there.
  mutating func tuple() throws(TermFault) -> Int? {
    switch try peek() {
    case TermTag.smallTuple:
      offset &+= 1
      return Int(try byte())
    case TermTag.largeTuple:
      offset &+= 1
      return try long()
    default: return nil
    }
  }
}

extension Array where Element == UInt8 {
  /// Appends the text of an atom in UTF-8.
  mutating func append(atom: (text: Range<Int>, isUTF8: Bool), of bytes: RawSpan) {
    guard !atom.isUTF8 else { return append(bytesOf: bytes, atom.text) }
    for place in atom.text {
      let byte = bytes.loadByte(at: place)
      if byte < 0x80 {
        append(byte)
      } else {
        append(0xC0 | byte >> 6)
        append(0x80 | byte & 0x3F)
      }
    }
  }
}

extension ExternalTermReader {
  /// Goes back to `start` and passes over the term there.
  mutating func skipTerm(from start: Int) throws(TermFault) {
    offset = start
    try skipTerm()
    guard left == 0 else { throw fault("bytes follow the term") }
  }
}
