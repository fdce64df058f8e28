/// The declared attributes of a recording, and the bytes of their values.
///
/// An event's section is a varint count, then for each attribute in order of its index: the index
/// (u8), the byte count (varint) and the value. A value is `00` and the bytes of one value, or
/// `01`, a varint count and that many length-prefixed values. Normative: format-spec.md,
/// "Attributes".
struct AttributeSchema: Hashable, Sendable {
  private(set) var declarations: [AttributeDeclaration] = []

  /// What is wrong with values of attributes that nothing declares.
  static let lostReason =
    "the declarations of attributes are lost: events from here on may lack some"

  /// The index of the attribute `name`.
  func index(of name: String) -> Int? {
    declarations.firstIndex { $0.name == name }
  }

  /// Adds what `others` declares beyond this schema; indexes never change.
  /// - Throws: ``ReelError/invalidArgument(_:)`` when a name has another type already, is empty or
  ///   too long, or when there would be more than 64 attributes. The schema is then unchanged.
  mutating func merge(_ others: [AttributeDeclaration]) throws(ReelError) {
    var merged = declarations
    for other in others {
      let length = other.name.utf8.count
      guard (1...Limits.attributeNameByteCount).contains(length) else {
        throw .limitExceeded(
          what: "an attribute's name, in bytes (at least 1),", found: length,
          limit: Limits.attributeNameByteCount)
      }
      guard let known = merged.firstIndex(where: { $0.name == other.name }) else {
        merged.append(other)
        continue
      }
      guard merged[known].type == other.type else {
        throw .invalidArgument(
          "the attribute '\(other.name)' is declared as \(merged[known].type) in this recording;"
            + " declare another name for \(other.type) values")
      }
      merged[known].isIndexed = other.isIndexed
    }
    guard merged.count <= Limits.attributeCount else {
      throw .limitExceeded(
        what: "the number of declared attributes", found: merged.count,
        limit: Limits.attributeCount)
    }
    declarations = merged
  }

  /// The section of a record that holds `values`.
  func encode(_ values: [String: AttributeValue]) throws(ReelError) -> [UInt8] {
    var entries: [(index: Int, bytes: [UInt8])] = []
    for (name, value) in values {
      guard let index = index(of: name) else {
        throw .invalidArgument(
          "the attribute '\(name)' is not declared; name it in RecorderConfiguration.attributes")
      }
      entries.append((index, try encode(value, of: declarations[index])))
    }
    entries.sort { $0.index < $1.index }
    var section: [UInt8] = []
    section.append(varint: UInt64(entries.count))
    for entry in entries {
      section.append(UInt8(entry.index))
      section.append(lengthPrefixed: entry.bytes.rawSpan)
    }
    if section.count > Limits.attributeSectionByteCount {
      throw .limitExceeded(
        what: "the attributes of an event, in bytes,", found: section.count,
        limit: Limits.attributeSectionByteCount)
    }
    return section
  }

  private func encode(
    _ value: AttributeValue, of declaration: AttributeDeclaration
  ) throws(ReelError) -> [UInt8] {
    guard case .many(let values) = value else {
      let bytes = try Self.single(value, of: declaration)
      return [0] + bytes
    }
    var bytes: [UInt8] = [1]
    bytes.append(varint: UInt64(values.count))
    for value in values {
      let single = try Self.single(value, of: declaration)
      bytes.append(lengthPrefixed: single.rawSpan)
    }
    return bytes
  }

  /// The bytes of one value, which are also its key in the index.
  static func single(
    _ value: AttributeValue, of declaration: AttributeDeclaration
  ) throws(ReelError) -> [UInt8] {
    var bytes: [UInt8] = []
    switch (value, declaration.type) {
    case (.text(let text), .text): bytes = Array(text.utf8)
    case (.bytes(let value), .bytes): bytes = value
    case (.integer(let number), .integer): bytes.append(littleEndian: number)
    case (.double(let number), .double): bytes.append(littleEndian: number.bitPattern)
    case (.boolean(let flag), .boolean): bytes = [flag ? 1 : 0]
    default:
      throw .invalidArgument(
        "the attribute '\(declaration.name)' is declared as \(declaration.type);"
          + " \(value) is of another type")
    }
    guard bytes.count <= Limits.textByteCount else {
      throw .limitExceeded(
        what: "a value of the attribute '\(declaration.name)', in bytes,", found: bytes.count,
        limit: Limits.textByteCount)
    }
    return bytes
  }

  /// The value in `bytes` of the attribute at `index`, or nothing when the bytes are malformed.
  func decode(_ bytes: RawSpan, index: Int) -> AttributeValue? {
    guard index < declarations.count else { return nil }
    let type = declarations[index].type
    var values: [AttributeValue] = []
    var isWhole = true
    do {
      try Self.forEachValue(bytes) { value in
        if let value = Self.value(value, type) { values.append(value) } else { isWhole = false }
      }
    } catch {
      return nil
    }
    guard isWhole else { return nil }
    return bytes.byte(at: 0) == 1 ? .many(values) : values.first
  }

  /// The values in a record's section, by name; of a malformed one, those before the fault.
  func values(ofSection section: RawSpan) -> [String: AttributeValue] {
    var values: [String: AttributeValue] = [:]
    Self.forEachEntry(section) { index, bytes in
      if let value = decode(bytes, index: index) { values[declarations[index].name] = value }
    }
    return values
  }

  /// Calls `body` with the index and the bytes of each attribute in a record's section, up to the
  /// first that is malformed.
  static func forEachEntry(_ section: RawSpan, _ body: (Int, RawSpan) -> Void) {
    var reader = ByteReader(section)
    guard let count = try? reader.count("the number of attributes", limit: Limits.attributeCount)
    else { return }
    var previous = -1
    for _ in 0..<count {
      guard let index = try? reader.integer(UInt8.self, "an attribute"),
        let length = try? reader.count("an attribute's length", limit: reader.remaining)
      else { return }
      let start = reader.offset
      guard (try? reader.skip(length)) != nil, Int(index) > previous,
        index < Limits.attributeCount
      else { return }
      previous = Int(index)
      body(previous, section.extracting(start..<(start + length)))
    }
  }

  /// Calls `body` with the bytes of each value in an attribute's bytes, or with none where they are
  /// malformed.
  static func forEachValue(
    _ bytes: RawSpan, _ body: (RawSpan) -> Void
  ) throws(ByteReader.Malformed) {
    try forEachWholeValue(bytes) { _ in }
    try forEachWholeValue(bytes, body)
  }

  /// As ``forEachValue(_:_:)``, up to what is malformed.
  private static func forEachWholeValue(
    _ bytes: RawSpan, _ body: (RawSpan) -> Void
  ) throws(ByteReader.Malformed) {
    var reader = ByteReader(bytes)
    let form = try reader.integer(UInt8.self, "an attribute's form")
    guard form <= 1 else {
      throw ByteReader.Malformed("an attribute's form", "is unknown", found: form)
    }
    if form == 0 {
      let length = reader.remaining
      guard length <= Limits.textByteCount else {
        throw ByteReader.Malformed("a value", "is longer than possible", found: length)
      }
      return body(bytes.extracting(1..<bytes.byteCount))
    }
    let count = try reader.count("the number of values", limit: bytes.byteCount)
    for _ in 0..<count {
      let length = try reader.count("a value's length", limit: Limits.textByteCount)
      body(try reader.span(length, "a value"))
    }
    try reader.finish("an attribute")
  }

  private static func value(
    _ bytes: RawSpan, _ type: AttributeDeclaration.ValueType
  ) -> AttributeValue? {
    switch type {
    case .text: .text(String(decoding: bytes))
    case .bytes: .bytes(bytes.copied())
    case .integer:
      bytes.byteCount == 8 ? .integer(bytes.integer(at: 0, as: Int64.self)) : nil
    case .double:
      bytes.byteCount == 8
        ? .double(Double(bitPattern: bytes.integer(at: 0, as: UInt64.self))) : nil
    case .boolean:
      bytes.byteCount == 1 && bytes.byte(at: 0) <= 1 ? .boolean(bytes.byte(at: 0) == 1) : nil
    }
  }
}
