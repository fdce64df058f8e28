import ArgumentParser
import Reel

/// Texts of the command line as values; what is wrong with one is said in full.
enum Arguments {
  /// A moment: nanoseconds since 1970 or ISO 8601.
  static func time(_ text: String) throws -> Timestamp {
    do {
      return Timestamp(nanoseconds: try TimestampText.nanoseconds(text))
    } catch {
      throw ValidationError("the time '\(text)' \(error.description)")
    }
  }

  /// Bytes, with `k`, `M`, `G` or `T` for powers of 1,024.
  static func byteCount(_ text: String) throws -> Int {
    let units: [Character: Int] = ["k": 10, "K": 10, "M": 20, "G": 30, "T": 40]
    let shift = text.last.flatMap { units[$0] }
    let digits = shift == nil ? text[...] : text.dropLast()
    guard let number = Int(digits), number >= 0 else {
      throw ValidationError(
        "'\(text)' is no number of bytes; give one such as 500000, 512k, 64M or 2G")
    }
    let (bytes, overflow) = number.multipliedReportingOverflow(by: 1 << (shift ?? 0))
    guard !overflow else { throw ValidationError("'\(text)' is more bytes than 64 bits can count") }
    return bytes
  }

  /// A span of time: a whole number and `s`, `m`, `h` or `d`.
  static func age(_ text: String) throws -> Duration {
    let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
    guard let unit = text.last.flatMap({ units[$0] }), let number = Int64(text.dropLast()),
      number > 0, number <= 100 * 365 * 86_400 / unit
    else {
      throw ValidationError(
        "'\(text)' is no age; give a whole number and a unit, such as 30s, 5m, 2h or 7d")
    }
    return .seconds(number * unit)
  }

  /// A length of time: a whole number and `ns`, `us`, `ms` or `s`.
  static func duration(_ text: String) throws -> UInt64 {
    let units: [(String, UInt64)] = [
      ("ns", 1), ("us", 1000), ("ms", 1_000_000), ("s", 1_000_000_000),
    ]
    for (unit, factor) in units where text.hasSuffix(unit) {
      guard let number = UInt64(text.dropLast(unit.count)) else { continue }
      let (nanoseconds, overflow) = number.multipliedReportingOverflow(by: factor)
      if !overflow { return nanoseconds }
    }
    throw ValidationError(
      "'\(text)' is no length of time; give a whole number and a unit, such as 50us, 2ms or 1s")
  }

  /// The sequence number of the event that `text` names by its id, or by `#` and its number;
  /// nothing when there is no such event.
  static func event(_ text: String, in recording: Recording) throws -> SequenceNumber? {
    if text.hasPrefix("#"), let number = UInt64(text.dropFirst()) {
      return SequenceNumber(rawValue: number)
    }
    return try recording.event(id: EventID(text))?.sequenceNumber
  }

  /// A sequence number: `#` and the number, or the number alone.
  static func sequenceNumber(_ text: String) throws -> SequenceNumber {
    guard let number = UInt64(text.hasPrefix("#") ? text.dropFirst() : text[...]) else {
      throw ValidationError("'\(text)' is no sequence number; give one such as '#1234'")
    }
    return SequenceNumber(rawValue: number)
  }

  /// What a kind of events means: `KIND=ROLE`.
  static func role(_ text: String) throws -> (kind: String, role: EventRole) {
    guard let equals = text.lastIndex(of: "="), equals != text.startIndex,
      let role = EventRole(name: String(text[text.index(after: equals)...]))
    else {
      let known = EventRole.allCases.map(\.name).joined(separator: ", ")
      throw ValidationError(
        "'\(text)' is no role of a kind; give one such as my_call=entry, with one of \(known)")
    }
    return (String(text[..<equals]), role)
  }

  /// The declaration of an attribute: `NAME` or `NAME:TYPE`.
  static func attribute(_ text: String) throws -> AttributeDeclaration {
    guard let colon = text.lastIndex(of: ":") else {
      return AttributeDeclaration(name: text, type: .text)
    }
    let name = String(text[..<colon])
    let type = String(text[text.index(after: colon)...])
    guard
      let known = AttributeDeclaration.ValueType.allCases.first(where: { "\($0)" == type })
    else {
      let types = AttributeDeclaration.ValueType.allCases.map { "\($0)" }.joined(separator: ", ")
      throw ValidationError(
        "'\(type)' is no type of an attribute; give one of \(types), or nothing for text")
    }
    return AttributeDeclaration(name: name, type: known)
  }

  /// A position as an earlier answer gave it.
  static func position(_ text: String) throws -> Query.Position {
    guard let position = Query.Position(text) else {
      throw ValidationError(
        "'\(text)' is no position; give one as an earlier query named it, such as"
          + " 1795223980598633000/17")
    }
    return position
  }

  /// The value of the attribute `declaration` that `text` means.
  static func value(
    _ text: String, of declaration: AttributeDeclaration
  ) throws -> AttributeValue {
    let value: AttributeValue? =
      switch declaration.type {
      case .text: .text(text)
      case .integer: Int64(text).map { .integer($0) }
      case .double: Double(text).map { .double($0) }
      case .boolean: Bool(text).map { .boolean($0) }
      case .bytes: BinaryText.decodeBase64(Array(text.utf8)).map { .bytes($0) }
      }
    guard let value else {
      throw ValidationError(
        "'\(text)' is no value of the attribute '\(declaration.name)', which is declared as"
          + " \(declaration.type)\(declaration.type == .bytes ? " and given in base64" : "")")
    }
    return value
  }
}
