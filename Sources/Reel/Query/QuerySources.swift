/// Where the rows of one query come from: its filter applied to the segments and buffered blocks of
/// one snapshot, with the damage met and the reading done.
final class QuerySources {
  let filter: BlockFilter
  /// The columns that the filter looks at.
  let columns: ColumnSet
  let snapshot: Snapshot
  let cache: ReadCache
  let isDescending: Bool
  /// What the query goes on after.
  let after: MergeKey?
  /// The time range, narrowed by that; nothing when no event can match.
  let range: ClosedRange<Int64>?
  var cost = QueryCost()
  private var damages: [Corruption] = []
  private var hasNotedAttributes = false
  let declarationCount: Int
  /// Decodes ahead of an answer that takes many blocks, once it has taken some.
  private var ahead: ReadAhead?
  private var takenCount = 0
  /// A run and an array of rows that are used again.
  private var spareRun: MergeRun?
  private var spareRows: [Int32] = []
  /// What merged indexes say of the segments.
  private var named: NamedSegments

  init(
    filter: BlockFilter, snapshot: Snapshot, cache: ReadCache, isDescending: Bool,
    after: Query.Position?
  ) {
    self.filter = filter
    columns = filter.columns
    self.snapshot = snapshot
    declarationCount = snapshot.control.attributes.declarations.count
    self.cache = cache
    named = NamedSegments(filter, snapshot, cache)
    self.isDescending = isDescending
    let last = after.map {
      MergeKey(timestamp: $0.timestamp.nanoseconds, sequence: $0.sequenceNumber.rawValue)
    }
    self.after = last
    range = Self.range(filter, after: last, isDescending: isDescending)
    cost.segmentCount = snapshot.segments.count
  }

  deinit { ahead?.stop() }

  func takeDamages() -> [Corruption] {
    guard !damages.isEmpty else { return [] }
    defer { damages = [] }
    return damages
  }

  /// Notes damage that somebody else met.
  func note(_ damage: Corruption) { damages.append(damage) }

  /// Notes once that a block has values of attributes whose declarations are lost: its events come
  /// without them.
  private func checkAttributes(_ block: DecodedBlock, _ origin: BlockOrigin?) {
    guard !hasNotedAttributes, block.header.attributeCount > declarationCount else { return }
    hasNotedAttributes = true
    let header = block.header
    let range = origin.map { $0.entry.offset..<($0.entry.offset + $0.entry.byteCount) }
    damages.append(
      Corruption(
        path: cache.path + "/" + (origin?.segment.name ?? snapshot.bufferName),
        bytes: range ?? 0..<0,
        sequenceNumbers: header.firstSequence...header.lastSequence,
        reason: AttributeSchema.lostReason))
  }

  /// Adds the bytes that somebody else read.
  func countBytesRead(_ byteCount: Int) { cost.bytesRead += byteCount }

  func countPass() { cost.passCount += 1 }

  func countSort(byteCount: Int) {
    cost.passCount += 1
    cost.sortedByteCount += byteCount
  }

  /// Where a sort may put what memory does not hold.
  func temporaryFolder() throws(ReelError) -> any Folder { try cache.temporaryFolder() }

  /// The time range of `filter`, narrowed by where the query goes on.
  private static func range(
    _ filter: BlockFilter, after: MergeKey?, isDescending: Bool
  ) -> ClosedRange<Int64>? {
    guard !filter.isImpossible, let range = filter.timestamps else { return nil }
    guard let after else { return range }
    let lower = isDescending ? range.lowerBound : max(range.lowerBound, after.timestamp)
    let upper = isDescending ? min(range.upperBound, after.timestamp) : range.upperBound
    return lower <= upper ? lower...upper : nil
  }

  /// Whether `key` comes after `last` in the order of the answer.
  func isAfter(_ key: MergeKey, _ last: MergeKey) -> Bool {
    isDescending ? key < last : last < key
  }

  /// Everything that may have matches, for a merge.
  func queue() -> MergeQueue {
    var queue = MergeQueue(isDescending: isDescending)
    guard let range else { return queue }
    if let last = snapshot.segments.last, mayMatch(last, range) {
      queue.push(.segment(last), last.summary.stretch.key(isDescending: isDescending))
    }
    let walk = SettledWalk(snapshot.order.walk(range, isDescending: isDescending))
    queue.push(.segments(walk), advance(walk))
    for block in snapshot.buffered where block.header.overlaps(range) {
      queue.push(.memory(block), block.header.stretch.key(isDescending: isDescending))
    }
    return queue
  }

  /// Brings a walk to the next segment that may have matches.
  /// - Returns: The first key that an event in it can have; nothing after the last.
  func advance(_ walk: SettledWalk) -> MergeKey? {
    guard let range else { return nil }
    walk.advance(snapshot.segments) { mayMatch($0, range) }
    return walk.key(isDescending: isDescending)
  }

  /// Whether a segment may have matches.
  func mayMatch(_ segment: ReadableSegment, _ range: ClosedRange<Int64>) -> Bool {
    let summary = segment.summary
    return summary.overlaps(range) && !snapshot.removals.removesAll(of: summary.stretch)
      && named.state(of: segment, cost: &cost) != .ruledOut
  }

  /// Everything that may have matches, for those who go over all of it, in order of arrival.
  ///
  /// `body` is given each block with the first key that an event in it can have. Where `isDone`
  /// is given, it is asked of each segment first which of its blocks need not be gone over.
  func forEachCandidate(
    isDone: ((ReadableSegment, ReadableDirectory) -> Set<Int>)? = nil,
    _ body: (BlockCandidate, MergeKey) throws(ReelError) -> Void
  ) throws(ReelError) {
    guard let range else { return }
    for segment in snapshot.segments where mayMatch(segment, range) {
      guard let (directory, ordinals) = try open(segment) else { continue }
      let done = isDone?(segment, directory) ?? []
      for ordinal in ordinals ?? Array(directory.blocks.indices) where !done.contains(ordinal) {
        let entry = directory.blocks[ordinal]
        guard mayMatch(entry, range) else { continue }
        let key = directory.order.key(ordinal, isDescending: isDescending)
        try body(.stored(BlockOrigin(segment: segment, entry: entry)), key)
      }
    }
    for block in snapshot.buffered where block.header.overlaps(range) {
      try body(.memory(block), block.header.stretch.key(isDescending: isDescending))
    }
  }

  /// The blocks of a segment that may have matches.
  func expand(_ segment: ReadableSegment) throws(ReelError) -> BlockWalk? {
    guard let range, let (directory, ordinals) = try open(segment) else { return nil }
    if let condition = filter.soleCondition, mayBeIndexed(segment) {
      for column in condition.columns { cache.countQuestion(column, of: segment, directory) }
    }
    return BlockWalk(
      segment, directory, ordinals: ordinals, range: range, isDescending: isDescending,
      removals: snapshot.removals)
  }

  private func mayMatch(_ entry: DirectoryEntry, _ range: ClosedRange<Int64>) -> Bool {
    entry.overlaps(range) && !snapshot.removals.removesAll(of: entry.stretch)
  }

  /// The directory of a segment, and which of its blocks may match if not all; nothing when none
  /// does, and when it is damaged or gone.
  private func open(
    _ segment: ReadableSegment
  ) throws(ReelError) -> (directory: ReadableDirectory, ordinals: [Int]?)? {
    let candidates = Candidates(filter: filter, cache: cache)
    // One that is named has what is wanted, as a rule: to learn it from its own keys first would
    // only take longer.
    guard
      named.state(of: segment, cost: &cost) == .named
        || candidates.mayMatch(segment, cost: &cost)
    else { return nil }
    cost.segmentsOpened += 1
    do {
      let directory = try segment.directory(cache, cost: &cost)
      damages += directory.damages
      cost.blockCount += directory.blocks.count
      let ordinals = try candidates.ordinals(segment, directory, cost: &cost)
      return (directory, ordinals)
    } catch {
      try tolerate(error, segment)
      return nil
    }
  }

  /// The blocks that an answer takes before any is decoded ahead: starting a thread costs about as
  /// much as decoding one.
  private static let blocksBeforeAhead = 4

  /// Tells that `origin` is opened next and then, as far as can be told, the next of `walk`, of an
  /// answer that wants `count` more events.
  func readAhead(_ origin: BlockOrigin, _ walk: BlockWalk, count: Int) {
    if let ahead { cost.add(ahead.finish(origin)) }
    takenCount += 1
    guard takenCount > Self.blocksBeforeAhead,
      count > Self.blocksBeforeAhead * Int(origin.entry.eventCount), let next = walk.first,
      !cache.has(next, isWhole: !filter.hasConditions)
    else { return }
    if ahead == nil {
      // Without another thread the answer is the same.
      ahead = try? ReadAhead(
        cache: cache, schema: schema, isWhole: !filter.hasConditions)
    }
    ahead?.begin(next)
  }

  /// Brings near what the next blocks of `walk` will be looked at by, while another one is.
  func approach(_ walk: BlockWalk) {
    guard let column = filter.firstColumn, let (next, then) = walk.cacheKeys else { return }
    cache.approach(column, next: next, then: then)
  }

  /// The matching rows of a block, in the order of the answer; nothing when there is none.
  func run(_ candidate: BlockCandidate) throws(ReelError) -> MergeRun? {
    switch candidate {
    case .memory(let block): run(block)
    case .stored(let origin): try run(origin)
    }
  }

  /// As ``run(_:)-(BlockCandidate)``, of a block in memory.
  func run(_ block: DecodedBlock) -> MergeRun? {
    guard let range else { return nil }
    checkAttributes(block, nil)
    return selection(block, range, snapshot.firstBufferedSequence).map {
      run(KeptBlock(block), origin: nil, $0)
    }
  }

  /// As ``run(_:)-(BlockCandidate)``, of a block of a segment.
  func run(_ origin: BlockOrigin) throws(ReelError) -> MergeRun? {
    guard let range, let kept = try find(origin, columns) else { return nil }
    // While the rows are found, what leads to their records comes near.
    kept.page?.prefetch()
    return selection(kept.block, range, 0).map { run(kept, origin: origin, $0) }
  }

  func run(_ kept: KeptBlock, origin: BlockOrigin?, _ rows: RowSelection) -> MergeRun {
    guard let run = spareRun else { return MergeRun(kept, origin: origin, rows: rows) }
    spareRun = nil
    run.begin(kept, origin: origin, rows: rows)
    return run
  }

  /// Takes back a run that nobody holds any more.
  func giveBack(_ run: MergeRun) {
    spareRows = run.end()
    spareRun = run
  }

  /// The matching rows of a block, in the order of the answer; nothing when there is none.
  private func selection(
    _ block: DecodedBlock, _ range: ClosedRange<Int64>, _ firstSequence: UInt64
  ) -> RowSelection? {
    guard !filter.hasConditions, after == nil, block.header.firstSequence >= firstSequence,
      !snapshot.removals.mayRemove(from: block.header.stretch)
    else {
      var found = spareRows
      spareRows = []
      select(&found, of: block, range: range, firstSequence: firstSequence, after: nil)
      guard !found.isEmpty else {
        spareRows = found
        return nil
      }
      if found.count > 1 { sortByTime(&found, block.timestamps) }
      let count = found.count
      return RowSelection(found, 0..<count, isReversed: isDescending)
    }
    cost.rowsExamined += block.header.recordCount
    let rows = block.eventOrder
    let timestamps = block.timestamps
    var (lower, upper) = (0, rows.count)
    if block.header.minimumTimestamp < range.lowerBound {
      lower = firstIndex(upper) { timestamps[Int(rows[$0])] >= range.lowerBound }
    }
    if block.header.maximumTimestamp > range.upperBound {
      upper = firstIndex(upper) { timestamps[Int(rows[$0])] > range.upperBound }
    }
    guard lower < upper else { return nil }
    return RowSelection(rows, lower..<upper, isReversed: isDescending)
  }

  /// The matching rows of a block after `last`, in order of arrival, and the block with the columns
  /// that the filter looks at; if `isPartial`, no more of it is decompressed.
  func matches(
    _ candidate: BlockCandidate, after last: MergeKey?, isPartial: Bool, isKept: Bool = true
  ) throws(ReelError) -> (block: DecodedBlock, rows: [Int32])? {
    guard let range else { return nil }
    switch candidate {
    case .memory(let block):
      checkAttributes(block, nil)
      let first = snapshot.firstBufferedSequence
      return (block, matches(block, range: range, firstSequence: first, after: last))
    case .stored(let origin):
      guard let block = try decode(origin, columns, isPartial: isPartial, isKept: isKept)
      else { return nil }
      return (block, matches(block, range: range, firstSequence: 0, after: last))
    }
  }

  /// A block of a segment with `wanted` columns; nothing when it is damaged or gone.
  func decode(
    _ origin: BlockOrigin, _ wanted: ColumnSet, isPartial: Bool = false, isKept: Bool = true
  ) throws(ReelError) -> DecodedBlock? {
    try find(origin, wanted, isPartial: isPartial, isKept: isKept)?.block
  }

  /// A block of a segment with all columns of `rows`, ascending, at least; nothing when it is
  /// damaged or gone.
  func decode(_ origin: BlockOrigin, rows: [Int32]) throws(ReelError) -> DecodedBlock? {
    var wanted = ColumnSet.all
    wanted.remove(.eventOrder)
    guard rows.count <= 3 * DecodedBlock.maximumOnlyCount else {
      return try decode(origin, wanted)
    }
    guard let kept = try find(origin, MomentLives.columns) else { return nil }
    do {
      return try cache.rows(rows, of: kept, origin.entry, origin.segment)
    } catch {
      try tolerate(error, origin.segment)
      return nil
    }
  }

  func find(
    _ origin: BlockOrigin, _ wanted: ColumnSet, isPartial: Bool = false, isKept: Bool = true
  ) throws(ReelError) -> KeptBlock? {
    do {
      let kept = try cache.block(
        origin.entry, of: origin.segment, wanted: wanted, isPartial: isPartial, isKept: isKept,
        cost: &cost)
      checkAttributes(kept.block, origin)
      return kept
    } catch {
      try tolerate(error, origin.segment)
      return nil
    }
  }

  private func matches(
    _ block: DecodedBlock, range: ClosedRange<Int64>, firstSequence: UInt64, after last: MergeKey?
  ) -> [Int32] {
    var rows: [Int32] = []
    select(&rows, of: block, range: range, firstSequence: firstSequence, after: last)
    return rows
  }

  /// Puts the matching rows of a block after `last`, in order of arrival, in the place of `rows`.
  private func select(
    _ rows: inout [Int32], of block: DecodedBlock, range: ClosedRange<Int64>,
    firstSequence: UInt64, after last: MergeKey?
  ) {
    cost.rowsExamined += block.header.recordCount
    filter.select(
      &rows, of: block, range: range, removals: snapshot.removals, firstSequence: firstSequence)
    for limit in [after, last] {
      guard let limit else { continue }
      rows.removeAll { row in
        let key = MergeKey(
          timestamp: block.timestamps[Int(row)], sequence: block.sequence(Int(row)))
        return !isAfter(key, limit)
      }
    }
  }

  // MARK: Records

  /// The share of a block's rows from which on all of them are rendered, to be kept.
  private static let wholeShare = 8

  /// Sees to it that `run` has the records of up to `count` rows from `index` on: all of its
  /// block's, or some of its own.
  ///
  /// What cannot be read, because it is damaged or retention removed it, is noted and leaves the
  /// run without either.
  /// - Returns: Those of its own.
  /// - Throws: ``ReelError/io(_:)``.
  func render(
    _ run: MergeRun, from index: Int, count: Int
  ) throws(ReelError) -> PartialPage? {
    if let page = run.partialPage, page.covers(index) { return page }
    run.partialPage = nil
    let end = min(run.rows.count, index + max(min(count, run.rows.count), 1))
    guard let origin = run.origin else { return try render(run, index..<end) }
    do {
      let isLarge = (end - index) * Self.wholeShare >= run.block.header.recordCount
      if let page = try cache.page(
        origin.entry, of: origin.segment, mayRender: isLarge, schema: schema, cost: &cost)
      {
        run.replace(run.kept.with(page: page))
        return nil
      }
      if end - index <= DecodedBlock.maximumOnlyCount, !run.block.isPartial {
        let rows = run.rows.array(index..<end)
        let block = try cache.rows(rows, of: run.kept, origin.entry, origin.segment)
        return try render(run, index..<end, of: block)
      }
      if run.block.decoded != .all {
        run.replace(
          try cache.block(origin.entry, of: origin.segment, wanted: .all, cost: &cost))
      }
      return try render(run, index..<end)
    } catch {
      try tolerate(error, origin.segment)
      return nil
    }
  }

  private var schema: AttributeSchema { snapshot.control.attributes }

  /// Records of the rows at `indexes` of a run alone, of its block or one with those rows.
  private func render(
    _ run: MergeRun, _ indexes: Range<Int>, of block: DecodedBlock? = nil
  ) throws(ReelError) -> PartialPage {
    let page = PartialPage(
      page: try RecordRenderer.page(
        block ?? run.block, rows: run.rows.array(indexes), schema: schema),
      firstIndex: indexes.lowerBound)
    run.partialPage = page
    return page
  }

  /// Goes on after damage, and after a file that retention removed meanwhile; other errors are
  /// thrown.
  private func tolerate(_ error: ReelError, _ segment: ReadableSegment) throws(ReelError) {
    switch error {
    case .corrupted(let corruption):
      damages.append(corruption)
    case .io(let failure) where failure.code == ErrorNumber.noEntry:
      damages.append(
        Corruption(
          path: failure.path, bytes: 0..<segment.byteCount,
          sequenceNumbers: segment.summary.recordCount == 0
            ? nil : segment.firstSequence...(segment.summary.nextSequence - 1),
          reason: "the segment was dropped while it was being read"))
    default: throw error
    }
  }
}
