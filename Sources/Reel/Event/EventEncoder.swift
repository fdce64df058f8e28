/// An event given as bytes, for callers that have no `String`s to give: parsers, foreign runtimes.
///
/// One encoder is used again and again: ``clear()``, set what the event has, append it. Texts must
/// be UTF-8; the first that is not makes the append fail. After the first events no call allocates.
public struct EventEncoder: ~Copyable {
  /// The fields that are given as bytes.
  public enum Field: Int, Sendable, CaseIterable {
    /// ``Event/id``: 1 to 255 bytes of any kind.
    case id
    /// ``Event/kind``, in UTF-8 as all that follow but the parent id.
    case kind
    /// ``Event/process``.
    case process
    /// ``Event/peerProcess``.
    case peerProcess
    /// ``Function/module``.
    case module
    /// ``Function/name``.
    case function
    /// ``Event/correlationID``.
    case correlationID
    /// ``Event/astNodeID``.
    case astNodeID
    /// ``Event/node``.
    case node
    /// ``Event/parentID``: 1 to 255 bytes of any kind.
    case parentID
    /// ``Event/callID``.
    case callID

    fileprivate var record: Record.Field { Record.Field.allCases[rawValue] }
  }

  /// When it happened; nothing means the recorder's wall clock at append.
  public var timestamp: Timestamp?
  /// The number of the function's arguments, 0 to 65,534.
  public var arity: UInt16?
  /// A reading of a second clock.
  public var secondClock: Int64?
  /// Values of declared attributes; these are not given as bytes.
  public var attributes: [String: AttributeValue] = [:]

  private var bytes: [UInt8] = []
  private var ranges = [Range<Int>?](repeating: nil, count: 11)
  private var payload: (range: Range<Int>, encoding: Payload.Encoding)?

  /// Creates an encoder of an event without fields.
  public init() {}

  /// Makes every field absent.
  public mutating func clear() {
    timestamp = nil
    arity = nil
    secondClock = nil
    if !attributes.isEmpty { attributes = [:] }
    bytes.removeAll(keepingCapacity: true)
    for index in ranges.indices { ranges[index] = nil }
    payload = nil
  }

  /// Whether `field` has been set since the last ``clear()``.
  public func has(_ field: Field) -> Bool { ranges[field.rawValue] != nil }

  /// Gives `field` a copy of `span`.
  public mutating func set(_ field: Field, _ span: RawSpan) {
    let start = bytes.count
    bytes.append(span)
    ranges[field.rawValue] = start..<bytes.count
  }

  /// Gives the event a payload, a copy of `span`.
  public mutating func setPayload(_ span: RawSpan, encoding: Payload.Encoding = .bytes) {
    let start = bytes.count
    bytes.append(span)
    payload = (start..<bytes.count, encoding)
  }
}

extension EventEncoder: RecordSource {
  var givenTimestamp: Int64? { timestamp?.nanoseconds }

  var givenID: EventID? { ranges[0].map { EventID(Array(bytes[$0])) } }

  func measure(_ rules: RecordRules) throws(ReelError) -> Int {
    var total = Record.headerByteCount
    for field in Field.allCases {
      guard let range = ranges[field.rawValue] else { continue }
      let record = field.record
      total += try checked(record, range.count)
      guard record.isIdentifier || isUTF8(bytes.rawSpan.extracting(range)) else {
        throw .invalidArgument("\(record.name) is not UTF-8; nothing was stored")
      }
    }
    if arity == Record.absentLength {
      throw .limitExceeded(what: "the arity", found: 65_535, limit: 65_534)
    }
    if !attributes.isEmpty { total += try rules.attributes.encode(attributes).count }
    if let payload {
      total += try checkedPayload(payload.range.count, limit: rules.maximumPayloadByteCount)
    }
    return total
  }

  func write(to writer: inout RecordWriter, rules: RecordRules) {
    if let secondClock { writer.setSecondClock(secondClock) }
    if let arity { writer.setArity(arity) }
    let all = bytes.rawSpan
    for field in Field.allCases {
      if let range = ranges[field.rawValue] {
        writer.append(field.record, all.extracting(range))
      }
    }
    if !attributes.isEmpty, let section = try? rules.attributes.encode(attributes) {
      writer.appendAttributes(section)
    }
    if let payload {
      writer.appendPayload(all.extracting(payload.range), encoding: payload.encoding.rawValue)
    }
  }
}

/// Whether `bytes` are well-formed UTF-8: words of eight ASCII bytes at a time, and the standard
/// library's validation as soon as one is not.
func isUTF8(_ bytes: RawSpan) -> Bool {
  var union: UInt64 = 0
  var offset = 0
  while offset &+ 8 <= bytes.byteCount {
    union |= bytes.integer(at: offset, as: UInt64.self)
    offset &+= 8
  }
  if offset < bytes.byteCount {
    if bytes.byteCount >= 8 {
      union |= bytes.integer(at: bytes.byteCount - 8, as: UInt64.self)
    } else {
      while offset < bytes.byteCount {
        union |= UInt64(bytes.byte(at: offset))
        offset &+= 1
      }
    }
  }
  if union & 0x8080_8080_8080_8080 == 0 { return true }
  return String(validating: bytes.copied(), as: UTF8.self) != nil
}
