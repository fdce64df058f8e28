/// One part of a segment file: a frame of Reel's, a block with its data, or bytes that are neither.
public struct SegmentPart: Sendable {
  /// What a part is.
  public enum Content: Sendable {
    /// The segment header.
    case header(SegmentHeaderInspection)
    /// What all control records before this segment come to.
    case state(StateInspection)
    /// A block: its header and its data frames.
    case block(BlockInspection)
    /// What the records before the block behind it come to.
    case context(ContextInspection)
    /// An index over some blocks; the directory says of which.
    case index
    /// The places of the blocks and indexes so far.
    case directory(DirectoryInspection)
    /// The end of a checkpoint or of the segment.
    case trailer(TrailerInspection)
    /// A whole frame of a type that this version does not know.
    case other
    /// Bytes that are no whole frame.
    case unreadable
  }

  /// Where it begins.
  public let offset: Int
  /// How many bytes it takes; of a block, all its data.
  public let byteCount: Int
  /// The type of the frame that it is or begins with; nothing for bytes that are none.
  public let type: UInt16?
  /// What it is.
  public let content: Content
  /// What is wrong with it; nothing when it is whole and can be read.
  public internal(set) var damage: Corruption?

  /// The bytes it takes.
  public var bytes: Range<Int> { offset..<(offset + byteCount) }

  /// A word for what it is.
  public var name: String {
    switch content {
    case .unreadable: "unreadable"
    default: type.map { FrameType(rawValue: $0).name } ?? "unreadable"
    }
  }
}

/// A segment's header.
public struct SegmentHeaderInspection: Hashable, Sendable {
  /// The recording's id.
  public let recordingID: RecordingID
  /// The number that the checksums of this file include.
  public let salt: UInt64
  /// The first sequence number that it may hold.
  public let firstSequenceNumber: SequenceNumber
  /// When it was begun, in nanoseconds since the Unix epoch.
  public let created: Timestamp
}

/// The control state at the head of a segment.
public struct StateInspection: Hashable, Sendable {
  /// The newest runs, oldest first.
  public let runs: [Run]
  /// Runs before those.
  public let forgottenRunCount: UInt64
  /// The newest gaps.
  public let gaps: [Gap]
  /// Events lost in all gaps.
  public let droppedEventCount: UInt64
  /// How many cuts cover something.
  public let cutCount: Int
  /// Everything below was removed by retention.
  public let lowerBound: SequenceNumber
  /// How many events that were.
  public let removedEventCount: UInt64
  /// The highest sequence number that a sync mark calls durable.
  public let watermark: UInt64
  /// The declared attributes.
  public let attributes: [AttributeDeclaration]

  init(_ state: ControlState) {
    runs = state.runs
    forgottenRunCount = state.forgottenRunCount
    gaps = state.gaps
    droppedEventCount = state.droppedEventCount
    cutCount = state.cuts.count
    lowerBound = SequenceNumber(rawValue: state.dropped.below)
    removedEventCount = state.dropped.eventCount
    watermark = state.watermark
    attributes = state.attributes.declarations
  }
}

/// A context: the processes that live where it lies, and what is known of them.
public struct ContextInspection: Hashable, Sendable {
  /// The run whose processes these are.
  public let runID: UInt64
  /// The first record that it does not know of.
  public let firstSequenceNumber: SequenceNumber
  /// The greatest timestamp of all events before it.
  public let maximumTimestamp: Timestamp
  /// Processes that live.
  public let processCount: Int
  /// Calls that are open in them.
  public let callCount: Int
  /// Whether there were more than it has room for.
  public let isOverfull: Bool

  init(_ context: Context) {
    runID = context.header.runID
    firstSequenceNumber = SequenceNumber(rawValue: context.header.firstSequence)
    maximumTimestamp = Timestamp(nanoseconds: context.header.maximumTimestamp)
    processCount = context.lives.count
    callCount = context.lives.reduce(0) { $0 + $1.calls.count }
    isOverfull = context.header.isOverfull
  }
}

/// A block's header: what it covers, and where its columns and frames lie.
public struct BlockInspection: Hashable, Sendable {
  /// A column of the attributes.
  public struct Column: Hashable, Sendable {
    /// The number in the format.
    public let id: UInt8
    /// Such as `kind`.
    public let name: String
    /// Such as `dictionary`.
    public let encoding: String
    /// Its bytes before compression.
    public let byteCount: Int
  }

  /// A data frame: the attributes, or some payloads.
  public struct DataFrame: Hashable, Sendable {
    /// Where it begins in the file.
    public let offset: Int
    /// Its bytes in the file.
    public let byteCount: Int
    /// Its bytes before compression.
    public let rawByteCount: Int
    /// The first row whose payload is in it.
    public let firstRow: Int
  }

  /// The place of the block in the file, from 0.
  public let ordinal: Int
  let entry: DirectoryEntry
  /// The bytes of the header's frame.
  public let headerByteCount: Int
  /// Of its first and last record.
  public let sequenceNumbers: ClosedRange<SequenceNumber>
  /// Records of all kinds.
  public let recordCount: Int
  /// Those that are events.
  public let eventCount: Int
  /// The least and greatest timestamp of its events; nothing when it has none.
  public let timestamps: ClosedRange<Timestamp>?
  /// The wall clock when it was built.
  public let arrival: Timestamp
  /// The highest sequence number known to be durable then.
  public let watermark: UInt64
  /// The run that its records belong to.
  public let runID: UInt64
  /// The columns, in order of their bytes.
  public let columns: [Column]
  /// The data frames, the attributes first.
  public let frames: [DataFrame]

  /// Bytes of all data frames before compression.
  public var rawByteCount: Int { frames.reduce(0) { $0 + $1.rawByteCount } }
  /// Bytes of all data frames in the file.
  public var storedByteCount: Int { frames.reduce(0) { $0 + $1.byteCount } }

  init(_ header: BlockHeader, _ entry: DirectoryEntry, ordinal: Int) {
    self.ordinal = ordinal
    self.entry = entry
    let headerByteCount = entry.byteCount - header.storedByteCount
    self.headerByteCount = headerByteCount
    sequenceNumbers =
      SequenceNumber(
        rawValue: header.firstSequence)...SequenceNumber(rawValue: header.lastSequence)
    recordCount = header.recordCount
    eventCount = header.eventCount
    timestamps =
      header.eventCount == 0
      ? nil
      : Timestamp(
        nanoseconds: header.minimumTimestamp)...Timestamp(nanoseconds: header.maximumTimestamp)
    arrival = Timestamp(nanoseconds: header.arrival)
    watermark = header.watermark
    runID = header.runID
    columns = header.columns.map {
      Column(
        id: $0.id.rawValue, name: $0.id.name, encoding: ColumnEncoding.name($0.encoding),
        byteCount: $0.byteCount)
    }
    var next = entry.offset + headerByteCount
    var frames: [DataFrame] = []
    for frame in header.frames {
      frames.append(
        DataFrame(
          offset: next, byteCount: frame.storedByteCount, rawByteCount: frame.rawByteCount,
          firstRow: frame.firstRow))
      next += frame.storedByteCount
    }
    self.frames = frames
  }
}

extension ColumnEncoding {
  /// The name of an encoding as the format's page has it.
  static func name(_ rawValue: UInt8) -> String {
    let name =
      switch ColumnEncoding(rawValue: rawValue & ~presenceFlag) {
      case .deltas: "deltas"
      case .planes: "planes"
      case .dictionary: "dictionary"
      case .identifierPlanes: "identifier planes"
      case .identifiers: "identifiers"
      case nil: "encoding \(rawValue & ~presenceFlag)"
      }
    return rawValue & presenceFlag == 0 ? name : name + ", presence"
  }
}

/// A directory: where the blocks are and what they cover.
public struct DirectoryInspection: Hashable, Sendable {
  /// One block.
  public struct Block: Hashable, Sendable {
    /// Where it begins.
    public let offset: Int
    /// All its bytes in the file.
    public let byteCount: Int
    /// Of its first record.
    public let firstSequenceNumber: SequenceNumber
    /// Records of all kinds.
    public let recordCount: Int
    /// Those that are events.
    public let eventCount: Int
  }

  /// An index over some blocks.
  public struct Index: Hashable, Sendable {
    /// How an index is built.
    public enum Form: String, Hashable, Sendable {
      /// Every key with its blocks.
      case postings
      /// Fingerprints of keys.
      case fingerprints
    }

    /// The number of the column whose keys it has.
    public let column: UInt8
    /// The column's name.
    public let name: String
    /// How it is built.
    public let form: Form
    /// Where its frame begins.
    public let offset: Int
    /// The bytes of its frame; 0 when the column has values there and no index.
    public let byteCount: Int
    /// The ordinals of the blocks that it covers.
    public let blocks: Range<Int>

    var part: IndexPart {
      IndexPart(
        column: ColumnID(rawValue: column), form: form == .postings ? .postings : .fingerprints,
        offset: offset, byteCount: byteCount, blocks: blocks)
    }
  }

  /// The blocks so far, in order.
  public let blocks: [Block]
  /// The indexes so far.
  public let indexes: [Index]

  init(_ directory: Directory) {
    blocks = directory.blocks.map {
      Block(
        offset: $0.offset, byteCount: $0.byteCount,
        firstSequenceNumber: SequenceNumber(rawValue: $0.firstSequence),
        recordCount: Int($0.recordCount), eventCount: Int($0.eventCount))
    }
    indexes = directory.indexes.map {
      Index(
        column: $0.column.rawValue, name: $0.column.name,
        form: $0.form == .postings ? .postings : .fingerprints, offset: $0.offset,
        byteCount: $0.byteCount, blocks: $0.blocks)
    }
  }
}

/// A trailer: what the segment comes to so far.
public struct TrailerInspection: Hashable, Sendable {
  /// Whether the segment ends here.
  public let isSeal: Bool
  /// Where the directory's frame lies.
  public let directory: Range<Int>
  /// The segment's first sequence number.
  public let firstSequenceNumber: SequenceNumber
  /// Sequence numbers from the first to the last.
  public let recordCount: UInt64
  /// Events in all blocks.
  public let eventCount: UInt64
  /// The least and greatest timestamp; nothing when there is no event.
  public let timestamps: ClosedRange<Timestamp>?
  /// Bytes of all blocks before compression.
  public let rawByteCount: UInt64
  /// The highest sequence number known to be durable.
  public let watermark: UInt64

  init(_ trailer: Trailer) {
    isSeal = trailer.isSeal
    directory =
      trailer.directoryOffset..<(trailer.directoryOffset + trailer.directoryByteCount)
    let summary = trailer.summary
    firstSequenceNumber = SequenceNumber(rawValue: summary.firstSequence)
    recordCount = summary.recordCount
    eventCount = summary.eventCount
    timestamps =
      summary.minimumTimestamp <= summary.maximumTimestamp && summary.eventCount > 0
      ? Timestamp(
        nanoseconds: summary.minimumTimestamp)...Timestamp(nanoseconds: summary.maximumTimestamp)
      : nil
    rawByteCount = summary.rawByteCount
    watermark = trailer.watermark
  }
}
