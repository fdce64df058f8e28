/// Finds out what of the events up to a moment still matters: from the newest context before it,
/// over the events in between.
struct MomentReader {
  private let time: Timestamp
  private let process: String?
  private let snapshot: Snapshot
  private let cache: ReadCache
  private let below: UInt64
  /// What could not be read beside the blocks that were looked through.
  private let met = Damages()

  private final class Damages {
    var all: [Corruption] = []
  }

  /// Prepares the question: of the one process, or of all, and of events with sequence numbers
  /// less than `below`.
  init(
    at time: Timestamp, of process: String?, snapshot: Snapshot, cache: ReadCache,
    below: UInt64 = .max
  ) {
    self.below = below
    self.time = time
    self.process = process
    self.snapshot = snapshot
    self.cache = cache
  }

  func moment() throws(ReelError) -> Moment {
    var lives = ProcessLives(roles: snapshot.control.roles)
    var cost = QueryCost()
    let base = try base(&cost)
    if let base { lives.load(base.context) }
    let sources = QuerySources(
      filter: try BlockFilter(query, schema: schema), snapshot: try snapshot(after: base),
      cache: cache, isDescending: false, after: nil)
    var generation = 0
    try sources.forEachCandidate { candidate, _ throws(ReelError) in
      generation += 1
      guard let found = try sources.matches(candidate, after: nil, isPartial: true),
        !found.rows.isEmpty
      else { return }
      var block = found.block
      if case .stored(let origin) = candidate {
        guard let whole = try sources.decode(origin, .all) else { return }
        block = whole
      }
      let rows = found.rows.filter { block.sequence(Int($0)) < below }
      try take(block, rows, generation, into: &lives)
    }
    var total = sources.cost
    total.segmentCount = snapshot.segments.count
    total.add(cost)
    cost = total
    // Of one process only its own events were looked at: a later run may have begun without it.
    if process != nil, try hasBegun(runAfter: lives.runID, &cost) { lives.forget() }
    let found = (processes: try processes(lives), latched: try latched(lives))
    let damages = snapshot.damages + sources.takeDamages() + met.all
    return Moment(
      time: time, processes: found.processes, latched: found.latched,
      isComplete: isComplete(base) && !lives.isOverfull && damages.isEmpty, damages: damages,
      cost: cost)
  }

  private var schema: AttributeSchema { snapshot.control.attributes }

  private var query: Query {
    var query = Query(to: time)
    query.process = process
    return query
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

  /// The snapshot without what a context stands for, and with what cuts have removed.
  private func snapshot(after base: Base?) throws(ReelError) -> Snapshot {
    var draft = SnapshotDraft(snapshot)
    // What a cut has removed has happened all the same, and contexts count it: it only is not shown.
    draft.control.cuts = []
    guard let base else { return Snapshot(draft) }
    var cost = QueryCost()
    let first = snapshot.segments[base.segment]
    let directory = try first.directory(cache, cost: &cost)
    let rest = Directory(blocks: directory.blocks.filter { $0.offset >= base.place.end })
    draft.segments = Array(snapshot.segments[base.segment...])
    draft.segments[0] = ReadableSegment(
      name: first.name, summary: first.summary, byteCount: first.byteCount,
      watermark: first.watermark,
      form: .scanned(ReadableDirectory(rest), end: first.byteCount), damages: first.damages)
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

  // MARK: Events

  /// Takes rows of a block, in order of arrival.
  private func take(
    _ block: DecodedBlock, _ rows: [Int32], _ generation: Int, into lives: inout ProcessLives
  ) throws(ReelError) {
    lives.begin(runID: block.header.runID, generation: generation)
    let kinds = block.text(.kind)
    let processes = block.text(.process)
    var hasRole = [Bool](repeating: false, count: (kinds?.count ?? 0) + 1)
    if let kinds {
      for code in 1..<hasRole.count {
        let kind = String(decoding: kinds.text(code: UInt16(code)))
        hasRole[code] = lives.roles[kind] != .other
      }
    }
    var rendered = try Rendered(
      block, rows: rows.filter { hasRole[Int(kinds?.code(Int($0)) ?? 0)] }, schema)
    for row in rows.lazy.map({ Int($0) }) {
      let kind = kinds?.code(row) ?? 0
      let process = processes?.code(row) ?? 0
      let symbol = process == 0 ? RecordSymbols.absent : UInt32(process)
      if hasRole[Int(kind)] {
        guard let bytes = try rendered.next(), let record = try? RecordView(bytes.rawSpan) else {
          if let damage = rendered.page.damage, !met.all.contains(damage) {
            met.all.append(damage)
          }
          continue
        }
        lives.take(
          record, sequence: block.sequence(row), runID: block.header.runID, kind: UInt32(kind),
          process: symbol, generation: generation)
      } else if process != 0, let processes {
        lives.see(processes.text(code: process), process: symbol)
      }
    }
  }

  /// The records of some rows, one after the other.
  private struct Rendered {
    let block: DecodedBlock
    var rows: [Int32]
    let schema: AttributeSchema
    var page = RecordPage.empty
    var taken = 0

    init(_ block: DecodedBlock, rows: [Int32], _ schema: AttributeSchema) throws(ReelError) {
      self.block = block
      self.rows = rows
      self.schema = schema
    }

    /// The next record; nothing where its payload cannot be read.
    mutating func next() throws(ReelError) -> [UInt8]? {
      if taken == page.count {
        rows.removeFirst(taken)
        page = try RecordRenderer.page(block, rows: rows, schema: schema)
        taken = 0
      }
      defer { taken += 1 }
      return page.view(taken)?.record()
    }
  }

  // MARK: The answer

  private func processes(_ lives: ProcessLives) throws(ReelError) -> [ProcessMoment] {
    var found: [ProcessMoment] = []
    for life in lives.lives where life.isLive {
      let name = String(decoding: life.name, as: UTF8.self)
      guard process == nil || name == process else { continue }
      var stack: [Event] = []
      var start = 0
      for call in life.calls {
        let event = try event(
          life.records.rawSpan.extracting(start..<call.end), call.sequence, call.lacksPayload,
          lives.runID)
        if let event { stack.append(event) }
        start = call.end
      }
      found.append(
        ProcessMoment(
          name: name, spawn: try event(life.spawn, lives.runID),
          registration: try event(life.registration, lives.runID),
          state: try event(life.state, lives.runID), stack: stack,
          unlistedCallCount: life.unlistedCallCount))
    }
    return found
  }

  private func latched(_ lives: ProcessLives) throws(ReelError) -> [Event] {
    var events: [Event] = []
    for (_, item) in lives.latched.sorted(by: { $0.key < $1.key }) {
      if let event = try event(item, lives.runID) { events.append(event) }
    }
    return events
  }

  private func event(
    _ item: ProcessLives.Item?, _ runID: UInt64
  ) throws(ReelError) -> Event? {
    guard let item else { return nil }
    return try event(item.record.rawSpan, item.sequence, item.lacksPayload, runID)
  }

  /// The event of a record, with its payload if that can still be had; nothing for one that a cut
  /// has removed.
  private func event(
    _ bytes: RawSpan, _ sequence: UInt64, _ lacksPayload: Bool, _ runID: UInt64
  ) throws(ReelError) -> Event? {
    guard let record = try? RecordView(bytes) else { return nil }
    let isRemoved = snapshot.control.cuts.contains {
      $0.covers(timestamp: record.timestamp, sequence: sequence)
    }
    if isRemoved { return nil }
    var event = Event(record, sequence: sequence, runID: runID, schema: schema)
    if lacksPayload, sequence > 0 {
      do throws(ReelError) {
        event.payload = try IDLookup(snapshot: snapshot, cache: cache).find(sequence)?.payload
      } catch {
        guard case .corrupted(let damage) = error else { throw error }
        met.all.append(damage)
      }
    }
    return event
  }
}

extension SnapshotDraft {
  /// All that a snapshot has, to make another of it.
  init(_ snapshot: Snapshot) {
    segments = snapshot.segments
    buffered = snapshot.buffered
    firstBufferedSequence = snapshot.firstBufferedSequence
    control = snapshot.control
    recording = snapshot.recording
    bufferByteCount = snapshot.bufferByteCount
    bufferName = snapshot.bufferName
    missing = snapshot.missing
  }
}
