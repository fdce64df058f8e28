/// Some segments side by side that will not change any more, or the last one by itself.
final class SegmentGroup: Sendable {
  let segments: [ReadableSegment]

  /// How many segments are asked for an id with one visit to the cache: their indexes take about
  /// 4 MB, which a small cache has room for.
  private static let segmentCount = 8

  /// What the cache has their indexes under: where the last of them ends tells them from those that
  /// were there before it grew.
  let key: CacheKey
  /// Whether the segments may grow, and each index part is kept for itself: then only new ones are
  /// read.
  let mayGrow: Bool

  private init(_ segments: [ReadableSegment], mayGrow: Bool = false) {
    self.segments = segments
    self.mayGrow = mayGrow
    key = CacheKey(
      .group, segment: segments.first?.firstSequence ?? 0,
      offset: (segments.last?.byteCount ?? 0) << 4 | segments.count)
  }

  /// The last segment by itself.
  convenience init(_ last: ReadableSegment) { self.init([last], mayGrow: !last.isSealed) }

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
    var firstBlock: Int
    var index: FingerprintIndex
  }

  /// For each segment its parts; nothing when they do not cover all its blocks.
  private let parts: [[Part]?]
  private let group: SegmentGroup
  private let isFront: Bool
  /// For each segment the places of its records, once it was asked often.
  private let rows: [IDRows?]

  /// How many times groups are asked for the ids of another segment to be taken in, if its records
  /// are in memory: that takes as long as about a thousand look-ups.
  ///
  /// A prime, so that each group's turn comes however many are asked for an id.
  static let lookUpCount = 1021

  /// Reads the indexes through `cache`, which keeps none of them by itself unless the group may
  /// grow; if `isFront`, they are checked, and all but their fronts is left in the files.
  init(_ group: SegmentGroup, isFront: Bool, cache: ReadCache, cost: inout QueryCost) {
    parts = group.segments.map { segment in
      let parts = try? Self.parts(of: segment, isKept: group.mayGrow, cache: cache, cost: &cost)
      return isFront ? parts?.map { Part(firstBlock: $0.firstBlock, index: $0.index.front) } : parts
    }
    self.group = group
    self.isFront = isFront
    rows = group.segments.map { _ in nil }
  }

  private init(_ known: IDIndexes, rows: [IDRows?]) {
    group = known.group
    isFront = known.isFront
    parts = known.parts
    self.rows = rows
  }

  /// The same with the ids of one more segment by their records; nothing when there is none of
  /// which those are in memory.
  func takingIn(_ cache: ReadCache, cost: inout QueryCost) -> IDIndexes? {
    guard !isFront else { return nil }
    for number in rows.indices.reversed() where rows[number] == nil {
      let segment = group.segments[number]
      guard let directory = try? segment.directory(cache, cost: &cost),
        let found = IDRows(segment, directory, cache: cache)
      else { continue }
      var rows = rows
      rows[number] = found
      return IDIndexes(self, rows: rows)
    }
    return nil
  }

  /// The indexes over all blocks of a segment, or nothing when some blocks have none.
  private static func parts(
    of segment: ReadableSegment, isKept: Bool, cache: ReadCache, cost: inout QueryCost
  ) throws(ReelError) -> [Part]? {
    let directory = try segment.directory(cache, cost: &cost)
    guard directory.unindexed.isEmpty else { return nil }
    var parts: [Part] = []
    for part in directory.indexes where part.column == .id {
      guard part.byteCount > 0 else { return nil }
      let index = try cache.fingerprints(part, of: segment, isKept: isKept, cost: &cost)
      parts.append(Part(firstBlock: part.blocks.lowerBound, index: index))
    }
    return parts
  }

  /// The segments of which ids are found by their records.
  var segmentsByRecords: Int { rows.count { $0 != nil } }

  var byteCount: Int {
    let indexes = parts.reduce(64) { total, parts in
      (parts ?? []).reduce(total + 32) { $0 + $1.index.byteCount + 16 }
    }
    return rows.reduce(indexes) { $0 + ($1?.byteCount ?? 8) }
  }

  /// What a segment has of an id that is looked for.
  enum Found {
    case event(EventView)
    /// It may be in these blocks, ascending.
    case blocks([Int])
    /// It may be in any block.
    case unknown
  }

  /// Calls `body` with what each segment may have of `id`, the last first, until it returns true.
  ///
  /// Segments that cannot have the id are passed over. Of one from which something may have been
  /// removed, no event is given by its place alone.
  func search(
    _ id: RawSpan, _ hash: UInt64, removals: Removals, cache: ReadCache,
    _ body: (_ segment: ReadableSegment, _ found: Found) throws(ReelError) -> Bool
  ) throws(ReelError) {
    // Each is one place of memory: they come near at the same time.
    let rowHash = IDRows.hash(id)
    for rows in rows { rows?.prefetch(rowHash) }
    for number in group.segments.indices.reversed() {
      let segment = group.segments[number]
      if let rows = rows[number], !removals.mayRemove(from: segment.summary.stretch) {
        switch rows.find(id, rowHash, in: cache) {
        case .absent: continue
        case .found(let view):
          if try body(segment, .event(view)) { return }
          continue
        case .unknown: break
        }
      }
      if let found = try blocks(hash, number, cache), try body(segment, found) { return }
    }
  }

  /// The blocks of a segment that may have the id with `hash`; nothing when none can.
  private func blocks(
    _ hash: UInt64, _ number: Int, _ cache: ReadCache
  ) throws(ReelError) -> Found? {
    guard let parts = parts[number] else { return .unknown }
    var ordinals: [Int] = []
    for part in parts {
      do throws(ReelError) {
        let blocks =
          part.index.isWhole
          ? part.index.ordinals(hash)
          : try part.index.ordinals(hash, in: cache.file(group.segments[number]).file)
        for block in blocks { ordinals.append(part.firstBlock + block) }
      } catch .io(let failure) where failure.code == ErrorNumber.noEntry {
        return nil  // retention removed the segment meanwhile
      } catch .corrupted {
        return .unknown
      }
    }
    return ordinals.isEmpty ? nil : .blocks(ordinals.sorted())
  }
}
