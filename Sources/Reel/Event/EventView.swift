/// An event of a recording, read in place: nothing is copied until it is asked for.
///
/// It keeps some hundred kilobytes of events around it in memory, so hold ``event`` instead for
/// long.
///
/// Its accessors are inlined into the caller, so that looking at all fields costs little more than
/// reading their bytes.
public struct EventView: Sendable {
  @usableFromInline
  let page: RecordPage
  /// Where its record begins.
  @usableFromInline
  var offset: Int

  @inlinable @inline(__always)
  init(page: RecordPage, offset: Int) {
    self.page = page
    self.offset = offset
  }

  /// The place in the order of arrival.
  @inlinable @inline(__always)
  public var sequenceNumber: SequenceNumber { SequenceNumber(rawValue: sequence) }
  /// When it happened.
  @inlinable @inline(__always)
  public var timestamp: Timestamp { Timestamp(nanoseconds: integer(at: 8, as: Int64.self)) }
  /// The place in every answer that has it.
  public var position: Query.Position {
    Query.Position(timestamp: timestamp, sequenceNumber: sequenceNumber)
  }
  /// Its id, the caller's or the store's.
  public var id: EventID {
    identifier(.id) ?? .generated(runID: runID, sequenceNumber: sequence)
  }
  /// Whether the store gave the id.
  public var hasGeneratedID: Bool { range(.id) == nil }
  /// What happened.
  public var kind: String? { text(.kind) }
  /// The process it happened in.
  public var process: String? { text(.process) }
  /// The other end.
  public var peerProcess: String? { text(.peerProcess) }
  /// The function.
  public var function: Function? {
    let function = Function(module: text(.module), name: text(.function), arity: arity)
    return function == Function() ? nil : function
  }
  /// The function's arity.
  @inlinable @inline(__always)
  public var arity: UInt16? {
    let arity = integer(at: 32, as: UInt16.self)
    return arity == Record.absentLength ? nil : arity
  }
  /// What belongs together.
  public var correlationID: String? { text(.correlationID) }
  /// The node of the syntax tree.
  public var astNodeID: String? { text(.astNodeID) }
  /// The machine or runtime.
  public var node: String? { text(.node) }
  /// The event that led to it.
  public var parentID: EventID? { identifier(.parentID) }
  /// What an entry and its exit have in common.
  public var callID: String? { text(.callID) }
  /// A reading of a second clock.
  @inlinable @inline(__always)
  public var secondClock: Int64? {
    integer(at: 6, as: UInt16.self) & Record.secondClockFlag == 0
      ? nil : integer(at: 16, as: Int64.self)
  }
  /// Values of declared attributes.
  public var attributes: [String: AttributeValue] {
    let length = Int(integer(at: 28, as: UInt32.self))
    guard length > 0 else { return [:] }
    let end = payloadStart
    let region = page.region
    return page.schema.values(ofSection: region.bytes((end - length)..<end))
  }

  // MARK: The payload

  /// The payload.
  public var payload: Payload? {
    payloadEncoding.map { encoding in
      Payload(withPayloadBytes { $0.copied() }, encoding: encoding)
    }
  }

  /// How the payload's bytes are to be read; nothing when there is no payload.
  public var payloadEncoding: Payload.Encoding? {
    guard integer(at: 24, as: UInt32.self) != Record.absentPayload else { return nil }
    return Payload.Encoding(rawValue: integer(at: 5, as: UInt8.self))
  }

  /// Calls `body` with the payload's bytes in place; none when it is absent or empty.
  @inlinable @inline(__always)
  public func withPayloadBytes<R, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
    let length = integer(at: 24, as: UInt32.self)
    let end = offset + byteCount
    let start = length == Record.absentPayload ? end : end - Int(length)
    let region = page.region
    return try body(region.bytes(start..<end))
  }

  // MARK: Fields in place

  /// Calls `body` with the UTF-8 bytes of a text in place, or with nothing when it is absent.
  @inlinable @inline(__always)
  public func withBytes<R, E: Error>(
    of field: TextField, _ body: (RawSpan?) throws(E) -> R
  ) throws(E) -> R {
    try withBytes(of: field.recordField, body)
  }

  /// Calls `body` with the bytes of the caller's id in place, or with nothing for one that the
  /// store gave, which is ``id``.
  @inlinable @inline(__always)
  public func withIDBytes<R, E: Error>(_ body: (RawSpan?) throws(E) -> R) throws(E) -> R {
    try withBytes(of: .id, body)
  }

  /// The texts that can be looked at in place.
  @frozen
  public enum TextField: Sendable, CaseIterable {
    /// ``EventView/kind``.
    case kind
    /// ``EventView/process``.
    case process
    /// ``EventView/peerProcess``.
    case peerProcess
    /// The module of ``EventView/function``.
    case module
    /// The name of ``EventView/function``.
    case functionName
    /// ``EventView/correlationID``.
    case correlationID
    /// ``EventView/astNodeID``.
    case astNodeID
    /// ``EventView/node``.
    case node
    /// ``EventView/callID``.
    case callID

    @inlinable @inline(__always)
    var recordField: Record.Field {
      switch self {
      case .kind: .kind
      case .process: .process
      case .peerProcess: .peerProcess
      case .module: .module
      case .functionName: .function
      case .correlationID: .correlationID
      case .astNodeID: .astNodeID
      case .node: .node
      case .callID: .callID
      }
    }
  }

  // MARK: The record

  @inlinable @inline(__always)
  var sequence: UInt64 { integer(at: -16, as: UInt64.self) }
  var runID: UInt64 { integer(at: -8, as: UInt64.self) }
  /// The type of the record, 0 for an event.
  var recordType: UInt8 { integer(at: 4, as: UInt8.self) }
  @inlinable @inline(__always)
  var byteCount: Int { Int(integer(at: 0, as: UInt32.self)) }

  /// Calls `body` with the whole entry of the page.
  func withEntry<R, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
    let region = page.region
    let start = offset - RecordPage.entryPrefixByteCount
    return try body(region.bytes(start..<(offset + byteCount)))
  }

  @inlinable @inline(__always)
  func integer<T: FixedWidthInteger & BitwiseCopyable>(at place: Int, as: T.Type) -> T {
    // A view is of a record that a renderer or builder of this library put whole into the page.
    page.region.vouchedInteger(at: offset &+ place, as: T.self)
  }

  private var payloadStart: Int {
    let length = integer(at: 24, as: UInt32.self)
    return offset + byteCount - (length == Record.absentPayload ? 0 : Int(length))
  }

  /// Where a field lies in the page, or nothing when it is absent.
  @inlinable @inline(__always)
  func range(_ field: Record.Field) -> Range<Int>? {
    guard integer(at: 6, as: UInt16.self) & RecordPage.presence(of: field) != 0 else {
      return nil
    }
    let ends = Record.lengthsOffset &+ 2 &* field.rawValue
    guard field.rawValue > 0 else {
      let end = Int(integer(at: ends, as: UInt16.self))
      return (offset &+ Record.headerByteCount)..<(offset &+ end)
    }
    // Where the field before ends, and where this one does.
    let both = integer(at: ends &- 2, as: UInt32.self)
    return (offset &+ Int(both & 0xFFFF))..<(offset &+ Int(both >> 16))
  }

  @inlinable @inline(__always)
  func withBytes<R, E: Error>(
    of field: Record.Field, _ body: (RawSpan?) throws(E) -> R
  ) throws(E) -> R {
    guard let range = range(field) else { return try body(nil) }
    let region = page.region
    return try body(region.bytes(range))
  }

  private func text(_ field: Record.Field) -> String? {
    guard let range = range(field) else { return nil }
    let region = page.region
    return String(decoding: region.bytes(range))
  }

  private func identifier(_ field: Record.Field) -> EventID? {
    guard let range = range(field) else { return nil }
    let region = page.region
    return EventID(region.bytes(range).copied())
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

extension EventView {
  /// The event's record as the write-ahead buffer would hold it, control records included.
  ///
  /// A page has the ends of fields where a record has their lengths.
  func record() -> [UInt8] {
    var bytes = withEntry { $0.extracting(RecordPage.entryPrefixByteCount..<$0.byteCount).copied() }
    bytes.overwrite(integer(at: 6, as: UInt16.self) & Record.secondClockFlag, at: 6)
    for field in Record.Field.allCases {
      let length = range(field).map { UInt16(truncatingIfNeeded: $0.count) }
      bytes.overwrite(
        length ?? Record.absentLength, at: Record.lengthsOffset + 2 * field.rawValue)
    }
    return bytes
  }
}
