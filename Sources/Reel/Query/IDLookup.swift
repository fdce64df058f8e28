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
    for segment in snapshot.segments.reversed() where segment.summary.eventCount > 0 {
      if let view = try inSegment(id, hash, segment, &damage) { return view }
    }
    // An id of the store's form belongs to the event it names, unless a caller took it before.
    if let (runID, sequence) = id.generatedParts, let view = try find(sequence),
      view.hasGeneratedID, view.runID == runID
    {
      return view
    }
    if let damage { throw .corrupted(damage) }
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

  /// The last row with `id` that has not been removed.
  private func lastRow(of id: EventID, in block: DecodedBlock) -> Int? {
    let bytes = id.bytes
    guard let ids = block.ids, let row = ids.lastRow(of: bytes.rawSpan) else { return nil }
    if !snapshot.control.isRemoved(
      timestamp: block.timestamps[row], sequence: block.sequence(row))
    {
      return row
    }
    var earlier = row - 1
    while earlier >= 0 {
      if ids.hasValue(earlier), ids.bytes(earlier).equals(bytes.rawSpan),
        !snapshot.control.isRemoved(
          timestamp: block.timestamps[earlier], sequence: block.sequence(earlier))
      {
        return earlier
      }
      earlier -= 1
    }
    return nil
  }

  /// The event in a segment; a block that may have it and cannot be read does not keep it from
  /// being found in another.
  private func inSegment(
    _ id: EventID, _ hash: UInt64, _ segment: ReadableSegment, _ damage: inout Corruption?
  ) throws(ReelError) -> EventView? {
    var cost = QueryCost()
    do {
      let ordinals = try ordinals(hash, segment, &cost)
      if ordinals.isEmpty { return nil }
      let file = try cache.file(segment.firstSequence, name: segment.name)
      let directory = try segment.directory(file, cache: cache, cost: &cost)
      for ordinal in ordinals.reversed() {
        let entry = directory.blocks[ordinal]
        do throws(ReelError) {
          let block = try cache.block(entry, of: file, wanted: Self.wanted, cost: &cost)
          if let row = lastRow(of: id, in: block) { return try view(entry, row, of: file) }
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
    _ hash: UInt64, _ segment: ReadableSegment, _ cost: inout QueryCost
  ) throws(ReelError) -> [Int] {
    let index = try segment.idIndex { () throws(ReelError) in
      let file = try cache.file(segment.firstSequence, name: segment.name)
      return try segment.directory(file, cache: cache, cost: &cost)
    }
    var ordinals = index.unindexed
    let file = { () throws(ReelError) in
      try cache.file(segment.firstSequence, name: segment.name)
    }
    for part in index.parts {
      guard part.byteCount > 0,
        let fingerprints = try? cache.fingerprints(
          part, segment: segment.firstSequence, cost: &cost, file: file)
      else {
        ordinals += part.blocks
        continue
      }
      for block in fingerprints.blocks(hash) { ordinals.append(part.blocks.lowerBound + block) }
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
    guard low > 0 else { return nil }
    let segment = snapshot.segments[low - 1]
    guard sequence < segment.summary.nextSequence else { return nil }
    var cost = QueryCost()
    do {
      let file = try cache.file(segment.firstSequence, name: segment.name)
      let directory = try segment.directory(file, cache: cache, cost: &cost)
      guard
        let entry = directory.blocks.first(where: {
          $0.firstSequence <= sequence && sequence <= $0.lastSequence
        })
      else { return nil }
      let block = try cache.block(entry, of: file, wanted: Self.wanted, cost: &cost)
      guard let row = eventRow(sequence, in: block) else { return nil }
      return try view(entry, row, of: file)
    } catch .io(let failure) where failure.code == ErrorNumber.noEntry {
      return nil
    }
  }

  /// The row of an event that has not been removed.
  private func eventRow(_ sequence: UInt64, in block: DecodedBlock) -> Int? {
    let row = Int(sequence - block.header.firstSequence)
    guard block.recordType(row) == 0,
      !snapshot.control.isRemoved(timestamp: block.timestamps[row], sequence: sequence)
    else { return nil }
    return row
  }

  // MARK: Rendering

  private static let wanted = ColumnSet([.recordType, .timestamp, .id])

  private var schema: AttributeSchema { snapshot.control.attributes }

  /// The event in a row of a segment's block.
  private func view(
    _ entry: DirectoryEntry, _ row: Int, of file: SegmentFile
  ) throws(ReelError) -> EventView {
    var cost = QueryCost()
    if let page = try cache.page(entry, of: file, mayRender: false, schema: schema, cost: &cost) {
      return try view(page, row)
    }
    let block = try cache.block(entry, of: file, wanted: .all, cost: &cost)
    return try view(RecordRenderer.page(block, rows: [Int32(row)], schema: schema), 0)
  }

  private func view(_ page: RecordPage, _ place: Int) throws(ReelError) -> EventView {
    if let view = page.view(place) { return view }
    throw page.damage.map(ReelError.corrupted) ?? .closed
  }
}

extension ReadableSegment {
  /// Where its blocks are.
  func directory(
    _ file: SegmentFile, cache: ReadCache, cost: inout QueryCost
  ) throws(ReelError) -> ReadableDirectory {
    switch form {
    case .scanned(let directory, _): return directory
    case .unreadable(let corruption): throw .corrupted(corruption)
    case .complete(let trailer):
      do {
        return try cache.directory(trailer, of: file, cost: &cost)
      } catch .corrupted {
        let scan = try SegmentScanner(file, byteCount: byteCount, check: .headers).scan()
        return ReadableDirectory(Directory(blocks: scan.blocks))
      }
    }
  }

  func blocks(
    _ file: SegmentFile, cache: ReadCache, cost: inout QueryCost
  ) throws(ReelError) -> [DirectoryEntry] {
    try directory(file, cache: cache, cost: &cost).blocks
  }
}
