/// The content of a write-ahead buffer as blocks in memory, kept up to date step by step: so a
/// query filters and merges what is not in a segment yet as it does everything else.
final class BufferTail {
  let name: String
  private let file: any File
  private var reader: BufferReader
  private var builder: BlockBuilder
  /// Whole blocks, and the last one, which is built anew when more records come.
  private var whole: [DecodedBlock] = []
  private var partial: DecodedBlock?
  /// The records of the block that is being collected.
  private var pending: [(bytes: [UInt8], sequence: UInt64)] = []
  private var pendingByteCount = 0
  /// Rises whenever records have come.
  private(set) var version = 0
  /// The fields of the header page before the last refresh.
  ///
  /// While they are the same, no record has come, and none has gone into a segment.
  private(set) var refreshedPage: [UInt8] = []
  private(set) var controlRecords: [(record: ControlRecord, sequence: UInt64)] = []
  /// Where frames are damaged and others lie behind, and which should be there and are not.
  private var holes: [BufferHole] = []
  private var shortfall: Range<Int>?

  private static let blockByteCount = 64 << 10
  private static let frameByteCount = 32 << 10

  init(folder: any Folder, name: String) throws(ReelError) {
    self.name = name
    file = try folder.open(name, .read)
    reader = try BufferReader(file: file)
    guard FileName.firstSequence(ofBuffer: name) == reader.header.firstSequence else {
      throw .corrupted(
        Corruption(
          path: file.path, bytes: 0..<BufferHeader.fixedByteCount,
          reason: "the buffer belongs to another name"))
    }
    builder = BlockBuilder(seed: 0)
  }

  var recording: RecordingID { reader.header.recording }
  var byteCount: Int { BufferHeader.byteCount + reader.header.capacity }

  func progress() throws(ReelError) -> BufferProgress? { try reader.progress() }

  /// The fields of the header page as they are now.
  func headerPage() throws(ReelError) -> [UInt8] { try reader.headerPage() }

  /// Takes what has come since the last time and lets go of what is in segments.
  ///
  /// `page` has the fields of the header page, just read.
  ///
  /// - Returns: The writer's progress from before the reading; nothing when the reading must be
  ///   made again because the writer was faster.
  func refresh(_ page: [UInt8]) throws(ReelError) -> BufferProgress? {
    refreshedPage = page
    guard
      var progress = BufferProgress.newest(in: refreshedPage.rawSpan, runID: reader.header.runID)
    else { return nil }
    if progress.released > UInt64(reader.offset) {
      // The writer has passed us: what we would read next is overwritten.
      forgetAll()
      reader = try BufferReader(file: file)
      // The new reader may stand further on than what was noted before: segments that end there
      // would not reach it.
      guard let newer = try reader.progress() else { return nil }
      progress = newer
    }
    // The page is older than the frames: a writer that goes on never lags behind it.
    guard try read(page, known: progress.nextSequence) else {
      forgetAll()
      reader = try BufferReader(file: file)
      return nil
    }
    let missing = reader.shortfall(page)
    if missing != shortfall { version += 1 }
    shortfall = missing
    holes.removeAll { $0.sequences.upperBound <= progress.nextSequence }
    whole.removeAll { $0.header.lastSequence < progress.nextSequence }
    controlRecords.removeAll { $0.sequence < progress.nextSequence }
    if let last = pending.last, last.sequence < progress.nextSequence { forgetPending() }
    if partial == nil, !pending.isEmpty { partial = try build() }
    return progress
  }

  /// Takes the records of all frames that have come, also behind damaged ones.
  ///
  /// With durability `disk` those of the last commit may be torn, and are then no records of the
  /// recording: an opening leaves them out. `page` has the fields of a header page from before, and
  /// `known` is the first sequence number that is in no block.
  ///
  /// - Returns: Whether the writer stood still enough.
  private func read(_ page: [UInt8], known: UInt64) throws(ReelError) -> Bool {
    let isProcess = reader.header.durability == .process
    while true {
      var taken: [(bytes: [UInt8], sequence: UInt64)] = []
      let isSteady = try reader.read { record, sequence in
        taken.append((record.bytes.copied(), sequence))
      }
      guard isSteady else { return false }
      if !taken.isEmpty { version += 1 }
      for record in taken { take(record) }
      guard isProcess || reader.offset < BufferReader.durable(page) else { return true }
      switch try reader.passHole(before: BufferReader.published(page), known: known) {
      case .end: return true
      case .unsteady: return false
      case .hole(let hole):
        version += 1
        holes.append(hole)
        // The numbers of a block follow each other.
        if !pending.isEmpty { whole.append(try build()) }
        forgetPending()
      }
    }
  }

  /// The sequence numbers from `sequence` on that damaged frames had, with others behind them.
  func holes(from sequence: UInt64) -> [Range<UInt64>] {
    holes.filter { !$0.sequences.isEmpty && $0.sequences.upperBound > sequence }
      .map { max($0.sequences.lowerBound, sequence)..<$0.sequences.upperBound }
  }

  /// What is damaged of the records from `sequence` on.
  func damages(from sequence: UInt64) -> [Corruption] {
    let damages = holes.filter { $0.sequences.upperBound > sequence }.map { hole in
      var hole = hole
      if hole.sequences.lowerBound < sequence {
        hole.sequences = sequence..<hole.sequences.upperBound
      }
      return hole.damage(file.path, "these bytes of the buffer are damaged")
    }
    guard let shortfall else { return damages }
    return damages + [
      Corruption(
        path: file.path, bytes: shortfall, reason: "the buffer's frames end before its header says")
    ]
  }

  private func forgetAll() {
    version += 1
    whole = []
    holes = []
    shortfall = nil
    controlRecords = []
    forgetPending()
  }

  private func forgetPending() {
    pending = []
    pendingByteCount = 0
    partial = nil
  }

  private func take(_ record: (bytes: [UInt8], sequence: UInt64)) {
    let bytes = record.bytes
    if let view = try? RecordView(bytes.rawSpan), view.type != 0,
      let control = try? ControlRecord(type: view.type, body: view.payload)
    {
      controlRecords.append((control, record.sequence))
    }
    pending.append(record)
    pendingByteCount += record.bytes.count
    partial = nil
    if pendingByteCount >= Self.blockByteCount || pending.count == Limits.blockRecordCount,
      let block = try? build()
    {
      whole.append(block)
      forgetPending()
    }
  }

  private func build() throws(ReelError) -> DecodedBlock {
    do throws(ByteReader.Malformed) {
      for record in pending {
        let bytes = record.bytes
        builder.append(
          try RecordView(bytes.rawSpan), sequence: record.sequence, runID: reader.header.runID)
      }
      let columns = builder.finish(frameByteCount: Self.frameByteCount)
      return try DecodedBlock(
        header: columns.header, attributes: columns.attributes, payloads: MemoryPayloads(columns),
        wanted: .all)
    } catch {
      throw .corrupted(Corruption(path: file.path, bytes: 0..<0, reason: error.reason))
    }
  }

  /// The blocks that have records from `sequence` on.
  func blocks(from sequence: UInt64) -> [DecodedBlock] {
    (whole + (partial.map { [$0] } ?? [])).filter { $0.header.lastSequence >= sequence }
  }
}
