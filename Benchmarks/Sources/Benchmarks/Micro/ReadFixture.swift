import Benchmark
import Reel

/// A closed recording of all events, opened again by a recorder that writes no events: through it
/// a query need not look at files to know that nothing has come.
final class ReadFixture: Fixture {
  private let folder: TemporaryFolder
  private let recorder: Recorder
  let recording: Recording
  private var state: UInt64 = 42

  init(cacheByteCount: Int) throws {
    folder = try TemporaryFolder()
    let path = folder.path("recording")
    try Events.record(at: path)
    var configuration = RecorderConfiguration()
    configuration.reading.cacheByteCount = cacheByteCount
    recorder = try Recorder(path: path, configuration: configuration)
    recording = try recorder.recording
  }

  /// One whose cache has room for all and holds all that a replay reads.
  static func warm() throws -> ReadFixture {
    let fixture = try ReadFixture(cacheByteCount: 1 << 30)
    try fixture.replay()
    return fixture
  }

  func close() throws { try recorder.close() }

  /// An event at random, in the same order in every process.
  func pick() -> Event {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Events.all[Int((state >> 33) % UInt64(Events.all.count))]
  }

  /// Measures so many gets as `benchmark` scales, each by the id of an event at random.
  func get(_ benchmark: Benchmark) throws {
    let ids = benchmark.scaledIterations.compactMap { _ in pick().id }
    try benchmark.measure {
      for id in ids {
        guard let view = try recording.view(id: id) else {
          throw WrongAnswer(description: "no event with id \(id)")
        }
        blackHole(Self.look(at: view))
      }
    }
  }

  /// Reads all events in order of time.
  func replay() throws {
    let count = try read(Query())
    guard count == Events.all.count else { throw WrongAnswer(description: "read \(count)") }
  }

  /// Reads the events that match and looks at every field of each.
  ///
  /// - Returns: How many there are.
  func read(_ query: Query, limit: Int? = nil) throws -> Int {
    let cursor = try recording.cursor(query, limit: limit)
    var count = 0
    var sum = 0
    while let batch = try cursor.nextBatch() {
      for view in batch {
        count += 1
        sum &+= Self.look(at: view)
      }
    }
    blackHole(sum)
    return count
  }

  /// Something that depends on where every field lies and how long it is.
  private static func look(at view: EventView) -> Int {
    var sum = Int(view.timestamp.nanoseconds) &+ Int(view.arity ?? 0)
    view.withIDBytes { sum &+= $0?.byteCount ?? 0 }
    view.withBytes(of: .kind) { sum &+= $0?.byteCount ?? 0 }
    view.withBytes(of: .process) { sum &+= $0?.byteCount ?? 0 }
    view.withBytes(of: .module) { sum &+= $0?.byteCount ?? 0 }
    view.withBytes(of: .functionName) { sum &+= $0?.byteCount ?? 0 }
    view.withBytes(of: .correlationID) { sum &+= $0?.byteCount ?? 0 }
    view.withBytes(of: .astNodeID) { sum &+= $0?.byteCount ?? 0 }
    view.withPayloadBytes { sum &+= $0.byteCount }
    return sum
  }
}
