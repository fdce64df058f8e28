/// The rows of a segment that have a key, found by a ``RowIndex``, in the order of the answer.
final class IndexedRun: OrderedRows {
  private let rows: RowIndex
  private let places: Range<Int>
  private let isDescending: Bool
  var index = 0

  /// Rows of one block that follow each other, as indexes of the run.
  struct Group {
    let ordinal: Int
    let range: Range<Int>
  }

  /// The groups that come next and after that, and the records of the first.
  private var next: Group?
  private var afterNext: Group?
  private var nextPage: RecordPage?

  /// The rows at `places` of `rows`, backwards when `isDescending`.
  init(_ rows: RowIndex, _ places: Range<Int>, isDescending: Bool) {
    self.rows = rows
    self.places = places
    self.isDescending = isDescending
  }

  var count: Int { places.count }

  private func place(_ index: Int) -> Int {
    isDescending ? places.upperBound &- 1 &- index : places.lowerBound &+ index
  }

  func key(_ index: Int) -> MergeKey { rows.key(place(index)) }

  /// Where the group's block is from.
  func origin(_ group: Group) -> BlockOrigin {
    BlockOrigin(segment: rows.segment, entry: rows.directory.blocks[group.ordinal])
  }

  /// The rows of a group in its block.
  func blockRows(_ group: Group) -> [Int32] {
    let first = rows.ranks(group.ordinal).lowerBound
    return group.range.map { Int32(rows[place($0)].rank - first) }
  }

  /// Appends where the records of a group begin in the page of its block.
  func appendOffsets(_ group: Group, to offsets: inout [UInt32]) {
    offsets.reserveCapacity(offsets.count + group.range.count)
    for index in group.range { offsets.append(rows[place(index)].offset) }
  }

  /// The group that begins at the index `start`, of which `end` cuts off what lies behind.
  func group(from start: Int, to end: Int) -> Group {
    if let next, next.range.lowerBound == start, next.range.upperBound <= end { return next }
    return find(from: start, to: end, near: next?.ordinal ?? 0)
  }

  private func find(from start: Int, to end: Int, near guess: Int) -> Group {
    let ordinal = rows.ordinal(of: rows[place(start)], near: guess)
    let ranks = rows.ranks(ordinal)
    var next = start + 1
    while next < end, ranks.contains(rows[place(next)].rank) { next += 1 }
    return Group(ordinal: ordinal, range: start..<next)
  }

  private func find(after group: Group) -> Group? {
    let start = group.range.upperBound
    return start < count ? find(from: start, to: count, near: group.ordinal) : nil
  }

  /// The records of a group's block, if they are in memory and whole: else they may lie elsewhere
  /// than when they were indexed.
  ///
  /// While the caller looks at them, the first ones of the next group come near, and what leads to
  /// those of the one after it.
  func page(_ group: Group, in cache: ReadCache) -> RecordPage? {
    let page: RecordPage?
    if let next, next.range.lowerBound == group.range.lowerBound {
      page = nextPage
      self.next = next.range == group.range ? afterNext : find(after: group)
    } else {
      page = wholePage(group, next: nil, cache)
      next = find(after: group)
    }
    guard let next else {
      nextPage = nil
      return page
    }
    afterNext = find(after: next)
    nextPage = wholePage(next, next: afterNext, cache)
    if let nextPage {
      for index in next.range.prefix(EventBatch.prefetchDistance) {
        nextPage.prefetch(Int(rows[place(index)].offset))
      }
    }
    return page
  }

  private func wholePage(_ group: Group, next: Group?, _ cache: ReadCache) -> RecordPage? {
    let page = cache.page(cacheKey(group), next: next.map(cacheKey))
    return page?.damage == nil ? page : nil
  }

  private func cacheKey(_ group: Group) -> CacheKey {
    let offset = rows.directory.blocks[group.ordinal].offset
    return CacheKey(.block, segment: rows.segment.firstSequence, offset: offset)
  }
}

/// What a merge takes rows from.
enum OpenRun {
  case block(MergeRun)
  case segment(IndexedRun)

  var rows: any OrderedRows {
    switch self {
    case .block(let run): run
    case .segment(let run): run
    }
  }
}
