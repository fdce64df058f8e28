/// What a recording's readers share: open segment files, decoded blocks, directories and indexes,
/// each bounded.
///
/// Everything in it can be read again from the files.
final class ReadCache: Sendable {
  private enum Key: Hashable {
    case block(segment: UInt64, offset: Int)
    case page(segment: UInt64, offset: Int)
    case directory(segment: UInt64, offset: Int)
    case index(segment: UInt64, offset: Int)
  }

  private enum Value {
    case block(DecodedBlock)
    case page(RecordPage)
    case directory(ReadableDirectory)
    case postings(PostingIndex)
    case fingerprints(FingerprintIndex)
  }

  private let folder: any Folder
  private let temporaryPath: String?
  private let lock = Lock()
  private nonisolated(unsafe) var contents: LeastRecentlyUsed<Key, Value>
  private nonisolated(unsafe) var files: LeastRecentlyUsed<UInt64, SegmentFile>

  init(folder: any Folder, configuration: RecordingConfiguration) {
    self.folder = folder
    temporaryPath = configuration.temporaryFolder
    unsafe contents = LeastRecentlyUsed(capacity: configuration.cacheByteCount)
    unsafe files = LeastRecentlyUsed(capacity: configuration.openFileCount)
  }

  /// Where temporary files may be made.
  func temporaryFolder() throws(ReelError) -> any Folder {
    if let temporaryPath { return try POSIXFolder(path: temporaryPath, create: false) }
    return try POSIXFolder.temporary()
  }

  /// The bytes that cached blocks and indexes take.
  var byteCount: Int { lock.withLock { unsafe contents.byteCount } }

  private func find(_ key: Key) -> Value? { lock.withLock { unsafe contents.value(for: key) } }

  private func keep(_ value: Value, _ key: Key, byteCount: Int) {
    lock.withLock { unsafe contents.insert(value, for: key, byteCount: byteCount) }
  }

  /// The open file of a segment, whose name is usual but for a lone one.
  func file(_ segment: UInt64, name: String) throws(ReelError) -> SegmentFile {
    if let file = lock.withLock({ unsafe files.value(for: segment) }) { return file }
    let file = try SegmentFile(file: try folder.open(name, .read))
    lock.withLock { unsafe files.insert(file, for: segment, byteCount: 1) }
    return file
  }

  /// A block with `wanted` columns; if `isPartial`, decompressed no further than they go.
  ///
  /// One that will not be asked for again soon need not be kept.
  func block(
    _ entry: DirectoryEntry, of file: SegmentFile, wanted: ColumnSet, isPartial: Bool = false,
    isKept: Bool = true, cost: inout QueryCost
  ) throws(ReelError) -> DecodedBlock {
    let key = Key.block(segment: file.firstSequence, offset: entry.offset)
    var block: DecodedBlock
    if case .block(let cached)? = find(key),
      cached.decoded.isSuperset(of: wanted) || !cached.isPartial
    {
      if cached.decoded.isSuperset(of: wanted) { return cached }
      do throws(ByteReader.Malformed) {
        block = try cached.decoding(wanted)
      } catch {
        throw file.corrupted(entry, error.reason)
      }
    } else {
      block = try file.block(entry, wanted: wanted, isPartial: isPartial)
      cost.bytesRead += entry.byteCount
    }
    cost.blocksDecoded += 1
    guard isKept else { return block }
    keep(.block(block), key, byteCount: block.byteCount)
    return block
  }

  /// All records of a block, if they are in memory or may be rendered.
  ///
  /// They may when many are wanted, or when the block was asked for before and is still remembered:
  /// a look-up that comes once costs one row, and one that comes again finds its block's records.
  func page(
    _ entry: DirectoryEntry, of file: SegmentFile, mayRender: Bool, schema: AttributeSchema,
    cost: inout QueryCost
  ) throws(ReelError) -> RecordPage? {
    let key = Key.page(segment: file.firstSequence, offset: entry.offset)
    if case .page(let page)? = find(key) { return page }
    let blockKey = Key.block(segment: file.firstSequence, offset: entry.offset)
    if !mayRender {
      guard case .block(let known)? = find(blockKey), known.decoded == .all else { return nil }
    }
    let block = try block(entry, of: file, wanted: .all, cost: &cost)
    let page = try RecordRenderer.page(
      block, rows: (0..<Int32(block.header.recordCount)).map { $0 }, schema: schema)
    guard page.count == block.header.recordCount else { return nil }
    keep(.page(page), key, byteCount: page.byteCount)
    return page
  }

  func directory(
    _ trailer: Trailer, of file: SegmentFile, cost: inout QueryCost
  ) throws(ReelError) -> ReadableDirectory {
    // A later checkpoint or the seal brings another directory of the same segment.
    let key = Key.directory(segment: file.firstSequence, offset: trailer.directoryOffset)
    if case .directory(let directory)? = find(key) { return directory }
    let directory = ReadableDirectory(try file.directory(trailer))
    cost.bytesRead += trailer.directoryByteCount
    keep(
      .directory(directory), key,
      byteCount: directory.blocks.count * (MemoryLayout<DirectoryEntry>.stride + 56) + 256)
    return directory
  }

  func postings(
    _ part: IndexPart, of file: SegmentFile, cost: inout QueryCost
  ) throws(ReelError) -> PostingIndex {
    let key = Key.index(segment: file.firstSequence, offset: part.offset)
    if case .postings(let index)? = find(key) { return index }
    let raw = try file.indexContent(part)
    cost.bytesRead += part.byteCount
    do throws(ByteReader.Malformed) {
      let index = try PostingIndex(decoding: raw.rawSpan, blockCount: part.blocks.count)
      keep(.postings(index), key, byteCount: index.byteCount)
      return index
    } catch {
      throw file.corrupted(part.offset..<(part.offset + part.byteCount), error.reason)
    }
  }

  /// An index of the segment that begins with a sequence number; its `file` is asked for only when
  /// the index is not in memory.
  func fingerprints(
    _ part: IndexPart, segment: UInt64, cost: inout QueryCost,
    file: () throws(ReelError) -> SegmentFile
  ) throws(ReelError) -> FingerprintIndex {
    let key = Key.index(segment: segment, offset: part.offset)
    if case .fingerprints(let index)? = find(key) { return index }
    let file = try file()
    let raw = try file.indexContent(part)
    cost.bytesRead += part.byteCount
    do throws(ByteReader.Malformed) {
      let index = try FingerprintIndex(decoding: raw, blockCount: part.blocks.count)
      keep(.fingerprints(index), key, byteCount: index.byteCount)
      return index
    } catch {
      throw file.corrupted(part.offset..<(part.offset + part.byteCount), error.reason)
    }
  }
}
