import Reel

/// The way of a line into the store without a `String` or an ``Event`` in between: what the fields
/// hold is copied from the line into the encoder, and only texts with escapes are decoded first.
extension EventReader {
  /// Makes `encoder` the event in `line`, exactly as ``event(from:)-(RawSpan)`` reads it.
  ///
  /// - Throws: ``JSONFault``; the encoder then holds some of the fields.
  func read(_ line: RawSpan, into encoder: inout EventEncoder) throws(JSONFault) {
    encoder.clear()
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
        try setAttribute(index, of: &encoder.attributes, to: member, line)
      case .known(let field) where field.isPayload: payload.set(field, member)
      case .known(let field):
        if member.value.kind == .null { continue }
        try set(field, of: &encoder, to: member, line)
      }
    }
    if let data = payload.plainData {
      encoder.setPayload(line.extracting(data.value.range), encoding: .json)
    } else if let other = try payload.payload(line) {
      encoder.setPayload(other.bytes.byteSpan, encoding: other.encoding)
    }
  }

  @inline(__always)
  private func set(
    _ field: EventField, of encoder: inout EventEncoder, to member: JSONMember, _ line: RawSpan
  ) throws(JSONFault) {
    switch field {
    case .id, .idHex:
      guard !encoder.has(.id) else { throw Self.second(member, "cannot be given besides id") }
      try setID(.id, of: &encoder, to: member, line, isHexadecimal: field == .idHex)
    case .parentID, .parentIDHex:
      guard !encoder.has(.parentID) else {
        throw Self.second(member, "cannot be given besides parent_id")
      }
      try setID(.parentID, of: &encoder, to: member, line, isHexadecimal: field == .parentIDHex)
    case .timestamp: encoder.timestamp = Timestamp(nanoseconds: try line.timestamp(member))
    case .arity: encoder.arity = try line.arity(member)
    case .secondClock: encoder.secondClock = try line.integer(member)
    case .kind: try setText(.kind, of: &encoder, to: member, line)
    case .process: try setText(.process, of: &encoder, to: member, line)
    case .peerProcess: try setText(.peerProcess, of: &encoder, to: member, line)
    case .module: try setText(.module, of: &encoder, to: member, line)
    case .function: try setText(.function, of: &encoder, to: member, line)
    case .correlationID: try setText(.correlationID, of: &encoder, to: member, line)
    case .astNodeID: try setText(.astNodeID, of: &encoder, to: member, line)
    case .node: try setText(.node, of: &encoder, to: member, line)
    case .callID: try setText(.callID, of: &encoder, to: member, line)
    // Unreachable: fields of the payload are taken before.
    case .data, .dataText, .dataBase64, .dataEncoding, .dataTerm: break
    }
  }

  private static func second(_ member: JSONMember, _ reason: StaticString) -> JSONFault {
    JSONFault(reason, at: member.key.lowerBound, field: member.key)
  }

  @inline(__always)
  private func setText(
    _ field: EventEncoder.Field, of encoder: inout EventEncoder, to member: JSONMember,
    _ line: RawSpan
  ) throws(JSONFault) {
    guard member.value.kind == .string else { throw JSONFault("expected a string", member) }
    if member.value.hasEscapes {
      let bytes = line.array(of: member.value)
      encoder.set(field, bytes.byteSpan)
    } else {
      encoder.set(field, line.extracting(member.value.content))
    }
  }

  @inline(__always)
  private func setID(
    _ field: EventEncoder.Field, of encoder: inout EventEncoder, to member: JSONMember,
    _ line: RawSpan, isHexadecimal: Bool
  ) throws(JSONFault) {
    guard isHexadecimal else { return try setText(field, of: &encoder, to: member, line) }
    let id = try line.eventID(member, isHexadecimal: true)
    encoder.set(field, id.bytes.byteSpan)
  }
}
