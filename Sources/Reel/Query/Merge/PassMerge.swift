/// Merges candidates that overlap too much to be open at once.
///
/// A pass over all candidates finds the first so many rows in the order of the answer, copies their
/// records into memory and gives them out: enough for most limits. If more are wanted, all the rest
/// is sorted outside memory (``ExternalSort``), which reads every block once. Where there is no
/// room for temporary files, further passes are made instead; each costs a look at the filter
/// columns of every candidate block, and one at the whole of each block that has a row in it.
/// Memory is bounded either way, whatever the recording's size.
final class PassMerge {
  private let sources: QuerySources
  private let bounds: EventMerge.Bounds
  private var last: MergeKey?
  private var rest: Int?
  /// Rows that a pass keeps at most.
  private var capacity: Int
  private var copies = RecordCopies()
  /// Entries of ``copies`` given out.
  private var given = 0
  private var builder: RecordPageBuilder
  private var sort: ExternalSort?
  private var isFinished = false
  private var mayHaveRoom = true

  /// Bytes of the records that a pass keeps.
  private static let maximumByteCount = 32 << 20

  /// A row found by a pass.
  private struct Found: Prioritized {
    var key: MergeKey
    var candidate: Int32
    var row: Int32
    var isDescending: Bool

    /// The last in the order of the answer is the first to be given up.
    func precedes(_ other: Found) -> Bool { isDescending ? key < other.key : other.key < key }
  }

  init(
    sources: QuerySources, after last: MergeKey?, limit: Int?, bounds: EventMerge.Bounds
  ) {
    self.sources = sources
    self.bounds = bounds
    builder = RecordPageBuilder(schema: sources.snapshot.control.attributes)
    self.last = last
    rest = limit
    capacity = min(
      bounds.passRowCount, max(1, Self.maximumByteCount / Self.bytesPerRecord(sources)))
  }

  /// What a record takes in the mean.
  private static func bytesPerRecord(_ sources: QuerySources) -> Int {
    var bytes: UInt64 = 0
    var records: UInt64 = 1
    for segment in sources.snapshot.segments {
      bytes = bytes.saturatingAdd(segment.summary.rawByteCount)
      records = records.saturatingAdd(segment.summary.recordCount)
    }
    return Int(min(bytes / records, UInt64(Limits.blockByteCount))) + 2 * Record.headerByteCount
  }

  /// The next events in the order of the answer, nothing after the last.
  func next() throws(ReelError) -> RecordPage? {
    while true {
      if let sort { return try sort.nextPage() }
      if let page = nextCopies() { return page }
      guard !isFinished else { return nil }
      try advance()
    }
  }

  /// The next events that the last pass has copied.
  private func nextCopies() -> RecordPage? {
    while given < copies.entries.count {
      let hasRoom = copies.withBytes(copies.entries[given]) { entry in
        guard builder.hasRoom(entry.byteCount) else { return false }
        builder.append(entry)
        return true
      }
      guard hasRoom else { break }
      given += 1
    }
    return builder.isEmpty ? nil : builder.finish()
  }
}

extension PassMerge {
  /// Finds more rows: the first time by a pass, then by sorting, or by further passes.
  private func advance() throws(ReelError) {
    let candidates = try allCandidates()
    if sources.cost.passCount > 1, mayHaveRoom {
      sort = try sorted(candidates)
      mayHaveRoom = sort != nil
      if mayHaveRoom {
        copies = RecordCopies()
        return
      }
    }
    try pass(candidates)
  }

  // MARK: Sorting outside memory

  /// Sorts everything after ``last``.
  /// - Returns: Nothing when temporary files cannot be written, or not so many bytes.
  private func sorted(_ candidates: [Candidate]) throws(ReelError) -> ExternalSort? {
    guard let folder = try? sources.temporaryFolder() else { return nil }
    let sort = ExternalSort(
      folder: folder, schema: sources.snapshot.control.attributes,
      isDescending: sources.isDescending, bounds: bounds.sort)
    for candidate in candidates {
      let isPartial = sources.filter.hasConditions
      guard
        let (block, rows) = try sources.matches(
          candidate.content, after: last, isPartial: isPartial, isKept: false)
      else { continue }
      do throws(ReelError) {
        try forEachEvent(candidate, block, rows) { view throws(ReelError) in try sort.add(view) }
      } catch .io {
        return nil
      }
    }
    guard (try? sort.finish()) != nil else { return nil }
    sources.countSort(byteCount: sort.writtenByteCount)
    return sort
  }

  /// Calls `body` with the events in `rows` of a candidate; what cannot be read is noted.
  private func forEachEvent(
    _ candidate: Candidate, _ known: DecodedBlock?, _ rows: [Int32],
    _ body: (EventView) throws(ReelError) -> Void
  ) throws(ReelError) {
    guard !rows.isEmpty, let block = try whole(known, candidate) else { return }
    var rest = rows
    while !rest.isEmpty {
      let page = try RecordRenderer.page(
        block, rows: rest, schema: sources.snapshot.control.attributes)
      if let damage = page.damage { sources.note(damage) }
      for place in 0..<page.count {
        if let view = page.view(place) { try body(view) }
      }
      rest.removeFirst(page.count)
    }
  }

  /// A candidate's block with all columns.
  private func whole(
    _ block: DecodedBlock?, _ candidate: Candidate
  ) throws(ReelError) -> DecodedBlock? {
    switch candidate.content {
    case .memory(let memory): return memory
    case .stored(let origin):
      if let block, !block.isPartial, let whole = try? block.decoding(.all) { return whole }
      return try sources.decode(origin, .all, isKept: false)
    }
  }

  // MARK: Passes

  private func pass(_ candidates: [Candidate]) throws(ReelError) {
    while true {
      sources.countPass()
      let limit = rest.map { min($0, capacity) } ?? capacity
      let found = try nearest(limit, candidates)
      copies.removeAll()
      given = 0
      if try copy(found, candidates) || capacity <= 1 {
        copies.sort(isDescending: sources.isDescending)
        isFinished = found.count < limit
        rest = rest.map { $0 - found.count }
        if let rest, rest <= 0 { isFinished = true }
        last = found.last?.key ?? last
        return
      }
      capacity /= 2  // records far above the mean: fewer at a time
    }
  }

  /// The first `limit` rows after ``last``, in order.
  private func nearest(_ limit: Int, _ candidates: [Candidate]) throws(ReelError) -> [Found] {
    let isDescending = sources.isDescending
    var nearest = Heap<Found>()
    guard limit > 0 else { return [] }
    for (number, candidate) in candidates.enumerated() {
      let isFull = nearest.count == limit
      if isFull, let worst = nearest.first, sources.isAfter(candidate.key, worst.key) { continue }
      guard
        let (block, rows) = try sources.matches(
          candidate.content, after: last, isPartial: true, isKept: false)
      else { continue }
      for row in rows {
        let key = MergeKey(
          timestamp: block.timestamps[Int(row)], sequence: block.sequence(Int(row)))
        let found = Found(
          key: key, candidate: Int32(number), row: row, isDescending: isDescending)
        if nearest.count < limit {
          nearest.push(found)
        } else if let worst = nearest.first, worst.precedes(found) {
          nearest.replaceFirst(found)
        }
      }
    }
    return nearest.elements.sorted { $1.precedes($0) }
  }

  /// Copies the records found, block by block.
  /// - Returns: Whether there was room for all.
  private func copy(_ found: [Found], _ candidates: [Candidate]) throws(ReelError) -> Bool {
    let sorted = found.sorted { ($0.candidate, $0.row) < ($1.candidate, $1.row) }
    var start = 0
    while start < sorted.count {
      let candidate = sorted[start].candidate
      let end = sorted[start...].firstIndex { $0.candidate != candidate } ?? sorted.count
      let rows = sorted[start..<end].map(\.row)
      try forEachEvent(candidates[Int(candidate)], nil, rows) { copies.add($0) }
      guard copies.byteCount <= 2 * Self.maximumByteCount else { return false }
      start = end
    }
    return true
  }

  // MARK: Candidates

  private struct Candidate {
    var key: MergeKey
    var content: BlockCandidate
  }

  private func allCandidates() throws(ReelError) -> [Candidate] {
    var candidates: [Candidate] = []
    try sources.forEachCandidate { content, key in
      candidates.append(Candidate(key: key, content: content))
    }
    return candidates
  }
}
