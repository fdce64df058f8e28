/// Texts that come again and again, each made a `String` once.
///
/// The events of a moment are of few kinds, processes and functions: to check and copy the bytes of
/// each text anew took a tenth of the time that such a question takes.
struct SharedTexts {
  private var table = SymbolTable(seed: .random(in: .min ... .max))
  private var texts: [String] = []

  /// Bytes of texts that are remembered.
  private static let maximumByteCount = 1 << 20

  /// The text of `bytes`, with ill-formed UTF-8 replaced by U+FFFD.
  mutating func text(_ bytes: RawSpan) -> String {
    if table.byteCount > Self.maximumByteCount { self = SharedTexts() }
    let symbol = Int(table.symbol(bytes))
    if symbol == texts.count { texts.append(String(decoding: bytes)) }
    return texts[symbol]
  }
}

extension Event {
  /// The event whose record this is.
  init(
    _ record: borrowing RecordView, sequence: UInt64, runID: UInt64, schema: AttributeSchema,
    texts: inout SharedTexts
  ) {
    var fields = FieldWalk()
    let id = fields.identifier(.id, record)
    let kind = fields.text(.kind, record, &texts)
    let process = fields.text(.process, record, &texts)
    let peerProcess = fields.text(.peerProcess, record, &texts)
    let module = fields.text(.module, record, &texts)
    let name = fields.text(.function, record, &texts)
    let correlationID = fields.text(.correlationID, record)
    let astNodeID = fields.text(.astNodeID, record, &texts)
    let node = fields.text(.node, record, &texts)
    let parentID = fields.identifier(.parentID, record)
    let callID = fields.text(.callID, record)
    let arity = record.arityPlusOne
    let function = Function(
      module: module, name: name,
      arity: arity == 0 ? nil : UInt16(truncatingIfNeeded: arity - 1))
    let attributes = record.attributes
    self.init(
      id: id ?? EventID.generated(runID: runID, sequenceNumber: sequence),
      timestamp: Timestamp(nanoseconds: record.timestamp), kind: kind, process: process,
      peerProcess: peerProcess, function: function.isEmpty ? nil : function,
      correlationID: correlationID, parentID: parentID, callID: callID, astNodeID: astNodeID,
      node: node, secondClock: record.secondClock,
      attributes: attributes.byteCount == 0 ? [:] : schema.values(ofSection: attributes),
      payload: record.hasPayload
        ? Payload(
          record.payload.copied(), encoding: Payload.Encoding(rawValue: record.payloadEncoding))
        : nil)
    sequenceNumber = sequence == 0 ? nil : SequenceNumber(rawValue: sequence)
  }

  /// The event of a view.
  init(_ view: EventView, texts: inout SharedTexts) {
    func text(_ field: Record.Field, _ texts: inout SharedTexts) -> String? {
      guard let range = view.range(field) else { return nil }
      let region = view.page.region
      return texts.text(region.bytes(range))
    }
    let function = Function(
      module: text(.module, &texts), name: text(.function, &texts), arity: view.arity)
    self.init(
      id: view.id, timestamp: view.timestamp, kind: text(.kind, &texts),
      process: text(.process, &texts), peerProcess: text(.peerProcess, &texts),
      function: function.isEmpty ? nil : function, correlationID: view.correlationID,
      parentID: view.parentID, callID: view.callID, astNodeID: text(.astNodeID, &texts),
      node: text(.node, &texts), secondClock: view.secondClock, attributes: view.attributes,
      payload: view.payload)
    sequenceNumber = view.sequenceNumber
  }
}

/// The fields of a record in their order: each begins where the one before ends.
private struct FieldWalk {
  private var end = Record.headerByteCount

  private mutating func next(
    _ field: Record.Field, _ record: borrowing RecordView
  ) -> Range<Int>? {
    let length = record.length(field)
    guard length != Record.absentLength else { return nil }
    defer { end += Int(length) }
    return end..<(end + Int(length))
  }

  mutating func text(_ field: Record.Field, _ record: borrowing RecordView) -> String? {
    guard let range = next(field, record) else { return nil }
    return String(decoding: record.bytes.extracting(range))
  }

  mutating func text(
    _ field: Record.Field, _ record: borrowing RecordView, _ texts: inout SharedTexts
  ) -> String? {
    guard let range = next(field, record) else { return nil }
    return texts.text(record.bytes.extracting(range))
  }

  mutating func identifier(_ field: Record.Field, _ record: borrowing RecordView) -> EventID? {
    guard let range = next(field, record) else { return nil }
    return EventID(record.bytes.extracting(range).copied())
  }
}
