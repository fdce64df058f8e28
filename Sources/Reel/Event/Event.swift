/// One thing that happened in the recorded program.
///
/// Everything but the timestamp may be absent, and absent differs from empty. Texts are at most
/// 4,096 bytes of UTF-8, the payload at most ``RecorderConfiguration/maximumPayloadByteCount``.
public struct Event: Hashable, Sendable {
  /// The caller's id; absent, the store gives one (``EventID``).
  public var id: EventID?
  /// When it happened; absent, the recorder's wall clock at append.
  public var timestamp: Timestamp?
  /// What happened, such as `function_entry`.
  public var kind: String?
  /// The process it happened in.
  public var process: String?
  /// The other end of a message, link or spawn.
  public var peerProcess: String?
  /// The function called or returned from.
  public var function: Function?
  /// What belongs together across processes, such as a request.
  public var correlationID: String?
  /// The id of the event that led to this one.
  public var parentID: EventID?
  /// What an entry and its exit have in common.
  public var callID: String?
  /// The node of the program's syntax tree.
  public var astNodeID: String?
  /// The machine or runtime it happened on.
  public var node: String?
  /// A reading of a second clock, in that clock's own unit.
  public var secondClock: Int64?
  /// Values of the attributes that the recorder's configuration declares, by name.
  public var attributes: [String: AttributeValue]
  /// Whatever else there is to keep.
  public var payload: Payload?
  /// The place in the order of arrival; given by the store, ignored on append.
  public var sequenceNumber: SequenceNumber?

  /// Creates an event; whatever is left out is absent.
  public init(
    id: EventID? = nil, timestamp: Timestamp? = nil, kind: String? = nil, process: String? = nil,
    peerProcess: String? = nil, function: Function? = nil, correlationID: String? = nil,
    parentID: EventID? = nil, callID: String? = nil, astNodeID: String? = nil,
    node: String? = nil, secondClock: Int64? = nil, attributes: [String: AttributeValue] = [:],
    payload: Payload? = nil
  ) {
    self.id = id
    self.timestamp = timestamp
    self.kind = kind
    self.process = process
    self.peerProcess = peerProcess
    self.function = function
    self.correlationID = correlationID
    self.parentID = parentID
    self.callID = callID
    self.astNodeID = astNodeID
    self.node = node
    self.secondClock = secondClock
    self.attributes = attributes
    self.payload = payload
  }
}

/// A function by module, name and arity, each of which may be unknown.
public struct Function: Hashable, Sendable {
  /// The module or type it belongs to.
  public var module: String?
  /// Its name.
  public var name: String?
  /// The number of its arguments, 0 to 65,534.
  public var arity: UInt16?

  /// Creates a function reference.
  public init(module: String? = nil, name: String? = nil, arity: UInt16? = nil) {
    self.module = module
    self.name = name
    self.arity = arity
  }

  var isEmpty: Bool { module == nil && name == nil && arity == nil }
}

/// Bytes that an event carries, with what they mean.
public struct Payload: Hashable, Sendable {
  /// How the bytes of a payload are to be read.
  ///
  /// Values from 128 on are the caller's own.
  public struct Encoding: RawRepresentable, Hashable, Sendable {
    /// The value stored with the payload.
    public let rawValue: UInt8

    /// Creates the encoding stored as `rawValue`.
    public init(rawValue: UInt8) {
      self.rawValue = rawValue
    }

    /// Bytes without a known meaning.
    public static let bytes = Encoding(rawValue: 0)
    /// Text in UTF-8.
    public static let text = Encoding(rawValue: 1)
    /// One JSON value.
    public static let json = Encoding(rawValue: 2)
    /// Members of a JSON object without its braces, such as `"data":{"n":1},"colour":"red"`.
    public static let jsonMembers = Encoding(rawValue: 3)
    /// A term in the Erlang external term format.
    public static let externalTerm = Encoding(rawValue: 4)
  }

  /// The payload itself.
  public var bytes: [UInt8]
  /// What the bytes mean.
  public var encoding: Encoding

  /// Creates a payload of `bytes`.
  public init(_ bytes: [UInt8], encoding: Encoding = .bytes) {
    self.bytes = bytes
    self.encoding = encoding
  }

  /// Creates a payload of the UTF-8 bytes of `text`.
  public init(_ text: String, encoding: Encoding = .text) {
    bytes = Array(text.utf8)
    self.encoding = encoding
  }
}

/// A moment in nanoseconds, since the Unix epoch unless the recording says otherwise; any Int64.
public struct Timestamp: Hashable, Comparable, Sendable, ExpressibleByIntegerLiteral {
  /// The nanoseconds since the epoch, negative before it.
  public var nanoseconds: Int64

  /// Creates the moment `nanoseconds` after the epoch.
  @inlinable
  public init(nanoseconds: Int64) {
    self.nanoseconds = nanoseconds
  }

  /// Creates the moment that many nanoseconds after the epoch.
  public init(integerLiteral value: Int64) {
    nanoseconds = value
  }

  /// Whether `lhs` is earlier than `rhs`.
  public static func < (lhs: Timestamp, rhs: Timestamp) -> Bool {
    lhs.nanoseconds < rhs.nanoseconds
  }

  /// The earliest moment there is.
  public static let min = Timestamp(nanoseconds: .min)
  /// The latest moment there is.
  public static let max = Timestamp(nanoseconds: .max)
}

/// The place of a record in the order of arrival: dense, from 1 on, never used again.
public struct SequenceNumber: RawRepresentable, Hashable, Comparable, Sendable {
  /// The number itself.
  public let rawValue: UInt64

  /// Creates the sequence number `rawValue`.
  @inlinable
  public init(rawValue: UInt64) {
    self.rawValue = rawValue
  }

  /// Whether `lhs` arrived before `rhs`.
  public static func < (lhs: SequenceNumber, rhs: SequenceNumber) -> Bool {
    lhs.rawValue < rhs.rawValue
  }
}

/// A declared attribute: what ``Event/attributes`` may hold under `name`.
public struct AttributeDeclaration: Hashable, Sendable {
  /// The type of every value of an attribute.
  public enum ValueType: UInt8, Sendable, CaseIterable {
    /// UTF-8 text.
    case text = 0
    /// A signed 64-bit integer.
    case integer = 1
    /// A 64-bit floating-point number.
    case double = 2
    /// True or false.
    case boolean = 3
    /// Bytes without a known meaning.
    case bytes = 4
  }

  /// 1 to 255 bytes of UTF-8, unique in a recording.
  public var name: String
  /// The type of its values.
  public var type: ValueType
  /// Whether queries by it read an index rather than every candidate block.
  public var isIndexed: Bool

  /// Declares an attribute.
  public init(name: String, type: ValueType, isIndexed: Bool = true) {
    self.name = name
    self.type = type
    self.isIndexed = isIndexed
  }
}

/// The value or values of one attribute of one event.
public enum AttributeValue: Hashable, Sendable {
  /// UTF-8 text.
  case text(String)
  /// A signed 64-bit integer.
  case integer(Int64)
  /// A floating-point number; queries compare its bits, so a NaN can be found.
  case double(Double)
  /// True or false.
  case boolean(Bool)
  /// Bytes without a known meaning.
  case bytes([UInt8])
  /// Several values of the declared type, in order.
  case many([AttributeValue])
}
