/// A write-ahead buffer file taken apart: its header page, and the frames that are not in blocks.
///
/// It reads the file as it is, also while a recorder writes to it; then the frames end where the
/// writer was. Nothing that a file holds makes it fail.
public struct BufferInspection: Sendable {
  /// One use of the ring from front to back.
  public struct Lap: Hashable, Sendable {
    /// From 0 on.
    public let number: UInt64
    /// The number that the checksums of its frames include.
    public let salt: UInt64
    /// Of its first record.
    public let firstSequenceNumber: SequenceNumber
  }

  /// How far the content has gone into blocks.
  public struct Progress: Hashable, Sendable {
    /// One more each time.
    public let counter: UInt64
    /// The offset, through all laps, of the first frame that is not wholly in blocks.
    public let released: Int
    /// The first sequence number that is in no block.
    public let nextSequenceNumber: SequenceNumber
    /// The highest sequence number known to be durable.
    public let watermark: UInt64
    /// The first sequence number of the active segment; nothing while there is none.
    public let segment: SequenceNumber?
    /// The length of that segment.
    public let segmentByteCount: Int
  }

  /// A frame: one record or a batch.
  public struct Frame: Hashable, Sendable {
    /// Its offset, counted through all laps.
    public let offset: Int
    /// Where it lies in the file.
    public let fileOffset: Int
    /// The bytes of its records.
    public let byteCount: Int
    /// How many; 0 for the filler at the end of a lap.
    public let recordCount: Int
    /// Of its first record.
    public let firstSequenceNumber: SequenceNumber
    /// What is wrong with its records, its checksum being right.
    public let damage: Corruption?

    /// The number after that of its last record; its first when it has none.
    var nextSequence: UInt64 { firstSequenceNumber.rawValue &+ UInt64(recordCount) }
    /// Its bytes in the file, padding not counted.
    public var bytes: Range<Int> {
      fileOffset..<(fileOffset + BufferFrame.headerByteCount + byteCount)
    }
  }

  /// The file.
  public let path: String
  /// Its length.
  public let byteCount: Int
  /// The recording's id.
  public let recordingID: RecordingID?
  /// What an append promised.
  public let durability: Durability?
  /// The bytes of the ring.
  public let capacity: Int
  /// The run that writes it.
  public let runID: UInt64
  /// The first sequence number that it can hold.
  public let firstSequenceNumber: SequenceNumber?
  /// When it was begun.
  public let created: Timestamp?
  /// The lap entries that are whole, the earlier first.
  public let laps: [Lap]
  /// The progress entries that are whole, the newest last.
  public let progress: [Progress]
  /// The frames from the newest progress on, in order.
  public let frames: [Frame]
  /// Where the frames end, counted through all laps.
  public let end: Int
  /// Why they end there.
  public let endReason: String
  /// Whole frames behind that: when the file was left by a crash of the program alone, the frame
  /// between was damaged; after a loss of power it may simply not have reached the disk.
  public let strayFrames: [Frame]
  /// What is wrong with the header page or a frame.
  public let damages: [Corruption]
  private let file: any File
  private let header: BufferHeader?

  /// Reads the buffer at `path`.
  ///
  /// - Throws: ``ReelError/notFound(path:)``,
  ///   ``ReelError/unsupportedFormat(path:found:supported:)``, ``ReelError/io(_:)``. Damage is told
  ///   in ``damages``.
  /// - Complexity: O(bytes) of time; memory by the number of frames.
  public init(path: String) throws(ReelError) {
    try self.init(file: try InspectedFile.open(path))
  }

  init(file: any File) throws(ReelError) {
    self.file = file
    path = file.path
    byteCount = try file.byteCount()
    let page = try file.read(at: 0, byteCount: BufferHeader.byteCount)
    var damages: [Corruption] = []
    var header: BufferHeader?
    do throws(ReelError) {
      header = try BufferHeader(decoding: page.rawSpan, path: file.path)
    } catch {
      switch error {
      case .corrupted(let corruption): damages.append(corruption)
      case .notARecording(_, let reason):
        damages.append(Corruption(path: file.path, bytes: 0..<page.count, reason: reason))
      default: throw error
      }
    }
    self.header = header
    recordingID = header?.recording
    durability = header?.durability
    capacity = header?.capacity ?? 0
    runID = header?.runID ?? 0
    firstSequenceNumber = header.map { SequenceNumber(rawValue: $0.firstSequence) }
    created = header.map { Timestamp(nanoseconds: $0.created) }
    guard let header else {
      (laps, progress, frames, strayFrames) = ([], [], [], [])
      (end, endReason) = (0, "the header cannot be read")
      self.damages = damages
      return
    }
    laps = Self.laps(page, header)
    progress = BufferProgress.all(in: page.rawSpan, runID: header.runID).map(Progress.init)
    var walk = BufferWalk(file: file, header: header)
    if let newest = progress.last {
      try walk.walk(from: newest.released)
    } else {
      walk.endReason = "no progress entry is whole"
      damages.append(
        Corruption(path: file.path, bytes: 256..<376, reason: "no progress entry is whole"))
    }
    frames = walk.frames
    end = walk.offset
    endReason = walk.endReason
    strayFrames = walk.strayFrames
    self.damages = damages + walk.damages
  }

  private static func laps(_ page: [UInt8], _ header: BufferHeader) -> [Lap] {
    let span = page.rawSpan
    return [128, 192].compactMap {
      BufferLap(decoding: span, at: $0, runID: header.runID)
    }.sorted { $0.number < $1.number }.map {
      Lap(
        number: $0.number, salt: $0.salt,
        firstSequenceNumber: SequenceNumber(rawValue: $0.firstSequence))
    }
  }

  /// The records of a frame.
  ///
  /// - Parameters:
  ///   - frame: One of ``frames``.
  ///   - attributes: What the recording declares, so that attributes can be named.
  /// - Returns: Its records in order.
  /// - Throws: ``ReelError/corrupted(_:)`` when its bytes are not what they were, the writer having
  ///   used them again, or are damaged; ``ReelError/io(_:)``.
  public func records(
    of frame: Frame, attributes: [AttributeDeclaration] = []
  ) throws(ReelError) -> [InspectedRecord] {
    guard let header else { return [] }
    var schema = AttributeSchema()
    try schema.merge(attributes)
    let bytes = try BufferWalk(file: file, header: header).bytes(of: frame)
    var rest = bytes.rawSpan.extracting(BufferFrame.headerByteCount..<bytes.count)
    var builder = BlockBuilder(seed: 0)
    var records: [InspectedRecord] = []
    for index in 0..<UInt64(frame.recordCount) {
      do throws(ByteReader.Malformed) {
        let record = try RecordView(rest)
        builder.append(
          record, sequence: frame.firstSequenceNumber.rawValue &+ index, runID: header.runID)
        rest = rest.extracting(record.byteCount..<rest.byteCount)
      } catch {
        throw .corrupted(Corruption(path: path, bytes: frame.bytes, reason: error.reason))
      }
      if builder.isFull(Self.blockByteCount) || index + 1 == UInt64(frame.recordCount) {
        records += try self.records(of: &builder, schema, frame)
      }
    }
    return records
  }

  private static let blockByteCount = 1 << 20

  /// The records that `builder` has taken, shown as those of a block are.
  private func records(
    of builder: inout BlockBuilder, _ schema: AttributeSchema, _ frame: Frame
  ) throws(ReelError) -> [InspectedRecord] {
    let columns = builder.finish(frameByteCount: 32 << 10)
    let block: DecodedBlock
    do throws(ByteReader.Malformed) {
      block = try DecodedBlock(
        header: columns.header, attributes: columns.attributes,
        payloads: MemoryPayloads(columns), wanted: .all)
    } catch {
      throw .corrupted(Corruption(path: path, bytes: frame.bytes, reason: error.reason))
    }
    return try block.inspectedRecords(schema)
  }

  /// The bytes of the file in `range`, as far as it has them.
  public func bytes(_ range: Range<Int>) throws(ReelError) -> [UInt8] {
    try file.read(clamped: range)
  }
}

extension BufferInspection.Progress {
  init(_ progress: BufferProgress) {
    counter = progress.counter
    released = Int(progress.released)
    nextSequenceNumber = SequenceNumber(rawValue: progress.nextSequence)
    watermark = progress.watermark
    segment = progress.segment == 0 ? nil : SequenceNumber(rawValue: progress.segment)
    segmentByteCount = Int(progress.segmentByteCount)
  }
}
