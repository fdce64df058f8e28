extension JSONScanner {
  /// Passes the string whose opening quote is at the position.
  /// - Returns: Whether it has escapes.
  @inline(__always)
  mutating func scanString() throws(JSONFault) -> Bool {
    position = bytes.endOfPlainText(from: position &+ 1)
    if peek() == UInt8(ascii: "\"") {
      position &+= 1
      return false
    }
    return try scanRestOfString()
  }

  /// Passes the rest of a string from its first byte that does not stand for itself.
  private mutating func scanRestOfString() throws(JSONFault) -> Bool {
    var hasEscapes = false
    while true {
      guard position < bytes.byteCount else { throw fault("the string is not closed") }
      switch bytes.loadByte(at: position) {
      case UInt8(ascii: "\""):
        position &+= 1
        return hasEscapes
      case UInt8(ascii: "\\"):
        hasEscapes = true
        try scanEscape()
      case 0..<0x20:
        throw fault("a control character in a string must be escaped")
      default:
        try scanMultibyteCharacter()
      }
      position = bytes.endOfPlainText(from: position)
    }
  }

  private mutating func scanEscape() throws(JSONFault) {
    let start = position
    position &+= 1
    switch peek() {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"),
      UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      position &+= 1
    case UInt8(ascii: "u"):
      let unit = try scanCodeUnit()
      guard unit & 0xF800 == 0xD800 else { return }
      // Half a pair is no character, so it could not become text.
      guard unit < 0xDC00, peek() == UInt8(ascii: "\\") else { throw loneSurrogate(start) }
      position &+= 1
      guard peek() == UInt8(ascii: "u") else { throw loneSurrogate(start) }
      guard try scanCodeUnit() & 0xFC00 == 0xDC00 else { throw loneSurrogate(start) }
    default:
      throw fault("unknown escape in a string")
    }
  }

  private func loneSurrogate(_ start: Int) -> JSONFault {
    JSONFault("half a surrogate pair in a string", at: start)
  }

  /// Passes `u` and four hexadecimal digits.
  private mutating func scanCodeUnit() throws(JSONFault) -> UInt32 {
    position &+= 1
    var unit: UInt32 = 0
    for _ in 0..<4 {
      guard let digit = hexadecimalDigitValue(peek()) else {
        throw fault("expected four hexadecimal digits after \\u")
      }
      unit = unit << 4 | UInt32(digit)
      position &+= 1
    }
    return unit
  }

  /// Passes one character of two to four bytes (Unicode Standard, table 3-7: well-formed UTF-8).
  private mutating func scanMultibyteCharacter() throws(JSONFault) {
    let length: Int
    var second: ClosedRange<UInt8> = 0x80...0xBF
    switch bytes.loadByte(at: position) {
    case 0xC2...0xDF: length = 2
    case 0xE0: (length, second) = (3, 0xA0...0xBF)
    case 0xED: (length, second) = (3, 0x80...0x9F)
    case 0xE1...0xEF: length = 3
    case 0xF0: (length, second) = (4, 0x90...0xBF)
    case 0xF1...0xF3: length = 4
    case 0xF4: (length, second) = (4, 0x80...0x8F)
    default: throw fault("a string is not UTF-8")
    }
    guard position &+ length <= bytes.byteCount else { throw fault("a string is not UTF-8") }
    guard second ~= bytes.loadByte(at: position &+ 1) else { throw fault("a string is not UTF-8") }
    for index in 2..<max(2, length)
    where bytes.loadByte(at: position &+ index) & 0xC0 != 0x80 {
      throw fault("a string is not UTF-8")
    }
    position &+= length
  }
}

extension RawSpan {
  /// The UTF-8 bytes that a scanned string stands for.
  /// - Parameter content: The bytes between its quotes, which a ``JSONScanner`` has checked.
  /// - Returns: The text with every escape replaced.
  func unescaped(_ content: Range<Int>) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity(content.count)
    var offset = content.lowerBound
    while offset < content.upperBound {
      let byte = loadByte(at: offset)
      guard byte == UInt8(ascii: "\\") else {
        text.append(byte)
        offset += 1
        continue
      }
      let letter = loadByte(at: offset + 1)
      guard letter == UInt8(ascii: "u") else {
        text.append(unescapedLetter(letter))
        offset += 2
        continue
      }
      var value = codeUnit(at: offset + 2)
      offset += 6
      if value & 0xFC00 == 0xD800 {
        value = 0x10000 + (value & 0x3FF) << 10 + codeUnit(at: offset + 2) & 0x3FF
        offset += 6
      }
      text.append(contentsOf: String(Character(Unicode.Scalar(value) ?? "\u{FFFD}")).utf8)
    }
    return text
  }

  private func codeUnit(at offset: Int) -> UInt32 {
    var unit: UInt32 = 0
    for index in 0..<4 {
      unit = unit << 4 | UInt32(hexadecimalDigitValue(loadByte(at: offset + index)) ?? 0)
    }
    return unit
  }

  private func unescapedLetter(_ letter: UInt8) -> UInt8 {
    switch letter {
    case UInt8(ascii: "b"): 0x08
    case UInt8(ascii: "f"): 0x0C
    case UInt8(ascii: "n"): 0x0A
    case UInt8(ascii: "r"): 0x0D
    case UInt8(ascii: "t"): 0x09
    default: letter
    }
  }

  /// The text of a scanned string.
  @inline(__always)
  func text(of value: JSONValue) -> String {
    value.hasEscapes
      ? String(decoding: unescaped(value.content), as: UTF8.self) : text(value.content)
  }

  /// The UTF-8 bytes of the text of a scanned string.
  @inline(__always)
  func array(of value: JSONValue) -> [UInt8] {
    value.hasEscapes ? unescaped(value.content) : array(value.content)
  }
}
