/// An open segment, for reading: frames, block headers, blocks and index parts, each checked before
/// it is handed out.
///
/// Immutable but for the file's growth while it is the active segment.
final class SegmentFile: Sendable {
  let file: any File
  let header: SegmentHeader

  /// How much of a block is read at first: its header and, most often, its attributes.
  private static let firstReadByteCount = 24 << 10

  var path: String { file.path }
  var firstSequence: UInt64 { header.firstSequence }

  /// Opens a segment file and checks its header.
  init(file: any File) throws(ReelError) {
    self.file = file
    header = try SegmentHeader(
      decoding: try file.read(at: 0, byteCount: SegmentHeader.byteCount), path: file.path)
  }

  /// A segment whose header is known or was pieced together from damaged bytes.
  init(file: any File, header: SegmentHeader) {
    self.file = file
    self.header = header
  }

  /// Opens a segment whose header may be damaged: then one is pieced together from its bytes, so
  /// that a flipped bit in one of its fields need not hide the rest.
  ///
  /// - Returns: The segment, and what is wrong with its header.
  /// - Throws: ``ReelError/notARecording(path:reason:)`` for a file that is too short,
  ///   ``ReelError/unsupportedFormat(path:found:supported:)``, ``ReelError/io(_:)``.
  static func mending(
    _ file: any File
  ) throws(ReelError) -> (segment: SegmentFile, damage: Corruption?) {
    do throws(ReelError) {
      return (try SegmentFile(file: file), nil)
    } catch {
      let damage: Corruption
      let bytes = try file.read(at: 0, byteCount: SegmentHeader.byteCount)
      switch error {
      case .corrupted(let corruption): damage = corruption
      case .notARecording(_, let reason) where bytes.count == SegmentHeader.byteCount:
        damage = Corruption(path: file.path, bytes: 0..<bytes.count, reason: reason)
      default: throw error
      }
      let span = bytes.rawSpan
      let binding = FileBinding(
        recording: RecordingID(
          low: span.integer(at: 32, as: UInt64.self), high: span.integer(at: 40, as: UInt64.self)),
        salt: span.integer(at: 48, as: UInt64.self))
      let header = SegmentHeader(
        binding: binding, firstSequence: span.integer(at: 56, as: UInt64.self),
        created: span.integer(at: 64, as: Int64.self))
      return (SegmentFile(file: file, header: header), damage)
    }
  }

  /// The frame at `offset`, of at most `limit` bytes.
  /// - Throws: ``ReelError/corrupted(_:)`` when the bytes are not a whole, unharmed frame.
  func frame(at offset: Int, limit: Int) throws(ReelError) -> (frame: ReelFrame, byteCount: Int) {
    try ReelFrame.read(file, at: offset, limit: limit, binding: header.binding)
  }

  /// The trailer at the very end of a file of `byteCount` bytes, or nothing when there is none.
  func trailer(endingAt byteCount: Int) throws(ReelError) -> Trailer? {
    let offset = byteCount - Trailer.byteCount
    guard offset >= SegmentHeader.byteCount else { return nil }
    let bytes = try file.read(at: offset, byteCount: Trailer.byteCount)
    guard ReelFrame.byteCount(bytes.rawSpan) == Trailer.byteCount,
      let frame = try? ReelFrame(decoding: bytes.rawSpan, at: offset, binding: header.binding),
      frame.type == .trailer,
      let trailer = try? Trailer(decoding: frame.content.rawSpan, at: offset),
      trailer.summary.firstSequence == header.firstSequence
    else { return nil }
    return trailer
  }

  /// The directory that `trailer` names.
  func directory(_ trailer: Trailer) throws(ReelError) -> Directory {
    let offset = trailer.directoryOffset
    let (frame, byteCount) = try frame(at: offset, limit: trailer.directoryByteCount)
    do throws(ByteReader.Malformed) {
      guard frame.type == .directory else {
        throw ByteReader.Malformed("the frame", "is not a directory", found: frame.type.rawValue)
      }
      return try Directory(decoding: frame.content.rawSpan, at: offset)
    } catch {
      throw corrupted(offset..<(offset + byteCount), error.reason)
    }
  }

  /// The control state at the head of the segment.
  func state() throws(ReelError) -> ControlState {
    let offset = SegmentHeader.byteCount
    let (frame, byteCount) = try frame(
      at: offset, limit: ReelFrame.overhead + Limits.stateByteCount)
    do throws(ByteReader.Malformed) {
      guard frame.type == .state else {
        throw ByteReader.Malformed("the frame", "is not the state", found: frame.type.rawValue)
      }
      return try ControlState(decoding: frame.content.rawSpan)
    } catch {
      throw corrupted(offset..<(offset + byteCount), error.reason)
    }
  }

  /// The header of the block that `entry` names, checked against it, how many bytes it takes, and
  /// these and what was read beyond them.
  func blockHeader(
    _ entry: DirectoryEntry
  ) throws(ReelError) -> (header: BlockHeader, byteCount: Int, bytes: [UInt8]) {
    var bytes = try file.read(
      at: entry.offset, byteCount: min(entry.byteCount, Self.firstReadByteCount))
    if let byteCount = ReelFrame.byteCount(bytes.rawSpan), byteCount > bytes.count,
      byteCount <= entry.byteCount
    {
      let rest = try file.read(
        at: entry.offset + bytes.count, byteCount: byteCount - bytes.count)
      bytes += rest
    }
    do throws(ByteReader.Malformed) {
      guard let byteCount = ReelFrame.byteCount(bytes.rawSpan), byteCount <= bytes.count else {
        throw ByteReader.Malformed("a block", "does not begin here", found: entry.offset)
      }
      let frame = try ReelFrame(
        decoding: bytes.rawSpan.extracting(0..<byteCount), at: entry.offset,
        binding: header.binding)
      guard frame.type == .block else {
        throw ByteReader.Malformed("the frame", "is not a block", found: frame.type.rawValue)
      }
      let block = try BlockHeader(decoding: frame.content.rawSpan)
      guard
        DirectoryEntry(block, offset: entry.offset, headerByteCount: byteCount) == entry
      else {
        throw ByteReader.Malformed("a block", "is not what the directory says", found: entry.offset)
      }
      return (block, byteCount, bytes)
    } catch {
      throw corrupted(entry, error.reason)
    }
  }

  /// The block that `entry` names, with `wanted` columns decoded; if `isPartial`, only the front of
  /// its attributes up to the last of them is decompressed.
  func block(
    _ entry: DirectoryEntry, wanted: ColumnSet, isPartial: Bool = false
  ) throws(ReelError) -> DecodedBlock {
    let (header, start, read) = try blockHeader(entry)
    var bytes = read
    let end = start + header.frames[0].storedByteCount
    if bytes.count < end {
      bytes += try file.read(at: entry.offset + bytes.count, byteCount: end - bytes.count)
    }
    do throws(ByteReader.Malformed) {
      let attributes = try Self.content(
        of: bytes.rawSpan.extracting(start..<min(end, bytes.count)), header.frames[0],
        prefix: isPartial ? header.attributeByteCount(through: wanted) : nil)
      let payloads = SegmentPayloads(
        segment: self, entry: entry, frames: header.frames, offset: entry.offset + start)
      return try DecodedBlock(
        header: header, attributes: attributes, payloads: payloads, wanted: wanted)
    } catch {
      throw corrupted(entry, error.reason)
    }
  }

  /// Calls `body` with each control record of a block that can be read, with its sequence number.
  ///
  /// - Throws: ``ReelError/corrupted(_:)`` for the first that cannot, once the others are given;
  ///   ``ReelError/io(_:)``.
  func controlRecords(
    _ entry: DirectoryEntry, _ body: (ControlRecord, UInt64) -> Void
  ) throws(ReelError) {
    let block = try block(
      entry, wanted: ColumnSet([.recordType, .payloadLength, .payloadEncoding]))
    var damage: Corruption?
    for row in 0..<block.header.recordCount where block.recordType(row) != 0 {
      do throws(ReelError) {
        if let record = try controlRecord(row, block, entry) { body(record, block.sequence(row)) }
      } catch .corrupted(let corruption) {
        damage = damage ?? corruption
      }
    }
    if let damage { throw .corrupted(damage) }
  }

  /// The control record in a row, or nothing for one of an unknown type.
  private func controlRecord(
    _ row: Int, _ block: DecodedBlock, _ entry: DirectoryEntry
  ) throws(ReelError) -> ControlRecord? {
    guard let (frameIndex, range) = block.payloadPlace(row) else { return nil }
    let bytes = try block.payloads.frame(frameIndex, prefix: range.upperBound)
    do throws(ByteReader.Malformed) {
      return try ControlRecord(
        type: block.recordType(row), body: bytes.rawSpan.extracting(range))
    } catch {
      throw corrupted(entry, error.reason)
    }
  }

  /// Checks the header of a block and the checksums of its frames, without decompressing them.
  /// - Returns: The damage, if there is any.
  func checkChecksums(_ entry: DirectoryEntry) throws(ReelError) -> Corruption? {
    do throws(ReelError) {
      let (header, byteCount, _) = try blockHeader(entry)
      var offset = entry.offset + byteCount
      for frame in header.frames {
        let stored = try file.read(at: offset, byteCount: frame.storedByteCount)
        guard stored.count == frame.storedByteCount,
          Checksum.xxh3(stored.rawSpan) == frame.checksum
        else { throw corrupted(entry, "a frame's checksum does not match") }
        offset += frame.storedByteCount
      }
      return nil
    } catch .corrupted(let corruption) {
      return corruption
    }
  }

  /// The content of one data frame, once its checksum has been found right.
  static func content(
    of stored: RawSpan, _ frame: BlockHeader.Frame, prefix: Int? = nil
  ) throws(ByteReader.Malformed) -> [UInt8] {
    guard stored.byteCount == frame.storedByteCount else {
      throw ByteReader.Malformed("a frame", "is cut off", found: stored.byteCount)
    }
    guard Checksum.xxh3(stored) == frame.checksum else {
      throw ByteReader.Malformed("a frame's checksum", "does not match", found: frame.checksum)
    }
    return try LZ4Frame.content(of: stored, byteCount: frame.rawByteCount, prefix: prefix)
  }

  /// The raw content of an index part.
  func indexContent(_ part: IndexPart) throws(ReelError) -> [UInt8] {
    let (frame, byteCount) = try frame(at: part.offset, limit: part.byteCount)
    guard frame.type == .index, byteCount == part.byteCount else {
      throw corrupted(part.offset..<(part.offset + byteCount), "the frame is not this index")
    }
    guard part.form == .postings else { return frame.content }
    do throws(ByteReader.Malformed) {
      return try CompressedContent.decode(frame.content.rawSpan)
    } catch {
      throw corrupted(part.offset..<(part.offset + byteCount), error.reason)
    }
  }

  func corrupted(_ bytes: Range<Int>, _ reason: String) -> ReelError {
    file.corrupted(bytes, reason)
  }

  func corrupted(_ entry: DirectoryEntry, _ reason: String) -> ReelError {
    .corrupted(
      Corruption(
        path: path, bytes: entry.offset..<(entry.offset + entry.byteCount),
        sequenceNumbers: entry.firstSequence...entry.lastSequence, reason: reason))
  }
}

/// The payload frames of a block in a segment, read and decompressed whenever they are asked for.
struct SegmentPayloads: PayloadSource {
  private let segment: SegmentFile
  private let entry: DirectoryEntry
  private let frames: [BlockHeader.Frame]
  /// Where frame 0 lies in the file.
  private let offset: Int

  init(segment: SegmentFile, entry: DirectoryEntry, frames: [BlockHeader.Frame], offset: Int) {
    self.segment = segment
    self.entry = entry
    self.frames = frames
    self.offset = offset
  }

  func frame(_ index: Int, prefix: Int?) throws(ReelError) -> [UInt8] {
    let start = frames[..<index].reduce(offset) { $0 + $1.storedByteCount }
    let stored = try segment.file.read(at: start, byteCount: frames[index].storedByteCount)
    do throws(ByteReader.Malformed) {
      return try SegmentFile.content(of: stored.rawSpan, frames[index], prefix: prefix)
    } catch {
      throw segment.corrupted(entry, error.reason)
    }
  }
}
