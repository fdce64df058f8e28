/// Goes over what a snapshot has after a sequence number, in order of arrival, some thousand events
/// at a time.
///
/// Sequence numbers have no holes: whatever is passed over without being found is told as missed,
/// once, because the place then lies behind it.
struct ArrivalReader {
  private let snapshot: Snapshot
  private let cache: ReadCache
  private let filter: BlockFilter
  private let limit: Int
  /// Everything up to this sequence number is done.
  private(set) var position: UInt64
  private(set) var batch: FollowedBatch
  /// Blocks that may still be decoded before the caller is given a chance to stop.
  private var blocksLeft = 256
  private var cost = QueryCost()
  /// The first sequence number that is not given yet.
  private let end: UInt64

  init(
    _ query: Query, after position: UInt64, limit: Int, snapshot: Snapshot, cache: ReadCache
  ) throws(ReelError) {
    self.snapshot = snapshot
    self.cache = cache
    self.limit = limit
    self.position = position
    end = snapshot.arrivalEnd(after: position)
    filter = try BlockFilter(query, schema: snapshot.control.attributes)
    batch = FollowedBatch(cursor: SequenceNumber(rawValue: position))
  }

  private var isFull: Bool { batch.events.count >= limit || blocksLeft <= 0 }

  /// The batch with the place after it.
  var result: FollowedBatch {
    var batch = batch
    batch.cursor = SequenceNumber(rawValue: position)
    batch.isAtEnd = position &+ 1 >= end
    return batch
  }

  /// Reads until there is enough or no more.
  ///
  /// - Throws: ``ReelError/io(_:)``; what was read before stays.
  mutating func read() throws(ReelError) {
    let below = snapshot.control.dropped.below
    if position &+ 1 < below { miss(through: below - 1, .removed) }
    for segment in snapshot.segments where segment.summary.nextSequence > position &+ 1 {
      if isFull { return }
      try read(segment)
    }
    for block in snapshot.buffered where block.header.lastSequence > position {
      if isFull || block.header.firstSequence >= end { break }
      passHole(before: max(block.header.firstSequence, snapshot.firstBufferedSequence))
      try take(block, rows(of: block))
    }
    if !isFull { passHole(before: end) }
  }

  // MARK: Segments

  private mutating func read(_ segment: ReadableSegment) throws(ReelError) {
    let candidates = Candidates(filter: filter, cache: cache)
    let directory: ReadableDirectory
    let ordinals: [Int]?
    do throws(ReelError) {
      directory = try segment.directory(cache, cost: &cost)
      if filter.isImpossible || !candidates.mayMatch(segment, cost: &cost) {
        ordinals = []
      } else {
        ordinals = try candidates.ordinals(segment, directory, cost: &cost)
      }
    } catch .corrupted(let damage) {
      return miss(through: segment.summary.nextSequence - 1, .damaged(damage))
    }
    let wanted = ordinals.map { Set($0) }
    let count = directory.blocks.count
    let place = position
    let first = firstIndex(count) { directory.blocks[$0].lastSequence > place }
    for ordinal in first..<count {
      if isFull { return }
      let entry = directory.blocks[ordinal]
      passHole(before: entry.firstSequence)
      let mayMatch =
        wanted?.contains(ordinal) ?? true && filter.timestamps.map { entry.overlaps($0) } ?? false
      let isRemoved = snapshot.removals.removesAll(of: entry.stretch)
      guard mayMatch && !isRemoved || entry.eventCount < entry.recordCount else {
        position = entry.lastSequence
        continue
      }
      try read(entry, of: segment)
    }
    if !isFull { passHole(before: segment.summary.nextSequence) }
  }

  private mutating func read(
    _ entry: DirectoryEntry, of segment: ReadableSegment
  ) throws(ReelError) {
    do throws(ReelError) {
      let isPartial = filter.hasConditions
      let columns = isPartial ? filter.columns : .all
      var block = try cache.block(
        entry, of: segment, wanted: columns, isPartial: isPartial, cost: &cost
      ).block
      let rows = rows(of: block)
      if !rows.events.isEmpty || !rows.control.isEmpty {
        block = try cache.block(entry, of: segment, wanted: .all, cost: &cost).block
      }
      try take(block, rows)
    } catch .corrupted(let damage) {
      miss(through: entry.lastSequence, .damaged(damage))
    }
  }

  // MARK: Rows

  /// The rows after the place that match, and those that tell of the recording.
  private func rows(of block: DecodedBlock) -> (events: [Int32], control: [Int32]) {
    var events: [Int32] = []
    if !filter.isImpossible, let range = filter.timestamps {
      events = filter.rows(
        of: block, range: range, removals: snapshot.removals, firstSequence: position &+ 1)
    }
    guard block.header.eventCount < block.header.recordCount else { return (events, []) }
    let control = (0..<Int32(block.header.recordCount)).filter { row in
      block.recordType(Int(row)) != 0 && block.sequence(Int(row)) > position
    }
    return (events, control)
  }

  /// Takes rows of a block with all columns, and goes on behind them.
  private mutating func take(
    _ block: DecodedBlock, _ rows: (events: [Int32], control: [Int32])
  ) throws(ReelError) {
    blocksLeft -= 1
    var end = block.header.lastSequence
    let events = Array(rows.events.prefix(limit - batch.events.count))
    if events.count < rows.events.count, let last = events.last { end = block.sequence(Int(last)) }
    let control = rows.control.filter { block.sequence(Int($0)) <= end }
    // A failure to read payloads leaves what was there before.
    let found = try render(block, events)
    let records = try render(block, control)
    var notices: [FollowNotice] = []
    for view in found {
      switch view {
      case .success(let view): batch.events.append(view)
      case .failure(let unreadable):
        let number = unreadable.sequence
        notices.append(FollowNotice(number, .missed(number...number, .damaged(unreadable.damage))))
      }
    }
    for case .success(let record) in records {
      if let notice = notice(record) { notices.append(notice) }
    }
    batch.notices += notices.sorted { $0.place < $1.place }
    position = end
  }

  private struct Unreadable: Error {
    var sequence: UInt64
    var damage: Corruption
  }

  /// The records of some rows of a block.
  private func render(
    _ block: DecodedBlock, _ rows: [Int32]
  ) throws(ReelError) -> [Result<EventView, Unreadable>] {
    var found: [Result<EventView, Unreadable>] = []
    while found.count < rows.count {
      let rest = Array(rows[found.count...])
      let page = try RecordRenderer.page(block, rows: rest, schema: snapshot.control.attributes)
      for place in 0..<page.count {
        if let view = page.view(place) {
          found.append(.success(view))
        } else if let damage = page.damage {
          let sequence = block.sequence(Int(rest[place]))
          found.append(.failure(Unreadable(sequence: sequence, damage: damage)))
        }
      }
    }
    return found
  }

  private func notice(_ record: EventView) -> FollowNotice? {
    let control = record.withPayloadBytes { body in
      try? ControlRecord(type: record.recordType, body: body)
    }
    switch control {
    case .runStart(let run)?: return FollowNotice(record.sequence, .opened(run))
    case .runEnd?: return FollowNotice(record.sequence, .closed)
    case .gap(let gap)?: return FollowNotice(record.sequence, .dropped(gap))
    default: return nil
    }
  }

  // MARK: What is not there

  /// Goes on to `next`; what lies between is in no block that can be found.
  private mutating func passHole(before next: UInt64) {
    guard next > position &+ 1 else { return }
    let hole = (position + 1)...(next - 1)
    let damage = snapshot.damages.first { $0.sequenceNumbers?.overlaps(hole) ?? false }
    miss(through: next - 1, damage.map { .damaged($0) } ?? .missing)
  }

  private mutating func miss(through last: UInt64, _ loss: FollowNotice.Loss) {
    guard last > position else { return }
    batch.notices.append(FollowNotice(position + 1, .missed((position + 1)...last, loss)))
    position = last
  }
}
