/// Segments side by side over which there is a merged index.
final class MergedGroup: Sendable {
  let index: MergedIndex
  /// Those of its members that are there, ascending: older ones may be gone, and the last segment
  /// of a recording is always asked by itself.
  let members: [Member]

  struct Member: Sendable {
    /// Its place among all members of the index.
    var ordinal: Int
    /// Its place among the segments of the snapshot.
    var position: Int
    /// The segment, to be asked for an id.
    var group: SegmentGroup

    var segment: ReadableSegment { group.segments[0] }
  }

  /// The group of those of `segments` that `index` is of, unless one has changed or lies apart from
  /// the others.
  init?(_ index: MergedIndex, _ segments: ArraySlice<ReadableSegment>) {
    let start =
      segments.startIndex
      + firstIndex(segments.count) {
        segments[segments.startIndex + $0].firstSequence >= index.firstSequence
      }
    var position = start
    var members: [Member] = []
    for (ordinal, member) in index.members.enumerated() {
      guard position < segments.endIndex,
        segments[position].firstSequence == member.trailer.summary.firstSequence
      else { continue }
      let segment = segments[position]
      guard case .complete(let trailer) = segment.form, trailer == member.trailer,
        segment.byteCount == member.byteCount
      else { return nil }
      members.append(Member(ordinal: ordinal, position: position, group: SegmentGroup(segment)))
      position += 1
    }
    let isApart =
      position < segments.endIndex && segments[position].firstSequence < index.nextSequence
    guard !members.isEmpty, !isApart else { return nil }
    self.index = index
    self.members = members
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
    var position = segments.startIndex
    func add(upTo end: Int) {
      groups += SegmentGroup.groups(of: segments[position..<end]).map { .segments($0) }
    }
    for index in indexes {
      guard let group = MergedGroup(index, segments), let first = group.members.first,
        let last = group.members.last, first.position >= position
      else { continue }
      add(upTo: first.position)
      groups.append(.merged(group))
      position = last.position + 1
    }
    add(upTo: segments.endIndex)
    return groups
  }
}

/// The index of one column over a merged group, with the file that the rest of it is in.
final class MergedKeys: Sendable {
  private let index: FingerprintIndex
  private let file: any File
  /// The members that may have any key.
  private let uncovered: UInt64

  fileprivate init(_ index: FingerprintIndex, uncovered: UInt64, file: any File) {
    self.index = index
    self.file = file
    self.uncovered = uncovered
  }

  var byteCount: Int { index.byteCount + 64 }

  /// The members that may have a key with `hash`, by their bits.
  func members(_ hash: UInt64) throws(ReelError) -> UInt64 {
    try index.ordinals(hash, in: file).reduce(uncovered) { $0 | 1 << UInt64($1) }
  }
}

extension ReadCache {
  /// The members of a group that may have a key with one of `hashes` in a column, by their bits.
  ///
  /// Where the index is not of use, that is all of them: their own indexes are asked then.
  func members(
    of group: MergedGroup, having hashes: [UInt64], in column: ColumnID, eventCount: Int,
    cost: inout QueryCost
  ) -> UInt64 {
    do {
      guard let keys = try keys(column, of: group, eventCount: eventCount, cost: &cost) else {
        return .max
      }
      var members: UInt64 = 0
      for hash in hashes { members |= try keys.members(hash) }
      return members
    } catch {
      return .max
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
      let file = try folder.open(index.name, .read)
      let whole = try index.index(part, in: file)
      cost.bytesRead += part.byteCount
      let keys = MergedKeys(
        keepsFronts(eventCount: eventCount) ? whole.front : whole, uncovered: part.uncovered,
        file: file)
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
