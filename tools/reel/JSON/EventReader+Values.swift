import Reel

/// Conversions of one member's value; each throws a ``JSONFault`` that names the member.
extension RawSpan {
  @inline(__always)
  func text(_ member: JSONMember) throws(JSONFault) -> String {
    guard member.value.kind == .string else { throw JSONFault("expected a string", member) }
    return text(of: member.value)
  }

  @inline(__always)
  func bytes(_ member: JSONMember) throws(JSONFault) -> [UInt8] {
    guard member.value.kind == .string else { throw JSONFault("expected a string", member) }
    return array(of: member.value)
  }

  @inline(__always)
  func eventID(_ member: JSONMember, isHexadecimal: Bool) throws(JSONFault) -> EventID {
    let bytes = try bytes(member)
    guard isHexadecimal else { return EventID(bytes) }
    guard let decoded = BinaryText.decodeHexadecimal(bytes) else {
      throw JSONFault("expected pairs of hexadecimal digits", member)
    }
    return EventID(decoded)
  }

  func integer(_ member: JSONMember) throws(JSONFault) -> Int64 {
    guard let number = integer(of: member.value) else {
      throw JSONFault(
        "expected a whole number from -9223372036854775808 to 9223372036854775807", member)
    }
    return number
  }

  func arity(_ member: JSONMember) throws(JSONFault) -> UInt16 {
    guard let number = integer(of: member.value), (0...65_534).contains(number) else {
      throw JSONFault("expected a whole number from 0 to 65534", member)
    }
    return UInt16(number)
  }

  func timestamp(_ member: JSONMember) throws(JSONFault) -> Int64 {
    if let number = integer(of: member.value) { return number }
    var outOfRange = false
    if member.value.kind == .string {
      do throws(TimestampText.Fault) {
        return try TimestampText.nanoseconds(array(of: member.value))
      } catch {
        outOfRange = error == .outOfRange
      }
    }
    if outOfRange {
      throw JSONFault(
        "expected a time from 1677-09-21T00:12:43.145224192Z to 2262-04-11T23:47:16.854775807Z",
        member)
    }
    throw JSONFault(
      """
      expected a whole number from -9223372036854775808 to 9223372036854775807, or a time such as \
      2026-11-21T03:22:00.5Z
      """, member)
  }

  /// The number in a JSON number, or in a string of nothing but a number; nothing for any other
  /// value, a fraction or an exponent.
  @inline(__always)
  func integer(of value: JSONValue) -> Int64? {
    switch value.kind {
    case .number: decimalInteger(value.range)
    case .string where !value.hasEscapes: decimalInteger(value.content)
    default: nil
    }
  }

  /// The number whose decimal digits are all of `range`, such as `-12`; no plus sign and no leading
  /// zeros, as in JSON.
  func decimalInteger(_ range: Range<Int>) -> Int64? {
    var offset = range.lowerBound
    let isNegative = offset < range.upperBound && loadByte(at: offset) == UInt8(ascii: "-")
    if isNegative { offset &+= 1 }
    let digitCount = range.upperBound &- offset
    // 19 digits stay below 10^19 < 2^64.
    guard digitCount >= 1, digitCount <= 19 else { return nil }
    if digitCount > 1, loadByte(at: offset) == UInt8(ascii: "0") { return nil }
    var magnitude: UInt64 = 0
    while offset < range.upperBound {
      let digit = loadByte(at: offset) &- UInt8(ascii: "0")
      guard digit <= 9 else { return nil }
      magnitude = magnitude &* 10 &+ UInt64(digit)
      offset &+= 1
    }
    if !isNegative { return Int64(exactly: magnitude) }
    return magnitude <= 1 << 63 ? Int64(truncatingIfNeeded: 0 &- magnitude) : nil
  }

  /// One value of an attribute; `member` is what a fault names.
  func attribute(
    _ type: AttributeDeclaration.ValueType, _ value: JSONValue, _ member: JSONMember
  ) throws(JSONFault) -> AttributeValue {
    switch type {
    case .text:
      guard value.kind == .string else {
        throw JSONFault("expected a string or an array of strings", member)
      }
      return .text(text(of: value))
    case .integer:
      guard let number = integer(of: value) else {
        throw JSONFault(
          """
          expected whole numbers from -9223372036854775808 to 9223372036854775807, one or an array
          """, member)
      }
      return .integer(number)
    case .double:
      guard let number = double(of: value) else {
        throw JSONFault("expected a 64-bit floating-point number or an array of them", member)
      }
      return .double(number)
    case .boolean:
      guard value.kind == .boolean else {
        throw JSONFault("expected true, false or an array of them", member)
      }
      return .boolean(value.range.count == 4)
    case .bytes:
      guard value.kind == .string, let bytes = BinaryText.decodeBase64(array(of: value)) else {
        throw JSONFault("expected a string in base64 with padding, or an array of them", member)
      }
      return .bytes(bytes)
    }
  }

  /// The number in a JSON number; a string holds what JSON has no number for: `NaN`, `Infinity`,
  /// `-Infinity`, or `0x` and the 16 hexadecimal digits of the bits of another NaN.
  private func double(of value: JSONValue) -> Double? {
    guard value.kind == .string else {
      guard value.kind == .number, let number = Double(text(value.range)) else { return nil }
      // A number such as 1e999 is none of the type.
      return number.isFinite ? number : nil
    }
    switch text(of: value) {
    case "NaN": return .nan
    case "Infinity": return .infinity
    case "-Infinity": return -.infinity
    case let text where text.utf8.count == 18 && text.utf8.starts(with: "0x".utf8):
      guard let bits = BinaryText.decodeHexadecimal(Array(text.utf8.dropFirst(2))) else {
        return nil
      }
      return Double(bitPattern: bits.reduce(0) { $0 << 8 | UInt64($1) })
    default: return nil
    }
  }

  /// A member whose decoded name an earlier one of `members` has.
  func duplicate(among members: [JSONMember]) -> JSONMember? {
    if members.count <= 8, !members.contains(where: { $0.keyHasEscapes }) {
      for (index, member) in members.enumerated() {
        for earlier in members[..<index]
        where extracting(member.key).hasSameBytes(as: extracting(earlier.key)) {
          return member
        }
      }
      return nil
    }
    // Pairs would take a time quadratic in what a hostile line holds.
    var names: Set<[UInt8]> = []
    return members.first { !names.insert(array(ofKey: $0)).inserted }
  }

  private func array(ofKey member: JSONMember) -> [UInt8] {
    member.keyHasEscapes ? unescaped(member.key) : array(member.key)
  }
}
