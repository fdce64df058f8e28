import Reel

/// Writes an ``Event`` as a line of JSON from which ``EventReader`` makes an equal event.
///
/// The sequence number is left out, because the store that reads the line gives its own. An event
/// that the store accepts comes back equal; one with an undeclared attribute, or with a
/// ``Function`` of which nothing is known, still makes a valid line.
struct EventWriter {
  private let fields: EventFieldTable
  private let asStrings: Bool
  /// Bytes of an external term's text after which it is cut.
  private static let termByteLimit = 64 << 10

  /// - Parameters:
  ///   - attributes: What the recording declares, which is also what a reader must be given.
  ///   - asStrings: Whether integers of 64 bits are written in quotes, for readers of 53.
  init(attributes: [AttributeDeclaration] = [], asStrings: Bool = false) {
    fields = EventFieldTable(attributes: attributes)
    self.asStrings = asStrings
  }

  /// The object of `event`, without a line feed.
  func object(_ event: Event) -> [UInt8] {
    var bytes: [UInt8] = []
    write(event, to: &bytes)
    return bytes.dropLast()
  }

  /// Appends the line of `event` with its line feed to `output`.
  func write(_ event: Event, to output: inout [UInt8]) {
    let start = output.count
    if let id = event.id { append(id, .id, .idHex, to: &output) }
    if let timestamp = event.timestamp {
      append(.timestamp, to: &output)
      output.append(decimal: timestamp.nanoseconds, isQuoted: asStrings)
    }
    append(.kind, event.kind, to: &output)
    append(.process, event.process, to: &output)
    append(.peerProcess, event.peerProcess, to: &output)
    if let function = event.function {
      append(.module, function.module, to: &output)
      append(.function, function.name, to: &output)
      if let arity = function.arity {
        append(.arity, to: &output)
        output.append(decimal: arity, isQuoted: false)
      }
    }
    append(.correlationID, event.correlationID, to: &output)
    append(.astNodeID, event.astNodeID, to: &output)
    append(.node, event.node, to: &output)
    append(.callID, event.callID, to: &output)
    if let parentID = event.parentID { append(parentID, .parentID, .parentIDHex, to: &output) }
    if let secondClock = event.secondClock {
      append(.secondClock, to: &output)
      output.append(decimal: secondClock, isQuoted: asStrings)
    }
    var hasUndeclared = false
    if !event.attributes.isEmpty {
      hasUndeclared = append(event.attributes, to: &output)
    }
    if let payload = event.payload {
      append(payload, of: event.node, isVerbatimAllowed: !hasUndeclared, to: &output)
    }
    // Every member starts with its comma; the first one's place is the brace's.
    if output.count == start {
      output.append(UInt8(ascii: "{"))
    } else {
      output[start] = UInt8(ascii: "{")
    }
    output.append(literal: "}\n")
  }

  // MARK: Fields

  @inline(__always)
  private func append(_ field: EventField, to output: inout [UInt8]) {
    output.append(literal: ",\"")
    output.append(literal: field.name)
    output.append(literal: "\":")
  }

  @inline(__always)
  private func append(_ field: EventField, _ text: String?, to output: inout [UInt8]) {
    guard let text else { return }
    append(field, to: &output)
    output.append(jsonString: text)
  }

  private func append(
    _ id: EventID, _ field: EventField, _ hexField: EventField, to output: inout [UInt8]
  ) {
    let bytes = id.bytes
    if bytes.isUTF8 {
      append(field, to: &output)
      output.append(jsonString: bytes.byteSpan)
    } else {
      append(hexField, to: &output)
      output.append(UInt8(ascii: "\""))
      BinaryText.appendHexadecimal(bytes, to: &output)
      output.append(UInt8(ascii: "\""))
    }
  }

  // MARK: Attributes

  /// Appends the attributes in the order of their declaration, undeclared ones last, by name.
  /// - Returns: Whether any is undeclared.
  private func append(
    _ attributes: [String: AttributeValue], to output: inout [UInt8]
  ) -> Bool {
    var rest = attributes
    for declaration in fields.attributes {
      guard let value = rest.removeValue(forKey: declaration.name) else { continue }
      append(declaration.name, value, to: &output)
    }
    for (name, value) in rest.sorted(by: { $0.key < $1.key }) { append(name, value, to: &output) }
    return !rest.isEmpty
  }

  private func append(_ name: String, _ value: AttributeValue, to output: inout [UInt8]) {
    output.append(UInt8(ascii: ","))
    output.append(jsonString: EventFieldTable.key(ofAttribute: name))
    output.append(UInt8(ascii: ":"))
    Self.append(value, asStrings: asStrings, to: &output)
  }

  /// Appends the value of an attribute.
  static func append(_ value: AttributeValue, asStrings: Bool, to output: inout [UInt8]) {
    switch value {
    case .text(let text): output.append(jsonString: text)
    case .integer(let number): output.append(decimal: number, isQuoted: asStrings)
    case .double(let number): append(number, to: &output)
    case .boolean(let flag): output.append(literal: flag ? "true" : "false")
    case .bytes(let bytes):
      output.append(UInt8(ascii: "\""))
      BinaryText.appendBase64(bytes, to: &output)
      output.append(UInt8(ascii: "\""))
    case .many(let values):
      output.append(UInt8(ascii: "["))
      for (index, value) in values.enumerated() {
        if index > 0 { output.append(UInt8(ascii: ",")) }
        append(value, asStrings: asStrings, to: &output)
      }
      output.append(UInt8(ascii: "]"))
    }
  }

  private static func append(_ number: Double, to output: inout [UInt8]) {
    if number.isFinite {
      output.append(contentsOf: number.description.utf8)
    } else if number == .infinity {
      output.append(literal: "\"Infinity\"")
    } else if number == -.infinity {
      output.append(literal: "\"-Infinity\"")
    } else if number.bitPattern == Double.nan.bitPattern {
      output.append(literal: "\"NaN\"")
    } else {
      // Queries compare bits, so the other NaNs keep theirs.
      output.append(literal: "\"0x")
      for shift in stride(from: 60, through: 0, by: -4) {
        output.append(
          lowercaseDigit(UInt8(truncatingIfNeeded: number.bitPattern >> UInt64(shift)) & 15))
      }
      output.append(UInt8(ascii: "\""))
    }
  }

  // MARK: Payload

  /// Appends the payload in the first form that reads back as the same bytes: verbatim JSON, text,
  /// base64.
  private func append(
    _ payload: Payload, of node: String?, isVerbatimAllowed: Bool, to output: inout [UInt8]
  ) {
    let bytes = payload.bytes
    let span = bytes.byteSpan
    switch payload.encoding {
    case .json where isOneLineOfJSON(span):
      append(.data, to: &output)
      output.append(contentsOf: bytes)
    case .jsonMembers where isVerbatimAllowed && areReadBack(span):
      output.append(UInt8(ascii: ","))
      output.append(contentsOf: bytes)
    case .text where bytes.isUTF8:
      append(.dataText, to: &output)
      output.append(jsonString: span)
    default:
      append(.dataBase64, to: &output)
      output.append(UInt8(ascii: "\""))
      BinaryText.appendBase64(bytes, to: &output)
      output.append(UInt8(ascii: "\""))
      if payload.encoding != .bytes {
        append(.dataEncoding, to: &output)
        output.append(decimal: payload.encoding.rawValue, isQuoted: false)
      }
      if payload.encoding == .externalTerm { appendTerm(span, node, to: &output) }
    }
  }

  /// Appends an external term as Erlang prints it, for people; readers pass over it.
  private func appendTerm(_ bytes: RawSpan, _ node: String?, to output: inout [UInt8]) {
    do throws(TermFault) {
      let text = try ExternalTermPrinter.text(
        bytes, node: Array((node ?? "").utf8), limit: Self.termByteLimit)
      append(.dataTerm, to: &output)
      output.append(jsonString: text.byteSpan)
    } catch {
      // No term, whatever its encoding says: the bytes are there.
    }
  }

  /// Whether `json` is one value that can stand in a line: nothing around it, no line break.
  private func isOneLineOfJSON(_ json: RawSpan) -> Bool {
    var scanner = JSONScanner(json)
    // The line's own brace is open around it.
    do throws(JSONFault) { try scanner.scanWholeValue(depth: 1) } catch { return false }
    return !scanner.hasLineBreak
  }

  /// Whether a reader makes the same payload of `members`: in its own form, at least one of them
  /// unknown, and none that it would take for something else.
  private func areReadBack(_ members: RawSpan) -> Bool {
    var scanner = JSONScanner(members, form: .members)
    var unknown: [JSONMember] = []
    var seen: UInt8 = 0
    var end = -1
    do throws(JSONFault) {
      while let member = try scanner.nextMember() {
        guard member.quotedKey.lowerBound == end + 1,
          member.value.range.lowerBound == member.quotedKey.upperBound + 1
        else { return false }
        end = member.value.range.upperBound
        switch fields.match(members, member) {
        case .unknown: unknown.append(member)
        case .known(let field) where field.isPayload:
          let bit: UInt8 = 1 << (field.rawValue - EventField.data.rawValue)
          guard seen & bit == 0 else { return false }
          seen |= bit
        default: return false
        }
      }
    } catch { return false }
    return !unknown.isEmpty && end == members.byteCount && !scanner.hasLineBreak
      && members.duplicate(among: unknown) == nil
  }
}
