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

  static let none = RowSelection([], 0..<0, isReversed: false)

  @inline(__always)
  subscript(index: Int) -> Int32 {
    rows[isReversed ? lower &+ count &- 1 &- index : lower &+ index]
  }

  func array(_ range: Range<Int>) -> [Int32] { range.map { self[$0] } }

  /// Appends what `values` has for each of the rows in `range`.
  func append(_ values: [UInt32], _ range: Range<Int>, to found: inout [UInt32]) {
    found.reserveCapacity(found.count + range.count)
    for index in range { found.append(values[Int(self[index])]) }
  }

  /// The array behind it, for other rows.
  consuming func giveBack() -> [Int32] { rows }
}

/// Rows in the order of an answer, of which it has taken some.
protocol OrderedRows: AnyObject {
  var count: Int { get }
  /// The next row to be taken.
  var index: Int { get set }
  func key(_ index: Int) -> MergeKey
}

extension OrderedRows {
  var isAtEnd: Bool { index == count }
  /// The key of the next row.
  var nextKey: MergeKey { key(index) }

  /// Takes the rows up to `bound`, all of them when there is none.
  func take(through bound: MergeKey?, isDescending: Bool) -> Range<Int> {
    let start = index
    guard let bound else {
      index = count
      return start..<index
    }
    func isWithin(_ index: Int) -> Bool {
      let key = key(index)
      return isDescending ? !(key < bound) : !(bound < key)
    }
    // Most often all of them, else most often few.
    if isWithin(count - 1) {
      index = count
    } else {
      index = start + firstIndex(count - start) { !isWithin(start + $0) }
    }
    return start..<index
  }
}

/// The matching rows of one block, in the order of the answer.
///
/// An answer from a few rows each of many blocks would spend its time on making and freeing runs:
/// ``QuerySources`` uses them again.
final class MergeRun: OrderedRows {
  /// With the columns that the filter looked at, and all of them once rows are to be given out.
  private(set) var kept: KeptBlock
  /// Where the block is from; nothing for one in memory.
  private(set) var origin: BlockOrigin?
  private(set) var rows: RowSelection
  /// The next row to be taken, as an index of ``rows``.
  var index = 0
  /// Records of some of the rows, where those of the whole block are not in memory.
  var partialPage: PartialPage?

  init(_ kept: KeptBlock, origin: BlockOrigin?, rows: RowSelection) {
    self.kept = kept
    self.origin = origin
    self.rows = rows
  }

  /// Makes it the run of another block.
  func begin(_ kept: KeptBlock, origin: BlockOrigin?, rows: RowSelection) {
    self.kept = kept
    self.origin = origin
    self.rows = rows
    index = 0
    partialPage = nil
  }

  /// Ends the run.
  /// - Returns: The array of its rows, for other rows.
  func end() -> [Int32] {
    let array = rows.giveBack()
    rows = .none
    return array
  }

  var block: DecodedBlock { kept.block }

  /// Goes on with a block that has more columns or its records.
  func replace(_ kept: KeptBlock) { self.kept = kept }

  var byteCount: Int { block.byteCount + block.rawByteCount + rows.count * 4 }
  var count: Int { rows.count }

  func key(_ index: Int) -> MergeKey {
    let row = Int(rows[index])
    return MergeKey(timestamp: block.timestamps[row], sequence: block.sequence(row))
  }
}

/// A page with records of a run's rows.
struct PartialPage {
  var page: RecordPage
  /// The index of the run's row whose record comes first.
  var firstIndex: Int

  /// Whether it has the run's row at `index`.
  func covers(_ index: Int) -> Bool { index < firstIndex + page.count }
}

/// A block that may have matches and is not decoded yet.
enum BlockCandidate {
  case stored(BlockOrigin)
  case memory(DecodedBlock)
}
