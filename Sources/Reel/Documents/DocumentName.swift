/// The file names of documents.
///
/// Normative: format-spec.md, "Documents".
///
/// Names are compared by their encoded form, never as `String`: Swift takes two spellings of one
/// letter as equal, the format compares bytes.
enum DocumentName {
  static let maximumVersion: UInt64 = 9_999_999_999
  private static let digitCount = 10

  /// The name with everything but letters, digits, `-` and `_` as `%` and two digits.
  ///
  /// - Throws: ``ReelError/limitExceeded(what:found:limit:)`` unless it has 1 to 64 bytes.
  static func encode(_ name: String) throws(ReelError) -> String {
    let bytes = Array(name.utf8)
    guard (1...Limits.documentNameByteCount).contains(bytes.count) else {
      throw .limitExceeded(
        what: "a document's name, in bytes (at least 1),", found: bytes.count,
        limit: Limits.documentNameByteCount)
    }
    return encode(bytes)
  }

  private static func encode(_ bytes: [UInt8]) -> String {
    var encoded: [UInt8] = []
    for byte in bytes {
      if isPlain(byte) {
        encoded.append(byte)
      } else {
        encoded.append(UInt8(ascii: "%"))
        encoded.append(digit(byte >> 4))
        encoded.append(digit(byte & 15))
      }
    }
    return String(decoding: encoded, as: UTF8.self)
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
      true
    default: false
    }
  }

  private static func digit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") - 10 + value
  }

  /// The value of a hexadecimal digit as ``digit(_:)`` writes it.
  private static func value(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
    default: nil
    }
  }

  /// Such as `plan.0000000001.document`.
  static func file(_ encoded: String, version: UInt64) -> String {
    let digits = String(version)
    return encoded + "." + String(repeating: "0", count: max(0, digitCount - digits.utf8.count))
      + digits + FileName.documentSuffix
  }

  /// A file name taken apart; nothing when it is not that of a document.
  static func parse(_ file: String) -> (encoded: String, name: String, version: UInt64)? {
    guard file.hasSuffix(FileName.documentSuffix) else { return nil }
    let bytes = Array(file.utf8.dropLast(FileName.documentSuffix.utf8.count))
    guard bytes.count > digitCount + 1 else { return nil }
    let digits = bytes.suffix(digitCount)
    guard digits.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }),
      bytes[bytes.count - digitCount - 1] == UInt8(ascii: "."),
      let version = UInt64(String(decoding: digits, as: UTF8.self)), version >= 1,
      let name = decode(Array(bytes.dropLast(digitCount + 1)))
    else { return nil }
    return (encode(Array(name.utf8)), name, version)
  }

  /// The name that `encoded` stands for; nothing unless it is the one encoding of a name.
  static func decode(_ encoded: String) -> String? { decode(Array(encoded.utf8)) }

  private static func decode(_ encoded: [UInt8]) -> String? {
    var bytes: [UInt8] = []
    var index = 0
    while index < encoded.count {
      guard encoded[index] == UInt8(ascii: "%") else {
        bytes.append(encoded[index])
        index += 1
        continue
      }
      guard index + 2 < encoded.count, let high = value(encoded[index + 1]),
        let low = value(encoded[index + 2])
      else { return nil }
      bytes.append(high << 4 | low)
      index += 3
    }
    guard (1...Limits.documentNameByteCount).contains(bytes.count),
      let name = String(validating: bytes, as: UTF8.self),
      encode(bytes).utf8.elementsEqual(encoded)
    else { return nil }
    return name
  }
}
