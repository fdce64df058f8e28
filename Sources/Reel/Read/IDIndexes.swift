/// Some segments side by side that will not change any more.
final class SegmentGroup: Sendable {
  let segments: [ReadableSegment]

  /// How many segments are asked for an id with one visit to the cache: their indexes take about
  /// 4 MB, which a small cache has room for.
  private static let segmentCount = 8

  private init(_ segments: [ReadableSegment]) {
    self.segments = segments
  }

  /// The groups of `segments`, in order.
  static func groups(of segments: ArraySlice<ReadableSegment>) -> [SegmentGroup] {
    stride(from: segments.startIndex, to: segments.endIndex, by: segmentCount).map { start in
      SegmentGroup(Array(segments[start..<min(start + segmentCount, segments.endIndex)]))
    }
  }
}

/// The indexes of the ids of a group of segments.
///
/// Most segments do not have an id that is looked for: asking all of a group takes one visit to
/// the cache, and no lock between one index and the next, so that the processor waits for the
/// memory of several at once.
final class IDIndexes: Sendable {
  private struct Part {
    var segment: Int
    var firstBlock: Int
    var index: FingerprintIndex
  }

  private let parts: [Part]
  /// For each segment, whether the parts cover all its blocks.
  private let isCovered: [Bool]

  private let group: SegmentGroup

  /// Reads the indexes through `cache`, which keeps none of them by itself; if `isFront`, they are
  /// checked, and all but their fronts is left in the files.
  init(_ group: SegmentGroup, isFront: Bool, cache: ReadCache, cost: inout QueryCost) {
    var parts: [Part] = []
    var isCovered: [Bool] = []
    for (number, segment) in group.segments.enumerated() {
      let found = try? Self.parts(of: segment, cache: cache, cost: &cost)
      isCovered.append(found != nil)
      for (firstBlock, index) in found ?? [] {
        let index = isFront ? index.front : index
        parts.append(Part(segment: number, firstBlock: firstBlock, index: index))
      }
    }
    self.group = group
    self.parts = parts
    self.isCovered = isCovered
  }

  /// The indexes over all blocks of a segment, or nothing when some blocks have none.
  private static func parts(
    of segment: ReadableSegment, cache: ReadCache, cost: inout QueryCost
  ) throws(ReelError) -> [(firstBlock: Int, index: FingerprintIndex)]? {
    let directory = try segment.directory(cache, cost: &cost)
    guard directory.unindexed.isEmpty else { return nil }
    var parts: [(firstBlock: Int, index: FingerprintIndex)] = []
    for part in directory.indexes where part.column == .id {
      guard part.byteCount > 0 else { return nil }
      let index = try cache.fingerprints(part, of: segment, isKept: false, cost: &cost)
      parts.append((part.blocks.lowerBound, index))
    }
    return parts
  }

  private func blocks(
    _ hash: UInt64, _ part: Part, _ cache: ReadCache
  ) throws(ReelError) -> [Int] {
    if part.index.isWhole { return part.index.blocks(hash) }
    do throws(ReelError) {
      return try part.index.blocks(hash, in: cache.file(group.segments[part.segment]))
    } catch .io(let failure) where failure.code == ErrorNumber.noEntry {
      return []  // retention removed the segment meanwhile
    }
  }

  var byteCount: Int { parts.reduce(64) { $0 + $1.index.byteCount + 32 } }

  /// Calls `body` with what each segment may have, the last first, until it returns true: the
  /// ordinals of blocks, ascending, or nothing when all of its blocks must be asked.
  ///
  /// Segments that cannot have the id are passed over.
  func search(
    _ hash: UInt64, cache: ReadCache,
    _ body: (_ segment: Int, _ ordinals: [Int]?) throws(ReelError) -> Bool
  ) throws(ReelError) {
    var part = parts.count - 1
    for segment in isCovered.indices.reversed() {
      var ordinals: [Int] = []
      var isCovered = isCovered[segment]
      while part >= 0, parts[part].segment == segment {
        let firstBlock = parts[part].firstBlock
        do throws(ReelError) {
          for block in try blocks(hash, parts[part], cache) { ordinals.append(firstBlock + block) }
        } catch .corrupted {
          isCovered = false
        }
        part -= 1
      }
      if !isCovered {
        if try body(segment, nil) { return }
      } else if !ordinals.isEmpty {
        ordinals.sort()
        if try body(segment, ordinals) { return }
      }
    }
  }
}
