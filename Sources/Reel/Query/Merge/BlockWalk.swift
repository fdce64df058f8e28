/// The blocks of one segment that may have matches, in the order in which a merge opens them.
final class BlockWalk {
  private let segment: ReadableSegment
  private let directory: ReadableDirectory
  private let range: ClosedRange<Int64>
  private let removals: Removals
  /// All blocks that reach into the range; nothing when an index names some.
  private var all: TimeOrder.Walk?
  /// The blocks that an index names, in the order in which they are opened, and how many were.
  private let ordinals: [Int]
  private var taken = 0
  private var next: Int?

  init(
    _ segment: ReadableSegment, _ directory: ReadableDirectory, ordinals: [Int]?,
    range: ClosedRange<Int64>, isDescending: Bool, removals: Removals
  ) {
    self.segment = segment
    self.directory = directory
    self.range = range
    self.removals = removals
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
    return entry.overlaps(range) && !removals.removesAll(of: entry.stretch)
  }

  /// The first key that an event in the next block can have, nothing after the last.
  func key(isDescending: Bool) -> MergeKey? {
    next.map { directory.order.key($0, isDescending: isDescending) }
  }

  /// The next block, which is not taken.
  var first: BlockOrigin? {
    next.map { BlockOrigin(segment: segment, entry: directory.blocks[$0]) }
  }

  /// What the cache has the next block and the one after it under, as far as they are known.
  var cacheKeys: (next: CacheKey, then: CacheKey?)? {
    guard let next else { return nil }
    return (cacheKey(next), taken < ordinals.count ? cacheKey(ordinals[taken]) : nil)
  }

  private func cacheKey(_ ordinal: Int) -> CacheKey {
    CacheKey(.block, segment: segment.firstSequence, offset: directory.blocks[ordinal].offset)
  }

  /// Takes the next block.
  func take() -> BlockOrigin? {
    guard let origin = first else { return nil }
    advance()
    return origin
  }
}

/// All segments but the last that may have matches, in the order in which a merge opens them.
final class SettledWalk {
  private var walk: TimeOrder.Walk
  /// The next one, nothing after the last.
  private(set) var next: ReadableSegment?

  /// Begins before the first segment.
  init(_ walk: TimeOrder.Walk) {
    self.walk = walk
  }

  /// Goes on to the next of `segments` for which `isWanted` is true.
  func advance(_ segments: [ReadableSegment], _ isWanted: (ReadableSegment) -> Bool) {
    repeat { next = walk.next().map { segments[$0] } } while next.map { !isWanted($0) } ?? false
  }

  /// The first key that an event in the next segment can have.
  func key(isDescending: Bool) -> MergeKey? {
    next?.summary.stretch.key(isDescending: isDescending)
  }
}
