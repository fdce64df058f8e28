/// A recording, open for reading: by any number of readers, in any process, also while a recorder
/// writes to it.
///
/// Nothing is ever written, and nothing is waited for.
///
/// Each call looks at the recording as it is at that moment: it sees every event whose append had
/// returned before. Any number of threads may use one.
public final class Recording: Sendable {
  /// The folder, or the lone segment file.
  public let path: String
  /// The recording's folder; nothing when it is a lone segment file.
  let recordingFolder: (any Folder)?
  let cache: ReadCache
  private let configuration: RecordingConfiguration
  private let clock: any Clock
  private let mark: (@Sendable () -> LiveMark?)?
  private let lock = Lock()
  private nonisolated(unsafe) var source: Source
  private nonisolated(unsafe) var isClosed = false

  private enum Source {
    case folder(SnapshotReader)
    /// A lone segment does not change.
    case segment(Snapshot)
  }

  /// The number of events that a call returns which is not told otherwise.
  public static let defaultLimit = 1000

  /// Opens the recording in the folder at `path`, or the single segment file at `path`.
  ///
  /// - Throws: ``ReelError/notFound(path:)``, ``ReelError/notARecording(path:reason:)``,
  ///   ``ReelError/unsupportedFormat(path:found:supported:)``, ``ReelError/corrupted(_:)`` for a
  ///   lone segment without a whole header, ``ReelError/io(_:)``.
  /// - Complexity: One read a segment.
  public convenience init(
    path: String, configuration: RecordingConfiguration = RecordingConfiguration()
  ) throws(ReelError) {
    try self.init(path: path, configuration: configuration, floor: 0)
  }

  /// As ``init(path:configuration:)``, without the segments before the one that has the sequence
  /// number `floor`.
  convenience init(
    path: String, configuration: RecordingConfiguration, floor: UInt64
  ) throws(ReelError) {
    if let folder = try Self.folder(path) {
      try self.init(folder: folder, configuration: configuration, floor: floor)
    } else {
      try self.init(segment: path, configuration: configuration)
    }
  }

  init(
    folder: any Folder, configuration: RecordingConfiguration = RecordingConfiguration(),
    clock: any Clock = SystemClock(), mark: (@Sendable () -> LiveMark?)? = nil, floor: UInt64 = 0
  ) throws(ReelError) {
    recordingFolder = folder
    path = folder.path
    self.configuration = configuration
    self.clock = clock
    self.mark = mark
    cache = ReadCache(folder: folder, configuration: configuration)
    let reader = SnapshotReader(folder: folder, clock: clock, mark: mark)
    reader.floor = floor
    try reader.refresh()
    unsafe source = .folder(reader)
  }

  private init(segment path: String, configuration: RecordingConfiguration) throws(ReelError) {
    self.path = path
    let cut = path.lastIndex(of: "/")
    let parent = cut.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let name = cut.map { String(path[path.index(after: $0)...]) } ?? path
    let folder = try POSIXFolder(path: parent, create: false)
    recordingFolder = nil
    self.configuration = configuration
    clock = SystemClock()
    mark = nil
    cache = ReadCache(folder: folder, configuration: configuration)
    unsafe source = .segment(try Self.snapshot(of: folder, segment: name))
  }

  /// The folder at `path`, or nothing when a file is there.
  private static func folder(_ path: String) throws(ReelError) -> POSIXFolder? {
    do {
      return try POSIXFolder(path: path, create: false)
    } catch .io(let failure) where failure.code == ErrorNumber.noEntry {
      throw .notFound(path: path)
    } catch .io(let failure) where failure.code == ErrorNumber.notAFolder {
      return nil
    }
  }

  private static func snapshot(
    of folder: any Folder, segment name: String
  ) throws(ReelError) -> Snapshot {
    let file = try folder.open(name, .read)
    var draft = SnapshotDraft()
    let segment = try ReadableSegment.read(
      file, name: name, expected: nil, byteCount: try file.byteCount(), old: nil,
      recording: &draft.recording)
    draft.segments = [segment]
    draft.firstBufferedSequence = segment.summary.nextSequence
    let open = try SegmentFile(file: file)
    draft.control = (try? open.state()) ?? ControlState()
    var cost = QueryCost()
    let cache = ReadCache(folder: folder, configuration: RecordingConfiguration())
    for entry in (try? segment.directory(cache, cost: &cost))?.blocks ?? []
    where entry.eventCount < entry.recordCount {
      try? open.controlRecords(entry) { draft.control.apply($0, sequence: $1) }
    }
    // What an earlier segment said of removed events does not matter to one that stands alone.
    draft.control.dropped = Drop(below: 1, eventCount: 0)
    return Snapshot(draft)
  }

  /// Ends the use of this recording: later calls throw ``ReelError/closed``.
  ///
  /// Files are closed with the last cursor.
  public func close() {
    lock.withLock { unsafe isClosed = true }
  }

  /// What the recording holds at this moment.
  func snapshot() throws(ReelError) -> Snapshot {
    lock.lock()
    defer { lock.unlock() }
    if unsafe isClosed { throw .closed }
    switch unsafe source {
    case .segment(let snapshot): return snapshot
    case .folder(let reader):
      do throws(ReelError) {
        try reader.refresh()
      } catch .io(let failure) where failure.code == ErrorNumber.tooManyFiles {
        cache.giveBackFiles()
        try reader.refresh()
      }
      return reader.snapshot
    }
  }

  // MARK: Following

  /// Whether it is a lone segment file, which does not change.
  var isLoneSegment: Bool { recordingFolder == nil }

  /// Another reader of the same, without the segments before the one that has the sequence number
  /// `floor`.
  func reader(from floor: UInt64) throws(ReelError) -> Recording {
    guard let recordingFolder else { return self }
    return try Recording(
      folder: recordingFolder, configuration: configuration, clock: clock, mark: mark,
      floor: floor)
  }

  /// Looks no more at segments before the one that has the sequence number `floor`.
  func raiseFloor(to floor: UInt64) {
    lock.withLock {
      if case .folder(let reader) = unsafe source { reader.floor = floor }
    }
  }

  // MARK: Events

  /// The event with `id`; of several with one id, the one that arrived last.
  ///
  /// - Returns: Nothing when there is none.
  /// - Throws: ``ReelError/corrupted(_:)`` when a block that may have it cannot be read and no
  ///   other has it, ``ReelError/io(_:)``, ``ReelError/closed``.
  /// - Complexity: One index look-up a segment, newest first, and one block.
  public func event(id: EventID) throws(ReelError) -> Event? {
    try view(id: id)?.event
  }

  /// As ``event(id:)``, without copying the event.
  public func view(id: EventID) throws(ReelError) -> EventView? {
    try IDLookup(snapshot: try snapshot(), cache: cache).find(id)
  }

  /// Whether there is an event with `id`.
  public func contains(id: EventID) throws(ReelError) -> Bool {
    try view(id: id) != nil
  }

  /// The event with a sequence number, or nothing when it is a control record's or not there.
  public func event(_ number: SequenceNumber) throws(ReelError) -> Event? {
    try IDLookup(snapshot: try snapshot(), cache: cache).find(number.rawValue)?.event
  }

  /// The events that match `query`, in its order.
  ///
  /// - Parameters:
  ///   - query: What must hold of an event, and the order.
  ///   - limit: How many at most, 0 or more; nothing means all, however many.
  /// - Returns: The events with what the answer lacks and what it took.
  /// - Throws: ``ReelError/invalidArgument(_:)`` for a negative limit, ``ReelError/io(_:)``,
  ///   ``ReelError/closed``. Damage is reported in ``Answer/completeness``.
  public func events(
    _ query: Query = Query(), limit: Int? = defaultLimit
  ) throws(ReelError) -> Answer {
    let cursor = try cursor(query, limit: limit)
    var events: [Event] = []
    while let view = try cursor.next() { events.append(view.event) }
    return Answer(
      events: events, completeness: cursor.completeness, last: cursor.position,
      cost: cursor.cost)
  }

  /// A cursor over the events that match `query`, in bounded memory however many they are.
  public func cursor(_ query: Query = Query(), limit: Int? = nil) throws(ReelError) -> EventCursor {
    try EventCursor(query, limit: limit, snapshot: try snapshot(), cache: cache)
  }

  /// Calls `body` with each event that matches `query`, in its order.
  public func forEach(
    _ query: Query = Query(), _ body: (EventView) throws(ReelError) -> Void
  ) throws(ReelError) {
    let cursor = try cursor(query)
    while let batch = try cursor.nextBatch() {
      for view in batch { try body(view) }
    }
  }

  /// The events that match `query` as an asynchronous sequence, read as they are asked for.
  public func stream(_ query: Query = Query()) throws(ReelError) -> EventStream {
    EventStream(snapshot: try snapshot(), cache: cache, query: query)
  }

  /// How many events match `query`.
  ///
  /// Payloads are not touched, and blocks that match as a whole are not opened: events in a damaged
  /// one are then counted, as its directory entry tells, though they cannot be read. `verify` finds
  /// such blocks.
  public func count(_ query: Query = Query()) throws(ReelError) -> Int {
    try Counting(query, snapshot: try snapshot(), cache: cache).count()
  }

  /// The distinct values of `facet` among the events that match `query`, each with its count, the
  /// most frequent first, then by value.
  ///
  /// Payloads are not touched, and a block that matches as a whole is counted through its segment's
  /// index where there is one, as ``count(_:)`` counts it, without being opened.
  ///
  /// - Throws: ``ReelError/invalidArgument(_:)`` for an attribute that is not declared.
  public func facets(
    of facet: Facet, _ query: Query = Query()
  ) throws(ReelError) -> [FacetCount] {
    try Counting(query, snapshot: try snapshot(), cache: cache).facets(facet)
  }
}

/// The events of a query as an asynchronous sequence.
public struct EventStream: AsyncSequence, Sendable {
  /// An event.
  public typealias Element = Event
  /// What reading can throw.
  public typealias Failure = ReelError

  let snapshot: Snapshot
  let cache: ReadCache
  let query: Query

  /// Creates an iterator over all events from the first.
  public func makeAsyncIterator() -> AsyncIterator {
    AsyncIterator(stream: self)
  }

  /// An iterator over the events; it ends early when its task is cancelled.
  public struct AsyncIterator: AsyncIteratorProtocol {
    private let stream: EventStream
    private var cursor: EventCursor?

    init(stream: EventStream) {
      self.stream = stream
    }

    /// The next event, or nothing after the last.
    public mutating func next(
      isolation actor: isolated (any Actor)? = #isolation
    ) async throws(ReelError) -> Event? {
      if Task.isCancelled { return nil }
      if cursor == nil {
        cursor = try EventCursor(
          stream.query, limit: nil, snapshot: stream.snapshot, cache: stream.cache)
      }
      return try cursor?.next()?.event
    }
  }
}
