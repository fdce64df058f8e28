/// The form of an event or control record in the write-ahead buffer: a fixed header with all
/// lengths, then the bytes.
///
/// Normative: format-spec.md, "Records".
///
/// | offset | size | field           | meaning                                              |
/// | -----: | ---: | :-------------- | :--------------------------------------------------- |
/// |      0 |    4 | byteCount       | of the whole record                                  |
/// |      4 |    1 | type            | 0 event, else a ``ControlRecord``                    |
/// |      5 |    1 | payloadEncoding | ``Payload/Encoding``                                 |
/// |      6 |    2 | flags           | bit 0: the second clock is present                   |
/// |      8 |    8 | timestamp       | nanoseconds                                          |
/// |     16 |    8 | secondClock     | zero when absent                                     |
/// |     24 |    4 | payloadLength   | 2³²−1 when absent                                    |
/// |     28 |    4 | attributeLength | bytes of the encoded declared attributes             |
/// |     32 |    2 | arity           | 2¹⁶−1 when absent                                    |
/// |     34 |   22 | lengths         | of the eleven ``Field``s in order, 2¹⁶−1 when absent |
/// |     56 |      | bytes           | the fields, the attributes, the payload              |
@usableFromInline
enum Record {
  @inlinable static var headerByteCount: Int { 56 }
  @inlinable static var absentLength: UInt16 { .max }
  @inlinable static var absentPayload: UInt32 { .max }
  @inlinable static var secondClockFlag: UInt16 { 1 }
  @inlinable static var lengthsOffset: Int { 34 }

  /// The byte-string fields in the order in which a record holds them.
  @usableFromInline
  enum Field: Int, CaseIterable {
    case id, kind, process, peerProcess, module, function, correlationID, astNodeID, node
    case parentID, callID

    /// The name that messages use.
    var name: String {
      switch self {
      case .id: "the id"
      case .kind: "the kind"
      case .process: "the process"
      case .peerProcess: "the peer process"
      case .module: "the module"
      case .function: "the function"
      case .correlationID: "the correlation id"
      case .astNodeID: "the AST node id"
      case .node: "the node"
      case .parentID: "the parent id"
      case .callID: "the call id"
      }
    }

    var isIdentifier: Bool { self == .id || self == .parentID }
    var limit: Int { isIdentifier ? Limits.idByteCount : Limits.textByteCount }
  }
}

/// The bounds that every reader may rely on.
///
/// Normative: format-spec.md, "Limits".
enum Limits {
  /// Sequence numbers end here, so that sums of two never overflow.
  static let sequenceNumber: UInt64 = 1 << 62
  static let idByteCount = 255
  static let textByteCount = 4096
  static let payloadByteCount = 16 << 20
  /// The texts of a column other than a declared attribute: a function key has two, and its arity.
  static let columnTextByteCount = 2 * textByteCount + 16
  /// A dictionary entry: a text, a function key of two texts, or the values of an attribute.
  static let dictionaryTextByteCount = 1 << 20
  static let attributeCount = 64
  static let attributeNameByteCount = 255
  static let attributeSectionByteCount = 1 << 20
  /// A block's rows are numbered with 16 bits, and a text column's codes leave 0 for absent.
  static let blockRecordCount = 65_535
  /// Uncompressed bytes of one frame of a block; a block of one largest event stays below it.
  static let frameByteCount = 32 << 20
  /// Uncompressed bytes of all frames of a block.
  static let blockByteCount = 64 << 20
  static let stateByteCount = 64 << 10
  /// The header of a block, with all around it: what is sought behind damage.
  static let blockHeaderByteCount = 8 + 64 << 10
  /// Payload frames of about equal length that a block is cut into, so that its header stays below.
  static let payloadFrameCount = 1500
  /// The bytes of the smallest header of a block, ahead of its data.
  static let leastBlockByteCount = 110
  /// The open calls of a process beyond those that a context lists.
  static let unlistedCallCount = Int(UInt32.max)
  static let documentNameByteCount = 64
  static let documentByteCount = 64 << 20
}

/// A record in memory whose lengths have been checked against its bytes.
struct RecordView: ~Escapable {
  let bytes: RawSpan
  private let payloadStart: Int

  /// Checks the record that starts at the beginning of `bytes`.
  /// - Throws: ``ByteReader/Malformed`` when the lengths do not add up or exceed the limits.
  @_lifetime(copy bytes)
  init(_ bytes: RawSpan) throws(ByteReader.Malformed) {
    guard bytes.byteCount >= Record.headerByteCount else {
      throw ByteReader.Malformed("a record", "is cut off", found: bytes.byteCount)
    }
    let byteCount = Int(bytes.integer(at: 0, as: UInt32.self))
    guard byteCount >= Record.headerByteCount, byteCount <= bytes.byteCount else {
      throw ByteReader.Malformed("a record's length", "does not fit", found: byteCount)
    }
    var end = Record.headerByteCount
    var isWithinLimits = true
    for index in 0..<11 {
      let length = bytes.integer(at: Record.lengthsOffset + 2 * index, as: UInt16.self)
      guard length != Record.absentLength else { continue }
      end += Int(length)
      let isIdentifier =
        index == Record.Field.id.rawValue || index == Record.Field.parentID.rawValue
      if length > (isIdentifier ? Limits.idByteCount : Limits.textByteCount)
        || isIdentifier && length == 0
      {
        isWithinLimits = false
      }
    }
    let attributes = Int(bytes.integer(at: 28, as: UInt32.self))
    end += attributes
    payloadStart = end
    let payload = bytes.integer(at: 24, as: UInt32.self)
    if payload != Record.absentPayload { end += Int(payload) }
    guard end == byteCount, isWithinLimits, attributes <= Limits.attributeSectionByteCount,
      payload == Record.absentPayload || payload <= Limits.payloadByteCount
    else {
      throw ByteReader.Malformed("a record's fields", "do not fill it", found: end)
    }
    self.bytes = bytes.extracting(0..<byteCount)
  }

  var byteCount: Int { bytes.byteCount }
  var type: UInt8 { bytes.byte(at: 4) }
  var payloadEncoding: UInt8 { bytes.byte(at: 5) }
  var timestamp: Int64 { bytes.integer(at: 8, as: Int64.self) }
  var secondClock: Int64? {
    bytes.integer(at: 6, as: UInt16.self) & Record.secondClockFlag == 0
      ? nil : bytes.integer(at: 16, as: Int64.self)
  }
  /// The arity plus one, zero when absent.
  var arityPlusOne: UInt32 {
    let arity = bytes.integer(at: 32, as: UInt16.self)
    return arity == Record.absentLength ? 0 : UInt32(arity) + 1
  }

  /// The stored length of the field at `index`, ``Record/absentLength`` when absent.
  @inline(__always)
  func length(_ field: Record.Field) -> UInt16 {
    bytes.integer(at: Record.lengthsOffset + 2 * field.rawValue, as: UInt16.self)
  }

  /// Where a field's bytes lie in ``bytes``, empty when it is absent.
  func range(of field: Record.Field) -> Range<Int> { range(of: field, through: field) }

  /// Where the bytes of fields that follow each other lie.
  func range(of first: Record.Field, through last: Record.Field) -> Range<Int> {
    var start = Record.headerByteCount
    var end = start
    for index in 0...last.rawValue {
      if index == first.rawValue { start = end }
      let length = bytes.integer(at: Record.lengthsOffset &+ 2 &* index, as: UInt16.self)
      if length != Record.absentLength { end &+= Int(length) }
    }
    return start..<end
  }

  var attributes: RawSpan {
    @_lifetime(copy self)
    get {
      let length = Int(bytes.integer(at: 28, as: UInt32.self))
      return bytes.extracting((payloadStart - length)..<payloadStart)
    }
  }

  var hasPayload: Bool { bytes.integer(at: 24, as: UInt32.self) != Record.absentPayload }

  /// The payload's bytes, none when it is absent or empty.
  var payload: RawSpan {
    @_lifetime(copy self)
    get { bytes.extracting(payloadStart..<bytes.byteCount) }
  }
}
