/// The order of answers: timestamp, then arrival.
struct MergeKey: Comparable, Hashable, Sendable {
  var timestamp: Int64
  var sequence: UInt64

  static func < (a: MergeKey, b: MergeKey) -> Bool {
    a.timestamp != b.timestamp ? a.timestamp < b.timestamp : a.sequence < b.sequence
  }
}

/// One matching row.
struct MergeRow {
  var key: MergeKey
  var row: Int
  /// The run it belongs to, which knows its block.
  var run: MergeRun
}

/// A block's place in a segment.
struct BlockOrigin {
  var segment: ReadableSegment
  var entry: DirectoryEntry
}

/// The matching rows of one block, in the order of the answer.
final class MergeRun {
  /// With the columns that the filter looked at, and all of them once a row is to be given out.
  var block: DecodedBlock
  /// Where the block is from; nothing for one in memory.
  let origin: BlockOrigin?
  let rows: [Int32]
  private var index = 0

  init(block: DecodedBlock, origin: BlockOrigin?, rows: [Int32]) {
    self.block = block
    self.origin = origin
    self.rows = rows
  }

  var byteCount: Int { block.byteCount + block.header.rawByteCount + rows.count * 4 }

  var key: MergeKey {
    let row = Int(rows[index])
    return MergeKey(timestamp: block.timestamps[row], sequence: block.sequence(row))
  }

  var row: MergeRow { MergeRow(key: key, row: Int(rows[index]), run: self) }

  /// Goes to the next row; false after the last.
  func advance() -> Bool {
    index += 1
    return index < rows.count
  }

  func item(_ isDescending: Bool) -> MergeItem {
    MergeItem(key: key, isDescending: isDescending, content: .run(self))
  }
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
