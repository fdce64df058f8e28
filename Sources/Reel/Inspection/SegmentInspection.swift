/// A segment file taken apart: every part in the order of its bytes, with what is wrong with it.
///
/// It reads the file as it is, by itself, and shows also what queries leave out. Bytes that are no
/// whole frame are told and passed over; nothing that a file holds makes it fail.
public struct SegmentInspection: Sendable {
  /// How a segment ends.
  public enum Ending: Hashable, Sendable {
    /// Sealed: it is complete.
    case sealed
    /// With a checkpoint, behind which the next run goes on.
    case checkpoint
    /// With a block: it is being written, or its writer died.
    case open
    /// Within a frame or block, as a crash while writing leaves it.
    case torn(Corruption)
  }

  /// The file.
  public let path: String
  /// Its length when it was opened.
  public let byteCount: Int
  /// The parts, without gaps between them.
  public let parts: [SegmentPart]
  /// How it ends.
  public let ending: Ending
  /// The attributes that its state and its records declare.
  public let attributes: [AttributeDeclaration]
  private let segment: SegmentFile
  private let schema: AttributeSchema

  /// Reads and checks all of the segment at `path`.
  ///
  /// - Throws: ``ReelError/notFound(path:)``, ``ReelError/notARecording(path:reason:)`` for a file
  ///   shorter than a segment's header, ``ReelError/unsupportedFormat(path:found:supported:)``,
  ///   ``ReelError/io(_:)``. Damage is told in ``damages``.
  /// - Complexity: O(bytes) of time; memory by the number of blocks, not by their content.
  public init(path: String) throws(ReelError) {
    try self.init(file: try InspectedFile.open(path))
  }

  init(file: any File) throws(ReelError) {
    let byteCount = try file.byteCount()
    var reading = Reading(try SegmentFile.mending(file))
    try reading.readAll(byteCount)
    path = file.path
    self.byteCount = byteCount
    parts = reading.parts
    ending = reading.ending
    attributes = reading.schema.declarations
    segment = reading.segment
    schema = reading.schema
  }

  /// The stretches that cannot be read, but for a torn tail.
  public var damages: [Corruption] {
    parts.compactMap { part in
      if case .torn(let corruption) = ending, corruption == part.damage { return nil }
      return part.damage
    }
  }

  /// The blocks whose headers can be read.
  public var blocks: [BlockInspection] {
    parts.compactMap { if case .block(let block) = $0.content { block } else { nil } }
  }

  /// The header; nothing when its bytes are damaged.
  public var header: SegmentHeaderInspection? {
    guard case .header(let header)? = parts.first?.content, parts.first?.damage == nil else {
      return nil
    }
    return header
  }

  /// The state at the head; nothing when it cannot be read.
  public var state: StateInspection? {
    parts.lazy.compactMap { if case .state(let state) = $0.content { state } else { nil } }.first
  }

  /// The last directory that can be read: it names the blocks and indexes of all checkpoints.
  public var directory: DirectoryInspection? {
    parts.last {
      if case .directory = $0.content { true } else { false }
    }.flatMap { if case .directory(let directory) = $0.content { directory } else { nil } }
  }

  /// The last trailer.
  public var trailer: TrailerInspection? {
    parts.last {
      if case .trailer = $0.content { true } else { false }
    }.flatMap { if case .trailer(let trailer) = $0.content { trailer } else { nil } }
  }

  /// All records of a block.
  ///
  /// - Throws: ``ReelError/corrupted(_:)`` when it is damaged, ``ReelError/io(_:)``.
  /// - Complexity: Decodes the block.
  public func records(of block: BlockInspection) throws(ReelError) -> [InspectedRecord] {
    try segment.block(block.entry, wanted: .all).inspectedRecords(schema)
  }

  /// What an index lists.
  ///
  /// - Throws: ``ReelError/corrupted(_:)`` when it cannot be read, ``ReelError/io(_:)``.
  public func index(_ index: DirectoryInspection.Index) throws(ReelError) -> IndexInspection {
    guard index.byteCount > 0 else { return IndexInspection(keyCount: 0, keys: nil) }
    let content = try segment.indexContent(index.part)
    do throws(ByteReader.Malformed) {
      switch index.form {
      case .postings:
        return IndexInspection(
          try PostingIndex(decoding: content, blockCount: index.blocks.count))
      case .fingerprints:
        let fingerprints = try FingerprintIndex(
          decoding: content, ordinalCount: index.blocks.count)
        return IndexInspection(keyCount: fingerprints.keyCount, keys: nil)
      }
    } catch {
      throw segment.corrupted(
        index.offset..<(index.offset + index.byteCount), error.reason)
    }
  }

  /// The bytes of the file in `range`, as far as it has them.
  public func bytes(_ range: Range<Int>) throws(ReelError) -> [UInt8] {
    try segment.file.read(clamped: range)
  }

  // MARK: Reading

  private struct Reading {
    let segment: SegmentFile
    var parts: [SegmentPart] = []
    var ending = Ending.open
    var schema = AttributeSchema()
    private var blockCount = 0

    init(_ opened: (segment: SegmentFile, damage: Corruption?)) {
      segment = opened.segment
      let header = segment.header
      parts.append(
        SegmentPart(
          offset: 0, byteCount: SegmentHeader.byteCount, type: FrameType.segmentHeader.rawValue,
          content: .header(
            SegmentHeaderInspection(
              recordingID: header.binding.recording, salt: header.binding.salt,
              firstSequenceNumber: SequenceNumber(rawValue: header.firstSequence),
              created: Timestamp(nanoseconds: header.created))),
          damage: opened.damage))
    }

    mutating func readAll(_ byteCount: Int) throws(ReelError) {
      var walk = SegmentWalk(segment, from: SegmentHeader.byteCount, end: byteCount)
      while let step = try walk.next() {
        let part = try part(step)
        parts.append(part)
        switch part.content {
        case .trailer(let trailer): ending = trailer.isSeal ? .sealed : .checkpoint
        case .unreadable where step.isCutShort && ending != .sealed:
          if let damage = step.damage { ending = .torn(damage) }
        default: if ending != .sealed { ending = .open }
        }
      }
    }

    private mutating func part(_ step: SegmentWalk.Step) throws(ReelError) -> SegmentPart {
      var part = SegmentPart(
        offset: step.offset, byteCount: step.byteCount, type: step.frame?.type.rawValue,
        content: .unreadable, damage: step.damage)
      guard let frame = step.frame else { return part }
      if let (header, entry) = step.block {
        part = part.with(.block(BlockInspection(header, entry, ordinal: blockCount)))
        blockCount += 1
        let (block, damage) = try segment.wholeBlock(entry)
        part.damage = damage
        if let block { learnAttributes(block) }
        return part
      }
      let content = frame.content
      do throws(ByteReader.Malformed) {
        switch frame.type {
        case .state:
          let state = try ControlState(decoding: content.rawSpan)
          try? schema.merge(state.attributes.declarations)
          part = part.with(.state(StateInspection(state)))
        case .index: part = part.with(.index)
        case .context:
          part = part.with(
            .context(ContextInspection(try Context(decoding: content.rawSpan))))
        case .directory:
          part = part.with(
            .directory(
              DirectoryInspection(try Directory(decoding: content.rawSpan, at: step.offset))))
        case .trailer:
          part = part.with(
            .trailer(
              TrailerInspection(try Trailer(decoding: content.rawSpan, at: step.offset))))
        default: part = part.with(.other)
        }
      } catch {
        part.damage = Corruption(path: segment.path, bytes: part.bytes, reason: error.reason)
      }
      return part
    }

    /// Takes in what the control records of a block declare, so that its events can be shown.
    private mutating func learnAttributes(_ block: DecodedBlock) {
      guard block.header.eventCount < block.header.recordCount,
        let records = try? block.inspectedRecords(schema)
      else { return }
      for case .configuration(let declarations) in records.map(\.content) {
        try? schema.merge(declarations)
      }
    }
  }
}

extension SegmentPart {
  fileprivate func with(_ content: Content) -> SegmentPart {
    SegmentPart(offset: offset, byteCount: byteCount, type: type, content: content, damage: damage)
  }
}

/// What an index lists.
public struct IndexInspection: Hashable, Sendable {
  /// A key of a posting index.
  public struct Key: Hashable, Sendable {
    /// The key's bytes; of a function as the format joins its parts.
    public let bytes: [UInt8]
    /// The rows that have it.
    public let rowCount: Int
    /// The blocks that have it, by ordinals from the first that the index covers.
    public let blocks: [Int]
  }

  /// How many keys it has; of fingerprints, one for each key and block.
  public let keyCount: Int
  /// The keys in order of their bytes; nothing for fingerprints, which do not hold them.
  public let keys: [Key]?

  init(keyCount: Int, keys: [Key]?) {
    self.keyCount = keyCount
    self.keys = keys
  }

  init(_ index: PostingIndex) {
    keyCount = index.keyCount
    var keys: [Key] = []
    index.forEachKey { key, postings in
      var blocks: [Int] = []
      var rowCount = 0
      index.forEachPosting(postings) {
        blocks.append($0)
        rowCount += $1
      }
      keys.append(Key(bytes: key.copied(), rowCount: rowCount, blocks: blocks))
    }
    self.keys = keys
  }
}
