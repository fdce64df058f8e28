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

  /// Reads the indexes through `cache`, which keeps none of them by itself.
  init(_ group: SegmentGroup, cache: ReadCache, cost: inout QueryCost) {
    var parts: [Part] = []
    var isCovered: [Bool] = []
    for (number, segment) in group.segments.enumerated() {
      let found = try? Self.parts(of: segment, cache: cache, cost: &cost)
      isCovered.append(found != nil)
      for (firstBlock, index) in found ?? [] {
        parts.append(Part(segment: number, firstBlock: firstBlock, index: index))
      }
    }
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

  var byteCount: Int { parts.reduce(64) { $0 + $1.index.byteCount + 32 } }

  /// Calls `body` with what each segment may have, the last first, until it returns true: the
  /// ordinals of blocks, ascending, or nothing when all of its blocks must be asked.
  ///
  /// Segments that cannot have the id are passed over.
  func search<E: Error>(
    _ hash: UInt64, _ body: (_ segment: Int, _ ordinals: [Int]?) throws(E) -> Bool
  ) throws(E) {
    var part = parts.count - 1
    for segment in isCovered.indices.reversed() {
      var ordinals: [Int] = []
      while part >= 0, parts[part].segment == segment {
        let firstBlock = parts[part].firstBlock
        for block in parts[part].index.blocks(hash) { ordinals.append(firstBlock + block) }
        part -= 1
      }
      if !isCovered[segment] {
        if try body(segment, nil) { return }
      } else if !ordinals.isEmpty {
        ordinals.sort()
        if try body(segment, ordinals) { return }
      }
    }
  }
}
