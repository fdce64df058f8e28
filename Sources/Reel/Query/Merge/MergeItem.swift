/// The order of answers: timestamp, then arrival.
struct MergeKey: Comparable, Hashable, Sendable {
  var timestamp: Int64
  var sequence: UInt64

  static func < (a: MergeKey, b: MergeKey) -> Bool {
    a.timestamp != b.timestamp ? a.timestamp < b.timestamp : a.sequence < b.sequence
  }
}

/// A block's place in a segment.
struct BlockOrigin: Sendable {
  var segment: ReadableSegment
  var entry: DirectoryEntry

  /// Names it in the cache.
  var key: CacheKey { CacheKey(.block, segment: segment.firstSequence, offset: entry.offset) }
}

/// Rows of a block in the order of an answer: a stretch of an array, from either end.
struct RowSelection {
  private let rows: [Int32]
  private let lower: Int
  let count: Int
  private let isReversed: Bool

  /// The rows at `range` of `rows`, which are by timestamp, backwards when `isReversed`.
  init(_ rows: [Int32], _ range: Range<Int>, isReversed: Bool) {
    self.rows = rows
    lower = range.lowerBound
    count = range.count
    self.isReversed = isReversed
  }

  @inline(__always)
  subscript(index: Int) -> Int32 {
    rows[isReversed ? lower &+ count &- 1 &- index : lower &+ index]
  }

  func array(_ range: Range<Int>) -> [Int32] { range.map { self[$0] } }
}

/// The matching rows of one block, in the order of the answer.
final class MergeRun {
  /// With the columns that the filter looked at, and all of them once rows are to be given out.
  var block: DecodedBlock
  /// Where the block is from; nothing for one in memory.
  let origin: BlockOrigin?
  let rows: RowSelection
  /// The next row to be taken, as an index of ``rows``.
  private(set) var index = 0
  /// Records of the rows, once some are to be given out.
  var page: RunPage?

  init(block: DecodedBlock, origin: BlockOrigin?, rows: RowSelection, page: RecordPage? = nil) {
    self.block = block
    self.origin = origin
    self.rows = rows
    self.page = page.map { RunPage(page: $0, firstIndex: nil) }
  }

  var byteCount: Int { block.byteCount + block.rawByteCount + rows.count * 4 }
  var isAtEnd: Bool { index == rows.count }

  func key(_ index: Int) -> MergeKey {
    let row = Int(rows[index])
    return MergeKey(timestamp: block.timestamps[row], sequence: block.sequence(row))
  }

  /// Takes the rows up to `bound`, all of them when there is none, as indexes of ``rows``.
  func take(through bound: MergeKey?, isDescending: Bool) -> Range<Int> {
    let start = index
    guard let bound else {
      index = rows.count
      return start..<index
    }
    func isWithin(_ index: Int) -> Bool {
      let key = key(index)
      return isDescending ? !(key < bound) : !(bound < key)
    }
    // Most often all of them, else most often few.
    if isWithin(rows.count - 1) {
      index = rows.count
      return start..<index
    }
    var low = start
    var high = rows.count - 1
    while low < high {
      let middle = (low + high) / 2
      if isWithin(middle) { low = middle + 1 } else { high = middle }
    }
    index = low
    return start..<low
  }

  func item(_ isDescending: Bool) -> MergeItem {
    MergeItem(key: key(index), isDescending: isDescending, content: .run(self))
  }
}

/// A page with records of a run: of its whole block, or of its rows from some index on.
struct RunPage {
  var page: RecordPage
  /// The index of the run's row whose record comes first; nothing for the whole block.
  var firstIndex: Int?

  /// Whether it has the run's row at `index`.
  func covers(_ index: Int) -> Bool { firstIndex.map { index < $0 + page.count } ?? true }
}

/// The blocks of one segment that may have matches, in the order in which a merge opens them.
final class BlockWalk {
  private let segment: ReadableSegment
  private let directory: ReadableDirectory
  private let range: ClosedRange<Int64>
  private let control: ControlState
  /// All blocks that reach into the range; nothing when an index names some.
  private var all: TimeOrder.Walk?
  /// The blocks that an index names, in the order in which they are opened, and how many were.
  private let ordinals: [Int]
  private var taken = 0
  private var next: Int?

  init(
    _ segment: ReadableSegment, _ directory: ReadableDirectory, ordinals: [Int]?,
    range: ClosedRange<Int64>, isDescending: Bool, control: ControlState
  ) {
    self.segment = segment
    self.directory = directory
    self.range = range
    self.control = control
    guard var ordinals else {
      self.ordinals = []
      all = directory.order.walk(range, isDescending: isDescending)
      advance()
      return
    }
    let order = directory.order
    if isDescending { ordinals.reverse() }
    func isOutOfOrder(_ a: Int, _ b: Int) -> Bool {
      let (first, second) = (
        order.key(a, isDescending: isDescending), order.key(b, isDescending: isDescending)
      )
      return isDescending ? first < second : second < first
    }
    // Most often they are in order already.
    for index in 1..<max(ordinals.count, 1)
    where isOutOfOrder(ordinals[index - 1], ordinals[index]) {
      ordinals.sort { isOutOfOrder($1, $0) }
      break
    }
    self.ordinals = ordinals
    advance()
  }

  private func advance() {
    if all != nil {
      repeat { next = all?.next() } while next.map { !mayMatch($0) } ?? false
      return
    }
    next = nil
    while next == nil, taken < ordinals.count {
      if mayMatch(ordinals[taken]) { next = ordinals[taken] }
      taken += 1
    }
  }

  /// Whether a block has events within the range that have not been removed.
  private func mayMatch(_ ordinal: Int) -> Bool {
    let entry = directory.blocks[ordinal]
    return entry.overlaps(range) && !control.removesAll(of: entry.stretch)
  }

  /// The first key that an event in the next block can have, nothing after the last.
  func key(isDescending: Bool) -> MergeKey? {
    next.map { directory.order.key($0, isDescending: isDescending) }
  }

  /// The next block, which is not taken.
  var first: BlockOrigin? {
    next.map { BlockOrigin(segment: segment, entry: directory.blocks[$0]) }
  }

  /// Takes the next block.
  func take() -> BlockOrigin? {
    guard let origin = first else { return nil }
    advance()
    return origin
  }
}

/// What the merge has not taken yet: the key is the first that its rows can have.
struct MergeItem: Prioritized {
  enum Content {
    case segment(ReadableSegment)
    /// The segments but the last, of which the walk's next has the key.
    case segments(TimeOrder.Walk, next: Int)
    case blocks(BlockWalk)
    case memory(DecodedBlock)
    case run(MergeRun)
  }

  var key: MergeKey
  var isDescending: Bool
  var content: Content

  /// Whether this comes before `other`.
  ///
  /// What is not opened goes first among equals: a row with the same key may be in it.
  func precedes(_ other: MergeItem) -> Bool {
    if key != other.key { return isDescending ? other.key < key : key < other.key }
    return rank < other.rank
  }

  private var rank: Int {
    switch content {
    case .segment, .segments: 0
    case .blocks, .memory: 1
    case .run: 2
    }
  }
}

/// A block that may have matches and is not decoded yet.
enum BlockCandidate {
  case stored(BlockOrigin)
  case memory(DecodedBlock)
}
