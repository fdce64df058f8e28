#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif
import Reel
import Workload

/// One recording of Reel that grows through several sizes, asked the same at each of them.
///
/// The memory that this takes does not grow with the events: they are made in chunks, and only a
/// sample of them is kept to ask for.
struct Growth {
  private static let chunkCount = 100_000
  private static let sampleCount = 10_000
  private var trace: Trace
  private var sample: [Event] = []
  private var picks = Picks(seed: 7)
  private var count = 0
  private var newest: Int64 = 0
  private var results = Results()
  private let folder: TemporaryFolder

  private init() throws {
    trace = try Trace(.generated(seed: 1))
    folder = try TemporaryFolder("growth")
  }

  /// Runs through `sizes`, ascending numbers of events, and returns the table.
  static func run(_ sizes: [Int]) throws -> String {
    var growth = try Growth()
    defer { growth.folder.remove() }
    for size in sizes.sorted() { try growth.measure(size) }
    return growth.results.tables[.growth]?.markdown() ?? ""
  }

  private mutating func measure(_ size: Int) throws {
    SideBySide.report("\(size) events")
    let column = "\(rounded(Double(size))) events"
    let first = count
    let time = try grow(to: size)
    add("append, until all is in blocks (µs an event)", column, time / Double(count - first) * 1e6)
    let bytes = Double(try folder.byteCount())
    add("bytes an event on disk, indexes included", column, bytes / Double(count))
    try query(column)
    add(
      "open after kill -9 of 100,000 events more, to the first answer (ms)", column,
      try openAfterKill())
  }

  private mutating func add(_ row: String, _ column: String, _ value: Double) {
    results.add(.growth, row, column, value)
  }

  // MARK: Appending

  /// Appends events until there are `size`.
  ///
  /// - Returns: The seconds of the appends and of the flush at the end, without the making of the
  ///   events. What the recorder does in the background while a chunk is made is at most a buffer.
  /// - Throws: `ReelError`.
  private mutating func grow(to size: Int) throws -> Double {
    let recorder = try Recorder(path: folder.path)
    var time = 0.0
    while count < size {
      let chunk = try nextChunk(min(Self.chunkCount, size - count))
      time += try seconds { for event in chunk { try recorder.append(event) } }
    }
    time += try seconds { try recorder.flush() }
    try recorder.close()
    return time
  }

  /// Makes events and puts some of them into the sample, each with the same chance.
  private mutating func nextChunk(_ chunkCount: Int) throws -> [Event] {
    var chunk: [Event] = []
    chunk.reserveCapacity(chunkCount)
    while chunk.count < chunkCount, let event = try trace.next() {
      chunk.append(event)
      count += 1
      newest = max(newest, event.timestamp?.nanoseconds ?? 0)
      if sample.count < Self.sampleCount {
        sample.append(event)
      } else {
        let place = picks.next(below: count)
        if place < Self.sampleCount { sample[place] = event }
      }
    }
    return chunk
  }

  // MARK: Reading

  private mutating func query(_ column: String) throws {
    var configuration = StoreConfiguration()
    configuration.cacheByteCount = RecordingConfiguration().cacheByteCount
    let start = nanoseconds()
    var store = try ReelStore(path: folder.path, configuration: configuration)
    add("open after close (ms)", column, Double(nanoseconds() - start) * 1e-6)
    try time("get by id (µs)", column, 4000) { try store.get($0.id?.bytes ?? []) }
    for (name, isDescending) in [("ascending", false), ("descending", true)] {
      try time("1,000 events by time, \(name) (µs)", column, 400) {
        let from = $0.timestamp?.nanoseconds ?? 0
        return try store.range(from: from, limit: 1000, isDescending: isDescending)
      }
    }
    try time("one correlation, about 20 events (µs)", column, 400) {
      try store.correlation($0.correlationID ?? "")
    }
    try time("1,000 events of a process (µs)", column, 400) {
      try store.events(ofProcess: $0.process ?? "", limit: 1000)
    }
    try time("1,000 events of a function (µs)", column, 400) {
      try store.events(of: $0.function ?? Function(), limit: 1000)
    }
    try store.close()
    try timeMoments(column)
    let child = try Child.start(
      .tellQueryMemory, ReelStore.name, path: folder.path, count: 100, source: .generated(seed: 2))
    guard child.isSuccess, let bytes = Int(child.output) else {
      throw StoreError(message: "a child that was to tell its memory failed")
    }
    let row = "memory of a reader after such queries, with the default cache (MB)"
    add(row, column, Double(bytes) / 1e6)
  }

  /// What the program was at the moments of events.
  private mutating func timeMoments(_ column: String) throws {
    let recording = try Recording(path: folder.path)
    try time("all processes at a moment (µs)", column, 200) {
      var fold = Fold()
      fold.count = try recording.moment(
        at: $0.timestamp ?? .max, withPayloads: false
      ).processes.count
      return fold
    }
    try time("one process at a moment (µs)", column, 200) {
      var fold = Fold()
      let moment = try recording.moment(at: $0.timestamp ?? .max, process: $0.process)
      fold.count = moment.processes.count
      return fold
    }
  }

  /// Opens a recording with the default cache, asks `count` times about events at random moments,
  /// and prints by how many bytes the memory of this process has grown.
  static func tellQueryMemory(path: String, count: Int) throws {
    let before = Memory.residentBytes(.now) ?? 0
    let recording = try Recording(path: path)
    let statistics = try recording.statistics()
    let oldest = statistics.oldest?.nanoseconds ?? 0
    let span = (statistics.newest?.nanoseconds ?? 0) - oldest
    var numbers = Picks(seed: 42)
    for _ in 0..<count {
      let moment = oldest + span / 1_000_000 * Int64(numbers.next(below: 1_000_000))
      let answer = try recording.events(Query(from: Timestamp(nanoseconds: moment)), limit: 1000)
      guard let event = answer.events.first else { continue }
      if let id = event.id { _ = try recording.event(id: id) }
      var queries = [Query(), Query(), Query()]
      queries[0].correlationID = event.correlationID
      queries[1].process = event.process
      queries[2].function = event.function?.name
      for query in queries { _ = try recording.events(query, limit: 1000) }
    }
    print((Memory.residentBytes(.now) ?? 0) - before, terminator: "")
  }

  /// The median time of an answer over events of the sample, the first quarter of them to warm up;
  /// asking ends after ten seconds.
  private mutating func time(
    _ row: String, _ column: String, _ askCount: Int, _ body: (Event) throws -> Fold
  ) throws {
    var numbers = Picks(seed: 42)
    var times: [Double] = []
    let end = nanoseconds() + 10_000_000_000
    while times.count < askCount, times.count < 8 || nanoseconds() < end {
      let event = sample[numbers.next(below: sample.count)]
      let start = nanoseconds()
      let fold = try body(event)
      times.append(Double(nanoseconds() - start) * 1e-3)
      guard fold.count > 0 else { throw StoreError(message: "\(row): an event is missing") }
    }
    add(row, column, middle(of: Array(times.dropFirst(times.count / 4))))
  }

  /// On a copy: the recording itself grows on from where it was closed.
  private func openAfterKill() throws -> Double {
    let copy = try TemporaryFolder("growth-killed")
    defer { copy.remove() }
    guard system("cp -a '\(folder.path)/.' '\(copy.path)'") == 0 else {
      throw StoreError(message: "cannot copy \(folder.path)")
    }
    let child = try Child.start(
      .fillAndDie, ReelStore.name, path: copy.path, count: Self.chunkCount,
      source: .generated(seed: 2, after: newest))
    guard !child.isSuccess else { throw StoreError(message: "the child was to be killed") }
    let start = nanoseconds()
    var store = try ReelStore(path: copy.path)
    let fold = try store.range(from: .min, limit: 1, isDescending: false)
    let time = Double(nanoseconds() - start) * 1e-6
    guard fold.count == 1, try store.recording.count() == count + Self.chunkCount else {
      throw StoreError(message: "Reel lost events to a kill")
    }
    try store.close()
    return time
  }
}
