/// A JSON value by its place in the scanned bytes.
struct JSONValue: Equatable {
  enum Kind: UInt8 { case object, array, string, number, boolean, null }

  var kind: Kind
  /// The value's bytes, a string's quotes included.
  var range: Range<Int>
  /// Whether a string has to be decoded.
  var hasEscapes = false

  /// The bytes between a string's quotes.
  var content: Range<Int> { (range.lowerBound + 1)..<(range.upperBound - 1) }
}

/// A member of a JSON object by its place in the scanned bytes.
struct JSONMember: Equatable {
  /// The name as written, without quotes.
  var key: Range<Int>
  /// Whether the name has to be decoded.
  var keyHasEscapes: Bool
  var value: JSONValue

  /// The name as written, with quotes.
  var quotedKey: Range<Int> { (key.lowerBound - 1)..<(key.upperBound + 1) }
}

/// Walks the members of one JSON object, or the elements of one array, and checks everything it
/// passes against RFC 8259.
///
/// Stricter than the grammar where JSON would not be text: the bytes must be UTF-8 (Unicode, table
/// 3-7) and escaped surrogates must come in pairs. At most ``depthLimit`` brackets may be open.
/// Values are not converted: each is a range of the bytes, so that it can be kept exactly.
struct JSONScanner: ~Escapable {
  /// What the bytes are.
  enum Form {
    /// One object.
    case object
    /// One array.
    case array
    /// The members of an object without its braces.
    case members
  }

  /// The number of brackets that may be open at once; it bounds the stack of the recursion.
  static let depthLimit = 512

  let bytes: RawSpan
  var position = 0
  /// Whether a line break was passed between two tokens; strings cannot hold one.
  private(set) var hasLineBreak = false
  private let form: Form
  private var isFirst = true

  @_lifetime(copy bytes)
  init(_ bytes: RawSpan, form: Form = .object) {
    self.bytes = bytes
    self.form = form
  }

  /// The next member, or nothing after the last one, when the rest has been checked too.
  mutating func nextMember() throws(JSONFault) -> JSONMember? {
    guard try advance() else { return nil }
    guard peek() == UInt8(ascii: "\"") else { throw fault("expected a name in quotes") }
    let keyStart = position &+ 1
    let keyHasEscapes = try scanString()
    let key = keyStart..<(position &- 1)
    skipWhitespace()
    try expect(UInt8(ascii: ":"), "expected ':' after a name")
    skipWhitespace()
    let value = try scanValue(depth: 1)
    return JSONMember(key: key, keyHasEscapes: keyHasEscapes, value: value)
  }

  /// The next element, or nothing after the last one, when the rest has been checked too.
  mutating func nextElement() throws(JSONFault) -> JSONValue? {
    guard try advance() else { return nil }
    return try scanValue(depth: 1)
  }

  /// Checks that the bytes are one value without white space around it.
  /// - Parameter depth: The brackets that will be open around it.
  /// - Throws: ``JSONFault`` with the place of the first wrong byte.
  mutating func scanWholeValue(depth: Int) throws(JSONFault) {
    _ = try scanValue(depth: depth)
    guard position == bytes.byteCount else { throw fault("nothing may follow the value") }
  }

  /// Moves to the next member or element; false at the end of the bytes.
  @inline(__always)
  private mutating func advance() throws(JSONFault) -> Bool {
    skipWhitespace()
    let wasFirst = isFirst
    if isFirst {
      isFirst = false
      switch form {
      case .object: try expect(UInt8(ascii: "{"), "expected a JSON object")
      case .array: try expect(UInt8(ascii: "["), "expected a JSON array")
      case .members: break
      }
      skipWhitespace()
    }
    if form == .members {
      if position == bytes.byteCount { return false }
    } else if peek() == (form == .object ? UInt8(ascii: "}") : UInt8(ascii: "]")) {
      position &+= 1
      skipWhitespace()
      guard position == bytes.byteCount else { throw fault("nothing may follow the value") }
      return false
    }
    if wasFirst { return true }
    try expect(UInt8(ascii: ","), "expected ',' or the closing bracket")
    skipWhitespace()
    return true
  }

  // MARK: Values

  private mutating func scanValue(depth: Int) throws(JSONFault) -> JSONValue {
    let start = position
    switch peek() {
    case UInt8(ascii: "\""):
      let hasEscapes = try scanString()
      return JSONValue(kind: .string, range: start..<position, hasEscapes: hasEscapes)
    case UInt8(ascii: "{"):
      try scanContainer(depth: depth &+ 1, close: UInt8(ascii: "}"))
      return JSONValue(kind: .object, range: start..<position)
    case UInt8(ascii: "["):
      try scanContainer(depth: depth &+ 1, close: UInt8(ascii: "]"))
      return JSONValue(kind: .array, range: start..<position)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
      try scanNumber()
      return JSONValue(kind: .number, range: start..<position)
    case UInt8(ascii: "t"):
      try scanWord("true")
      return JSONValue(kind: .boolean, range: start..<position)
    case UInt8(ascii: "f"):
      try scanWord("false")
      return JSONValue(kind: .boolean, range: start..<position)
    case UInt8(ascii: "n"):
      try scanWord("null")
      return JSONValue(kind: .null, range: start..<position)
    default:
      throw fault("expected a value")
    }
  }

  private mutating func scanContainer(depth: Int, close: UInt8) throws(JSONFault) {
    guard depth <= Self.depthLimit else { throw fault("more than 512 brackets are open") }
    position &+= 1
    skipWhitespace()
    if peek() == close {
      position &+= 1
      return
    }
    while true {
      if close == UInt8(ascii: "}") {
        guard peek() == UInt8(ascii: "\"") else { throw fault("expected a name in quotes") }
        _ = try scanString()
        skipWhitespace()
        try expect(UInt8(ascii: ":"), "expected ':' after a name")
        skipWhitespace()
      }
      _ = try scanValue(depth: depth)
      skipWhitespace()
      if peek() == close {
        position &+= 1
        return
      }
      try expect(UInt8(ascii: ","), "expected ',' or the closing bracket")
      skipWhitespace()
    }
  }

  private mutating func scanNumber() throws(JSONFault) {
    if peek() == UInt8(ascii: "-") { position &+= 1 }
    if peek() == UInt8(ascii: "0") {
      position &+= 1
    } else {
      try scanDigits()
    }
    if peek() == UInt8(ascii: ".") {
      position &+= 1
      try scanDigits()
    }
    if peek() | 0x20 == UInt8(ascii: "e") {
      position &+= 1
      if peek() == UInt8(ascii: "+") || peek() == UInt8(ascii: "-") { position &+= 1 }
      try scanDigits()
    }
  }

  private mutating func scanDigits() throws(JSONFault) {
    guard isDigit(peek()) else { throw fault("expected a digit") }
    repeat { position &+= 1 } while isDigit(peek())
  }

  private mutating func scanWord(_ word: String) throws(JSONFault) {
    for byte in word.utf8 { try expect(byte, "expected a value") }
  }

  // MARK: Bytes

  /// The byte at the position, or 0 at the end: no token starts with a NUL.
  @inline(__always)
  func peek() -> UInt8 {
    position < bytes.byteCount ? bytes.loadByte(at: position) : 0
  }

  @inline(__always)
  private mutating func expect(_ byte: UInt8, _ reason: StaticString) throws(JSONFault) {
    guard peek() == byte else { throw fault(reason) }
    position &+= 1
  }

  @inline(__always)
  private mutating func skipWhitespace() {
    if peek() <= 0x20 { skipSpaces() }
  }

  private mutating func skipSpaces() {
    while true {
      switch peek() {
      case 0x20, 0x09: break
      case 0x0A, 0x0D: hasLineBreak = true
      default: return
      }
      position &+= 1
    }
  }

  /// The fault at the position, which at the end is always the missing rest.
  func fault(_ reason: StaticString) -> JSONFault {
    position < bytes.byteCount
      ? JSONFault(reason, at: position)
      : JSONFault("the line ends too early", at: bytes.byteCount)
  }
}

@inline(__always)
func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") <= 9 }
