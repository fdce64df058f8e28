import Reel

/// A top-level field of an event line that means the same in every recording.
enum EventField: UInt8, CaseIterable {
  case id, idHex, timestamp, kind, process, peerProcess, module, function, arity
  case correlationID, astNodeID, node, callID, parentID, parentIDHex, secondClock
  case data, dataText, dataBase64, dataEncoding, dataTerm

  /// The name in JSON.
  var name: StaticString {
    switch self {
    case .id: "id"
    case .idHex: "id_hex"
    case .timestamp: "timestamp_ns"
    case .kind: "kind"
    case .process: "process"
    case .peerProcess: "peer_process"
    case .module: "module"
    case .function: "function"
    case .arity: "arity"
    case .correlationID: "correlation_id"
    case .astNodeID: "ast_node_id"
    case .node: "node"
    case .callID: "call_id"
    case .parentID: "parent_id"
    case .parentIDHex: "parent_id_hex"
    case .secondClock: "second_clock"
    case .data: "data"
    case .dataText: "data_text"
    case .dataBase64: "data_base64"
    case .dataEncoding: "data_encoding"
    case .dataTerm: "data_term"
    }
  }

  /// Whether it is part of the payload.
  var isPayload: Bool { rawValue >= EventField.data.rawValue }
}

/// What a name in an event line refers to.
enum EventFieldMatch: Equatable {
  case known(EventField)
  /// The declared attribute at this index.
  case attribute(Int)
  case unknown

  /// A number of its own for each field, below 128.
  var ordinal: Int? {
    switch self {
    case .known(let field): Int(field.rawValue)
    case .attribute(let index): EventField.allCases.count + index
    case .unknown: nil
    }
  }
}

/// Finds fields by the bytes of their names, without making a String of each.
///
/// An open-addressing hash table over the length and the first sixteen bytes; names that are longer
/// are compared in full after that.
struct EventFieldTable {
  private struct Slot {
    var prefix = KeyPrefix(low: 0, high: 0, byteCount: -1)
    var match = EventFieldMatch.unknown
    var nameIndex = 0
  }

  private var slots: [Slot]
  private var names: [[UInt8]] = []
  let attributes: [AttributeDeclaration]

  /// - Parameter attributes: At most 64 declarations with different names.
  init(attributes: [AttributeDeclaration]) {
    precondition(attributes.count <= 64, "more than 64 attributes")
    self.attributes = attributes
    var capacity = 64
    while capacity < 3 * (EventField.allCases.count + attributes.count) { capacity *= 2 }
    slots = Array(repeating: Slot(), count: capacity)
    for field in EventField.allCases { insert(field.name.description, .known(field)) }
    for (index, attribute) in attributes.enumerated() {
      insert(Self.key(ofAttribute: attribute.name), .attribute(index))
    }
  }

  /// The name in JSON of the attribute `name`: the same, unless it would be taken for another
  /// field.
  ///
  /// Names that start with the prefix get it once more, so that no two attributes share a name.
  static func key(ofAttribute name: String) -> String {
    let isTaken = EventField.allCases.contains { $0.name.description == name }
    return isTaken || name.utf8.starts(with: "attribute:".utf8) ? "attribute:" + name : name
  }

  private mutating func insert(_ name: String, _ match: EventFieldMatch) {
    let bytes = Array(name.utf8)
    let prefix = KeyPrefix(bytes.byteSpan, 0..<bytes.count)
    var index = prefix.hash & (slots.count - 1)
    while slots[index].prefix.byteCount >= 0 { index = (index + 1) & (slots.count - 1) }
    slots[index] = Slot(prefix: prefix, match: match, nameIndex: names.count)
    names.append(bytes)
  }

  /// The field whose name is the decoded bytes of `line` in `key`.
  func match(_ line: RawSpan, _ key: Range<Int>) -> EventFieldMatch {
    let prefix = KeyPrefix(line, key)
    var index = prefix.hash & (slots.count &- 1)
    // Ends: at most a third of the slots is taken.
    while slots[index].prefix.byteCount >= 0 {
      let slot = slots[index]
      if slot.prefix == prefix, key.count <= 16 || isWhole(slot.nameIndex, line, key) {
        return slot.match
      }
      index = (index &+ 1) & (slots.count &- 1)
    }
    return .unknown
  }

  /// The field that `member` of `line` names.
  @inline(__always)
  func match(_ line: RawSpan, _ member: JSONMember) -> EventFieldMatch {
    if !member.keyHasEscapes { return match(line, member.key) }
    let name = line.unescaped(member.key)
    return match(name.byteSpan, 0..<name.count)
  }

  private func isWhole(_ nameIndex: Int, _ line: RawSpan, _ key: Range<Int>) -> Bool {
    let name = names[nameIndex]
    return name.byteSpan.hasSameBytes(as: line.extracting(key))
  }
}

/// The length and the first sixteen bytes of a name, the missing ones zero.
private struct KeyPrefix: Equatable {
  var low: UInt64
  var high: UInt64
  var byteCount: Int

  init(low: UInt64, high: UInt64, byteCount: Int) {
    self.low = low
    self.high = high
    self.byteCount = byteCount
  }

  @inline(__always)
  init(_ line: RawSpan, _ key: Range<Int>) {
    low = Self.word(line, key.lowerBound, key.upperBound)
    high = key.count > 8 ? Self.word(line, key.lowerBound + 8, key.upperBound) : 0
    byteCount = key.count
  }

  /// Up to eight bytes from `start`; what follows `end` is read but masked, to avoid a loop.
  @inline(__always)
  private static func word(_ line: RawSpan, _ start: Int, _ end: Int) -> UInt64 {
    let count = end &- start
    if start &+ 8 <= line.byteCount {
      let word = line.loadWord(at: start)
      return count >= 8 ? word : word & ((1 << UInt64(8 &* count)) &- 1)
    }
    var word: UInt64 = 0
    for index in 0..<count {
      word |= UInt64(line.loadByte(at: start &+ index)) << UInt64(8 &* index)
    }
    return word
  }

  /// Fibonacci hashing (Knuth, TAOCP 3, 6.4) of the parts; the upper bits are the good ones.
  @inline(__always)
  var hash: Int {
    let mixed = (low ^ (high &* 31) ^ UInt64(truncatingIfNeeded: byteCount))
    return Int(truncatingIfNeeded: (mixed &* 0x9E37_79B9_7F4A_7C15) >> 48)
  }
}
