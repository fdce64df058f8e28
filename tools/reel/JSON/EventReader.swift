import Reel

/// Reads an ``Event`` from a line of JSON: one object, whose fields README.md lists.
///
/// Nothing is lost: a field that is neither known nor a declared attribute becomes part of the
/// payload with its exact bytes (``Payload/Encoding/jsonMembers``), and so does `data`. A line that
/// cannot be taken whole is refused.
struct EventReader {
  let fields: EventFieldTable
  /// Copied for each line: 80 ns less than calling the initializer of another module.
  private let blank = Event()

  /// - Parameter attributes: What the recording declares: fields of these names become attributes.
  init(attributes: [AttributeDeclaration] = []) {
    fields = EventFieldTable(attributes: attributes)
  }

  /// The event in `line`.
  /// - Throws: ``JSONFault`` with the place and what is expected there; see
  ///   ``JSONFault/message(in:)``.
  func event(from line: [UInt8]) throws(JSONFault) -> Event {
    try event(from: line.byteSpan)
  }

  /// The event in `line`, which may end in white space such as a line feed.
  /// - Throws: ``JSONFault`` with the place and what is expected there; see
  ///   ``JSONFault/message(in:)``.
  func event(from line: RawSpan) throws(JSONFault) -> Event {
    var event = blank
    var function = Function()
    var seen: UInt128 = 0
    var payload = PayloadMembers()
    var scanner = JSONScanner(line)
    while let member = try scanner.nextMember() {
      let match = fields.match(line, member)
      if let ordinal = match.ordinal {
        let bit: UInt128 = 1 << UInt128(ordinal)
        guard seen & bit == 0 else { throw Self.duplicate(member) }
        seen |= bit
      }
      switch match {
      case .unknown: payload.unknown.append(member)
      case .attribute(let index):
        try setAttribute(index, of: &event.attributes, to: member, line)
      case .known(let field) where field.isPayload: payload.set(field, member)
      case .known(let field):
        if member.value.kind == .null { continue }
        try set(field, of: &event, &function, to: member, line)
      }
    }
    if function != Function() { event.function = function }
    event.payload = try payload.payload(line)
    return event
  }

  static func duplicate(_ member: JSONMember) -> JSONFault {
    JSONFault("is given twice", at: member.key.lowerBound, field: member.key)
  }

  @inline(__always)
  private func set(
    _ field: EventField, of event: inout Event, _ function: inout Function,
    to member: JSONMember, _ line: RawSpan
  ) throws(JSONFault) {
    switch field {
    case .id, .idHex:
      guard event.id == nil else {
        throw JSONFault("cannot be given besides id", at: member.key.lowerBound, field: member.key)
      }
      event.id = try line.eventID(member, isHexadecimal: field == .idHex)
    case .timestamp: event.timestamp = Timestamp(nanoseconds: try line.timestamp(member))
    case .kind: event.kind = try line.text(member)
    case .process: event.process = try line.text(member)
    case .peerProcess: event.peerProcess = try line.text(member)
    case .module: function.module = try line.text(member)
    case .function: function.name = try line.text(member)
    case .arity: function.arity = try line.arity(member)
    case .correlationID: event.correlationID = try line.text(member)
    case .astNodeID: event.astNodeID = try line.text(member)
    case .node: event.node = try line.text(member)
    case .callID: event.callID = try line.text(member)
    case .parentID, .parentIDHex:
      guard event.parentID == nil else {
        throw JSONFault(
          "cannot be given besides parent_id", at: member.key.lowerBound, field: member.key)
      }
      event.parentID = try line.eventID(member, isHexadecimal: field == .parentIDHex)
    case .secondClock: event.secondClock = try line.integer(member)
    // Unreachable: fields of the payload are taken before.
    case .data, .dataText, .dataBase64, .dataEncoding, .dataTerm: break
    }
  }

  func setAttribute(
    _ index: Int, of attributes: inout [String: AttributeValue], to member: JSONMember,
    _ line: RawSpan
  ) throws(JSONFault) {
    if member.value.kind == .null { return }
    let declaration = fields.attributes[index]
    guard member.value.kind == .array else {
      attributes[declaration.name] = try line.attribute(
        declaration.type, member.value, member)
      return
    }
    var values: [AttributeValue] = []
    // The elements' offsets are relative to the array.
    let start = member.value.range.lowerBound
    var elements = JSONScanner(line.extracting(member.value.range), form: .array)
    while var value = try elements.nextElement() {
      value.range = (value.range.lowerBound + start)..<(value.range.upperBound + start)
      values.append(try line.attribute(declaration.type, value, member))
    }
    attributes[declaration.name] = .many(values)
  }
}

/// The members of a line that make up the payload, until all are known.
struct PayloadMembers {
  var unknown: [JSONMember] = []
  private(set) var data: JSONMember?
  private var dataText: JSONMember?
  private var dataBase64: JSONMember?
  private var dataEncoding: JSONMember?
  /// The text of an external term, which is for people: the bytes beside it are what counts.
  private var dataTerm: JSONMember?

  mutating func set(_ field: EventField, _ member: JSONMember) {
    switch field {
    case .data: data = member
    case .dataText: dataText = member
    case .dataBase64: dataBase64 = member
    case .dataEncoding: dataEncoding = member
    case .dataTerm: dataTerm = member
    default: break
    }
  }

  /// The whole payload when it is nothing but the value of `data`, which is most often so.
  var plainData: JSONMember? {
    guard unknown.isEmpty, dataText == nil, dataBase64 == nil, dataEncoding == nil,
      dataTerm == nil
    else { return nil }
    return data
  }

  func payload(_ line: RawSpan) throws(JSONFault) -> Payload? {
    // Without the term itself its text is all there is, and kept like any other field.
    let isTextAlone = dataTerm != nil && (dataBase64 == nil || dataEncoding == nil)
    guard unknown.isEmpty, !isTextAlone else { return try members(line) }
    if let data, dataText == nil, dataBase64 == nil, dataEncoding == nil {
      return Payload(line.array(data.value.range), encoding: .json)
    }
    return try encoded(line)
  }

  /// All members verbatim, in the order of the line.
  ///
  /// An unknown field beside `data_text` or `data_base64` leaves these undecoded, since an event
  /// has one payload.
  private func members(_ line: RawSpan) throws(JSONFault) -> Payload {
    if let duplicate = line.duplicate(among: unknown) { throw EventReader.duplicate(duplicate) }
    var members = unknown
    for member in [data, dataText, dataBase64, dataEncoding, dataTerm] {
      if let member { members.append(member) }
    }
    members.sort { $0.key.lowerBound < $1.key.lowerBound }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(
      members.reduce(0) { $0 + $1.quotedKey.count + $1.value.range.count + 2 })
    for member in members {
      if !bytes.isEmpty { bytes.append(UInt8(ascii: ",")) }
      bytes.append(bytesOf: line, member.quotedKey)
      bytes.append(UInt8(ascii: ":"))
      bytes.append(bytesOf: line, member.value.range)
    }
    return Payload(bytes, encoding: .jsonMembers)
  }

  private func encoded(_ line: RawSpan) throws(JSONFault) -> Payload? {
    let text = Self.present(dataText)
    let base64 = Self.present(dataBase64)
    let encoding = Self.present(dataEncoding)
    if let other = text ?? base64, data != nil || (text != nil && base64 != nil) {
      throw JSONFault(
        "cannot be given besides another payload", at: other.key.lowerBound, field: other.key)
    }
    if let encoding, base64 == nil {
      throw JSONFault(
        "goes with data_base64 only", at: encoding.key.lowerBound, field: encoding.key)
    }
    if let data { return Payload(line.array(data.value.range), encoding: .json) }
    if let text { return Payload(try line.bytes(text), encoding: .text) }
    guard let base64 else { return nil }
    var rawEncoding: UInt8 = 0
    if let encoding {
      guard let number = try? line.integer(encoding), let value = UInt8(exactly: number) else {
        throw JSONFault("expected a whole number from 0 to 255", encoding)
      }
      rawEncoding = value
    }
    guard base64.value.kind == .string,
      let bytes = BinaryText.decodeBase64(line.array(of: base64.value))
    else { throw JSONFault("expected a string in base64 with padding", base64) }
    return Payload(bytes, encoding: Payload.Encoding(rawValue: rawEncoding))
  }

  private static func present(_ member: JSONMember?) -> JSONMember? {
    member?.value.kind == .null ? nil : member
  }
}
