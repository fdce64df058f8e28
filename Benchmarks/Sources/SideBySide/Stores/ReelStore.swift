import Reel

/// Reel with its default configuration, but for the cache, which has the size that the peers have.
struct ReelStore: Store {
  static let name = "Reel"
  static let version = "this build"
  let recorder: Recorder
  let recording: Recording

  init(path: String, configuration: StoreConfiguration) throws {
    try self.init(path: path, configuration: Self.recorderConfiguration(configuration))
  }

  init(path: String, configuration: RecorderConfiguration) throws {
    let recorder = try Recorder(path: path, configuration: configuration)
    self.recorder = recorder
    recording = try recorder.recording
  }

  static func recorderConfiguration(_ configuration: StoreConfiguration) -> RecorderConfiguration {
    var result = RecorderConfiguration()
    result.reading.cacheByteCount = configuration.cacheByteCount
    result.durability = configuration.isDurable ? .disk : .process
    return result
  }

  mutating func append(_ event: Event) throws { try recorder.append(event) }
  mutating func append(batch: [Event]) throws { try recorder.append(contentsOf: batch) }
  mutating func settle() throws { try recorder.flush() }
  mutating func close() throws { try recorder.close() }

  mutating func removeEvents(before timestamp: Int64) throws {
    try recorder.removeEvents(before: Timestamp(nanoseconds: timestamp))
  }

  mutating func reclaim() throws { try recorder.enforceRetention() }

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

  func events(ofProcess process: String, limit: Int) throws -> Fold {
    var query = Query()
    query.process = process
    query.role = .process
    return try fold(query, limit: limit)
  }

  func events(of function: Function, limit: Int) throws -> Fold {
    var query = Query()
    query.module = function.module
    query.function = function.name
    query.arity = function.arity
    return try fold(query, limit: limit)
  }

  func countByFunction() throws -> Fold {
    var fold = Fold()
    for facet in try recording.facets(of: .function) {
      guard let value = facet.value else { continue }
      fold.add(key: Array(value.utf8).span.bytes, count: facet.count)
    }
    return fold
  }

  func replay() throws -> Fold { try fold(Query(), limit: nil) }

  private func fold(_ query: Query, limit: Int?) throws -> Fold {
    var fold = Fold()
    let cursor = try recording.cursor(query, limit: limit)
    while let batch = try cursor.nextBatch() {
      batch.forEach { Self.add($0, to: &fold) }
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
    // The peers keep it as decimal text.
    if var arity = view.arity.map(Int64.init) {
      repeat {
        sum.add(arity % 10 + 0x30)
        arity /= 10
      } while arity > 0
    }
    view.withBytes(of: .correlationID) { if let bytes = $0 { sum.add(bytes) } }
    view.withBytes(of: .astNodeID) { if let bytes = $0 { sum.add(bytes) } }
    view.withPayloadBytes { sum.add($0) }
    fold = sum
  }
}
