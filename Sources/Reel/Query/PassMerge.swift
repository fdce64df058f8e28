/// Merges candidates that overlap too much to be open at once, in passes over all of them.
///
/// Each pass finds the next so many rows in the order of the answer, copies their records into
/// memory, and gives them out in order. Memory is bounded by what a pass keeps, whatever the
/// recording's size; a pass costs a look at the filter columns of every candidate block, and one at
/// the whole of each block that has a row in it.
final class PassMerge {
  private let sources: QuerySources
  private let schema: AttributeSchema
  private var last: MergeKey?
  private var rest: Int?
  /// Rows that a pass keeps at most.
  private var capacity: Int
  private var found: [Found] = []
  private var gathered = RowGatherer()
  private var rows: [MergeRow] = []
  private var index = 0
  private var isFinished = false

  /// Bytes of the records that a pass keeps.
  private static let maximumByteCount = 32 << 20

  /// A row found by a pass.
  struct Found {
    var key: MergeKey
    var candidate: Int32
    var row: Int32
  }

  init(sources: QuerySources, after last: MergeKey?, limit: Int?, maximumRowCount: Int) {
    self.sources = sources
    schema = sources.snapshot.control.attributes
    self.last = last
    rest = limit
    capacity = min(maximumRowCount, Self.maximumByteCount / Self.bytesPerRecord(sources))
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
      rows = gathered.nextRows()
      index = 0
      guard rows.isEmpty else { break }
      guard !isFinished else { return nil }
      try pass()
    }
    defer { index += 1 }
    return rows[index]
  }

  private func pass() throws(ReelError) {
    let candidates = try allCandidates()
    while true {
      sources.countPass()
      let limit = rest.map { min($0, capacity) } ?? capacity
      let found = try nearest(limit, candidates)
      gathered = RowGatherer()
      if try gather(found, candidates) || capacity <= 1 {
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
    var nearest = BoundedRows(capacity: limit, isDescending: sources.isDescending)
    for (number, candidate) in candidates.enumerated() {
      if let bound = nearest.bound, sources.isAfter(candidate.key, bound) { continue }
      guard
        let (block, rows) = try sources.matches(
          candidate.content, after: last, isPartial: true, isKept: false)
      else { continue }
      for row in rows {
        let key = MergeKey(
          timestamp: block.timestamps[Int(row)], sequence: block.sequence(Int(row)))
        nearest.offer(Found(key: key, candidate: Int32(number), row: row))
      }
    }
    return nearest.sorted()
  }

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

  /// Copies the records found, block by block.
  /// - Returns: Whether there was room for all.
  private func gather(_ found: [Found], _ candidates: [Candidate]) throws(ReelError) -> Bool {
    gathered.prepare(found.map(\.key))
    let byBlock = found.indices.sorted { found[$0].candidate < found[$1].candidate }
    var current: Int32 = -1
    var block: DecodedBlock?
    for index in byBlock {
      if found[index].candidate != current {
        current = found[index].candidate
        switch candidates[Int(current)].content {
        case .memory(let memory): block = memory
        case .stored(let origin): block = try sources.decode(origin, .all, isKept: false)
        }
      }
      guard let block else { continue }
      do {
        try gathered.add(block, row: Int(found[index].row), at: index)
      } catch .corrupted(let corruption) {
        sources.note(corruption)
      }
      guard gathered.byteCount <= 2 * Self.maximumByteCount else { return false }
    }
    return true
  }
}

/// The first so many rows offered, in the order of the answer: a heap with the last of them on top.
private struct BoundedRows {
  private let capacity: Int
  private let isDescending: Bool
  private var heap: [PassMerge.Found] = []

  init(capacity: Int, isDescending: Bool) {
    self.capacity = capacity
    self.isDescending = isDescending
  }

  /// The last key kept, once there is no room for more.
  var bound: MergeKey? { heap.count == capacity ? heap.first?.key : nil }

  @inline(__always)
  private func isAfter(_ a: MergeKey, _ b: MergeKey) -> Bool { isDescending ? a < b : b < a }

  /// Keeps a row if it belongs to the first ones.
  @inline(__always)
  mutating func offer(_ row: PassMerge.Found) {
    if heap.count == capacity {
      guard capacity > 0, isAfter(heap[0].key, row.key) else { return }
      replaceFirst(row)
    } else {
      push(row)
    }
  }

  private mutating func push(_ row: PassMerge.Found) {
    heap.append(row)
    var child = heap.count - 1
    while child > 0, isAfter(heap[child].key, heap[(child - 1) / 2].key) {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  private mutating func replaceFirst(_ row: PassMerge.Found) {
    heap[0] = row
    var parent = 0
    while true {
      var last = parent
      for child in [2 * parent + 1, 2 * parent + 2]
      where child < heap.count && isAfter(heap[child].key, heap[last].key) {
        last = child
      }
      if last == parent { return }
      heap.swapAt(parent, last)
      parent = last
    }
  }

  func sorted() -> [PassMerge.Found] { heap.sorted { isAfter($1.key, $0.key) } }
}
