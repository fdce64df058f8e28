import Reel

/// Reel with its default configuration, and the cache budget that the peers have.
struct ReelStore: Store {
  static let name = "Reel"
  private let recorder: Recorder?
  private let recording: Recording

  init(path: String) throws {
    var configuration = RecorderConfiguration()
    configuration.reading.cacheByteCount = Self.cacheByteCount
    let recorder = try Recorder(path: path, configuration: configuration)
    self.recorder = recorder
    recording = try recorder.recording
  }

  /// Opens for reading alone.
  init(reading path: String) throws {
    recorder = nil
    var configuration = RecordingConfiguration()
    configuration.cacheByteCount = Self.cacheByteCount
    recording = try Recording(path: path, configuration: configuration)
  }

  private static let cacheByteCount = 1 << 30

  mutating func append(_ event: Event) throws { try recorder?.append(event) }
  mutating func settle() throws { try recorder?.flush() }
  mutating func close() throws { try recorder?.close() }

  func get(_ id: [UInt8]) throws -> Fold {
    var fold = Fold()
    if let view = try recording.view(id: EventID(id)) { Self.add(view, to: &fold) }
    return fold
  }

  func range(from: Int64, limit: Int, isDescending: Bool) throws -> Fold {
    var query = Query(order: isDescending ? .descending : .ascending)
    if isDescending {
      query.to = Timestamp(nanoseconds: from)
    } else {
      query.from = Timestamp(nanoseconds: from)
    }
    return try fold(query, limit: limit)
  }

  func correlation(_ id: String) throws -> Fold {
    var query = Query()
    query.correlationID = id
    return try fold(query, limit: nil)
  }

  func replay() throws -> Fold { try fold(Query(), limit: nil) }

  private func fold(_ query: Query, limit: Int?) throws -> Fold {
    var fold = Fold()
    let cursor = try recording.cursor(query, limit: limit)
    while let batch = try cursor.nextBatch() {
      for view in batch { Self.add(view, to: &fold) }
    }
    return fold
  }

  private static func add(_ view: EventView, to fold: inout Fold) {
    var sum = fold
    sum.count += 1
    sum.add(view.timestamp.nanoseconds)
    view.withIDBytes { if let bytes = $0 { sum.add(bytes) } }
    view.withBytes(of: .kind) { if let bytes = $0 { sum.add(bytes) } }
    view.withBytes(of: .process) { if let bytes = $0 { sum.add(bytes) } }
    view.withBytes(of: .module) { if let bytes = $0 { sum.add(bytes) } }
    view.withBytes(of: .functionName) { if let bytes = $0 { sum.add(bytes) } }
    // The peers keep it as decimal text; those of the workload have one digit.
    if let arity = view.arity { sum.add(Int64(arity) + 0x30) }
    view.withBytes(of: .correlationID) { if let bytes = $0 { sum.add(bytes) } }
    view.withBytes(of: .astNodeID) { if let bytes = $0 { sum.add(bytes) } }
    view.withPayloadBytes { sum.add($0) }
    fold = sum
  }
}
