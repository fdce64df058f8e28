import Benchmark
import Reel

/// Adds the benchmarks of what it costs to write.
func registerAppends() {
  register("Append one event", scale: .kilo, fixture: AppendFixture.init) { benchmark, fixture in
    let events = try fixture.next(benchmark.scaledIterations.count)
    try benchmark.measure {
      for event in events { try fixture.recorder.append(event) }
    }
  }
  register("Append a batch of 1,000", fixture: AppendFixture.init) { benchmark, fixture in
    let batch = Array(try fixture.next(1000))
    try benchmark.measure { try fixture.recorder.append(contentsOf: batch) }
  }
  register("Append 10,000 events and flush", fixture: AppendFixture.init) { benchmark, fixture in
    let events = try fixture.next(10_000)
    // All that happens to an event: encoding, building blocks, compressing and writing them.
    try benchmark.measure {
      for event in events { try fixture.recorder.append(event) }
      try fixture.recorder.flush()
    }
  }
  register("Encode one event from bytes", scale: .kilo, fixture: EncodedEvents.init) {
    benchmark, events in
    benchmark.measure {
      var encoder = EventEncoder()
      for index in benchmark.scaledIterations { events.encode(index, into: &encoder) }
      blackHole(encoder.has(.id))
    }
  }
  register("Append one event from bytes", scale: .kilo, fixture: EncodedAppendFixture.init) {
    benchmark, fixture in
    _ = try fixture.appending.next(benchmark.scaledIterations.count)
    let recorder = fixture.appending.recorder
    try benchmark.measure {
      var encoder = EventEncoder()
      for index in benchmark.scaledIterations {
        fixture.events.encode(index, into: &encoder)
        try recorder.append(encoder)
      }
    }
  }
  register("Close after 100,000 events", fixture: AppendFixture.init) { benchmark, fixture in
    try fixture.restart()
    for batch in Events.batches { try fixture.recorder.append(contentsOf: batch) }
    try fixture.recorder.flush()
    // The last block is written: what is left is the indexes, the directory and the disk.
    try benchmark.measure { try fixture.recorder.close() }
  }
}

/// A recorder with durability `process` that begins anew once it has all events, so that a run's
/// length does not decide how large its recording is.
private final class AppendFixture: Fixture {
  private let folder: TemporaryFolder
  private(set) var recorder: Recorder
  private var offset = 0

  init() throws {
    folder = try TemporaryFolder()
    recorder = try Recorder(path: folder.path("recording"))
    _ = Events.batches
  }

  /// The next `count` events, for which the buffer has room, as everything before is flushed.
  func next(_ count: Int) throws -> ArraySlice<Event> {
    if offset + count > Events.all.count { try restart() }
    try recorder.flush()
    defer { offset += count }
    return Events.all[offset..<(offset + count)]
  }

  func restart() throws {
    try recorder.close()
    try folder.remove("recording")
    recorder = try Recorder(path: folder.path("recording"))
    offset = 0
  }

  func close() throws { try recorder.close() }
}

/// The fields of the first 1,000 events as bytes that lie side by side.
private final class EncodedEvents: Fixture {
  private struct Row {
    var timestamp: Timestamp?
    var arity: UInt16?
    var fields: [(field: EventEncoder.Field, bytes: Range<Int>)] = []
    var payload: Range<Int>?
  }

  private let rows: [Row]
  private let bytes: [UInt8]

  init() {
    var all: [UInt8] = []
    func add(_ bytes: some Sequence<UInt8>) -> Range<Int> {
      let start = all.count
      all.append(contentsOf: bytes)
      return start..<all.count
    }
    rows = Events.all.prefix(1000).map { event in
      var row = Row(timestamp: event.timestamp, arity: event.function?.arity)
      if let id = event.id { row.fields.append((.id, add(id.bytes))) }
      let texts: [(EventEncoder.Field, String?)] = [
        (.kind, event.kind), (.process, event.process), (.module, event.function?.module),
        (.function, event.function?.name), (.correlationID, event.correlationID),
        (.astNodeID, event.astNodeID),
      ]
      for (field, text) in texts {
        if let text { row.fields.append((field, add(text.utf8))) }
      }
      row.payload = event.payload.map { add($0.bytes) }
      return row
    }
    bytes = all
  }

  /// Gives `encoder` the event at `index`, which is below 1,000, in place of the one before.
  func encode(_ index: Int, into encoder: inout EventEncoder) {
    let bytes = bytes
    let all = bytes.span.bytes
    encoder.clear()
    encoder.timestamp = rows[index].timestamp
    encoder.arity = rows[index].arity
    for (field, range) in rows[index].fields { encoder.set(field, all.extracting(range)) }
    if let payload = rows[index].payload {
      encoder.setPayload(all.extracting(payload), encoding: .json)
    }
  }

  func close() {}
}

private final class EncodedAppendFixture: Fixture {
  let events = EncodedEvents()
  let appending: AppendFixture

  init() throws { appending = try AppendFixture() }

  func close() throws { try appending.close() }
}
