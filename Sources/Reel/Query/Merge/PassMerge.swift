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
  private let bounds: EventCursor.Bounds
  private var last: MergeKey?
  private var rest: Int?
  /// Rows that a pass keeps at most.
  private var capacity: Int
  private var copies = RecordCopies()
  /// Entries of ``copies`` given out.
  private var given = 0
  private var packer = RowPacker()
  private var sort: ExternalSort?
  private var rows: [MergeRow] = []
  private var index = 0
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
    sources: QuerySources, after last: MergeKey?, limit: Int?, bounds: EventCursor.Bounds
  ) {
    self.sources = sources
    self.bounds = bounds
    self.last = last
    rest = limit
    capacity = min(bounds.passRowCount, Self.maximumByteCount / Self.bytesPerRecord(sources))
  }

  /// What a record takes in the mean.
  private static func bytesPerRecord(_ sources: QuerySources) -> Int {
    var bytes: UInt64 = 0
    var records: UInt64 = 1
    for segment in sources.snapshot.segments {
      bytes += segment.summary.rawByteCount
      records += segment.summary.recordCount
    }
    return Int(bytes / records) + 2 * Record.headerByteCount
  }

  func next() throws(ReelError) -> MergeRow? {
    while index == rows.count {
      rows = try nextRows()
      index = 0
      guard rows.isEmpty else { break }
      guard !isFinished else { return nil }
      try advance()
    }
    defer { index += 1 }
    return rows[index]
  }

  private func nextRows() throws(ReelError) -> [MergeRow] {
    if let sort {
      let rows = try sort.nextRows()
      isFinished = rows.isEmpty
      return rows
    }
    while given < copies.entries.count, packer.rows.isEmpty {
      let entry = copies.entries[given]
      given += 1
      copies.withRecord(entry) { record in
        if let view = try? RecordView(record) {
          packer.append(view, key: entry.key, runID: entry.runID)
        }
      }
    }
    return packer.takeRows()
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
      folder: folder, isDescending: sources.isDescending, bounds: bounds.sort)
    for candidate in candidates {
      guard let (block, rows) = try matches(candidate) else { continue }
      for row in rows {
        do throws(ReelError) {
          try sort.add(block, row: Int(row))
        } catch .corrupted(let corruption) {
          sources.note(corruption)
        } catch .io {
          return nil
        }
      }
    }
    guard (try? sort.finish()) != nil else { return nil }
    sources.countSort(byteCount: sort.writtenByteCount)
    return sort
  }

  /// The rows of a candidate after ``last``, and its block with all columns.
  private func matches(
    _ candidate: Candidate
  ) throws(ReelError) -> (block: DecodedBlock, rows: [Int32])? {
    guard
      let (block, rows) = try sources.matches(
        candidate.content, after: last, isPartial: sources.filter.hasConditions, isKept: false),
      !rows.isEmpty
    else { return nil }
    guard let whole = try whole(block, candidate) else { return nil }
    return (whole, rows)
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
    var current: Int32 = -1
    var block: DecodedBlock?
    for row in found.sorted(by: { $0.candidate < $1.candidate }) {
      if row.candidate != current {
        current = row.candidate
        block = try whole(nil, candidates[Int(current)])
      }
      guard let block else { continue }
      do throws(ReelError) {
        try copies.add(block, row: Int(row.row))
      } catch .corrupted(let corruption) {
        sources.note(corruption)
      }
      guard copies.byteCount <= 2 * Self.maximumByteCount else { return false }
    }
    return true
  }

  // MARK: Candidates

  private struct Candidate {
    var key: MergeKey
    var content: BlockCandidate
  }

  private func allCandidates() throws(ReelError) -> [Candidate] {
    var items = sources.buffered()
    for segment in sources.segments() {
      if case .segment(let content) = segment.content { items += try sources.expand(content) }
    }
    return items.compactMap { item in
      guard case .block(let content) = item.content else { return nil }
      return Candidate(key: item.key, content: content)
    }
  }
}
