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
    let digits = base64Digits
    var place = output.count
    output.append(contentsOf: repeatElement(UInt8(ascii: "="), count: (bytes.count + 2) / 3 * 4))
    var index = 0
    while index &+ 3 <= bytes.count {
      let group =
        Int(bytes[index]) << 16 | Int(bytes[index &+ 1]) << 8 | Int(bytes[index &+ 2])
      output[place] = digits[group >> 18]
      output[place &+ 1] = digits[group >> 12 & 63]
      output[place &+ 2] = digits[group >> 6 & 63]
      output[place &+ 3] = digits[group & 63]
      index &+= 3
      place &+= 4
    }
    guard index < bytes.count else { return }
    let hasTwo = index + 1 < bytes.count
    let group = Int(bytes[index]) << 16 | (hasTwo ? Int(bytes[index + 1]) << 8 : 0)
    output[place] = digits[group >> 18]
    output[place + 1] = digits[group >> 12 & 63]
    if hasTwo { output[place + 2] = digits[group >> 6 & 63] }
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

  private static let base64Digits = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

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
