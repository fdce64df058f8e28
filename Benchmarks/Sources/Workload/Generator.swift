public import Reel

/// A trace made by a seed: exponential gaps of mean 2 µs, 2 % of events up to 1 ms late, 200
/// processes (Zipf 1.1), 500 functions (Zipf 1.0) with 4 AST nodes each, 50 live correlations of 15
/// to 25 events each, ids of 16 random bytes, 6 kinds, JSON-like payloads of 60 to 300 bytes.
public struct Generator {
  private var state: UInt64
  private var clock: Int64
  private let processes: Zipf
  private let functions: Zipf
  private var live: [(id: Int, rest: Int)] = []
  private var nextCorrelation = 0

  private static let kinds = [
    "function_entry", "function_exit", "message_send", "message_receive", "state_change", "error",
  ]
  private static let members = [
    "account", "kind", "balance", "item", "quantity", "state", "total", "reply", "elapsed_us",
    "queue", "attempt", "status", "version", "node", "amount", "mode",
  ]
  private static let words = [
    "alpha", "order", "account", "balance", "item", "quantity", "total", "reply", "state", "queue",
    "pending", "status",
  ]

  /// Creates the generator of the trace with `seed`, which begins at a moment in nanoseconds.
  public init(seed: UInt64, after moment: Int64? = nil) {
    clock = moment ?? 1_700_000_000_000_000_000
    state = seed &+ 0x9E37_79B9_7F4A_7C15
    processes = Zipf(count: 200, exponent: 1.1)
    functions = Zipf(count: 500, exponent: 1.0)
    for _ in 0..<50 { live.append(newCorrelation()) }
  }

  /// The next random number: splitmix64 (Steele, Lea and Flood, OOPSLA 2014).
  private mutating func random() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  private mutating func random(below bound: Int) -> Int { Int(random() % UInt64(bound)) }

  private mutating func uniform() -> Double { Double(random() >> 11) * 0x1p-53 }

  private mutating func newCorrelation() -> (id: Int, rest: Int) {
    nextCorrelation += 1
    return (nextCorrelation, 15 + random(below: 11))
  }

  /// The next event.
  public mutating func next() -> Event {
    clock += Int64(2000 * -logarithm(1 - uniform()))
    var timestamp = clock
    if random(below: 50) == 0 { timestamp -= Int64(random(below: 1_000_000)) }
    let function = functions.sample(uniform())
    let module = "MyApp.Orders.Worker\(function % 40)"
    let name = "handle_call_\(function)"
    let arity = UInt16(function % 5)
    let slot = random(below: live.count)
    let correlation = "req-\(live[slot].id)"
    live[slot].rest -= 1
    if live[slot].rest == 0 { live[slot] = newCorrelation() }
    var id: [UInt8] = []
    for _ in 0..<2 {
      let word = random()
      for shift in 0..<8 { id.append(UInt8(truncatingIfNeeded: word >> UInt64(8 * shift))) }
    }
    return Event(
      id: EventID(id), timestamp: Timestamp(nanoseconds: timestamp),
      kind: Self.kinds[random(below: 6)], process: "<0.\(1000 + processes.sample(uniform())).0>",
      function: Function(module: module, name: name, arity: arity), correlationID: correlation,
      astNodeID: "\(module):\(name):\(arity):\(random(below: 4))", payload: payload())
  }

  /// The next `count` events.
  public mutating func events(_ count: Int) -> [Event] {
    var events: [Event] = []
    events.reserveCapacity(count)
    for _ in 0..<count { events.append(next()) }
    return events
  }

  /// An object of the same members in the same order, as programs write them, of which the shorter
  /// ones are more frequent: 152 bytes in the mean.
  private mutating func payload() -> Payload {
    let length = 60 + min(random(below: 241), random(below: 241))
    var text = "{"
    var index = 0
    while text.utf8.count < length {
      if index > 0 { text += "," }
      text += "\"\(Self.members[index % Self.members.count])\":"
      if index % 2 == 0 {
        text += "\(random(below: 1_000_000))"
      } else {
        text += "\"\(Self.words[random(below: Self.words.count)])\""
      }
      index += 1
    }
    return Payload(text + "}", encoding: .json)
  }
}

/// A Zipf distribution by inversion of its cumulative weights.
struct Zipf {
  private let cumulative: [Double]

  init(count: Int, exponent: Double) {
    var total = 0.0
    var sums: [Double] = []
    for rank in 1...count {
      total += exponential(-exponent * logarithm(Double(rank)))
      sums.append(total)
    }
    cumulative = sums.map { $0 / total }
  }

  func sample(_ uniform: Double) -> Int {
    var low = 0
    var high = cumulative.count - 1
    while low < high {
      let middle = (low + high) / 2
      if cumulative[middle] < uniform { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
