/// Finds out what of the events up to a moment still matters: from the newest context before it,
/// over the events in between.
struct MomentReader {
  private let time: Timestamp
  private let process: String?
  private let snapshot: Snapshot
  private let cache: ReadCache
  private let below: UInt64
  private let withPayloads: Bool
  /// What could not be read beside the blocks that were looked through.
  private let met = Damages()

  private final class Damages {
    var all: [Corruption] = []
  }

  /// Prepares the question: of the one process, or of all, and of events with sequence numbers
  /// less than `below`.
  init(
    at time: Timestamp, of process: String?, snapshot: Snapshot, cache: ReadCache,
    below: UInt64 = .max, withPayloads: Bool = true
  ) {
    self.below = below
    self.withPayloads = withPayloads
    self.time = time
    self.process = process
    self.snapshot = snapshot
    self.cache = cache
  }

  func moment() throws(ReelError) -> Moment {
    var cost = QueryCost()
    let base = try base(&cost)
    var lives = MomentLives(roles: snapshot.control.roles, process: process)
    if let base { lives.load(base.context) }
    let sources = QuerySources(
      filter: try BlockFilter(query, schema: snapshot.control.attributes),
      snapshot: snapshot(after: base), cache: cache, isDescending: false, after: nil)
    let blocks = try take(sources, after: base, into: &lives)
    // Of one process only blocks that have it were looked at: a later run may have begun without.
    if process != nil, try hasBegun(runAfter: lives.runID, &cost) { lives.forget() }
    let living = lives.lives.filter { life in
      life.isLive && (process.map { life.name.elementsEqual($0.utf8) } ?? true)
    }
    let latched = lives.latched.sorted { $0.key < $1.key }.map(\.value)
    var events = MomentEvents(
      lives, blocks: blocks, sources: sources, snapshot: snapshot, cache: cache,
      withPayloads: withPayloads)
    try events.make(living.flatMap(\.mentions) + latched)
    let processes = living.map { ProcessMoment($0, &events) }
    var total = sources.cost
    total.segmentCount = snapshot.segments.count
    total.add(cost)
    let damages =
      snapshot.damages + sources.takeDamages() + met.all
      + events.damages.filter { !met.all.contains($0) }
    return Moment(
      time: time, processes: processes, latched: latched.compactMap { _ in events.next() },
      isComplete: isComplete(base) && !lives.isOverfull && damages.isEmpty, damages: damages,
      cost: total)
  }

  /// What is looked for in indexes: the process, unless other processes' events matter to all.
  private var query: Query {
    var query = Query(to: time)
    if snapshot.control.roles.kinds([.latched]).isEmpty { query.process = process }
    return query
  }

  /// Goes over the events after a context, and returns the blocks by number.
  private func take(
    _ sources: QuerySources, after base: Base?, into lives: inout MomentLives
  ) throws(ReelError) -> [BlockCandidate] {
    var blocks: [BlockCandidate] = []
    let first = base.map { snapshot.segments[$0.segment] }
    try sources.forEachCandidate(
      isDone: { segment, directory in
        guard let base, segment === first else { return [] }
        return Set(directory.blocks.indices.filter { directory.blocks[$0].offset < base.place.end })
      },
      { candidate, _ throws(ReelError) in
        let block: DecodedBlock
        var sequences: Range<UInt64> = 0..<below
        switch candidate {
        case .memory(let memory):
          block = memory
          sequences = min(snapshot.firstBufferedSequence, below)..<below
        case .stored(let origin):
          guard origin.entry.firstSequence < below,
            let stored = try sources.decode(origin, MomentLives.columns, isPartial: true)
          else { return }
          block = stored
        }
        blocks.append(candidate)
        let test = RowTest(
          block, to: time.nanoseconds, sequences: sequences, removals: sources.snapshot.removals)
        lives.take(block, number: Int32(blocks.count - 1), where: test)
      })
    return blocks
  }

  // MARK: Where to begin

  /// A context, and what comes after it.
  private struct Base {
    var context: Context
    var segment: Int
    var place: ContextPlace
  }

  /// The newest context before which everything had happened by the moment.
  private func base(_ cost: inout QueryCost) throws(ReelError) -> Base? {
    var newest = -1
    var maximum = Int64.min
    for (index, segment) in snapshot.segments.enumerated() {
      guard maximum <= time.nanoseconds else { break }
      newest = index
      if segment.summary.eventCount > 0 { maximum = max(maximum, segment.summary.maximumTimestamp) }
    }
    for index in stride(from: newest, through: 0, by: -1) {
      let segment = snapshot.segments[index]
      if case .unreadable = segment.form { return nil }
      let directory = try damageAsNothing { () throws(ReelError) in
        try segment.directory(cache, cost: &cost)
      }
      for place in directory?.contexts.reversed() ?? []
      where place.maximumTimestamp <= time.nanoseconds {
        let found = try damageAsNothing { () throws(ReelError) in
          try context(at: place, in: segment, directory, &cost)
        }
        guard let context = found ?? nil, isEnough(context) else { continue }
        return Base(context: context, segment: index, place: place)
      }
    }
    return nil
  }

  private func context(
    at place: ContextPlace, in segment: ReadableSegment, _ directory: ReadableDirectory?,
    _ cost: inout QueryCost
  ) throws(ReelError) -> Context? {
    let file = try cache.file(segment)
    let (frame, _) = try file.frame(at: place.offset, limit: place.byteCount)
    cost.bytesRead += place.byteCount
    guard frame.type == .context,
      let header = try? ContextHeader(decoding: frame.content.rawSpan),
      // It is of this place, and of kinds that mean the same.
      directory?.blocks.first(from: place.end)?.firstSequence == header.firstSequence,
      header.roles == snapshot.control.roles.fingerprint, header.firstSequence <= below
    else { return nil }
    return try? Context(decoding: frame.content.rawSpan)
  }

  private func isEnough(_ context: Context) -> Bool {
    guard context.header.isOverfull, let process else { return true }
    return context.lives.contains { $0.name.elementsEqual(process.utf8) }
  }

  /// The snapshot without the segments that a context stands for, and with what cuts have removed.
  private func snapshot(after base: Base?) -> Snapshot {
    var draft = SnapshotDraft(snapshot)
    // What a cut has removed has happened all the same, and contexts count it: it is not shown.
    draft.control.cuts = []
    if let base { draft.segments = Array(snapshot.segments[base.segment...]) }
    return Snapshot(draft)
  }

  private func isComplete(_ base: Base?) -> Bool {
    if let base {
      let first = base.context.header.firstSequence
      return (!base.context.header.isOverfull || process != nil)
        && !snapshot.missing.contains { $0.upperBound >= first }
    }
    return snapshot.control.dropped.below <= 1 && snapshot.missing.isEmpty
  }

  /// Whether a run after the one with `runID` has events that had happened.
  private func hasBegun(runAfter runID: UInt64, _ cost: inout QueryCost) throws(ReelError) -> Bool {
    let runs = snapshot.control.runs
    let next = runs.firstIndex { $0.id == runID }.map { $0 + 1 } ?? 0
    guard next < runs.count else { return false }
    let first = runs[next].firstSequence.rawValue
    func isLater(_ stretch: TimeOrder.Stretch) -> Bool {
      stretch.first >= first && stretch.first < below && stretch.minimum <= time.nanoseconds
    }
    for segment in snapshot.segments
    where segment.summary.nextSequence > first
      && segment.summary.minimumTimestamp <= time.nanoseconds
    {
      let directory = try damageAsNothing { () throws(ReelError) in
        try segment.directory(cache, cost: &cost)
      }
      let blocks = directory?.blocks ?? []
      // A block is of one run.
      if blocks.contains(where: { $0.eventCount > 0 && isLater($0.stretch) }) { return true }
    }
    return snapshot.buffered.contains { $0.header.eventCount > 0 && isLater($0.header.stretch) }
  }
}

extension SnapshotDraft {
  /// All that a snapshot has, to make another of it.
  init(_ snapshot: Snapshot) {
    segments = snapshot.segments
    buffered = snapshot.buffered
    firstBufferedSequence = snapshot.firstBufferedSequence
    bufferHoles = snapshot.bufferHoles
    control = snapshot.control
    recording = snapshot.recording
    bufferByteCount = snapshot.bufferByteCount
    bufferName = snapshot.bufferName
    missing = snapshot.missing
  }
}
