/// Finds one event by its id or sequence number.
struct IDLookup {
  private let snapshot: Snapshot
  private let cache: ReadCache

  init(snapshot: Snapshot, cache: ReadCache) {
    self.snapshot = snapshot
    self.cache = cache
  }

  /// The event with `id` that arrived last.
  func find(_ id: EventID) throws(ReelError) -> EventView? {
    if let view = try inBuffer(id) { return view }
    let hash = keyHash(id.bytes.rawSpan)
    var damage: Corruption?
    if let last = snapshot.segments.last {
      let view =
        if let group = snapshot.lastGroup {
          try inGroup(id, hash, group, &damage)
        } else {
          try inSegment(id, hash, last, nil, &damage)
        }
      if let view { return view }
    }
    if let view = try inSettled(id, hash, &damage) { return view }
    // An id of the store's form belongs to the event it names, unless a caller took it before.
    if let (runID, sequence) = id.generatedParts, let view = try find(sequence),
      view.hasGeneratedID, view.runID == runID
    {
      return view
    }
    if let damage { throw .corrupted(damage) }
    return nil
  }

  /// The event in a segment that is not the last; by merged indexes when those of the segments do
  /// not fit into memory.
  private func inSettled(
    _ id: EventID, _ hash: UInt64, _ damage: inout Corruption?
  ) throws(ReelError) -> EventView? {
    let eventCount = snapshot.settledEventCount
    guard !snapshot.mergedGroups.isEmpty, cache.keepsFronts(eventCount: eventCount) else {
      for group in snapshot.groups.reversed() {
        if let view = try inGroup(id, hash, group, &damage) { return view }
      }
      return nil
    }
    for group in snapshot.lookUpGroups.reversed() {
      switch group {
      case .segments(let group):
        if let view = try inGroup(id, hash, group, &damage) { return view }
      case .merged(let merged):
        var cost = QueryCost()
        let members = cache.members(
          of: merged, having: [hash], in: .id, eventCount: eventCount, cost: &cost)
        guard members.may != 0 else { continue }
        for member in merged.members.reversed()
        where members.may >> UInt64(member.ordinal) & 1 == 1 {
          let group = SegmentGroup(member.segment)
          if let view = try inGroup(id, hash, group, &damage) { return view }
        }
      }
    }
    return nil
  }

  private func inBuffer(_ id: EventID) throws(ReelError) -> EventView? {
    for block in snapshot.buffered.reversed() {
      guard let row = lastRow(of: id, in: block),
        block.sequence(row) >= snapshot.firstBufferedSequence
      else { continue }
      return try view(RecordRenderer.page(block, rows: [Int32(row)], schema: schema), 0)
    }
    return nil
  }

  /// The last row with `id` that has not been removed, of a block with decoded ids.
  private func lastRow(of id: EventID, in block: DecodedBlock) -> Int? {
    let bytes = id.bytes
    guard let ids = block.ids, let row = ids.lastRow(of: bytes.rawSpan) else { return nil }
    guard snapshot.removals.mayRemove(from: block.header.stretch),
      snapshot.removals.isRemoved(timestamp: block.timestamps[row], sequence: block.sequence(row))
    else { return row }
    var earlier = row - 1
    while earlier >= 0 {
      if ids.hasValue(earlier), ids.bytes(earlier).equals(bytes.rawSpan),
        !snapshot.removals.isRemoved(
          timestamp: block.timestamps[earlier], sequence: block.sequence(earlier))
      {
        return earlier
      }
      earlier -= 1
    }
    return nil
  }

  /// The block with an entry of a segment's directory, and the last of its rows with `id` that has
  /// not been removed.
  ///
  /// For a look-up that comes once no column is decoded.
  private func find(
    _ id: EventID, _ entry: DirectoryEntry, of segment: ReadableSegment
  ) throws(ReelError) -> (kept: KeptBlock, row: Int)? {
    var cost = QueryCost()
    if snapshot.removals.mayRemove(from: entry.stretch) {
      let wanted = Self.placed.union(Self.named)
      let kept = try cache.block(entry, of: segment, wanted: wanted, cost: &cost)
      return lastRow(of: id, in: kept.block).map { (kept, $0) }
    }
    var kept = try cache.block(entry, of: segment, wanted: ColumnSet(), cost: &cost)
    if kept.block.isPartial {
      kept = try cache.block(entry, of: segment, wanted: Self.named, cost: &cost)
    }
    let bytes = id.bytes
    do throws(ByteReader.Malformed) {
      return try kept.block.lastRow(ofID: bytes.rawSpan).map { (kept, $0) }
    } catch {
      throw try cache.file(segment).corrupted(entry, error.reason)
    }
  }

  private func inGroup(
    _ id: EventID, _ hash: UInt64, _ group: SegmentGroup, _ damage: inout Corruption?
  ) throws(ReelError) -> EventView? {
    var cost = QueryCost()
    var found: EventView?
    let indexes = cache.ids(group, eventCount: snapshot.settledEventCount, cost: &cost)
    let bytes = id.bytes
    try indexes.search(bytes.rawSpan, hash, removals: snapshot.removals, cache: cache) {
      segment, place throws(ReelError) in
      switch place {
      case .event(let view): found = view
      case .blocks(let ordinals): found = try inSegment(id, hash, segment, ordinals, &damage)
      case .unknown: found = try inSegment(id, hash, segment, nil, &damage)
      }
      return found != nil
    }
    return found
  }

  /// The event in a segment; a block that may have it and cannot be read does not keep it from
  /// being found in another.
  ///
  /// The blocks that may have it are found when `ordinals` are not given.
  private func inSegment(
    _ id: EventID, _ hash: UInt64, _ segment: ReadableSegment, _ ordinals: [Int]?,
    _ damage: inout Corruption?
  ) throws(ReelError) -> EventView? {
    guard segment.summary.eventCount > 0 else { return nil }
    var cost = QueryCost()
    do {
      let directory = try segment.directory(cache, cost: &cost)
      damage = damage ?? directory.damages.first
      let ordinals = ordinals ?? self.ordinals(hash, segment, directory, &cost)
      for ordinal in ordinals.reversed() {
        let entry = directory.blocks[ordinal]
        do throws(ReelError) {
          if let (kept, row) = try find(id, entry, of: segment) {
            return try view(entry, row, kept, of: segment)
          }
        } catch .corrupted(let corruption) {
          damage = damage ?? corruption
        }
      }
      return nil
    } catch .io(let failure) where failure.code == ErrorNumber.noEntry {
      return nil  // retention removed the segment meanwhile
    } catch .corrupted(let corruption) {
      if case .unreadable = segment.form { return nil }
      damage = damage ?? corruption
      return nil
    }
  }

  /// The blocks that may have the id, ascending: those that an index names, and those without one.
  private func ordinals(
    _ hash: UInt64, _ segment: ReadableSegment, _ directory: ReadableDirectory,
    _ cost: inout QueryCost
  ) -> [Int] {
    var ordinals = directory.unindexed
    for part in directory.indexes where part.column == .id {
      guard part.byteCount > 0,
        let fingerprints = try? cache.fingerprints(part, of: segment, cost: &cost)
      else {
        ordinals += part.blocks
        continue
      }
      for block in fingerprints.ordinals(hash) { ordinals.append(part.blocks.lowerBound + block) }
    }
    return ordinals.count > 1 ? ordinals.sorted() : ordinals
  }

  /// The event with a sequence number.
  func find(_ sequence: UInt64) throws(ReelError) -> EventView? {
    for block in snapshot.buffered
    where (block.header.firstSequence...block.header.lastSequence).contains(sequence) {
      guard let row = eventRow(sequence, in: block) else { return nil }
      return try view(RecordRenderer.page(block, rows: [Int32(row)], schema: schema), 0)
    }
    guard let segment = segment(of: sequence) else { return nil }
    var cost = QueryCost()
    do throws(ReelError) {
      let directory = try segment.directory(cache, cost: &cost)
      guard let entry = directory.entry(of: sequence) else {
        let damage = directory.damages.first { $0.sequenceNumbers?.contains(sequence) ?? false }
        if let damage { throw ReelError.corrupted(damage) }
        return nil
      }
      let kept = try cache.block(entry, of: segment, wanted: Self.placed, cost: &cost)
      guard let row = eventRow(sequence, in: kept.block) else { return nil }
      return try view(entry, row, kept, of: segment)
    } catch .io(let failure) where failure.code == ErrorNumber.noEntry {
      return nil
    }
  }

  /// The block of a sequence number with `wanted` columns, which is not kept in memory for it.
  func block(
    of sequence: UInt64, _ wanted: ColumnSet
  ) throws(ReelError) -> DecodedBlock? {
    for block in snapshot.buffered
    where (block.header.firstSequence...block.header.lastSequence).contains(sequence) {
      return block
    }
    guard let segment = segment(of: sequence) else { return nil }
    var cost = QueryCost()
    do {
      let directory = try segment.directory(cache, cost: &cost)
      guard let entry = directory.entry(of: sequence) else { return nil }
      return try cache.block(
        entry, of: segment, wanted: wanted, isPartial: true, isKept: false, cost: &cost
      ).block
    } catch .io(let failure) where failure.code == ErrorNumber.noEntry {
      return nil
    }
  }

  /// The segment that may have a sequence number.
  private func segment(of sequence: UInt64) -> ReadableSegment? {
    var low = 0
    var high = snapshot.segments.count
    while low < high {
      let middle = (low + high) / 2
      if snapshot.segments[middle].firstSequence <= sequence {
        low = middle + 1
      } else {
        high = middle
      }
    }
    // A file that cannot be read, perhaps another recording's, hides none before it.
    while low > 0, case .unreadable = snapshot.segments[low - 1].form { low -= 1 }
    guard low > 0 else { return nil }
    let segment = snapshot.segments[low - 1]
    return sequence < segment.summary.nextSequence ? segment : nil
  }

  /// The row of an event that has not been removed.
  private func eventRow(_ sequence: UInt64, in block: DecodedBlock) -> Int? {
    let row = Int(sequence - block.header.firstSequence)
    guard block.recordType(row) == 0,
      !snapshot.removals.isRemoved(timestamp: block.timestamps[row], sequence: sequence)
    else { return nil }
    return row
  }

  // MARK: Rendering

  /// The columns by which an id is found, and those that tell whether it was removed.
  private static let named = ColumnSet([.id])
  private static let placed = ColumnSet([.recordType, .timestamp])

  private var schema: AttributeSchema { snapshot.control.attributes }

  /// The event in a row of a segment's block, of which the records may be known.
  private func view(
    _ entry: DirectoryEntry, _ row: Int, _ kept: KeptBlock, of segment: ReadableSegment
  ) throws(ReelError) -> EventView {
    if let page = kept.page { return try view(page, row) }
    var cost = QueryCost()
    if let page = try cache.page(
      entry, of: segment, mayRender: false, schema: schema, cost: &cost)
    {
      return try view(page, row)
    }
    let rows = [Int32(row)]
    let block = try cache.rows(rows, of: kept, entry, segment)
    return try view(RecordRenderer.page(block, rows: rows, schema: schema), 0)
  }

  private func view(_ page: RecordPage, _ place: Int) throws(ReelError) -> EventView {
    if let view = page.view(place) { return view }
    throw page.damage.map(ReelError.corrupted) ?? .closed
  }
}

extension ReadableDirectory {
  /// The block that has a sequence number.
  fileprivate func entry(of sequence: UInt64) -> DirectoryEntry? {
    blocks.first { $0.firstSequence <= sequence && sequence <= $0.lastSequence }
  }
}

extension ReadableSegment {
  /// Where its blocks are.
  func directory(_ cache: ReadCache, cost: inout QueryCost) throws(ReelError) -> ReadableDirectory {
    switch form {
    case .scanned(let directory, _): return directory
    case .unreadable(let corruption): throw .corrupted(corruption)
    case .complete(let trailer):
      do {
        return try cache.directory(trailer, of: self, cost: &cost)
      } catch .corrupted {
        let file = try cache.file(self)
        let scan = try SegmentScanner(file, byteCount: byteCount, check: .headers).scan()
        var damages = scan.damages
        if scan.summary.nextSequence < trailer.summary.nextSequence {
          damages.append(
            Corruption(
              path: file.path, bytes: scan.end..<scan.end,
              sequenceNumbers: scan.summary.nextSequence...(trailer.summary.nextSequence - 1),
              reason: "the blocks end before the trailer says"))
        }
        return ReadableDirectory(Directory(blocks: scan.blocks), damages: damages)
      }
    }
  }
}
