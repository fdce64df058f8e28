/// Segments side by side over which there is a merged index.
final class MergedGroup: Sendable {
  let index: MergedIndex
  /// Those of its members that are there, ascending: older ones may be gone, and the last segment
  /// of a recording is always asked by itself.
  let members: [Member]

  struct Member: Sendable {
    /// Its place among all members of the index.
    var ordinal: Int
    var segment: ReadableSegment
  }

  /// The first sequence number of the first segment that is there.
  var firstSequence: UInt64 { members[0].segment.firstSequence }

  /// The group of those of `segments` that `index` is of, unless one has changed or lies apart from
  /// the others.
  init?(_ index: MergedIndex, _ segments: ArraySlice<ReadableSegment>) {
    var position =
      segments.startIndex
      + firstIndex(segments.count) {
        segments[segments.startIndex + $0].firstSequence >= index.firstSequence
      }
    var members: [Member] = []
    for (ordinal, member) in index.members.enumerated() {
      guard position < segments.endIndex,
        segments[position].firstSequence == member.trailer.summary.firstSequence
      else { continue }
      let segment = segments[position]
      guard case .complete(let trailer) = segment.form, trailer == member.trailer,
        segment.byteCount == member.byteCount
      else { return nil }
      members.append(Member(ordinal: ordinal, segment: segment))
      position += 1
    }
    let isApart =
      position < segments.endIndex && segments[position].firstSequence < index.nextSequence
    guard !members.isEmpty, !isApart else { return nil }
    self.index = index
    self.members = members
  }

  /// The member that begins with `sequence`.
  func member(_ sequence: UInt64) -> Member? {
    let place = firstIndex(members.count) { members[$0].segment.firstSequence >= sequence }
    guard place < members.count, members[place].segment.firstSequence == sequence else {
      return nil
    }
    return members[place]
  }
}

/// The settled segments of a snapshot as they are asked for one key, in order: by a merged index
/// where there is one.
enum LookUpGroup: Sendable {
  case merged(MergedGroup)
  case segments(SegmentGroup)

  /// The groups of `segments`, as far as `indexes` go, which are in order of their segments.
  static func groups(
    of segments: ArraySlice<ReadableSegment>, _ indexes: [MergedIndex]
  ) -> [LookUpGroup] {
    var groups: [LookUpGroup] = []
    var rest = segments
    for index in indexes {
      guard let group = MergedGroup(index, rest) else { continue }
      let before = rest.prefix { $0.firstSequence < group.firstSequence }
      groups += SegmentGroup.groups(of: before).map { .segments($0) }
      groups.append(.merged(group))
      rest = rest.dropFirst(before.count + group.members.count)
    }
    return groups + SegmentGroup.groups(of: rest).map { .segments($0) }
  }
}

/// The index of one column over a merged group.
final class MergedKeys: Sendable {
  private let index: FingerprintIndex
  /// The members that may have any key.
  fileprivate let uncovered: UInt64

  /// Of the index its front, if `isFront` and the rest is worth being left in the file.
  fileprivate init(_ whole: FingerprintIndex, uncovered: UInt64, isFront: Bool) {
    index = isFront && whole.byteCount > Self.smallByteCount ? whole.front : whole
    self.uncovered = uncovered
  }

  private static let smallByteCount = 64 << 10

  var isWhole: Bool { index.isWhole }
  var byteCount: Int { index.byteCount + 64 }

  /// The members that may have a key with `hash`, by their bits; `file` has the rest of the index.
  fileprivate func members(_ hash: UInt64, _ file: (any File)?) throws(ReelError) -> UInt64 {
    let ordinals =
      if let file { try index.ordinals(hash, in: file) } else { index.ordinals(hash) }
    return ordinals.reduce(uncovered) { $0 | 1 << UInt64($1) }
  }
}

extension ReadCache {
  /// The members of a group that may have a key with one of `hashes` in a column, and those of
  /// which that can be told, by their bits.
  ///
  /// Where the index is not of use, all may: their own indexes are asked then.
  func members(
    of group: MergedGroup, having hashes: [UInt64], in column: ColumnID, eventCount: Int,
    cost: inout QueryCost
  ) -> (may: UInt64, covered: UInt64) {
    do throws(ReelError) {
      guard let keys = try keys(column, of: group, eventCount: eventCount, cost: &cost) else {
        return (.max, 0)
      }
      let file = keys.isWhole ? nil : try file(group.index)
      var members: UInt64 = 0
      for hash in hashes { members |= try keys.members(hash, file) }
      return (members, ~keys.uncovered)
    } catch {
      return (.max, 0)
    }
  }

  private func keys(
    _ column: ColumnID, of group: MergedGroup, eventCount: Int, cost: inout QueryCost
  ) throws(ReelError) -> MergedKeys? {
    let index = group.index
    guard let part = index.parts.first(where: { $0.column == column }) else { return nil }
    let key = CacheKey(
      .merged, segment: index.firstSequence,
      offset: Int(truncatingIfNeeded: index.binding.salt &+ UInt64(part.offset)))
    if case .merged(let keys)? = find(key) { return keys }
    do throws(ReelError) {
      try expectSame(group)
      let whole = try index.index(part, in: try file(index))
      cost.bytesRead += part.byteCount
      let keys = MergedKeys(
        whole, uncovered: part.uncovered, isFront: keepsFronts(eventCount: eventCount))
      keep(.merged(keys), key, byteCount: keys.byteCount)
      return keys
    } catch .corrupted {
      keep(.merged(nil), key, byteCount: 64)
      return nil
    }
  }

  /// Checks that the segments are those that the index was made of: a stale one would keep events
  /// from being found.
  private func expectSame(_ group: MergedGroup) throws(ReelError) {
    for member in group.members {
      let known = group.index.members[member.ordinal]
      let file = try file(member.segment)
      guard file.header.binding.salt == known.salt,
        try file.trailer(endingAt: known.byteCount) == known.trailer
      else { throw file.corrupted(0..<known.byteCount, "a merged index is of another segment") }
    }
  }

  /// Whether of the indexes of all ids only the fronts are kept: together they would take more than
  /// half of the cache.
  func keepsFronts(eventCount: Int) -> Bool {
    eventCount > capacity / 2 / FingerprintIndex.usualByteCount
  }
}
