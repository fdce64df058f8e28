/// Merges candidates that overlap too much to be open at once, in passes over all of them: each
/// pass finds the next so many rows in the order of the answer, copies their events into blocks in
/// memory, and gives them out.
///
/// Memory is bounded by what a pass keeps, whatever the recording's size; each pass costs a look at
/// every candidate block's filter columns.
final class PassMerge {
  private let sources: QuerySources
  private var last: MergeKey?
  private var rest: Int?
  private var rows: [MergeRow] = []
  private var index = 0
  private var isFinished = false

  /// Rows that a pass keeps at most, and bytes of their events.
  private let maximumRowCount: Int
  private static let maximumByteCount = 32 << 20

  /// A row found by a pass: its key and where it is.
  private struct Found {
    var key: MergeKey
    var candidate: Int
    var row: Int32
  }

  init(sources: QuerySources, after last: MergeKey?, limit: Int?, maximumRowCount: Int) {
    self.sources = sources
    self.last = last
    rest = limit
    self.maximumRowCount = maximumRowCount
  }

  func next() throws(ReelError) -> MergeRow? {
    if index == rows.count {
      guard !isFinished else { return nil }
      try pass()
      if rows.isEmpty { return nil }
    }
    defer { index += 1 }
    return rows[index]
  }

  private func pass() throws(ReelError) {
    sources.countPass()
    let candidates = try allCandidates()
    let bytesPerRow = 400  // about what a decoded event takes; the gathering stops at real bytes
    var capacity = min(maximumRowCount, Self.maximumByteCount / bytesPerRow)
    if let rest { capacity = min(capacity, rest) }
    var nearest = BoundedRows(capacity: capacity, sources: sources)
    for (number, candidate) in candidates.enumerated() {
      if let bound = nearest.bound, !mayPrecede(candidate, bound) { continue }
      guard let run = try sources.run(candidate.content, after: last) else { continue }
      repeat {
        let row = run.row
        if !nearest.offer(row.key, candidate: number, row: Int32(row.row)) { break }
      } while run.advance()
    }
    let found = nearest.sorted()
    isFinished = found.count < capacity
    rows = try gather(
      found.map { Found(key: $0.key, candidate: $0.candidate, row: $0.row) }, candidates)
    index = 0
    rest = rest.map { $0 - rows.count }
    if let rest, rest <= 0 { isFinished = true }
    last = found.last?.key ?? last
  }

  private struct Candidate {
    var key: MergeKey
    var content: BlockCandidate
  }

  private func mayPrecede(_ candidate: Candidate, _ bound: MergeKey) -> Bool {
    !sources.isAfter(candidate.key, bound)
  }

  private func allCandidates() throws(ReelError) -> [Candidate] {
    var candidates: [Candidate] = []
    var items = sources.buffered()
    for segment in sources.segments() {
      if case .segment(let content) = segment.content { items += try sources.expand(content) }
    }
    for item in items {
      if case .block(let content) = item.content {
        candidates.append(Candidate(key: item.key, content: content))
      }
    }
    return candidates
  }

  /// Copies the events found, block by block, into blocks in memory.
  private func gather(
    _ found: [Found], _ candidates: [Candidate]
  ) throws(ReelError) -> [MergeRow] {
    var gatherer = RowGatherer()
    var places = [RowGatherer.Place?](repeating: nil, count: found.count)
    let byBlock = found.indices.sorted { found[$0].candidate < found[$1].candidate }
    var current = -1
    var block: DecodedBlock?
    for index in byBlock {
      if found[index].candidate != current {
        current = found[index].candidate
        switch candidates[current].content {
        case .memory(let memory): block = memory
        case .stored(let origin): block = try sources.decode(origin, .all)
        }
      }
      guard let block else { continue }
      do {
        places[index] = try gatherer.add(block, row: Int(found[index].row))
      } catch .corrupted(let corruption) {
        sources.note(corruption)
      }
    }
    let runs = try gatherer.finish().map { MergeRun(block: $0, origin: nil, rows: []) }
    return found.indices.compactMap { index in
      guard let place = places[index] else { return nil }
      return MergeRow(key: found[index].key, row: place.row, run: runs[place.block])
    }
  }
}

/// The first so many rows offered, in the order of the answer: a heap with the last of them on top.
private struct BoundedRows {
  private let capacity: Int
  private let sources: QuerySources
  private var heap: [(key: MergeKey, candidate: Int, row: Int32)] = []

  init(capacity: Int, sources: QuerySources) {
    self.capacity = capacity
    self.sources = sources
  }

  /// The last key kept, once there is no room for more.
  var bound: MergeKey? { heap.count == capacity ? heap.first?.key : nil }

  /// Keeps a row if it belongs to the first ones.
  /// - Returns: Whether it did; then none of the same run that follow will.
  mutating func offer(_ key: MergeKey, candidate: Int, row: Int32) -> Bool {
    guard capacity > 0 else { return false }
    if heap.count < capacity {
      heap.append((key, candidate, row))
      var child = heap.count - 1
      while child > 0, sources.isAfter(heap[child].key, heap[(child - 1) / 2].key) {
        heap.swapAt(child, (child - 1) / 2)
        child = (child - 1) / 2
      }
      return true
    }
    guard sources.isAfter(heap[0].key, key) else { return false }
    heap[0] = (key, candidate, row)
    var parent = 0
    while true {
      var last = parent
      for child in [2 * parent + 1, 2 * parent + 2]
      where child < heap.count && sources.isAfter(heap[child].key, heap[last].key) {
        last = child
      }
      if last == parent { return true }
      heap.swapAt(parent, last)
      parent = last
    }
  }

  func sorted() -> [(key: MergeKey, candidate: Int, row: Int32)] {
    heap.sorted { sources.isAfter($1.key, $0.key) }
  }
}
