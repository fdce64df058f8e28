/// The one owner of the active segment: appends blocks, checkpoints and at last the seal.
///
/// Every write is prepared whole and then made at ``end``; when it fails for lack of room, the same
/// bytes are tried again at the same offset.
struct SegmentWriter {
  let segment: SegmentFile
  private let state: LZ4.State
  private(set) var directory: Directory
  private(set) var summary: SegmentSummary
  /// Where the next frame goes.
  private(set) var end: Int
  /// Bytes of directories and trailers that later ones have replaced.
  private var deadByteCount: Int
  /// The ordinals of the blocks that an earlier run left without an index.
  private var leftover: Range<Int>
  private(set) var indexes: IndexBuilder

  var binding: FileBinding { segment.header.binding }

  /// The segment as far as it is written.
  var active: ActiveSegment { ActiveSegment(file: segment.file, summary: summary, end: end) }

  /// Goes on in, or begins, the segment that `segment` names.
  ///
  /// The directory is of the blocks that are there already. Those of them that no index part covers
  /// are `leftover`: they are indexed with the next checkpoint, so that opening need not wait.
  init(
    segment: SegmentFile, directory: Directory, summary: SegmentSummary, end: Int,
    leftover: Range<Int> = 0..<0, indexes: IndexBuilder, state: LZ4.State
  ) {
    self.leftover = leftover
    self.segment = segment
    self.directory = directory
    self.summary = summary
    self.end = end
    self.indexes = indexes
    self.state = state
    deadByteCount = 0
  }

  /// Creates the file of the segment that `header` begins.
  ///
  /// It is complete before it has its name, and durable as well if `isDurable` is set: a name can
  /// reach the disk at any moment, and nothing is read behind a header that is not there. Making
  /// the name durable is the caller's, with the first blocks.
  static func createFile(
    in folder: any Folder, header: SegmentHeader, controlState: ControlState, isDurable: Bool
  ) throws(ReelError) -> (segment: SegmentFile, end: Int) {
    let name = FileName.segment(firstSequence: header.firstSequence)
    let temporary = name + FileName.temporarySuffix
    try? folder.unlink(temporary)
    let file = try folder.open(temporary, .createNew)
    var bytes = header.encode()
    ReelFrame.append(
      controlState.encode(), type: .state, at: bytes.count, binding: header.binding, to: &bytes)
    do {
      try file.write(bytes.rawSpan, at: 0)
      if isDurable { try file.sync() }
      try folder.rename(temporary, to: name)
    } catch {
      try? folder.unlink(temporary)
      throw error
    }
    return (try SegmentFile(file: try folder.open(name, .readWrite)), bytes.count)
  }

  /// Indexes also what `attributes` declares, from the next block on.
  mutating func setAttributes(_ attributes: AttributeSchema) { indexes.declare(attributes) }

  /// A block as it will lie where the segment ends, with the context ahead of it if it has one.
  struct EncodedBlock {
    fileprivate let bytes: [UInt8]
    fileprivate let offset: Int
    fileprivate let entry: DirectoryEntry
    fileprivate let rawByteCount: Int
    fileprivate let context: ContextPlace?

    /// Encodes a block for the segment of `binding`, which will end at `offset` then.
    init(
      _ block: CompressedBlock, context: SegmentContext?, at offset: Int, _ binding: FileBinding
    ) {
      var bytes: [UInt8] = []
      bytes.reserveCapacity(block.data.count + 512 + (context?.content.count ?? 0))
      var place: ContextPlace?
      if let context {
        ReelFrame.append(context.content, type: .context, at: offset, binding: binding, to: &bytes)
        place = ContextPlace(
          offset: offset, byteCount: bytes.count, maximumTimestamp: context.maximumTimestamp)
      }
      let start = bytes.count
      ReelFrame.append(
        block.header.encode(), type: .block, at: offset + start, binding: binding, to: &bytes)
      entry = DirectoryEntry(
        block.header, offset: offset + start, headerByteCount: bytes.count - start)
      bytes.append(contentsOf: block.data)
      self.bytes = bytes
      self.offset = offset
      rawByteCount = block.header.rawByteCount
      self.context = place
    }
  }

  /// Writes a block that is to be at ``end``, and takes it into the books.
  ///
  /// - Throws: ``ReelError/io(_:)``; the writer is then unchanged and the call may be made again.
  mutating func append(_ block: EncodedBlock) throws(ReelError) {
    precondition(block.offset == end, "blocks follow each other")
    try segment.file.write(block.bytes.rawSpan, at: end)
    end += block.bytes.count
    directory.blocks.append(block.entry)
    if let context = block.context { directory.contexts.append(context) }
    summary.add(block.entry, rawByteCount: block.rawByteCount)
  }

  /// Makes a block of `rows`, of which none are left, for where the segment ends now, and indexes
  /// it: ``append(_:)`` must follow.
  mutating func encode(
    _ rows: inout BlockRows, with encoder: inout BlockEncoder, frameByteCount: Int,
    context: SegmentContext?
  ) -> EncodedBlock {
    let block = encoder.compress(
      &rows, frameByteCount: frameByteCount, indexes: &indexes, state: state)
    return encode(block, context: context)
  }

  /// A compressed block with its header, for where the segment ends now.
  func encode(_ block: CompressedBlock, context: SegmentContext? = nil) -> EncodedBlock {
    EncodedBlock(block, context: context, at: end, binding)
  }

  /// Whether dead checkpoints take more than a sixteenth of the segment.
  var isWorthSealing: Bool { deadByteCount * 16 > end }

  /// Appends the indexes over the blocks since the last checkpoint, the directory and a trailer,
  /// with which the segment ends if `isSeal` is set.
  ///
  /// - Throws: ``ReelError/io(_:)``; the writer is then unchanged and the call may be made again.
  mutating func checkpoint(isSeal: Bool, watermark: UInt64) throws(ReelError) {
    var bytes: [UInt8] = []
    var directory = directory
    if !leftover.isEmpty { append(try leftoverIndexes(), to: &bytes, &directory) }
    append(indexes, to: &bytes, &directory)
    let directoryOffset = end + bytes.count
    ReelFrame.append(
      directory.encode(state: state), type: .directory, at: directoryOffset, binding: binding,
      to: &bytes)
    let directoryByteCount = end + bytes.count - directoryOffset
    let trailer = Trailer(
      isSeal: isSeal, directoryOffset: directoryOffset, directoryByteCount: directoryByteCount,
      summary: summary, watermark: watermark)
    bytes += trailer.encode(at: end + bytes.count, binding: binding)
    try segment.file.write(bytes.rawSpan, at: end)
    end += bytes.count
    deadByteCount += directoryByteCount + Trailer.byteCount
    self.directory = directory
    leftover = 0..<0
    indexes.restart(at: directory.blocks.count)
  }

  /// Appends the parts of an index to `bytes`, which are for where the segment ends.
  private func append(
    _ indexes: IndexBuilder, to bytes: inout [UInt8], _ directory: inout Directory
  ) {
    let covered = indexes.firstBlock..<(indexes.firstBlock + indexes.blockCount)
    let parts = indexes.encode(state: state)
    // More than enough for what is around the contents.
    bytes.reserveCapacity(
      bytes.count + parts.reduce(64 << 10) { $0 + $1.content.count + 256 })
    for part in parts {
      let offset = end + bytes.count
      if !part.content.isEmpty {
        ReelFrame.append(part.content, type: .index, at: offset, binding: binding, to: &bytes)
      }
      directory.indexes.append(
        IndexPart(
          column: part.column, form: part.form, offset: offset,
          byteCount: end + bytes.count - offset, blocks: covered))
    }
  }

  /// The index over the blocks that an earlier run left without one, or over those after the last
  /// that cannot be read: what no index covers is always looked at.
  private func leftoverIndexes() throws(ReelError) -> IndexBuilder {
    var builder = indexes.next(after: leftover.lowerBound)
    for ordinal in leftover {
      do throws(ReelError) {
        builder.add(try segment.block(directory.blocks[ordinal], wanted: IndexBuilder.wanted))
      } catch .corrupted {
        builder = indexes.next(after: ordinal + 1)
      }
    }
    return builder
  }
}
