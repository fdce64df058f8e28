/// The rows of a segment that have a key, found by a ``RowIndex``, in the order of the answer.
final class IndexedRun: OrderedRows {
  private let source: RowIndex
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

  /// The rows at `places` of `source`, backwards when `isDescending`.
  init(_ source: RowIndex, _ places: Range<Int>, isDescending: Bool) {
    self.source = source
    self.places = places
    self.isDescending = isDescending
  }

  var count: Int { places.count }

  private func place(_ index: Int) -> Int {
    isDescending ? places.upperBound &- 1 &- index : places.lowerBound &+ index
  }

  func key(_ index: Int) -> MergeKey { source.key(place(index)) }

  /// Where the group's block is from.
  func origin(_ group: Group) -> BlockOrigin {
    BlockOrigin(segment: source.segment, entry: source.directory.blocks[group.ordinal])
  }

  /// The rows of a group in its block.
  func blockRows(_ group: Group) -> [Int32] {
    let first = source.ranks(group.ordinal).lowerBound
    return group.range.map { Int32(source[place($0)].rank - first) }
  }

  /// Appends where the records of a group begin in the page of its block.
  func appendOffsets(_ group: Group, to offsets: inout [UInt32]) {
    offsets.reserveCapacity(offsets.count + group.range.count)
    for index in group.range { offsets.append(source[place(index)].offset) }
  }

  /// The group that begins at the index `start`, of which `end` cuts off what lies behind.
  func group(from start: Int, to end: Int) -> Group {
    if let next, next.range.lowerBound == start, next.range.upperBound <= end { return next }
    return find(from: start, to: end, near: next?.ordinal ?? 0)
  }

  private func find(from start: Int, to end: Int, near guess: Int) -> Group {
    let ordinal = source.ordinal(of: source[place(start)], near: guess)
    let ranks = source.ranks(ordinal)
    var next = start + 1
    while next < end, ranks.contains(source[place(next)].rank) { next += 1 }
    return Group(ordinal: ordinal, range: start..<next)
  }

  private func find(after group: Group) -> Group? {
    let start = group.range.upperBound
    return start < count ? find(from: start, to: count, near: group.ordinal) : nil
  }

  /// Looks ahead to the first group.
  /// - Returns: Whether its block's records are in memory.
  func begin(in cache: ReadCache) -> Bool {
    next = find(from: 0, to: count, near: 0)
    lookAhead(in: cache)
    return nextPage != nil
  }

  /// Takes a group: the records of its block, if they are in memory and whole; those that could not
  /// be read an index does not know of.
  ///
  /// While the caller looks at them, the first ones of the next group come near, and what leads to
  /// those of the one after it.
  func take(_ group: Group, in cache: ReadCache) -> RecordPage? {
    guard let next, next.range.lowerBound == group.range.lowerBound else {
      self.next = find(after: group)
      lookAhead(in: cache)
      return wholePage(group, next: nil, cache)
    }
    let page = nextPage
    if group.range.upperBound < next.range.upperBound {
      // The rest of it comes next, and all else is as it was.
      self.next = Group(
        ordinal: next.ordinal, range: group.range.upperBound..<next.range.upperBound)
    } else {
      self.next = afterNext
      lookAhead(in: cache)
    }
    return page
  }

  /// Finds the records of the next group, and the group after it.
  private func lookAhead(in cache: ReadCache) {
    guard let next else {
      nextPage = nil
      return
    }
    afterNext = find(after: next)
    nextPage = wholePage(next, next: afterNext, cache)
    guard let nextPage else { return }
    for index in next.range.prefix(EventBatch.prefetchDistance) {
      nextPage.prefetch(Int(source[place(index)].offset))
    }
  }

  private func wholePage(_ group: Group, next: Group?, _ cache: ReadCache) -> RecordPage? {
    let page = cache.page(cacheKey(group), next: next.map(cacheKey))
    return page?.damage == nil ? page : nil
  }

  private func cacheKey(_ group: Group) -> CacheKey {
    let offset = source.directory.blocks[group.ordinal].offset
    return CacheKey(.block, segment: source.segment.firstSequence, offset: offset)
  }
}

/// What a merge takes rows from.
enum OpenRun {
  case block(MergeRun)
  case segment(IndexedRun)

  var ordered: any OrderedRows {
    switch self {
    case .block(let run): run
    case .segment(let run): run
    }
  }
}
