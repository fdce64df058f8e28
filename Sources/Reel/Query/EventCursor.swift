/// Answers a query event by event, in order, in bounded memory.
///
/// It is a merge that opens what it needs when it needs it: segments become blocks, blocks become
/// matching rows, and whatever comes first in the order is taken next. So a query with a limit
/// reads little, and one without streams. Where so many blocks overlap in time that they cannot be
/// held open at once, as in shuffled input, what is left is sorted instead (`PassMerge`). A cursor
/// belongs to one task; the recording may be written to meanwhile, and the answer is that of the
/// moment when the cursor was made. A long answer has its next block decoded on a second thread,
/// which ends with the cursor.
public final class EventCursor {
  private let snapshot: Snapshot
  private let sources: QuerySources
  private let isDescending: Bool
  private let bounds: Bounds
  private var heap = Heap<MergeItem>()
  private var openByteCount = 0
  private var passes: PassMerge?
  /// The page whose events come next; where the records of those begin that come before anything
  /// else has to be looked at; and how many of them have been given.
  private var page = RecordPage.empty
  private var ready: [UInt32] = []
  private var taken = 0
  /// The last event given before all of them.
  private var keyBeforeReady: MergeKey?
  /// The run that they are from, and its rows that come right after them.
  private var current: (run: MergeRun, indexes: Range<Int>)?
  private var rest: Int

  /// What the answer lacks, as far as it has been given.
  public private(set) var completeness: Completeness
  /// What it took so far.
  public var cost: QueryCost { sources.cost }
  /// The place of the last event given: a query ``Query/after`` it goes on there.
  public var position: Query.Position? {
    lastKey.map {
      Query.Position(
        timestamp: Timestamp(nanoseconds: $0.timestamp),
        sequenceNumber: SequenceNumber(rawValue: $0.sequence))
    }
  }

  /// What a merge may hold; tests lower it to see passes on few events.
  struct Bounds {
    /// Bytes of blocks that a merge holds open; beyond, passes are made.
    var openByteCount = 16 << 20
    /// Rows that a pass keeps at most.
    var passRowCount = 100_000
    var sort = ExternalSort.Bounds()
  }

  init(
    _ query: Query, limit: Int?, snapshot: Snapshot, cache: ReadCache, bounds: Bounds = Bounds()
  ) throws(ReelError) {
    if let limit, limit < 0 {
      throw .invalidArgument("the limit is \(limit); it must be 0 or more, or nothing for all")
    }
    self.snapshot = snapshot
    self.bounds = bounds
    isDescending = query.order == .descending
    rest = limit ?? .max
    let filter = try BlockFilter(query, schema: snapshot.control.attributes)
    sources = QuerySources(
      filter: filter, snapshot: snapshot, cache: cache, isDescending: isDescending,
      after: query.after)
    completeness = Self.completeness(query, snapshot)
    for item in sources.items() { heap.push(item) }
  }

  static func completeness(_ query: Query, _ snapshot: Snapshot) -> Completeness {
    var completeness = Completeness()
    for gap in snapshot.control.gaps
    where gap.to >= query.from.nanoseconds && gap.from <= query.to.nanoseconds {
      completeness.droppedEventCount = completeness.droppedEventCount.saturatingAdd(
        gap.eventCount)
    }
    completeness.removedEventCount = snapshot.control.dropped.eventCount
    completeness.isCut = snapshot.control.cuts.contains { cut in
      cut.before.map { $0 > query.from.nanoseconds } ?? true
    }
    completeness.missing = snapshot.missing
    completeness.damages = snapshot.damages
    return completeness
  }

  /// The next event, or nothing after the last.
  ///
  /// - Throws: ``ReelError/io(_:)``. A damaged block is no error: it is left out and reported in
  ///   ``completeness``.
  public func next() throws(ReelError) -> EventView? {
    guard try hasNext() else { return nil }
    defer { taken &+= 1 }
    rest &-= 1
    return EventView(page: page, offset: Int(ready[taken]))
  }

  /// The events that come next, as many as lie ready in memory: one or more, or nothing after the
  /// last.
  ///
  /// - Throws: As ``next()``.
  public func nextBatch() throws(ReelError) -> EventBatch? {
    guard try hasNext() else { return nil }
    let start = taken
    taken = min(ready.count, start + min(rest, ready.count))
    rest -= taken - start
    return EventBatch(page: page, offsets: ready, range: start..<taken)
  }

  /// Whether an event is to be given, which is then ready.
  @inline(__always)
  private func hasNext() throws(ReelError) -> Bool {
    guard rest > 0 else {
      if !completeness.isLimited, try hasMore() { completeness.isLimited = true }
      return false
    }
    while taken == ready.count {
      guard try advance() else { return false }
    }
    return true
  }

  private func hasMore() throws(ReelError) -> Bool {
    if taken < ready.count || current?.indexes.isEmpty == false { return true }
    if passes == nil, try nextRun() != nil { return true }
    return try passes?.next() != nil
  }

  private var lastKey: MergeKey? {
    guard taken > 0 else { return keyBeforeReady }
    let view = EventView(page: page, offset: Int(ready[taken - 1]))
    return MergeKey(timestamp: view.timestamp.nanoseconds, sequence: view.sequence)
  }

  /// The timestamp of the first event, for which nothing is rendered.
  func firstTimestamp() throws(ReelError) -> Timestamp? {
    if let run = try nextRun() { return Timestamp(nanoseconds: run.key(run.index).timestamp) }
    return try passes?.next()?.view(0)?.timestamp
  }

  /// Makes the next rows ready.
  /// - Returns: False after the last.
  private func advance() throws(ReelError) -> Bool {
    keyBeforeReady = lastKey
    ready = []
    taken = 0
    if let current, !current.indexes.isEmpty {
      try prepare(current.run, current.indexes)
      return true
    }
    current = nil
    if passes == nil, let run = try nextRun() {
      // Blocks rarely overlap: most often these are all rows of the run.
      let indexes = run.take(through: heap.first?.key, isDescending: isDescending)
      if run.isAtEnd { openByteCount -= run.byteCount } else { heap.push(run.item(isDescending)) }
      try prepare(run, indexes)
      return true
    }
    let page = try passes?.next()
    reportDamages()
    guard let page else { return false }
    makeReady(page, 0..<page.count)
    return true
  }

  /// Renders rows of a run that come next, as many as one page has of them.
  private func prepare(_ run: MergeRun, _ indexes: Range<Int>) throws(ReelError) {
    current = (run, indexes.upperBound..<indexes.upperBound)
    try sources.render(run, from: indexes.lowerBound, count: min(rest, run.rows.count))
    guard let rendered = run.page else {
      return reportDamages()
    }
    if let first = rendered.firstIndex {
      let end = min(indexes.upperBound, first + rendered.page.count)
      makeReady(rendered.page, (indexes.lowerBound - first)..<(end - first))
      current = (run, end..<indexes.upperBound)
    } else {
      makeReady(rendered.page, indexes.lazy.map { Int(run.rows[$0]) })
    }
  }

  private func makeReady(_ page: RecordPage, _ places: some Collection<Int>) {
    var offsets: [UInt32] = []
    offsets.reserveCapacity(places.count)
    for place in places { offsets.append(page.offsets[place]) }
    if let damage = page.damage {
      // The attributes are whole and the payload is not: the event cannot be given.
      let count = offsets.count
      offsets.removeAll { $0 == RecordPage.unreadable }
      if offsets.count < count { report(damage) }
    }
    if let first = offsets.first { page.prefetch(Int(first)) }
    self.page = page
    ready = offsets
  }

  /// The run with the row that comes next, taken out of the heap; nothing at the end, or when
  /// passes have begun.
  private func nextRun() throws(ReelError) -> MergeRun? {
    while let top = heap.first {
      heap.removeFirst()
      switch top.content {
      case .segment(let segment): try push(sources.expand(segment))
      case .segments(let walk, let next):
        push(sources.nextSegments(walk))
        try push(sources.expand(snapshot.segments[next]))
      case .blocks(let walk):
        let origin = walk.take()
        push(sources.item(walk))
        if let origin {
          sources.readAhead(origin, next: walk.first, count: rest)
          if let run = try open(.stored(origin)) { return run }
        }
      case .memory(let block): if let run = try open(.memory(block)) { return run }
      case .run(let run): return run
      }
      if passes != nil { return nil }
      reportDamages()
    }
    return nil
  }

  private func push(_ item: MergeItem?) {
    if let item { heap.push(item) }
  }

  /// Puts the matching rows of a block into the heap, unless they come before all that is there.
  ///
  /// Passes begin instead when that is too much to hold.
  /// - Returns: The run, if it has the row that comes next.
  private func open(_ candidate: BlockCandidate) throws(ReelError) -> MergeRun? {
    guard let run = try sources.run(candidate) else { return nil }
    openByteCount += run.byteCount
    if openByteCount > bounds.openByteCount {
      startPasses()
      return nil
    }
    let key = run.key(run.index)
    guard let first = heap.first?.key, isDescending ? !(first < key) : !(key < first) else {
      return run
    }
    heap.push(run.item(isDescending))
    return nil
  }

  /// Gives up the merge: everything after the last event given is gone over in passes.
  private func startPasses() {
    heap = Heap<MergeItem>()
    passes = PassMerge(
      sources: sources, after: lastKey, limit: rest == .max ? nil : rest + 1, bounds: bounds)
  }

  private func reportDamages() {
    for damage in sources.takeDamages() { report(damage) }
  }

  private func report(_ damage: Corruption) {
    if !completeness.damages.contains(damage) { completeness.damages.append(damage) }
  }
}
