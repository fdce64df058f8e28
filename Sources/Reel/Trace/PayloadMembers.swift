/// Finds members of JSON payloads without decoding what is not asked for.
///
/// Lenient: malformed JSON has the members that come before the fault.
struct PayloadMembers {
  private let bytes: [UInt8]
  private var offset = 0

  private static let maximumDepth = 64

  /// The value of the first member called `name` of a JSON payload, at its top or in an object
  /// right below, as JSON; nothing for other payloads.
  ///
  /// - Complexity: O(n).
  static func value(_ name: String, of payload: Payload) -> [UInt8]? {
    var members = PayloadMembers(bytes: payload.bytes)
    switch payload.encoding {
    case .jsonMembers: return members.find(Array(name.utf8), depth: 0)
    case .json:
      guard members.take(UInt8(ascii: "{")) else { return nil }
      return members.find(Array(name.utf8), depth: 0)
    default: return nil
    }
  }

  /// As ``value(_:of:)``, of a string without escapes its text.
  static func text(_ name: String, of payload: Payload) -> String? {
    guard let value = value(name, of: payload), value.count >= 2, value[0] == UInt8(ascii: "\"")
    else { return nil }
    return String(decoding: value[1..<(value.count - 1)], as: UTF8.self)
  }

  private init(bytes: [UInt8]) { self.bytes = bytes }

  /// Looks among the members that begin here, and in the objects that are their values.
  private mutating func find(_ name: [UInt8], depth: Int) -> [UInt8]? {
    while let key = string() {
      guard take(UInt8(ascii: ":")) else { return nil }
      skipSpace()
      let isObject = offset < bytes.count && bytes[offset] == UInt8(ascii: "{")
      if depth == 0, isObject, bytes[key].elementsEqual(name) == false {
        var inner = self
        inner.offset += 1
        if let found = inner.find(name, depth: 1) { return found }
      }
      let start = offset
      guard skipValue() else { return nil }
      if bytes[key].elementsEqual(name) { return Array(bytes[start..<offset]) }
      guard take(UInt8(ascii: ",")) else { return nil }
    }
    return nil
  }

  private mutating func skipSpace() {
    while offset < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[offset]) { offset += 1 }
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    skipSpace()
    guard offset < bytes.count, bytes[offset] == byte else { return false }
    offset += 1
    return true
  }

  /// Passes over a string.
  /// - Returns: Where its content lies.
  private mutating func string() -> Range<Int>? {
    guard take(UInt8(ascii: "\"")) else { return nil }
    let start = offset
    while offset < bytes.count {
      switch bytes[offset] {
      case UInt8(ascii: "\""):
        offset += 1
        return start..<(offset - 1)
      case UInt8(ascii: "\\"): offset += 2
      default: offset += 1
      }
    }
    return nil
  }

  /// Passes over a value, by its brackets and strings alone.
  private mutating func skipValue() -> Bool {
    var depth = 0
    while offset < bytes.count {
      switch bytes[offset] {
      case UInt8(ascii: "\""): guard string() != nil else { return false }
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        depth += 1
        offset += 1
        guard depth <= Self.maximumDepth else { return false }
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        if depth == 0 { return true }
        depth -= 1
        offset += 1
      case UInt8(ascii: ",") where depth == 0: return true
      default: offset += 1
      }
      if depth == 0, offset < bytes.count,
        [UInt8(ascii: ","), UInt8(ascii: "}"), UInt8(ascii: "]")].contains(bytes[offset])
      {
        return true
      }
    }
    return depth == 0
  }
}
