import Reel

@testable import ReelTool

/// Arbitrary events that a store would accept, with every field, encoding and awkward text.
struct JSONRandomEvents {
  var generator: SeededRandom

  init(seed: UInt64) { generator = SeededRandom(seed) }

  mutating func event() -> Event {
    var event = Event()
    event.id = maybe { $0.id() }
    event.timestamp = maybe { Timestamp(nanoseconds: $0.integer()) }
    event.kind = maybe { $0.text() }
    event.process = maybe { $0.text() }
    event.peerProcess = maybe { $0.text() }
    let function = Function(
      module: maybe { $0.text() }, name: maybe { $0.text() },
      arity: maybe { UInt16.random(in: 0...65_534, using: &$0.generator) })
    // A function of which nothing is known has no form in JSON.
    if function != Function() { event.function = function }
    event.correlationID = maybe { $0.text() }
    event.parentID = maybe { $0.id() }
    event.callID = maybe { $0.text() }
    event.astNodeID = maybe { $0.text() }
    event.node = maybe { $0.text() }
    event.secondClock = maybe { $0.integer() }
    for declaration in JSONEventReaderTests.declarations where chance(5) {
      event.attributes[declaration.name] =
        chance(3)
        ? .many((0..<below(4)).map { _ in attribute(declaration.type) })
        : attribute(declaration.type)
    }
    event.payload = maybe { $0.payload() }
    return event
  }

  private mutating func below(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &generator) }
  private mutating func chance(_ oneIn: Int) -> Bool { below(oneIn) == 0 }

  private mutating func maybe<T>(_ make: (inout JSONRandomEvents) -> T) -> T? {
    chance(3) ? nil : make(&self)
  }

  private mutating func integer() -> Int64 {
    let borders: [Int64] = [.min, .max, 0, -1, 1, 1_795_223_980_598_633_000]
    return chance(2)
      ? borders[below(borders.count)] : Int64.random(in: .min ... .max, using: &generator)
  }

  private mutating func bytes() -> [UInt8] {
    (0..<below(12)).map { _ in UInt8.random(in: 0...255, using: &generator) }
  }

  private mutating func text() -> String {
    let parts = [
      "a", "function_entry", "\"", "\\", "\u{0}", "\n", "\u{1F}", "\u{7F}", "é", "e\u{301}", "😀",
      "\u{2028}", "/", "<0.1.0>", "\u{FFFD}", "\u{10FFFF}",
    ]
    return (0..<below(8)).map { _ in parts[below(parts.count)] }.joined()
  }

  private mutating func id() -> EventID { chance(2) ? EventID(text()) : EventID(bytes()) }

  private mutating func attribute(_ type: AttributeDeclaration.ValueType) -> AttributeValue {
    let doubles: [Double] = [
      0, -0.0, 1, 0.1, .leastNonzeroMagnitude, .greatestFiniteMagnitude, .infinity, -.infinity,
      1e22, -1e-7,
    ]
    return switch type {
    case .text: .text(text())
    case .integer: .integer(integer())
    case .double: .double(doubles[below(doubles.count)])
    case .boolean: .boolean(chance(2))
    case .bytes: .bytes(bytes())
    }
  }

  private mutating func json(_ depth: Int) -> String {
    switch below(depth > 3 ? 4 : 6) {
    case 0: return "null"
    case 1: return "\(integer())"
    case 2: return chance(2) ? #""\u00e9\/""# : "-1.50e+3"
    case 3: return quoted(text())
    case 4: return "[" + (0..<below(3)).map { _ in json(depth + 1) }.joined(separator: ", ") + "]"
    default:
      let members = (0..<below(3)).map { _ in "\(quoted(text())):\(json(depth + 1))" }
      return "{" + members.joined(separator: ",") + "}"
    }
  }

  private func quoted(_ text: String) -> String {
    var writer = JSONWriter()
    writer.string(text)
    return writer.text
  }

  private mutating func payload() -> Payload {
    switch below(6) {
    case 0: return Payload(json(0), encoding: .json)
    case 1:
      let names = ["data", "colour", "id", "tag", "data_text", "\\u0061", "a", "attribute:kind"]
      let members = (0..<below(4)).map { _ in "\"\(names[below(names.count)])\":\(json(1))" }
      return Payload(members.joined(separator: ","), encoding: .jsonMembers)
    case 2: return Payload(text())
    case 3: return Payload(bytes())
    case 4: return Payload(text(), encoding: Payload.Encoding(rawValue: UInt8(below(6))))
    default: return Payload(bytes(), encoding: Payload.Encoding(rawValue: UInt8(below(256))))
    }
  }
}
