/// Atoms, strings and binaries as Erlang writes them.
extension ExternalTermPrinter {
  /// Whether Erlang takes a byte for a character of a text: those of ASCII, since what is beyond
  /// may be anything.
  static func isPrintable(_ byte: UInt8) -> Bool {
    (0x20...0x7E).contains(byte) || (0x08...0x0D).contains(byte) || byte == 0x1B
  }

  /// Prints the bytes in `range`, `stride` of them to a character, as a string where all can be
  /// printed and as a list of numbers else.
  mutating func string(_ range: Range<Int>, stride: Int) {
    let bytes = reader.bytes
    let first = range.lowerBound + stride - 1
    let places = Swift.stride(from: first, to: range.upperBound, by: stride)
    guard !range.isEmpty else { return output.append(literal: "[]") }
    guard places.allSatisfy({ Self.isPrintable(bytes.loadByte(at: $0)) }) else {
      output.append(UInt8(ascii: "["))
      for place in places {
        if place > first { output.append(UInt8(ascii: ",")) }
        if output.count >= limit { return isCut = true }
        output.append(decimal: bytes.loadByte(at: place), isQuoted: false)
      }
      return output.append(UInt8(ascii: "]"))
    }
    output.append(UInt8(ascii: "\""))
    for place in places {
      if output.count >= limit { return isCut = true }
      append(escaped: bytes.loadByte(at: place), quote: UInt8(ascii: "\""))
    }
    output.append(UInt8(ascii: "\""))
  }

  /// Prints a binary, or a bit string whose last byte has fewer bits.
  mutating func binary(_ range: Range<Int>, lastBits: Int) {
    let bytes = reader.bytes
    output.append(literal: "<<")
    let span = bytes.extracting(range)
    let isASCII = Self.isPrintable(span)
    let isText = lastBits == 8 && !range.isEmpty && (isASCII || isReadable(range))
    if isText {
      output.append(UInt8(ascii: "\""))
      let room = max(0, min(limit, 1 << 40) - output.count)
      append(escaped: span.extracting(0..<min(room, span.byteCount)))
      if room < range.count {
        dropPartOfCharacter()
        return isCut = true
      }
      output.append(literal: isASCII ? "\"" : "\"/utf8")
    } else {
      for place in range {
        if place > range.lowerBound { output.append(UInt8(ascii: ",")) }
        if output.count >= limit { return isCut = true }
        var byte = bytes.loadByte(at: place)
        let isLast = place == range.upperBound - 1 && lastBits < 8
        if isLast { byte >>= UInt8(8 - lastBits) }
        output.append(decimal: byte, isQuoted: false)
        if isLast {
          output.append(UInt8(ascii: ":"))
          output.append(decimal: lastBits, isQuoted: false)
        }
      }
    }
    output.append(literal: ">>")
  }

  /// Whether all bytes are characters of ASCII that can be printed.
  private static func isPrintable(_ span: RawSpan) -> Bool {
    var offset = 0
    while true {
      // What ends plain text in JSON may be printable here, and nothing else is special but DEL.
      let end = span.endOfPlainText(from: offset)
      for place in offset..<end where span.loadByte(at: place) == 0x7F { return false }
      guard end < span.byteCount else { return true }
      guard isPrintable(span.loadByte(at: end)) else { return false }
      offset = end + 1
    }
  }

  /// Appends text in quotes, of which most stands for itself.
  private mutating func append(escaped span: RawSpan) {
    var start = 0
    var offset = span.endOfPlainText(from: 0)
    while offset < span.byteCount {
      let byte = span.loadByte(at: offset)
      guard byte < 0x80 else {
        offset = span.endOfPlainText(from: offset + 1)
        continue
      }
      output.append(bytesOf: span, start..<offset)
      append(escaped: byte, quote: UInt8(ascii: "\""))
      start = offset + 1
      offset = span.endOfPlainText(from: start)
    }
    output.append(bytesOf: span, start..<span.byteCount)
  }

  /// Takes back the bytes of a character that has been cut.
  private mutating func dropPartOfCharacter() {
    var start = output.count
    while start > 0, output[start - 1] & 0xC0 == 0x80 { start -= 1 }
    guard start > 0, output[start - 1] >= 0xC0 else { return }
    let length = output[start - 1] >= 0xF0 ? 4 : output[start - 1] >= 0xE0 ? 3 : 2
    if output.count - start + 1 < length { output.removeSubrange((start - 1)...) }
  }

  /// Whether the bytes in `range` are text in UTF-8 without characters that steer a terminal.
  private func isReadable(_ range: Range<Int>) -> Bool {
    let text = reader.bytes.array(range)
    guard text.isUTF8 else { return false }
    return String(decoding: text, as: UTF8.self).unicodeScalars.allSatisfy {
      $0.value < 0x80 ? Self.isPrintable(UInt8($0.value)) : $0.value >= 0xA0
    }
  }

  /// Prints an atom, in quotes where Erlang's grammar wants them.
  mutating func atom(_ name: (text: Range<Int>, isUTF8: Bool)) {
    let start = output.count
    append(cleaned: name)
    let text = output[start...]
    guard Self.needsQuotes(text) else { return }
    let name = Array(text)
    output.removeSubrange(start...)
    output.append(UInt8(ascii: "'"))
    for byte in name {
      if byte < 0x80 {
        append(escaped: byte, quote: UInt8(ascii: "'"))
      } else {
        output.append(byte)
      }
    }
    output.append(UInt8(ascii: "'"))
  }

  /// Appends an atom's name; bytes that are no UTF-8 become U+FFFD.
  mutating func append(cleaned name: (text: Range<Int>, isUTF8: Bool)) {
    let start = output.count
    output.append(atom: name, of: reader.bytes)
    let text = Array(output[start...])
    guard !text.isUTF8 else { return }
    output.removeSubrange(start...)
    output.append(contentsOf: String(decoding: text, as: UTF8.self).utf8)
  }

  private static let reservedWords: Set<String> = [
    "after", "and", "andalso", "band", "begin", "bnot", "bor", "bsl", "bsr", "bxor", "case",
    "catch", "cond", "div", "end", "fun", "if", "let", "not", "of", "or", "orelse", "receive",
    "rem", "try", "when", "xor",
  ]

  private static func needsQuotes(_ name: ArraySlice<UInt8>) -> Bool {
    guard let first = name.first, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first) else {
      return true
    }
    let isPlain = name.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "@"): true
      default: false
      }
    }
    return !isPlain
      || name.count <= 7 && reservedWords.contains(String(decoding: name, as: UTF8.self))
  }

  private mutating func append(escaped byte: UInt8, quote: UInt8) {
    let letter: UInt8
    switch byte {
    case quote, UInt8(ascii: "\\"): letter = byte
    case 0x08: letter = UInt8(ascii: "b")
    case 0x09: letter = UInt8(ascii: "t")
    case 0x0A: letter = UInt8(ascii: "n")
    case 0x0B: letter = UInt8(ascii: "v")
    case 0x0C: letter = UInt8(ascii: "f")
    case 0x0D: letter = UInt8(ascii: "r")
    case 0x1B: letter = UInt8(ascii: "e")
    case 0x7F: letter = UInt8(ascii: "d")
    case 0..<0x20:
      output.append(literal: "\\x{")
      output.append(contentsOf: String(byte, radix: 16, uppercase: true).utf8)
      return output.append(UInt8(ascii: "}"))
    default: return output.append(byte)
    }
    output.append(UInt8(ascii: "\\"))
    output.append(letter)
  }
}

/// Which nodes are the one that a term is of.
enum NodeName {
  /// Whether `name` is `node`, or the name of a runtime that is not distributed.
  static func isLocal(_ name: RawSpan, _ node: [UInt8]) -> Bool {
    name.hasSameBytes(as: node.byteSpan) || isNone(name)
  }

  /// Whether `name` is that of a runtime that is not distributed.
  static func isNone(_ name: RawSpan) -> Bool {
    name.byteCount == undistributed.count && name.hasSameBytes(as: undistributed.byteSpan)
  }

  private static let undistributed = Array("nonode@nohost".utf8)
}

/// The uppercase hexadecimal digit of a value from 0 to 15.
func uppercaseDigit(_ value: UInt8) -> UInt8 {
  value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") - 10 + value
}
