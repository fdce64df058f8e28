/// The order of answers: timestamp, then arrival.
struct MergeKey: Comparable, Hashable, Sendable {
  var timestamp: Int64
  var sequence: UInt64

  static func < (a: MergeKey, b: MergeKey) -> Bool {
    a.timestamp != b.timestamp ? a.timestamp < b.timestamp : a.sequence < b.sequence
  }
}

/// A block's place in a segment.
struct BlockOrigin {
  var segment: ReadableSegment
  var entry: DirectoryEntry
}

/// The matching rows of one block, in the order of the answer.
final class MergeRun {
  /// With the columns that the filter looked at, and all of them once rows are to be given out.
  var block: DecodedBlock
  /// Where the block is from; nothing for one in memory.
  let origin: BlockOrigin?
  let rows: [Int32]
  /// The next row to be taken, as an index of ``rows``.
  private(set) var index = 0
  /// Records of the rows, once some are to be given out.
  var page: RunPage?

  init(block: DecodedBlock, origin: BlockOrigin?, rows: [Int32]) {
    self.block = block
    self.origin = origin
    self.rows = rows
  }

  var byteCount: Int { block.byteCount + block.header.rawByteCount + rows.count * 4 }
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

/// What the merge has not taken yet: the key is the first that its rows can have.
struct MergeItem: Prioritized {
  enum Content {
    case segment(ReadableSegment)
    case block(BlockCandidate)
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
    case .segment: 0
    case .block: 1
    case .run: 2
    }
  }
}

/// A block that may have matches and is not decoded yet.
enum BlockCandidate {
  case stored(BlockOrigin)
  case memory(DecodedBlock)
}
