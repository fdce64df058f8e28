/// The directories and indexes that it keeps.
extension ReadCache {
  func directory(
    _ trailer: Trailer, of segment: ReadableSegment, cost: inout QueryCost
  ) throws(ReelError) -> ReadableDirectory {
    // A later checkpoint or the seal brings another directory of the same segment.
    let key = CacheKey(
      .directory, segment: segment.firstSequence, offset: trailer.directoryOffset)
    if case .directory(let directory)? = find(key) { return directory }
    let directory = ReadableDirectory(try file(segment).directory(trailer))
    cost.bytesRead += trailer.directoryByteCount
    keep(
      .directory(directory), key,
      byteCount: directory.blocks.count * (MemoryLayout<DirectoryEntry>.stride + 56) + 256)
    return directory
  }

  /// The indexes of the ids of a group, of a snapshot with so many events.
  ///
  /// When those of all groups would take more than half of the cache, only their fronts are kept.
  func ids(_ group: SegmentGroup, eventCount: Int, cost: inout QueryCost) -> IDIndexes {
    let isFront = keepsFronts(eventCount: eventCount)
    let (known, isDue) = countLookUp(of: group.key)
    guard case .ids(let indexes)? = known else {
      let indexes = IDIndexes(group, isFront: isFront, cache: self, cost: &cost)
      keep(.ids(indexes), group.key, byteCount: indexes.byteCount)
      return indexes
    }
    guard isDue, let more = indexes.takingIn(self, cost: &cost) else { return indexes }
    keep(.ids(more), group.key, byteCount: more.byteCount)
    return more
  }

  /// Which keys a column of a segment cannot have; nothing for a segment that may still grow.
  ///
  /// Of the indexes read for it, those that may have one of `hashes` are kept: they are asked next.
  func keys(
    _ column: ColumnID, of segment: ReadableSegment, having hashes: [UInt64],
    cost: inout QueryCost
  ) throws(ReelError) -> SegmentKeys? {
    guard case .complete(let trailer) = segment.form else { return nil }
    let key = Self.key(.keys, column, of: segment, trailer)
    if case .keys(let keys)? = find(key) { return keys.value }
    let directory = try directory(trailer, of: segment, cost: &cost)
    let keys = try SegmentKeys(
      column, of: segment, directory, having: hashes, cache: self, cost: &cost)
    keep(.keys(Shared(keys)), key, byteCount: keys.byteCount)
    return keys
  }

  /// The filter of an index of keys, which is kept itself when it may have one of `hashes`.
  func filter(
    _ part: IndexPart, of segment: ReadableSegment, having hashes: [UInt64],
    cost: inout QueryCost
  ) throws(ReelError) -> KeyFilter {
    let index = try read(part, of: segment, cost: &cost)
    let filter = KeyFilter(index.value)
    if hashes.contains(where: { filter.mayHave($0) }) { keep(index, part, of: segment) }
    return filter
  }

  /// The blocks that have one of `keys` by an index of them, as ordinals of the index.
  ///
  /// The index is taken over only when it is asked again.
  func blocks(
    having keys: [[UInt8]], _ part: IndexPart, of segment: ReadableSegment, cost: inout QueryCost
  ) throws(ReelError) -> [Int] {
    let key = CacheKey(.index, segment: segment.firstSequence, offset: part.offset)
    var blocks: [Int] = []
    guard find(key) == nil else {
      let index = try postings(part, of: segment, cost: &cost).value
      for key in keys { blocks += index.blocks(having: key.rawSpan) }
      return blocks
    }
    let raw = try content(part, of: segment, cost: &cost)
    do throws(ByteReader.Malformed) {
      let scan = PostingScan(raw, blockCount: part.blocks.count)
      for key in keys { blocks += try scan.blocks(having: key.rawSpan) }
    } catch {
      throw try file(segment).corrupted(
        part.offset..<(part.offset + part.byteCount), error.reason)
    }
    keep(.content(raw), key, byteCount: raw.count)
    return blocks
  }

  /// An index of keys.
  func postings(
    _ part: IndexPart, of segment: ReadableSegment, cost: inout QueryCost
  ) throws(ReelError) -> Shared<PostingIndex> {
    let key = CacheKey(.index, segment: segment.firstSequence, offset: part.offset)
    if case .postings(let index)? = find(key) { return index }
    let index = try read(part, of: segment, cost: &cost)
    keep(index, part, of: segment)
    return index
  }

  private func keep(
    _ index: Shared<PostingIndex>, _ part: IndexPart, of segment: ReadableSegment
  ) {
    let key = CacheKey(.index, segment: segment.firstSequence, offset: part.offset)
    keep(.postings(index), key, byteCount: index.value.byteCount)
  }

  private func read(
    _ part: IndexPart, of segment: ReadableSegment, cost: inout QueryCost
  ) throws(ReelError) -> Shared<PostingIndex> {
    let raw = try content(part, of: segment, cost: &cost)
    do throws(ByteReader.Malformed) {
      return Shared(try PostingIndex(decoding: raw, blockCount: part.blocks.count))
    } catch {
      throw try file(segment).corrupted(
        part.offset..<(part.offset + part.byteCount), error.reason)
    }
  }

  /// The raw content of an index of keys.
  private func content(
    _ part: IndexPart, of segment: ReadableSegment, cost: inout QueryCost
  ) throws(ReelError) -> [UInt8] {
    let key = CacheKey(.index, segment: segment.firstSequence, offset: part.offset)
    if case .content(let raw)? = find(key) { return raw }
    cost.bytesRead += part.byteCount
    return try file(segment).indexContent(part)
  }

  /// An index of fingerprints, kept in memory unless somebody else keeps it.
  func fingerprints(
    _ part: IndexPart, of segment: ReadableSegment, isKept: Bool = true, cost: inout QueryCost
  ) throws(ReelError) -> FingerprintIndex {
    let key = CacheKey(.index, segment: segment.firstSequence, offset: part.offset)
    if case .fingerprints(let index)? = find(key) { return index }
    let file = try file(segment)
    let raw = try file.indexContent(part)
    cost.bytesRead += part.byteCount
    do throws(ByteReader.Malformed) {
      let index = try FingerprintIndex(
        decoding: raw, ordinalCount: part.blocks.count, at: part.offset + ReelFrame.overhead)
      if isKept { keep(.fingerprints(index), key, byteCount: index.byteCount) }
      return index
    } catch {
      throw file.corrupted(part.offset..<(part.offset + part.byteCount), error.reason)
    }
  }

  /// Where the rows of each key of a column are, if that was asked often enough to be indexed.
  func rowIndex(_ column: ColumnID, of segment: ReadableSegment) -> RowIndex? {
    guard case .complete(let trailer) = segment.form,
      case .rowIndex(let index)? = find(Self.key(.rowIndex, column, of: segment, trailer))
    else { return nil }
    return index
  }

  /// Counts a question for a key of a column for which a segment had to be opened; at every so many
  /// the column is indexed, if all records of the segment are in memory.
  func countQuestion(
    _ column: ColumnID, of segment: ReadableSegment, _ directory: ReadableDirectory
  ) {
    guard case .complete(let trailer) = segment.form else { return }
    let key = Self.key(.rowIndex, column, of: segment, trailer)
    var count = 1
    switch find(key) {
    case .rowIndex?: return
    case .questions(let known)?: count += known
    default: break
    }
    if count % RowIndex.questionCount == 0,
      let index = RowIndex(column, of: segment, directory, cache: self)
    {
      return keep(index, column, of: segment)
    }
    keep(.questions(count % RowIndex.questionCount), key, byteCount: 64)
  }

  func keep(_ index: RowIndex, _ column: ColumnID, of segment: ReadableSegment) {
    guard case .complete(let trailer) = segment.form else { return }
    let key = Self.key(.rowIndex, column, of: segment, trailer)
    keep(.rowIndex(index), key, byteCount: index.byteCount)
  }

  /// Names something of a column of a segment as it is with this trailer.
  private static func key(
    _ kind: CacheKey.Kind, _ column: ColumnID, of segment: ReadableSegment, _ trailer: Trailer
  ) -> CacheKey {
    CacheKey(
      kind, segment: segment.firstSequence,
      offset: trailer.directoryOffset << 8 | Int(column.rawValue))
  }
}
