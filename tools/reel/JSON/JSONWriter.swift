/// Writes JSON, with commas where they belong and no white space.
///
/// Integers of 64 bits become strings, since many readers of JSON keep only 53 bits. The caller
/// writes a name before each value in an object and none in an array.
struct JSONWriter {
  /// What has been written.
  private(set) var bytes: [UInt8] = []
  private var needsComma = false

  /// The text of what has been written.
  var text: String { String(decoding: bytes, as: UTF8.self) }

  /// Writes an object whose members `body` writes.
  mutating func object<E: Error>(_ body: (inout JSONWriter) throws(E) -> Void) throws(E) {
    try container(UInt8(ascii: "{"), UInt8(ascii: "}"), body)
  }

  /// Writes an array whose elements `body` writes.
  mutating func array<E: Error>(_ body: (inout JSONWriter) throws(E) -> Void) throws(E) {
    try container(UInt8(ascii: "["), UInt8(ascii: "]"), body)
  }

  private mutating func container<E: Error>(
    _ open: UInt8, _ close: UInt8, _ body: (inout JSONWriter) throws(E) -> Void
  ) throws(E) {
    separate()
    bytes.append(open)
    needsComma = false
    try body(&self)
    bytes.append(close)
    needsComma = true
  }

  /// Writes the name of the member whose value comes next.
  mutating func name(_ name: String) {
    separate()
    bytes.append(jsonString: name)
    bytes.append(UInt8(ascii: ":"))
    needsComma = false
  }

  mutating func string(_ value: String) {
    separate()
    bytes.append(jsonString: value)
    needsComma = true
  }

  /// Writes an integer: as a number when its type has at most 53 bits, else as a string.
  mutating func integer<T: FixedWidthInteger>(_ value: T) {
    separate()
    bytes.append(decimal: value, isQuoted: T.bitWidth > 53)
    needsComma = true
  }

  /// Writes a number; one that is not finite becomes `null`.
  mutating func number(_ value: Double) {
    if value.isFinite { raw(Array(value.description.utf8)) } else { null() }
  }

  mutating func boolean(_ value: Bool) {
    separate()
    bytes.append(literal: value ? "true" : "false")
    needsComma = true
  }

  mutating func null() {
    separate()
    bytes.append(literal: "null")
    needsComma = true
  }

  /// Writes a value that is JSON already.
  mutating func raw(_ json: [UInt8]) {
    separate()
    bytes.append(contentsOf: json)
    needsComma = true
  }

  /// Ends a line of JSON Lines; the next value starts another.
  mutating func endLine() {
    bytes.append(UInt8(ascii: "\n"))
    needsComma = false
  }

  /// Gives up what has been written, to be put out, and starts anew with the same memory.
  mutating func removeAll() {
    bytes.removeAll(keepingCapacity: true)
    needsComma = false
  }

  private mutating func separate() {
    if needsComma { bytes.append(UInt8(ascii: ",")) }
  }

  // MARK: Members

  mutating func member(_ name: String, _ value: String?) {
    self.name(name)
    if let value { string(value) } else { null() }
  }

  mutating func member<T: FixedWidthInteger>(_ name: String, _ value: T?) {
    self.name(name)
    if let value { integer(value) } else { null() }
  }

  mutating func member(_ name: String, _ value: Bool) {
    self.name(name)
    boolean(value)
  }

  mutating func member(_ name: String, _ value: Double) {
    self.name(name)
    number(value)
  }
}

extension Array where Element == UInt8 {
  /// Appends `text` as a JSON string; only what RFC 8259 demands is escaped.
  mutating func append(jsonString text: String) {
    // Safe: the bytes of a UTF-8 view are initialized, and the span ends with this call.
    append(jsonString: unsafe text.utf8Span.span.bytes)
  }

  /// Appends UTF-8 `text` as a JSON string; only what RFC 8259 demands is escaped.
  mutating func append(jsonString text: RawSpan) {
    append(UInt8(ascii: "\""))
    var start = 0
    var offset = text.endOfPlainText(from: 0)
    while offset < text.byteCount {
      let byte = text.loadByte(at: offset)
      if byte >= 0x80 {
        // Not ASCII, yet it stands for itself.
        offset = text.endOfPlainText(from: offset + 1)
        continue
      }
      append(bytesOf: text, start..<offset)
      append(escapeFor: byte)
      start = offset + 1
      offset = text.endOfPlainText(from: start)
    }
    append(bytesOf: text, start..<text.byteCount)
    append(UInt8(ascii: "\""))
  }

  private mutating func append(escapeFor byte: UInt8) {
    append(UInt8(ascii: "\\"))
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"): append(byte)
    case 0x08: append(UInt8(ascii: "b"))
    case 0x09: append(UInt8(ascii: "t"))
    case 0x0A: append(UInt8(ascii: "n"))
    case 0x0C: append(UInt8(ascii: "f"))
    case 0x0D: append(UInt8(ascii: "r"))
    default:
      append(literal: "u00")
      append(lowercaseDigit(byte >> 4))
      append(lowercaseDigit(byte & 15))
    }
  }

  /// Appends `value` in decimal digits, in quotes when `isQuoted`.
  mutating func append<T: FixedWidthInteger>(decimal value: T, isQuoted: Bool) {
    if isQuoted { append(UInt8(ascii: "\"")) }
    if value < 0 { append(UInt8(ascii: "-")) }
    let start = count
    var rest = value.magnitude
    repeat {
      let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
      append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: digit))
      rest = quotient
    } while rest > 0
    self[start...].reverse()
    if isQuoted { append(UInt8(ascii: "\"")) }
  }
}
