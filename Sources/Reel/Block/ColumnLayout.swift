/// The columns that a block may have.
///
/// The raw values are the format's; a column whose rows are all absent is left out. Normative:
/// format-spec.md, "Columns".
struct ColumnID: RawRepresentable, Hashable, Sendable {
  let rawValue: UInt8

  static let recordType = ColumnID(rawValue: 1)
  static let timestamp = ColumnID(rawValue: 2)
  static let kind = ColumnID(rawValue: 3)
  static let process = ColumnID(rawValue: 4)
  static let peerProcess = ColumnID(rawValue: 5)
  static let function = ColumnID(rawValue: 6)
  static let correlationID = ColumnID(rawValue: 7)
  static let astNodeID = ColumnID(rawValue: 8)
  static let node = ColumnID(rawValue: 9)
  static let secondClock = ColumnID(rawValue: 10)
  static let payloadEncoding = ColumnID(rawValue: 11)
  static let payloadLength = ColumnID(rawValue: 12)
  static let callID = ColumnID(rawValue: 13)
  static let parentID = ColumnID(rawValue: 14)
  static let id = ColumnID(rawValue: 15)
  /// No column of a file: the rows by time, which come of other columns and take time to find.
  static let eventOrder = ColumnID(rawValue: 63)
  private static let firstAttribute: UInt8 = 64

  /// The column of the declared attribute at `index`.
  static func attribute(_ index: Int) -> ColumnID {
    ColumnID(rawValue: firstAttribute + UInt8(index))
  }

  /// The index of the declared attribute, when it is the column of one.
  var attributeIndex: Int? {
    rawValue >= Self.firstAttribute && Int(rawValue - Self.firstAttribute) < Limits.attributeCount
      ? Int(rawValue - Self.firstAttribute) : nil
  }

  /// The columns whose values are texts in a dictionary, but for attributes.
  static let texts: [ColumnID] = [
    .kind, .process, .peerProcess, .function, .correlationID, .astNodeID, .node,
  ]

  /// Whether it is one of ``texts``, whose numbers lie side by side.
  var isText: Bool { (Self.kind.rawValue...Self.node.rawValue).contains(rawValue) }

  /// The place of one of ``texts`` among them.
  var textIndex: Int { Int(rawValue - Self.kind.rawValue) }

  /// The name that the tool and messages use.
  var name: String {
    switch self {
    case .recordType: "record type"
    case .timestamp: "timestamp"
    case .kind: "kind"
    case .process: "process"
    case .peerProcess: "peer process"
    case .function: "function"
    case .correlationID: "correlation id"
    case .astNodeID: "AST node id"
    case .node: "node"
    case .secondClock: "second clock"
    case .payloadEncoding: "payload encoding"
    case .payloadLength: "payload length"
    case .callID: "call id"
    case .parentID: "parent id"
    case .id: "id"
    default: attributeIndex.map { "attribute \($0)" } ?? "column \(rawValue)"
    }
  }
}

/// How the bytes of a column are to be read.
enum ColumnEncoding: UInt8 {
  /// Integers as differences from row to row, divided by their common unit.
  case deltas = 1
  /// Integers as byte planes.
  case planes = 2
  /// Texts as codes into a sorted, front-coded dictionary.
  case dictionary = 3
  /// Identifiers of one length as byte planes.
  case identifierPlanes = 4
  /// Identifiers of any length.
  case identifiers = 5

  /// Set beside an encoding when a bitmap of the present rows comes first and the encoding covers
  /// only those.
  static let presenceFlag: UInt8 = 0x80
}

/// One column's place in the attributes frame of a block.
struct ColumnEntry: Hashable, Sendable {
  static let byteCount = 6

  var id: ColumnID
  /// A ``ColumnEncoding``, with ``ColumnEncoding/presenceFlag`` or without.
  var encoding: UInt8
  var byteCount: Int
}
