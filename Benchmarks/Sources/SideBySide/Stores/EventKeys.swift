import Reel

/// The keys under which a store of keys and values finds an event; nothing for a field it lacks.
struct EventKeys {
  var id: [UInt8]?
  var process: [UInt8]?
  var function: [UInt8]?
  var correlation: [UInt8]?
  var node: [UInt8]?

  init(_ event: Event) {
    id = event.id?.bytes
    process = event.process.map { Array($0.utf8) }
    function = event.function.map(Self.key)
    correlation = event.correlationID.map { Array($0.utf8) }
    node = event.astNodeID.map { Array($0.utf8) }
  }

  /// The keys of an encoded event.
  init(row: UnsafeRawBufferPointer) {
    let fields = EventRow.fields(of: row)
    func key(_ index: Int) -> [UInt8]? { fields[index].isEmpty ? nil : Array(fields[index]) }
    id = key(EventRow.Field.id)
    process = key(EventRow.Field.process)
    if let module = key(EventRow.Field.module), let name = key(EventRow.Field.function),
      let arity = key(EventRow.Field.arity)
    {
      function = module + [Self.dot] + name + [Self.slash] + arity
    }
    correlation = key(EventRow.Field.correlation)
    node = key(EventRow.Field.node)
  }

  /// A function as one key, such as `GenServer.call/2`.
  static func key(_ function: Function) -> [UInt8] {
    var key = Array((function.module ?? "").utf8)
    key.append(dot)
    key.append(contentsOf: (function.name ?? "").utf8)
    key.append(slash)
    key.append(contentsOf: String(function.arity ?? 0).utf8)
    return key
  }

  private static let dot = UInt8(ascii: ".")
  private static let slash = UInt8(ascii: "/")
}
