/// Answers a query event by event, in order, in bounded memory.
///
/// It is a merge that opens what it needs when it needs it: segments become blocks, blocks become
/// matching rows, and whatever comes first in the order is taken next. So a query with a limit
/// reads little, and one without streams. Where so many blocks overlap in time that they cannot be
/// held open at once, as in shuffled input, what is left is sorted instead (`PassMerge`). A cursor
/// belongs to one task; the recording may be written to meanwhile, and the answer is that of the
/// moment when the cursor was made.
public final class EventCursor {
  private let snapshot: Snapshot
  private let sources: QuerySources
  private let isDescending: Bool
  private var heap = Heap<MergeItem>()
  /// The run that rows are being taken from, and what comes after it at best.
  private var current: MergeRun?
  private var bound: MergeKey?
  private var openByteCount = 0
  private var passes: PassMerge?
  private var rest: Int?
  private var lastEmitted: MergeKey?
  // The payload frame of the last event, which the next is most often in as well.
  private var lastBlock: DecodedBlock?
  private var lastFrame: PayloadFrame?
  private var lastFrameIndex = 0
  private let schema: AttributeSchema

  /// What the answer lacks, as far as it has been given.
  public private(set) var completeness: Completeness
  /// What it took so far.
  public var cost: QueryCost { sources.cost }
  /// The place of the last event given: a query ``Query/after`` it goes on there.
  public private(set) var position: Query.Position?

  /// What a merge may hold; tests lower it to see passes on few events.
  struct Bounds {
    /// Bytes of blocks that a merge holds open; beyond, passes are made.
    var openByteCount = 16 << 20
    /// Rows that a pass keeps at most.
    var passRowCount = 100_000
    var sort = ExternalSort.Bounds()
  }

  private let bounds: Bounds

  init(
    _ query: Query, limit: Int?, snapshot: Snapshot, cache: ReadCache, bounds: Bounds = Bounds()
  ) throws(ReelError) {
    if let limit, limit < 0 {
      throw .invalidArgument("the limit is \(limit); it must be 0 or more, or nothing for all")
    }
    self.snapshot = snapshot
    self.bounds = bounds
    schema = snapshot.control.attributes
    isDescending = query.order == .descending
    rest = limit
    let filter = try BlockFilter(query, schema: snapshot.control.attributes)
    sources = QuerySources(
      filter: filter, snapshot: snapshot, cache: cache, isDescending: isDescending,
      after: query.after)
    completeness = Self.completeness(query, snapshot)
    for segment in sources.segments() { heap.push(segment) }
    for block in sources.buffered() { heap.push(block) }
  }

  static func completeness(_ query: Query, _ snapshot: Snapshot) -> Completeness {
    var completeness = Completeness()
    for gap in snapshot.control.gaps
    where gap.to >= query.from.nanoseconds && gap.from <= query.to.nanoseconds {
      completeness.droppedEventCount += gap.eventCount
    }
    completeness.removedEventCount = snapshot.control.dropped.eventCount
    completeness.isCut = snapshot.control.cuts.contains { cut in
      cut.before.map { $0 > query.from.nanoseconds } ?? true
    }
    completeness.missing = snapshot.missing
    for segment in snapshot.segments { completeness.damages += segment.damages }
    return completeness
  }

  /// The next event, or nothing after the last.
  ///
  /// - Throws: ``ReelError/io(_:)``. A damaged block is no error: it is left out and reported in
  ///   ``completeness``.
  public func next() throws(ReelError) -> EventView? {
    if let rest, rest <= 0 {
      if !completeness.isLimited, try nextRow() != nil { completeness.isLimited = true }
      return nil
    }
    while let row = try nextRow() {
      do throws(ReelError) {
        let view = try view(row)
        rest = rest.map { $0 - 1 }
        position = view.position
        return view
      } catch .corrupted(let corruption) {
        // The attributes are whole and the payload is not: the event cannot be given.
        report(corruption)
      }
    }
    return nil
  }

  /// The rows of the answer without their payloads, for counting.
  func nextRow() throws(ReelError) -> MergeRow? {
    if let passes {
      let row = try passes.next()
      for damage in sources.takeDamages() { report(damage) }
      return row
    }
    // Blocks rarely overlap: most rows come from the run that gave the last one.
    if let row = takeFromCurrent() { return row }
    while let top = heap.first {
      heap.removeFirst()
      switch top.content {
      case .segment(let segment):
        for item in try sources.expand(segment) { heap.push(item) }
      case .block(let candidate):
        if let run = try sources.run(candidate, after: lastEmitted) {
          openByteCount += run.byteCount
          heap.push(run.item(isDescending))
          if openByteCount > bounds.openByteCount { return try startPasses() }
        }
      case .run(let run):
        current = run
        bound = heap.first?.key
        if let row = takeFromCurrent() { return row }
      }
      for damage in sources.takeDamages() { report(damage) }
    }
    return nil
  }

  /// The next row of the current run while nothing else can come before it.
  @inline(__always)
  private func takeFromCurrent() -> MergeRow? {
    guard let run = current else { return nil }
    let row = run.row
    if let bound, row.key != bound, sources.isAfter(row.key, bound) {
      heap.push(run.item(isDescending))
      current = nil
      return nil
    }
    lastEmitted = row.key
    if !run.advance() {
      current = nil
      openByteCount -= run.byteCount
    }
    return row
  }

  /// Gives up the merge: everything after the last event given is gone over in passes.
  private func startPasses() throws(ReelError) -> MergeRow? {
    heap = Heap<MergeItem>()
    current = nil
    passes = PassMerge(
      sources: sources, after: lastEmitted, limit: rest.map { $0 + 1 }, bounds: bounds)
    return try nextRow()
  }

  private func report(_ damage: Corruption) {
    if !completeness.damages.contains(damage) { completeness.damages.append(damage) }
  }

  private func view(_ row: MergeRow) throws(ReelError) -> EventView {
    let run = row.run
    try sources.complete(run)
    let block = run.block
    let isKnown = lastBlock === block
    let view = try EventView(
      block: block, row: row.row, sequence: row.key.sequence, runID: block.header.runID,
      schema: schema, frame: isKnown ? lastFrame : nil, knownIndex: lastFrameIndex)
    if let frame = view.frame, !isKnown || frame !== lastFrame {
      lastBlock = block
      lastFrame = frame
      lastFrameIndex = block.payloadPlace(row.row)?.frame ?? 0
    }
    return view
  }
}
