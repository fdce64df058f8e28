/// What the entry and the exit of a call have in common, as hashes.
///
/// Whoever nests calls needs it: go through the events of a process in the order in which they were
/// recorded, keep the keys of the open calls, and at an exit look for the innermost that it
/// ``ends(_:)``.
public struct CallKey: Hashable, Sendable {
  /// Of the function, 0 when there is none.
  private var function: UInt64 = 0
  /// Of the call's id, 0 when there is none.
  private var callID: UInt64 = 0

  /// The key of an event with neither.
  init() {}

  /// Sets the function, given as it lies in a column of functions; `name` is used for it.
  mutating func setFunction(_ key: RawSpan, _ name: inout [UInt8]) {
    let parts = FunctionKey.parts(key)
    let arity = parts.arity.map { UInt32($0) + 1 } ?? 0
    name.removeAll(keepingCapacity: true)
    for part in [parts.module, parts.name] {
      if let part { name.append(key.extracting(part)) }
    }
    function =
      name.isEmpty && arity == 0
      ? 0 : Self.function(name.rawSpan, arity, parts.module.map { UInt64($0.count) })
  }

  mutating func setCallID(_ id: RawSpan) { callID = textHash(id, seed: Self.seed) | 1 }

  // Module and name lie side by side; the arity is 0 when absent, else one more.
  private static func function(
    _ name: RawSpan, _ arityPlusOne: UInt32, _ moduleByteCount: UInt64?
  ) -> UInt64 {
    let length = moduleByteCount ?? UInt64(Record.absentLength)
    return (textHash(name, seed: seed) ^ UInt64(arityPlusOne) << 32 ^ length) | 1
  }

  /// The key of the call that the event enters or leaves, at no copy of it.
  public init(_ view: EventView) {
    let (module, name) = (view.range(.module), view.range(.function))
    let arity = view.arity.map { UInt32($0) + 1 } ?? 0
    // Module and name lie side by side.
    let start = module?.lowerBound ?? name?.lowerBound ?? 0
    let end = name?.upperBound ?? module?.upperBound ?? start
    let region = view.page.region
    if start < end || arity != 0 {
      function = Self.function(
        region.bytes(start..<end), arity, module.map { UInt64($0.count) })
    }
    if let id = view.range(.callID) { setCallID(region.bytes(id)) }
  }

  private static let seed: UInt64 = 0x5245_454C

  /// The key of the call that an event with this record enters or leaves.
  init(_ record: borrowing RecordView) {
    let name = record.range(of: .module, through: .function)
    if !name.isEmpty || record.arityPlusOne != 0 {
      let hash = textHash(record.bytes.extracting(name), seed: Self.seed)
      function =
        (hash ^ UInt64(record.arityPlusOne) << 32 ^ UInt64(record.length(.module))) | 1
    }
    if record.length(.callID) != Record.absentLength {
      let id = record.bytes.extracting(record.range(of: .callID))
      callID = textHash(id, seed: Self.seed) | 1
    }
  }

  /// Whether an exit with this key can end `call`.
  ///
  /// Where both have an id it decides, else the function; an exit without either ends any call. An
  /// exit ends the innermost call that it can, and with it all calls within: those were left by an
  /// error. One that can end none is of a call that began before the recording.
  public func ends(_ call: CallKey) -> Bool {
    if callID != 0, call.callID != 0 { return callID == call.callID }
    return function == 0 || function == call.function
  }
}

extension CallKey {
  /// The key of the call that `event` enters or leaves.
  public init(_ event: Event) {
    var short = Event()
    short.function = event.function
    short.callID = event.callID
    let rules = RecordRules(maximumPayloadByteCount: 0, attributes: AttributeSchema())
    // An event that was recorded is within the limits.
    let byteCount = (try? short.measure(rules)) ?? Record.headerByteCount
    let region = Region(byteCount: byteCount)
    var writer = RecordWriter(region: region, start: 0, byteCount: byteCount, timestamp: 0)
    if byteCount > Record.headerByteCount { short.write(to: &writer, rules: rules) }
    let bytes = region.bytes(0..<byteCount)
    guard let record = try? RecordView(bytes) else {
      self.init()
      return
    }
    self.init(record)
  }
}
