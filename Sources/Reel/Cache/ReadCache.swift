/// What a recording's readers share: open segment files, decoded blocks, directories and indexes,
/// each bounded.
///
/// Everything in it can be read again from the files.
final class ReadCache: Sendable {
  enum Value {
    case block(KeptBlock)
    case directory(ReadableDirectory)
    case postings(Shared<PostingIndex>)
    /// The content of an index of keys that was asked for one key.
    case content([UInt8])
    case fingerprints(FingerprintIndex)
    case keys(Shared<SegmentKeys>)
    case ids(IDIndexes)
    /// Nothing for one that is damaged or of other segments.
    case merged(MergedKeys?)
    case rowIndex(RowIndex)
    /// How often rows were asked for that nobody has indexed.
    case questions(Int)

    /// The rounds of the cache's hand that it outlives.
    ///
    /// What leads to blocks takes a few kilobytes and some reading and checking of much more to be
    /// had again; a block is soon decoded, and most that come are not asked for twice.
    var rounds: UInt8 {
      switch self {
      case .directory, .fingerprints, .keys, .ids, .merged: 4
      case .block, .postings, .content, .rowIndex, .questions: 1
      }
    }
  }

  private enum OpenFile {
    case segment(SegmentFile)
    case mergedIndex(any File)
  }

  private let folder: any Folder
  private let temporaryPath: String?
  let capacity: Int
  private let lock = Lock()
  // They are guarded by the lock alone: the runtime need not watch over them as well.
  @exclusivity(unchecked) private nonisolated(unsafe) var contents: ClockCache<Value>
  @exclusivity(unchecked) private nonisolated(unsafe) var files: ClockCache<OpenFile>
  /// Groups of segments asked for an id.
  @exclusivity(unchecked) private nonisolated(unsafe) var lookUpCount = 0

  init(folder: any Folder, configuration: RecordingConfiguration) {
    self.folder = folder
    temporaryPath = configuration.temporaryFolder
    capacity = configuration.cacheByteCount
    unsafe contents = ClockCache(capacity: configuration.cacheByteCount)
    unsafe files = ClockCache(capacity: configuration.openFileCount)
  }

  /// Where temporary files may be made.
  func temporaryFolder() throws(ReelError) -> any Folder {
    if let temporaryPath { return try POSIXFolder(path: temporaryPath, create: false) }
    return try POSIXFolder.temporary()
  }

  /// The bytes that cached blocks and indexes take.
  var byteCount: Int { lock.withLock { unsafe contents.byteCount } }

  /// What is kept under a key.
  @inline(__always)
  func find(_ key: CacheKey) -> Value? { lock.withLock { unsafe contents.value(for: key) } }

  /// As ``find(_:)``, for an id that is looked up; and whether it is time to take in where the
  /// records of another segment are.
  func countLookUp(of key: CacheKey) -> (value: Value?, isDue: Bool) {
    lock.withLock {
      unsafe lookUpCount &+= 1
      return unsafe (contents.value(for: key), lookUpCount % IDIndexes.lookUpCount == 0)
    }
  }

  func keep(_ value: Value, _ key: CacheKey, byteCount: Int) {
    lock.withLock {
      unsafe contents.insert(value, for: key, byteCount: byteCount, rounds: value.rounds)
    }
  }

  private func keep(_ kept: KeptBlock, _ key: CacheKey) {
    lock.withLock {
      unsafe contents.insert(
        .block(kept), for: key, byteCount: kept.byteCount,
        places: ClockCache.Places(
          block: Address(of: kept.block), blockByteCount: DecodedBlock.instanceByteCount,
          page: kept.page.map { Address(of: $0) } ?? .none))
    }
  }

  /// Where the segments are.
  var path: String { folder.path }

  /// The open file of a segment.
  ///
  /// - Throws: ``ReelError/corrupted(_:)`` also when it is another than a merged index has said,
  ///   where nobody has looked at it before.
  func file(_ segment: ReadableSegment) throws(ReelError) -> SegmentFile {
    let key = CacheKey(.file, segment: segment.firstSequence)
    if case .segment(let file)? = lock.withLock({ unsafe files.value(for: key) }) { return file }
    let file = try SegmentFile(file: try open(segment.name))
    if let recording = segment.expectedRecording,
      file.header.binding.recording != recording || file.firstSequence != segment.firstSequence
    {
      throw file.corrupted(
        0..<SegmentHeader.byteCount, "the segment belongs to another name or recording")
    }
    lock.withLock { unsafe files.insert(.segment(file), for: key, byteCount: 1) }
    return file
  }

  /// The open file of a merged index.
  func file(_ index: MergedIndex) throws(ReelError) -> any File {
    // The offset tells it from a segment and from another index of that name.
    let offset = Int(truncatingIfNeeded: index.binding.salt | 1)
    let key = CacheKey(.file, segment: index.firstSequence, offset: offset)
    let known = lock.withLock { unsafe files.value(for: key) }
    if case .mergedIndex(let file)? = known { return file }
    let file = try open(index.name)
    lock.withLock { unsafe files.insert(.mergedIndex(file), for: key, byteCount: 1) }
    return file
  }

  /// Opens a file; when the process may have no more open, once more after giving up the others and
  /// the blocks, each of which holds the file that its payloads are in.
  private func open(_ name: String) throws(ReelError) -> any File {
    do throws(ReelError) {
      return try folder.open(name, .read)
    } catch .io(let failure) where failure.code == ErrorNumber.tooManyFiles {
      giveBackFiles()
      return try folder.open(name, .read)
    }
  }

  /// Closes all files, and gives up the blocks that hold some open.
  func giveBackFiles() {
    lock.withLock {
      unsafe files.removeAll()
      unsafe contents.removeAll()
    }
  }

  // MARK: Blocks

  /// A block with `wanted` columns; if `isPartial`, decompressed no further than they go.
  ///
  /// One that will not be asked for again soon need not be kept.
  func block(
    _ entry: DirectoryEntry, of segment: ReadableSegment, wanted: ColumnSet,
    isPartial: Bool = false, isKept: Bool = true, cost: inout QueryCost
  ) throws(ReelError) -> KeptBlock {
    let key = CacheKey(.block, segment: segment.firstSequence, offset: entry.offset)
    let kept: KeptBlock
    if case .block(let cached)? = find(key),
      cached.block.decoded.isSuperset(of: wanted) || !cached.block.isPartial
    {
      if cached.block.decoded.isSuperset(of: wanted) { return cached }
      do throws(ByteReader.Malformed) {
        kept = cached.with(block: try cached.block.decoding(wanted))
      } catch {
        throw try file(segment).corrupted(entry, error.reason)
      }
    } else {
      kept = KeptBlock(try file(segment).block(entry, wanted: wanted, isPartial: isPartial))
      cost.bytesRead += entry.byteCount
    }
    cost.blocksDecoded += 1
    if isKept { keep(kept, key) }
    return kept
  }

  /// Brings near, of blocks that an answer comes to soon, what it goes by: of the one after the
  /// next the block itself, of the next what leads to a column and to its records.
  ///
  /// A look at a block is a chain of places in memory, each of which tells the next. On a recording
  /// of which the processor's caches hold little, waiting for them took most of a query's time.
  func approach(_ column: ColumnID, next: CacheKey, then: CacheKey?) {
    lock.lock()
    if let then { unsafe contents.approach(then) }
    let value = unsafe contents.value(for: next)
    lock.unlock()
    guard case .block(let kept)? = value else { return }
    kept.block.prefetch(column)
    kept.page?.prefetch()
  }

  /// Whether a block is in memory with its records or, unless `isWhole`, all its columns; or the
  /// cache is so small that it would soon be gone again.
  func has(_ origin: BlockOrigin, isWhole: Bool) -> Bool {
    guard origin.entry.byteCount < capacity / 64 else { return true }
    guard case .block(let kept)? = find(origin.key) else { return false }
    return kept.page != nil || !isWhole && kept.block.decoded == .all
  }

  /// A block with all columns of a few rows; that rows were taken out of it is remembered.
  ///
  /// `kept` is what is known of it; a count may have left but the front of its attributes.
  func rows(
    _ rows: [Int32], of kept: KeptBlock, _ entry: DirectoryEntry, _ segment: ReadableSegment
  ) throws(ReelError) -> DecodedBlock {
    var taken = kept.with(isTakenFrom: true)
    if kept.block.isPartial {
      taken = taken.with(block: try file(segment).block(entry, wanted: kept.block.decoded))
    }
    do throws(ByteReader.Malformed) {
      let block = try taken.block.only(rows)
      let key = CacheKey(.block, segment: segment.firstSequence, offset: entry.offset)
      keep(taken, key)
      return block
    } catch {
      throw try file(segment).corrupted(entry, error.reason)
    }
  }

  /// All records of a block, if they are in memory or may be rendered.
  ///
  /// They may when many are wanted, or when the block was asked for before and is still remembered:
  /// a look-up that comes once costs one row, and one that comes again finds its block's records.
  func page(
    _ entry: DirectoryEntry, of segment: ReadableSegment, mayRender: Bool,
    schema: AttributeSchema, cost: inout QueryCost
  ) throws(ReelError) -> RecordPage? {
    let key = CacheKey(.block, segment: segment.firstSequence, offset: entry.offset)
    if case .block(let kept)? = find(key) {
      if let page = kept.page { return page }
      guard mayRender || kept.isTakenFrom || kept.block.decoded == .all else { return nil }
    } else if !mayRender {
      return nil
    }
    let kept = try block(entry, of: segment, wanted: .all, cost: &cost)
    let page = try RecordRenderer.page(
      kept.block, rows: (0..<Int32(kept.block.header.recordCount)).map { $0 }, schema: schema)
    guard page.count == kept.block.header.recordCount else { return nil }
    keep(kept.with(page: page), key)
    return page
  }

  /// The blocks of a segment that have events, with the records of each and at least a column, if
  /// all of them are in memory and none is damaged.
  func wholeBlocks(
    _ directory: ReadableDirectory, of segment: ReadableSegment, with column: ColumnID
  ) -> [WholeBlock]? {
    let wanted = ColumnSet([.recordType, .timestamp, column])
    var blocks: [WholeBlock] = []
    for (ordinal, entry) in directory.blocks.enumerated() where entry.eventCount > 0 {
      let key = CacheKey(.block, segment: segment.firstSequence, offset: entry.offset)
      guard case .block(let kept)? = find(key), let page = kept.page, page.damage == nil,
        kept.block.decoded.isSuperset(of: wanted)
      else { return nil }
      blocks.append(WholeBlock(ordinal: ordinal, block: kept.block, page: page))
    }
    return blocks
  }

  /// The records of a block, if they are in memory; what leads to those of the block that an answer
  /// comes to next is brought near.
  func page(_ key: CacheKey, next: CacheKey?) -> RecordPage? {
    lock.withLock {
      if let next { unsafe contents.approachPage(next) }
      // The block itself stays untouched: it is one more place of memory.
      return unsafe contents.withValue(for: key) { value in
        switch value {
        case .block(let kept)?: kept.page
        default: nil
        }
      }
    }
  }
}

/// A block of a segment all records of which are in memory.
struct WholeBlock {
  var ordinal: Int
  var block: DecodedBlock
  var page: RecordPage
}

/// A value of many references behind one, so that handing it out counts one.
final class Shared<Value: Sendable>: Sendable {
  let value: Value

  init(_ value: Value) { self.value = value }
}
