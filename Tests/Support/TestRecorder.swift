@testable import Reel

extension RecorderConfiguration {
  /// Blocks, segments and buffers as small as they can be, so that few events make many of each.
  static var tiny: RecorderConfiguration {
    var configuration = RecorderConfiguration()
    configuration.bufferByteCount = 64 << 10
    configuration.blockByteCount = 4 << 10
    configuration.payloadFrameByteCount = 4 << 10
    configuration.segmentByteCount = 64 << 10
    return configuration
  }
}

extension Recorder {
  /// The id of the run that this recorder makes.
  var runID: UInt64 {
    get throws { try recording.statistics().runs.last?.id ?? 0 }
  }

  /// Appends `events` one by one and to a model; those without a timestamp are given one.
  func append(_ events: [Event], to model: inout ModelStore) throws {
    let run = try runID
    for event in events {
      guard let sequence = try append(event) else { continue }
      model.append(event, sequence: sequence, runID: run)
    }
  }
}

/// Makes a recording at `path` of `events` and closes it.
@discardableResult
func record(
  _ events: [Event], at path: String, _ configuration: RecorderConfiguration = .tiny
) throws -> ModelStore {
  var model = ModelStore()
  let recorder = try Recorder(path: path, configuration: configuration)
  try recorder.append(events, to: &model)
  try recorder.close()
  return model
}

/// A plain event, the number `number`, at that many nanoseconds.
func numbered(_ number: Int) -> Event {
  Event(
    id: EventID("event-\(number)"), timestamp: Timestamp(nanoseconds: Int64(number)),
    kind: "numbered", process: "<0.\(number % 7).0>", correlationID: "req-\(number / 10)",
    payload: Payload("payload of number \(number)"))
}

extension RecordView {
  /// Calls `body` with the record of `event`, as the write-ahead buffer would hold it.
  static func with<R>(
    _ event: Event, type: UInt8 = 0, rules: RecordRules = .plain,
    _ body: (borrowing RecordView) throws -> R
  ) throws -> R {
    let byteCount = try event.measure(rules)
    let region = Region(byteCount: byteCount)
    var writer = RecordWriter(
      region: region, start: 0, byteCount: byteCount,
      timestamp: event.timestamp?.nanoseconds ?? 0)
    if type != 0 { writer.setType(type) }
    event.write(to: &writer, rules: rules)
    let bytes = region.bytes(0..<byteCount).copied()
    return try body(try RecordView(bytes.rawSpan))
  }
}

extension RecordRules {
  static var plain: RecordRules {
    RecordRules(maximumPayloadByteCount: 1 << 20, attributes: AttributeSchema())
  }

  /// Rules with the attributes that random events have.
  static var withAttributes: RecordRules {
    var schema = AttributeSchema()
    try? schema.merge(RandomEvents.declarations)
    return RecordRules(maximumPayloadByteCount: 1 << 20, attributes: schema)
  }
}
