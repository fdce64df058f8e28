/// Merges what the sources of a query have into the order of the answer, as much of it as is asked
/// for: what is behind an ``EventCursor``.
struct EventMerge {
  private let snapshot: Snapshot
  let sources: QuerySources
  private let isDescending: Bool
  private let bounds: Bounds
  private var queue: MergeQueue
  private var openByteCount = 0
  private var passes: PassMerge?
  /// The page whose events come next; where the records of those begin that come before anything
  /// else has to be looked at; and how many of them have been given.
  private var page = RecordPage.empty
  private var ready: [UInt32] = []
  private var taken = 0
  /// The last event given before all of them.
  private var keyBeforeReady: MergeKey?
  /// The runs that have rows which come right after them, the next one last: the rest of a
  /// segment's, and on top of it that of one of its blocks that was not in memory.
  private var pending: [(run: OpenRun, indexes: Range<Int>)] = []
  private var rest: Int

  /// What the answer lacks, as far as it has been given.
  private(set) var completeness: Completeness

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
    completeness = Completeness(query, snapshot)
    queue = sources.queue()
  }

  /// As ``EventCursor/next()``.
  mutating func next() throws(ReelError) -> EventView? {
    guard try hasNext() else { return nil }
    defer { taken &+= 1 }
    rest &-= 1
    return EventView(page: page, offset: Int(ready[taken]))
  }

  /// As ``EventCursor/nextBatch()``.
  mutating func nextBatch() throws(ReelError) -> EventBatch? {
    guard try hasNext() else { return nil }
    let start = taken
    taken = min(ready.count, start + min(rest, ready.count))
    rest -= taken - start
    return EventBatch(page: page, offsets: ready, range: start..<taken)
  }

  /// Whether an event is to be given, which is then ready.
  @inline(__always)
  private mutating func hasNext() throws(ReelError) -> Bool {
    guard rest > 0 else {
      if !completeness.isLimited, try hasMore() { completeness.isLimited = true }
      return false
    }
    while taken == ready.count {
      guard try advance() else { return false }
    }
    return true
  }

  private mutating func hasMore() throws(ReelError) -> Bool {
    if taken < ready.count || !pending.isEmpty { return true }
    if passes == nil, try nextRun() != nil { return true }
    return try passes?.next() != nil
  }

  /// The key of the last event given.
  var lastKey: MergeKey? {
    guard taken > 0 else { return keyBeforeReady }
    let view = EventView(page: page, offset: Int(ready[taken - 1]))
    return MergeKey(timestamp: view.timestamp.nanoseconds, sequence: view.sequence)
  }

  /// The timestamp of the first event, for which nothing is rendered.
  mutating func firstTimestamp() throws(ReelError) -> Timestamp? {
    if let run = try nextRun() { return Timestamp(nanoseconds: run.ordered.nextKey.timestamp) }
    return try passes?.next()?.view(0)?.timestamp
  }

  /// Makes the next rows ready.
  /// - Returns: False after the last.
  private mutating func advance() throws(ReelError) -> Bool {
    keyBeforeReady = lastKey
    ready.removeAll(keepingCapacity: true)
    taken = 0
    if let (run, indexes) = pending.popLast() {
      try prepare(run, indexes)
      return true
    }
    if passes == nil, let run = try nextRun() {
      // Blocks rarely overlap: most often these are all rows of the run.
      let indexes = run.ordered.take(through: queue.firstKey, isDescending: isDescending)
      if !run.ordered.isAtEnd {
        queue.push(.run(run), run.ordered.nextKey)
      } else if case .block(let run) = run {
        openByteCount -= run.byteCount
      }
      try prepare(run, indexes)
      return true
    }
    let page = try passes?.next()
    reportDamages()
    guard let page else { return false }
    ready = page.offsets
    finishReady(page)
    return true
  }

  /// Makes rows of a run that come next ready, as many as one page has of them.
  private mutating func prepare(_ run: OpenRun, _ indexes: Range<Int>) throws(ReelError) {
    switch run {
    case .block(let run): try prepare(run, indexes)
    case .segment(let run): try prepare(run, indexes)
    }
  }

  private mutating func prepare(_ run: IndexedRun, _ indexes: Range<Int>) throws(ReelError) {
    let group = run.group(from: indexes.lowerBound, to: indexes.upperBound)
    if group.range.upperBound < indexes.upperBound {
      pending.append((.segment(run), group.range.upperBound..<indexes.upperBound))
    }
    if let page = sources.page(group, of: run) {
      run.appendOffsets(group, to: &ready)
      finishReady(page)
    } else if let run = try sources.run(group, of: run) {
      try prepare(run, 0..<run.count)
    } else {
      reportDamages()
    }
  }

  private mutating func prepare(_ run: MergeRun, _ indexes: Range<Int>) throws(ReelError) {
    if run.kept.page == nil,
      let partial = try sources.render(run, from: indexes.lowerBound, count: rest)
    {
      let end = min(indexes.upperBound, partial.firstIndex + partial.page.count)
      let places = (indexes.lowerBound - partial.firstIndex)..<(end - partial.firstIndex)
      ready.append(contentsOf: partial.page.offsets[places])
      if end < indexes.upperBound { pending.append((.block(run), end..<indexes.upperBound)) }
      return finishReady(partial.page)
    }
    // Where what cannot be read was left out, there is no page either.
    guard let page = run.kept.page else { return reportDamages() }
    run.rows.append(page.offsets, indexes, to: &ready)
    if run.isAtEnd { sources.giveBack(run) }
    finishReady(page)
  }

  /// The records of `page` that begin at ``ready`` come next.
  private mutating func finishReady(_ page: RecordPage) {
    if let damage = page.damage {
      // The attributes are whole and the payload is not: the event cannot be given.
      let count = ready.count
      ready.removeAll { $0 == RecordPage.unreadable }
      if ready.count < count { report(damage) }
    }
    for index in 0..<min(ready.count, EventBatch.prefetchDistance) {
      page.prefetch(Int(ready[index]))
    }
    self.page = page
  }

  /// The run with the row that comes next, taken out of the queue; nothing at the end, or when
  /// passes have begun.
  private mutating func nextRun() throws(ReelError) -> OpenRun? {
    while let first = queue.first {
      switch first {
      case .segment(let segment):
        queue.removeFirst()
        try push(segment)
      case .segments(let walk):
        let segment = walk.next
        queue.rekeyFirst(sources.advance(walk))
        if let segment { try push(segment) }
      case .blocks(let walk):
        let origin = walk.take()
        queue.rekeyFirst(walk.key(isDescending: isDescending))
        if let origin {
          sources.readAhead(origin, walk, count: rest)
          sources.approach(walk)
          if let run = try sources.run(origin), isFirst(run) { return .block(run) }
        }
      case .memory(let block):
        queue.removeFirst()
        if let run = sources.run(block), isFirst(run) { return .block(run) }
      case .run(let run):
        queue.removeFirst()
        return run
      }
      if passes != nil { return nil }
      reportDamages()
    }
    return nil
  }

  /// Adds the rows of a segment where they are indexed, else its blocks.
  private mutating func push(_ segment: ReadableSegment) throws(ReelError) {
    if let run = sources.indexedRun(segment) {
      if !run.isAtEnd { queue.push(.run(.segment(run)), run.nextKey) }
      return
    }
    guard let walk = try sources.expand(segment) else { return }
    queue.push(.blocks(walk), walk.key(isDescending: isDescending))
  }

  /// Takes the matching rows of a block in: into the queue, unless they come before all that is
  /// there.
  ///
  /// Passes begin instead when that is too much to hold.
  /// - Returns: Whether the run has the row that comes next.
  private mutating func isFirst(_ run: MergeRun) -> Bool {
    openByteCount += run.byteCount
    if openByteCount > bounds.openByteCount {
      startPasses()
      return false
    }
    let key = run.nextKey
    guard let first = queue.firstKey, isDescending ? !(first < key) : !(key < first) else {
      return true
    }
    queue.push(.run(.block(run)), run.nextKey)
    return false
  }

  /// Gives up the merge: everything after the last event given is gone over in passes.
  private mutating func startPasses() {
    queue = MergeQueue(isDescending: isDescending)
    passes = PassMerge(
      sources: sources, after: lastKey, limit: rest == .max ? nil : rest + 1, bounds: bounds)
  }

  private mutating func reportDamages() {
    for damage in sources.takeDamages() { report(damage) }
  }

  private mutating func report(_ damage: Corruption) {
    if !completeness.damages.contains(damage) { completeness.damages.append(damage) }
  }
}
