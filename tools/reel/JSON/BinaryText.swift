/// Bytes as text: hexadecimal, and base64 in the standard alphabet with padding (RFC 4648, 4).
enum BinaryText {
  /// Appends `bytes` as lowercase hexadecimal digits.
  static func appendHexadecimal(_ bytes: [UInt8], to output: inout [UInt8]) {
    for byte in bytes {
      output.append(lowercaseDigit(byte >> 4))
      output.append(lowercaseDigit(byte & 15))
    }
  }

  /// The bytes of hexadecimal `text`, or nothing when it is something else.
  static func decodeHexadecimal(_ text: [UInt8]) -> [UInt8]? {
    guard text.count.isMultiple(of: 2) else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count / 2)
    for index in stride(from: 0, to: text.count, by: 2) {
      guard let high = hexadecimalDigitValue(text[index]),
        let low = hexadecimalDigitValue(text[index + 1])
      else { return nil }
      bytes.append(high << 4 | low)
    }
    return bytes
  }

  /// Appends `bytes` in base64.
  static func appendBase64(_ bytes: [UInt8], to output: inout [UInt8]) {
    output.reserveCapacity(output.count + (bytes.count + 2) / 3 * 4)
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let count = min(3, bytes.count - start)
      var group: UInt32 = 0
      for index in 0..<3 { group = group << 8 | (index < count ? UInt32(bytes[start + index]) : 0) }
      for index in 0..<4 {
        let value = UInt8(truncatingIfNeeded: group >> UInt32(18 - 6 * index)) & 63
        output.append(index <= count ? base64Digit(value) : UInt8(ascii: "="))
      }
    }
  }

  /// The bytes of base64 `text`, or nothing when it is something else.
  ///
  /// The last digit's unused bits must be zero, so each sequence of bytes has exactly one text.
  static func decodeBase64(_ text: [UInt8]) -> [UInt8]? {
    guard text.count.isMultiple(of: 4) else { return nil }
    var digits = text[...]
    for _ in 0..<2 where digits.last == UInt8(ascii: "=") { digits.removeLast() }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count / 4 * 3)
    var bits: UInt32 = 0
    var bitCount: UInt32 = 0
    for digit in digits {
      guard let value = base64Value(digit) else { return nil }
      bits = bits << 6 | UInt32(value)
      bitCount += 6
      guard bitCount >= 8 else { continue }
      bitCount -= 8
      bytes.append(UInt8(truncatingIfNeeded: bits >> bitCount))
      bits &= (1 << bitCount) - 1
    }
    return bits == 0 ? bytes : nil
  }

  private static func base64Digit(_ value: UInt8) -> UInt8 {
    switch value {
    case 0..<26: UInt8(ascii: "A") + value
    case 26..<52: UInt8(ascii: "a") + value - 26
    case 52..<62: UInt8(ascii: "0") + value - 52
    case 62: UInt8(ascii: "+")
    default: UInt8(ascii: "/")
    }
  }

  private static func base64Value(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): digit - UInt8(ascii: "A")
    case UInt8(ascii: "a")...UInt8(ascii: "z"): digit - UInt8(ascii: "a") + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0") + 52
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
  }
}

/// The lowercase hexadecimal digit of a value from 0 to 15.
@inline(__always)
func lowercaseDigit(_ value: UInt8) -> UInt8 {
  value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") - 10 + value
}

/// The value of a hexadecimal digit of either case, or nothing for any other byte.
@inline(__always)
func hexadecimalDigitValue(_ byte: UInt8) -> UInt8? {
  if isDigit(byte) { return byte - UInt8(ascii: "0") }
  let letter = byte | 0x20
  guard letter >= UInt8(ascii: "a"), letter <= UInt8(ascii: "f") else { return nil }
  return letter - UInt8(ascii: "a") + 10
}
