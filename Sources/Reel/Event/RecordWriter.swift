/// What can be written as a record: an ``Event`` of values, or an ``EventEncoder``'s bytes.
protocol RecordSource: ~Copyable {
  /// Checks every limit and measures.
  /// - Returns: The byte count of the record.
  func measure(_ rules: RecordRules) throws(ReelError) -> Int
  /// Writes the measured record; cannot fail.
  func write(to writer: inout RecordWriter, rules: RecordRules)
  /// The timestamp, when the caller gave one.
  var givenTimestamp: Int64? { get }
  /// The id, when the caller gave one; asked for only when ids must be unique.
  var givenID: EventID? { get }
}

/// What a recording's configuration says about the events it takes.
struct RecordRules: Sendable {
  var maximumPayloadByteCount: Int
  var attributes: AttributeSchema
}

/// Writes one record into the region of the write-ahead buffer, front to back.
struct RecordWriter {
  private let region: Region
  private let start: Int
  private var position: Int

  /// Starts a record of `byteCount` bytes at `start`, with every optional field absent.
  init(region: Region, start: Int, byteCount: Int, timestamp: Int64) {
    self.region = region
    self.start = start
    position = start + Record.headerByteCount
    region.store(UInt32(byteCount), at: start)
    region.store(UInt32(0), at: start + 4)
    region.store(timestamp, at: start + 8)
    region.store(UInt64(0), at: start + 16)
    region.store(Record.absentPayload, at: start + 24)
    region.store(UInt32(0), at: start + 28)
    // Arity and the eleven lengths: all absent.
    for offset in stride(from: 32, to: 56, by: 8) { region.store(UInt64.max, at: start + offset) }
  }

  mutating func setType(_ type: UInt8) { region.store(type, at: start + 4) }

  mutating func setSecondClock(_ value: Int64) {
    region.store(Record.secondClockFlag, at: start + 6)
    region.store(value, at: start + 16)
  }

  mutating func setArity(_ arity: UInt16) { region.store(arity, at: start + 32) }

  /// Appends a field; fields come in the order of ``Record/Field``.
  @inline(__always)
  mutating func append(_ field: Record.Field, _ bytes: RawSpan) {
    region.store(
      UInt16(truncatingIfNeeded: bytes.byteCount),
      at: start + Record.lengthsOffset + 2 * field.rawValue)
    region.copy(bytes, at: position)
    position += bytes.byteCount
  }

  @inline(__always)
  mutating func append(_ field: Record.Field, _ text: String?) {
    guard let text else { return }
    // Safe: the bytes of a UTF-8 view are initialized, and the span ends with this call.
    append(field, unsafe text.utf8Span.span.bytes)
  }

  mutating func appendAttributes(_ section: [UInt8]) {
    region.store(UInt32(section.count), at: start + 28)
    region.copy(section.rawSpan, at: position)
    position += section.count
  }

  mutating func appendPayload(_ bytes: RawSpan, encoding: UInt8) {
    region.store(encoding, at: start + 5)
    region.store(UInt32(bytes.byteCount), at: start + 24)
    region.copy(bytes, at: position)
    position += bytes.byteCount
  }
}

extension Event: RecordSource {
  var givenTimestamp: Int64? { timestamp?.nanoseconds }
  var givenID: EventID? { id }

  func measure(_ rules: RecordRules) throws(ReelError) -> Int {
    var total = Record.headerByteCount
    if let id { total += try checked(.id, id.bytes.count) }
    total += try measured(.kind, kind)
    total += try measured(.process, process)
    total += try measured(.peerProcess, peerProcess)
    if let function {
      total += try measured(.module, function.module)
      total += try measured(.function, function.name)
      if function.arity == Record.absentLength {
        throw .limitExceeded(what: "the arity", found: 65_535, limit: 65_534)
      }
    }
    total += try measured(.correlationID, correlationID)
    total += try measured(.astNodeID, astNodeID)
    total += try measured(.node, node)
    if let parentID { total += try checked(.parentID, parentID.bytes.count) }
    total += try measured(.callID, callID)
    if !attributes.isEmpty { total += try rules.attributes.encode(attributes).count }
    if let payload {
      total += try checkedPayload(payload.bytes.count, limit: rules.maximumPayloadByteCount)
    }
    return total
  }

  @inline(__always)
  private func measured(_ field: Record.Field, _ text: String?) throws(ReelError) -> Int {
    guard let text else { return 0 }
    return try checked(field, text.utf8.count)
  }

  func write(to writer: inout RecordWriter, rules: RecordRules) {
    if let secondClock { writer.setSecondClock(secondClock) }
    if let id { writer.append(.id, id.bytes.rawSpan) }
    writer.append(.kind, kind)
    writer.append(.process, process)
    writer.append(.peerProcess, peerProcess)
    if let function {
      writer.append(.module, function.module)
      writer.append(.function, function.name)
      if let arity = function.arity { writer.setArity(arity) }
    }
    writer.append(.correlationID, correlationID)
    writer.append(.astNodeID, astNodeID)
    writer.append(.node, node)
    if let parentID { writer.append(.parentID, parentID.bytes.rawSpan) }
    writer.append(.callID, callID)
    if !attributes.isEmpty, let section = try? rules.attributes.encode(attributes) {
      writer.appendAttributes(section)
    }
    if let payload {
      writer.appendPayload(payload.bytes.rawSpan, encoding: payload.encoding.rawValue)
    }
  }
}

@inline(__always)
func checked(_ field: Record.Field, _ byteCount: Int) throws(ReelError) -> Int {
  if byteCount > field.limit || (byteCount == 0 && field.isIdentifier) {
    throw .limitExceeded(
      what: "\(field.name), in bytes (at least 1 for an id),", found: byteCount,
      limit: field.limit)
  }
  return byteCount
}

@inline(__always)
func checkedPayload(_ byteCount: Int, limit: Int) throws(ReelError) -> Int {
  if byteCount > limit {
    throw .limitExceeded(what: "the payload, in bytes,", found: byteCount, limit: limit)
  }
  return byteCount
}
