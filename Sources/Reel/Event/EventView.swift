/// An event of a recording, read in place: nothing is copied until it is asked for.
///
/// It keeps the decoded block it lies in in memory, so hold ``event`` instead for long.
public struct EventView: Sendable {
  let block: DecodedBlock
  let row: Int
  let frame: PayloadFrame?
  private let payloadRange: Range<Int>?
  let sequence: UInt64
  let runID: UInt64
  let schema: AttributeSchema

  /// - Throws: ``ReelError/corrupted(_:)`` when the payload cannot be read.
  init(
    block: DecodedBlock, row: Int, sequence: UInt64, runID: UInt64, schema: AttributeSchema,
    frame known: PayloadFrame? = nil, knownIndex: Int = 0
  ) throws(ReelError) {
    self.block = block
    self.row = row
    self.sequence = sequence
    self.runID = runID
    self.schema = schema
    if let (index, range) = block.payloadPlace(row) {
      frame = try index == knownIndex && known != nil ? known : block.payloads.frame(index)
      payloadRange = range
    } else {
      frame = nil
      payloadRange = nil
    }
  }

  /// The place in the order of arrival.
  public var sequenceNumber: SequenceNumber { SequenceNumber(rawValue: sequence) }
  /// When it happened.
  public var timestamp: Timestamp { Timestamp(nanoseconds: block.timestamps[row]) }
  /// The place in every answer that has it.
  public var position: Query.Position {
    Query.Position(timestamp: timestamp, sequenceNumber: sequenceNumber)
  }
  /// Its id, the caller's or the store's.
  public var id: EventID {
    if let ids = block.ids, ids.hasValue(row) { return EventID(ids.bytes(row).copied()) }
    return .generated(runID: runID, sequenceNumber: sequence)
  }
  /// Whether the store gave the id.
  public var hasGeneratedID: Bool { !(block.ids?.hasValue(row) ?? false) }
  /// What happened.
  public var kind: String? { text(.kind) }
  /// The process it happened in.
  public var process: String? { text(.process) }
  /// The other end.
  public var peerProcess: String? { text(.peerProcess) }
  /// The function.
  public var function: Function? {
    guard let column = block.text(.function) else { return nil }
    let code = column.code(row)
    return code == 0 ? nil : FunctionKey.function(column.text(code: code))
  }
  /// What belongs together.
  public var correlationID: String? { text(.correlationID) }
  /// The node of the syntax tree.
  public var astNodeID: String? { text(.astNodeID) }
  /// The machine or runtime.
  public var node: String? { text(.node) }
  /// The event that led to it.
  public var parentID: EventID? {
    guard let column = block.parentIDs, column.hasValue(row) else { return nil }
    return EventID(column.bytes(row).copied())
  }
  /// What an entry and its exit have in common.
  public var callID: String? {
    guard let column = block.callIDs, column.hasValue(row) else { return nil }
    return String(decoding: column.bytes(row))
  }
  /// A reading of a second clock.
  public var secondClock: Int64? { block.secondClock(row) }
  /// Values of declared attributes.
  public var attributes: [String: AttributeValue] {
    var values: [String: AttributeValue] = [:]
    for (index, column) in block.attributeColumns {
      let code = column.code(row)
      guard code != 0, index < schema.declarations.count,
        let value = schema.decode(column.text(code: code), index: index)
      else { continue }
      values[schema.declarations[index].name] = value
    }
    return values
  }
  /// The payload.
  public var payload: Payload? {
    guard block.hasPayload(row) else { return nil }
    let encoding = Payload.Encoding(rawValue: block.payloadEncoding(row))
    guard let frame, let payloadRange else { return Payload([], encoding: encoding) }
    return Payload(Array(frame.bytes[payloadRange]), encoding: encoding)
  }

  /// How the payload's bytes are to be read; nothing when there is no payload.
  public var payloadEncoding: Payload.Encoding? {
    block.hasPayload(row) ? Payload.Encoding(rawValue: block.payloadEncoding(row)) : nil
  }

  /// Calls `body` with the payload's bytes in place; none when it is absent or empty.
  public func withPayloadBytes<R, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
    guard let frame, let payloadRange else {
      let none: [UInt8] = []
      return try body(none.rawSpan)
    }
    let bytes = frame.bytes
    return try body(bytes.rawSpan.extracting(payloadRange))
  }

  /// Calls `body` with the UTF-8 bytes of a text in place, or with nothing when it is absent.
  public func withBytes<R, E: Error>(
    of field: TextField, _ body: (RawSpan?) throws(E) -> R
  ) throws(E) -> R {
    guard let column = block.text(field.column) else { return try body(nil) }
    let code = column.code(row)
    guard code != 0 else { return try body(nil) }
    return try body(column.text(code: code))
  }

  /// Calls `body` with the bytes of the caller's id in place, or with nothing for one that the
  /// store gave, which is ``id``.
  public func withIDBytes<R, E: Error>(_ body: (RawSpan?) throws(E) -> R) throws(E) -> R {
    guard let ids = block.ids, ids.hasValue(row) else { return try body(nil) }
    return try body(ids.bytes(row))
  }

  /// The texts that can be looked at in place.
  public enum TextField: Sendable, CaseIterable {
    /// ``EventView/kind``.
    case kind
    /// ``EventView/process``.
    case process
    /// ``EventView/peerProcess``.
    case peerProcess
    /// ``EventView/correlationID``.
    case correlationID
    /// ``EventView/astNodeID``.
    case astNodeID
    /// ``EventView/node``.
    case node
    /// The function as module, byte FF, name, byte FF and arity; an absent part is the byte FE.
    case function

    var column: ColumnID {
      switch self {
      case .kind: .kind
      case .process: .process
      case .peerProcess: .peerProcess
      case .correlationID: .correlationID
      case .astNodeID: .astNodeID
      case .node: .node
      case .function: .function
      }
    }
  }

  private func text(_ id: ColumnID) -> String? {
    guard let column = block.text(id) else { return nil }
    let code = column.code(row)
    return code == 0 ? nil : String(decoding: column.text(code: code))
  }

  /// A copy that stands by itself.
  public var event: Event {
    var event = Event(
      id: id, timestamp: timestamp, kind: kind, process: process, peerProcess: peerProcess,
      function: function, correlationID: correlationID, parentID: parentID, callID: callID,
      astNodeID: astNodeID, node: node, secondClock: secondClock, attributes: attributes,
      payload: payload)
    event.sequenceNumber = sequenceNumber
    return event
  }
}
