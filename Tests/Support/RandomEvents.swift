@testable import Reel

/// Random events that a recorder takes, from pools small enough for queries to match.
struct RandomEvents {
  var random: SeededRandom
  /// Whether timestamps are from a narrow range, with many equal ones, or any Int64.
  var narrowTime = true
  /// Whether ids are drawn again now and then.
  var repeatsIDs = false
  private var count = 0

  static let declarations = [
    AttributeDeclaration(name: "tenant", type: .text),
    AttributeDeclaration(name: "size", type: .integer),
    AttributeDeclaration(name: "ratio", type: .double, isIndexed: false),
    AttributeDeclaration(name: "flag", type: .boolean),
    AttributeDeclaration(name: "key", type: .bytes),
  ]
  static let kinds = ["function_entry", "function_exit", "message_send", "error", ""]
  static let processes = ["<0.1.0>", "<0.2.0>", "<0.3.0>", "prozess-ü", "<0.1.00>"]
  static let modules = ["Desk.Request", "Desk", "String", ""]
  static let names = ["handle", "split", "call", ""]
  static let correlations = (0..<20).map { "req-\($0)" }
  static let nodes = ["A:b:1", "A:b:2", "Ä:c:0"]
  static let doubles: [Double] = [0, -0.0, 1.5, .infinity, .leastNonzeroMagnitude]

  init(seed: UInt64) { random = SeededRandom(seed) }

  mutating func next() -> Event {
    count += 1
    var event = Event(timestamp: Timestamp(nanoseconds: timestamp()))
    if random.chance(2) { event.id = id() }
    event.kind = maybe(8) { $0.pick(Self.kinds) }
    event.process = maybe(8) { $0.pick(Self.processes) }
    event.peerProcess = maybe(2) { $0.pick(Self.processes) }
    if random.chance(2) {
      let function = Function(
        module: maybe(6) { $0.pick(Self.modules) }, name: maybe(6) { $0.pick(Self.names) },
        arity: maybe(6) { $0.pick([0, 1, 2, 65_534]) })
      if !function.isEmpty { event.function = function }
    }
    event.correlationID = maybe(3) { $0.pick(Self.correlations) }
    event.parentID = maybe(2) { EventID($0.bytes(1 + $0.below(9))) }
    event.callID = maybe(2) { $0.pick(["", "call-1", "call-22"]) }
    event.astNodeID = maybe(3) { $0.pick(Self.nodes) }
    event.node = maybe(2) { $0.pick(["a@host", "b@host"]) }
    event.secondClock = maybe(2) { $0.pick([.min, .max, 0, 17]) }
    event.payload = maybe(4) { Self.payload(&$0) }
    if random.chance(2) { event.attributes = attributes() }
    return event
  }

  mutating func events(_ count: Int) -> [Event] { (0..<count).map { _ in next() } }

  private mutating func timestamp() -> Int64 {
    guard !narrowTime else { return Int64(random.below(400)) - 100 }
    return random.chance(3)
      ? random.pick([.min, .max, 0, -1, 1, .max - 1])
      : Int64.random(in: .min ... .max, using: &random)
  }

  private mutating func id() -> EventID {
    if repeatsIDs && random.chance(4) { return EventID("repeated-\(random.below(5))") }
    switch random.below(4) {
    case 0: return EventID(random.bytes(8) + Array("\(count)".utf8))
    case 1:
      return EventID(
        [UInt8](repeating: 0x61, count: 255 - "\(count)".utf8.count) + Array("\(count)".utf8))
    default: return EventID("id-\(count)")
    }
  }

  private mutating func maybe<T>(_ oneMissingIn: Int, _ make: (inout SeededRandom) -> T) -> T? {
    random.chance(oneMissingIn) ? nil : make(&random)
  }

  private static func payload(_ random: inout SeededRandom) -> Payload {
    let count = random.chance(20) ? 3000 : random.chance(5) ? 0 : random.below(60)
    let encoding = Payload.Encoding(rawValue: random.pick([0, 1, 2, 3, 4, 128, 255]))
    return Payload(random.bytes(count), encoding: encoding)
  }

  private mutating func attributes() -> [String: AttributeValue] {
    var values: [String: AttributeValue] = [:]
    for declaration in Self.declarations where random.chance(2) {
      values[declaration.name] =
        random.chance(4)
        ? .many((0..<random.below(4)).map { _ in value(declaration.type) })
        : value(declaration.type)
    }
    return values
  }

  mutating func value(_ type: AttributeDeclaration.ValueType) -> AttributeValue {
    switch type {
    case .text: .text(random.pick(["a", "b", "", "ß"]))
    case .integer: .integer(random.pick([.min, .max, 0, -1, 7]))
    case .double: .double(random.pick(Self.doubles))
    case .boolean: .boolean(random.chance(2))
    case .bytes: .bytes(random.pick([[], [0], [255, 0]]))
    }
  }
}

extension RandomEvents {
  /// A query of up to three conditions, from the same pools.
  mutating func query() -> Query {
    var query = Query(order: random.chance(2) ? .ascending : .descending)
    for _ in 0..<random.below(4) {
      switch random.below(11) {
      case 0: query.kinds = (0...random.below(2)).map { _ in random.pick(Self.kinds) }
      case 1, 2:
        query.process = random.pick(Self.processes)
        query.role = random.pick(Query.Role.allCases)
      case 3: query.module = random.pick(Self.modules)
      case 4: query.function = random.pick(Self.names)
      case 5: query.arity = random.pick([0, 1, 65_534])
      case 6: query.correlationID = random.pick(Self.correlations + ["none"])
      case 7: query.astNodeID = random.pick(Self.nodes)
      case 8: query.node = random.pick(["a@host", "c@host"])
      case 9:
        let declaration = random.pick(Self.declarations)
        query.attributes[declaration.name] = value(declaration.type)
      default:
        let moments: [Int64] = [.min, -100, -1, 0, 1, 17, 150, 299, .max]
        query.from = Timestamp(nanoseconds: random.pick(moments))
        query.to = Timestamp(nanoseconds: random.pick(moments))
      }
    }
    return query
  }
}
