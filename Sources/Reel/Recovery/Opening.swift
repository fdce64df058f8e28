/// Opens a recording for writing: finds what an earlier run left, makes it whole, and hands over
/// what the new run needs.
///
/// Nothing that a check does not account for is ever removed.
struct Opening {
  private let folder: any Folder
  private let configuration: RecorderConfiguration
  private let state = LZ4.State()
  private let seed: UInt64
  private var files: RecordingFiles

  private var recording: RecordingID?
  private var control = ControlState()
  private var sealed: [SegmentAppender.SealedSegment] = []
  private var active: SegmentWriter?
  private var nextSequence: UInt64 = 1
  private var watermark: UInt64 = 0
  /// Buffers all of whose records are in blocks now.
  private var emptied: [UInt64] = []
  private(set) var report = RecoveryReport()

  init(folder: any Folder, configuration: RecorderConfiguration) throws(ReelError) {
    self.folder = folder
    self.configuration = configuration
    seed = configuration.clock.random()
    files = RecordingFiles(try folder.list())
  }

  /// Recovers, under the writer's lock.
  ///
  /// - Returns: The appender that the new run goes on with, its next sequence number being the
  ///   first that was never given.
  /// - Complexity: One read a segment, one a block of the active segment behind its last
  ///   checkpoint, and the buffer.
  mutating func recover() throws(ReelError) -> SegmentAppender {
    for name in files.leftovers { try folder.unlink(name) }
    for sequence in files.buffers { try takeProgress(sequence) }
    for sequence in files.segments {
      try takeSegment(sequence, isLast: sequence == files.segments.last)
    }
    var appender = SegmentAppender(
      folder: folder, recording: recording ?? newRecordingID(), configuration: configuration,
      control: control, sealed: sealed, active: active, nextSequence: nextSequence,
      watermark: watermark, seed: seed)
    for sequence in files.buffers { try takeBuffer(sequence, into: &appender) }
    return appender
  }

  /// Unlinks the buffers whose records are all in blocks; to be called once the new one is named.
  ///
  /// One that could not be read stays, as evidence.
  ///
  /// The new one, which begins with `newest`, may have taken the name of an old one that held
  /// nothing.
  func removeOldBuffers(except newest: UInt64) throws(ReelError) {
    for sequence in emptied where sequence != newest {
      try folder.unlink(FileName.buffer(firstSequence: sequence))
    }
  }

  /// Takes from a buffer's header what is known to be durable, before any tail is judged by it.
  private mutating func takeProgress(_ sequence: UInt64) throws(ReelError) {
    let file = try folder.open(FileName.buffer(firstSequence: sequence), .read)
    guard let reader = try? BufferReader(file: file), let progress = try reader.progress() else {
      return
    }
    watermark = max(watermark, progress.watermark)
    if files.segments.isEmpty { recording = recording ?? reader.header.recording }
  }

  private func newRecordingID() -> RecordingID {
    RecordingID(low: configuration.clock.random(), high: configuration.clock.random())
  }

  // MARK: Segments

  private mutating func takeSegment(_ sequence: UInt64, isLast: Bool) throws(ReelError) {
    let name = FileName.segment(firstSequence: sequence)
    let file = try folder.open(name, isLast ? .readWrite : .read)
    let byteCount = try file.byteCount()
    let segment: SegmentFile
    do {
      segment = try SegmentFile(file: file)
    } catch .corrupted(let corruption) {
      return takeUnreadable(sequence, byteCount, corruption)
    } catch .notARecording(let path, let reason) {
      return takeUnreadable(
        sequence, byteCount, Corruption(path: path, bytes: 0..<byteCount, reason: reason))
    }
    guard segment.firstSequence == sequence,
      recording == nil || recording == segment.header.binding.recording
    else {
      return takeUnreadable(
        sequence, byteCount,
        Corruption(
          path: file.path, bytes: 0..<SegmentHeader.byteCount,
          reason: "the segment belongs to another name or recording"))
    }
    recording = segment.header.binding.recording
    if let trailer = try segment.trailer(endingAt: byteCount), trailer.isSeal || !isLast {
      takeSealed(trailer.summary, byteCount, trailer.watermark)
      guard isLast else { return }
      do {
        try takeControl(segment, blocks: try segment.directory(trailer).blocks)
      } catch .corrupted(let corruption) {
        report.damages.append(corruption)
        let scan = try SegmentScanner(segment, byteCount: byteCount, check: .headers).scan()
        try takeControl(segment, blocks: scan.blocks)
      }
      return
    }
    try takeUnsealed(segment, byteCount, isLast: isLast)
  }

  /// A segment that cannot be read stays where it is; the next number is beyond what it may hold.
  private mutating func takeUnreadable(
    _ sequence: UInt64, _ byteCount: Int, _ corruption: Corruption
  ) {
    report.damages.append(corruption)
    var summary = SegmentSummary(firstSequence: sequence)
    summary.lastArrival = .max
    sealed.append(SegmentAppender.SealedSegment(summary, byteCount: byteCount))
    // A record takes at least a byte of a frame, and LZ4 makes at most 255 bytes of one.
    nextSequence = max(nextSequence, sequence + 255 * UInt64(byteCount) + 1)
  }

  private mutating func takeSealed(
    _ summary: SegmentSummary, _ byteCount: Int, _ watermark: UInt64
  ) {
    sealed.append(SegmentAppender.SealedSegment(summary, byteCount: byteCount))
    nextSequence = max(nextSequence, summary.nextSequence)
    self.watermark = max(self.watermark, watermark)
  }

  /// Takes a segment that ends in a checkpoint, or was being written when the writer died.
  private mutating func takeUnsealed(
    _ segment: SegmentFile, _ byteCount: Int, isLast: Bool
  ) throws(ReelError) {
    if isLast { watermark = max(watermark, (try? segment.state())?.watermark ?? 0) }
    let scan = try SegmentScanner(
      segment, byteCount: byteCount, watermark: watermark,
      check: isLast ? .aboveWatermark : .headers
    ).scan()
    report.damages += scan.damages
    watermark = max(watermark, scan.watermark)
    guard isLast else {
      takeSealed(scan.summary, byteCount, 0)
      if case .torn(let corruption) = scan.ending { report.damages.append(corruption) }
      return
    }
    try takeControl(segment, blocks: scan.blocksWithControlRecords)
    var end = scan.end
    if case .torn(let corruption) = scan.ending {
      if scan.summary.nextSequence > scan.watermark, scan.damages.isEmpty {
        report.truncated.append(corruption)
        try segment.file.truncate(to: scan.end)
      } else {
        // What lies below the watermark was durable: its loss is damage, to be left as evidence.
        report.damages.append(corruption)
        end = byteCount
      }
    }
    nextSequence = max(nextSequence, scan.summary.nextSequence, scan.watermark + 1)
    guard scan.damages.isEmpty, end == scan.end else {
      sealed.append(SegmentAppender.SealedSegment(scan.summary, byteCount: byteCount))
      return
    }
    active = writer(segment, scan)
  }

  /// The writer that goes on in a segment, with the index parts of its last checkpoint.
  private func writer(_ segment: SegmentFile, _ scan: SegmentScanner.Result) -> SegmentWriter {
    var parts: [IndexPart] = []
    if let trailer = scan.trailer, let directory = try? segment.directory(trailer) {
      parts = directory.indexes.filter { $0.blocks.upperBound <= scan.blocks.count }
    }
    let covered = parts.reduce(0) { max($0, $1.blocks.upperBound) }
    return SegmentWriter(
      segment: segment, directory: Directory(blocks: scan.blocks, indexes: parts),
      summary: scan.summary, end: scan.end, leftover: covered..<scan.blocks.count,
      indexes: IndexBuilder(
        firstBlock: scan.blocks.count, attributes: control.attributes, seed: seed),
      state: state)
  }

  /// The control state at the head of the newest segment, and what its blocks add.
  private mutating func takeControl(
    _ segment: SegmentFile, blocks: [DirectoryEntry]
  ) throws(ReelError) {
    do {
      control = try segment.state()
    } catch .corrupted(let corruption) {
      report.damages.append(corruption)
      try takeOlderControl(before: segment.firstSequence)
    }
    for entry in blocks where entry.eventCount < entry.recordCount {
      do {
        try segment.controlRecords(entry) { control.apply($0, sequence: $1) }
      } catch .corrupted(let corruption) {
        report.damages.append(corruption)
      }
    }
    watermark = max(watermark, control.watermark)
  }

  /// The control state as far as older segments tell it, for want of the newest's.
  private mutating func takeOlderControl(before sequence: UInt64) throws(ReelError) {
    var later: [SegmentFile] = []
    for number in files.segments.reversed() where number < sequence {
      let file = try folder.open(FileName.segment(firstSequence: number), .read)
      guard let segment = try? SegmentFile(file: file) else { continue }
      later.append(segment)
      guard let state = try? segment.state() else { continue }
      control = state
      break
    }
    for segment in later.reversed() {
      let scan = try SegmentScanner(
        segment, byteCount: try segment.file.byteCount(), check: .headers
      ).scan()
      for entry in scan.blocksWithControlRecords {
        try? segment.controlRecords(entry) { control.apply($0, sequence: $1) }
      }
    }
  }

  // MARK: Buffers

  /// Puts what a buffer holds beyond the blocks into blocks.
  ///
  /// The bytes are written anew, never synced in place: after a failed sync the kernel may call
  /// pages clean that never reached the disk.
  private mutating func takeBuffer(
    _ sequence: UInt64, into appender: inout SegmentAppender
  ) throws(ReelError) {
    let file = try folder.open(FileName.buffer(firstSequence: sequence), .read)
    var reader: BufferReader
    do {
      reader = try BufferReader(file: file)
    } catch .corrupted(let corruption) {
      report.damages.append(corruption)
      appender.skip(to: sequence + 1)
      return
    } catch .notARecording(let path, let reason) {
      report.damages.append(Corruption(path: path, bytes: 0..<8, reason: reason))
      appender.skip(to: sequence + 1)
      return
    }
    guard reader.header.firstSequence == sequence, reader.header.recording == appender.recording
    else {
      report.damages.append(
        Corruption(
          path: file.path, bytes: 0..<BufferHeader.fixedByteCount,
          reason: "the buffer belongs to another name or recording"))
      appender.skip(to: sequence + 1)
      return
    }
    let runID = reader.header.runID
    let first = appender.nextSequence
    var failure: ReelError?
    _ = try reader.read { record, sequence in
      guard sequence >= first, failure == nil else { return }
      appender.take(record, sequence: sequence, runID: runID)
      guard appender.isBlockFull else { return }
      do throws(ReelError) { try appender.writeBlock() } catch { failure = error }
    }
    if let failure { throw failure }
    try appender.writeBlock()
    appender.skip(to: max(sequence, reader.nextSequence))
    var lost: UInt64 = 0
    if reader.header.durability == .process, mayHaveLostPower(since: reader.header.created) {
      lost = try takeFramesBehindHoles(file, reader.header, into: &appender)
    }
    emptied.append(sequence)
    report.recoveredRecordCount += appender.nextSequence - first - lost
    // What has been handed out must stay, even when the power fails next.
    if configuration.durability == .disk || reader.header.durability == .disk {
      try appender.sync()
    }
  }

  /// Whether the system has started anew since a moment, as far as its clocks tell.
  ///
  /// Wrongly yes costs some milliseconds; a minute allows for clocks that were set.
  private func mayHaveLostPower(since moment: Int64) -> Bool {
    let start = configuration.clock.wall() &- configuration.clock.monotonic()
    return moment < start &+ 60_000_000_000
  }

  /// Takes the records behind what never reached the disk: pages of a mapped buffer reach it in any
  /// order, so that a loss of power leaves holes.
  ///
  /// A segment ends before each hole, so that readers find the numbers missing between segments.
  ///
  /// - Returns: How many records are lost in holes.
  private mutating func takeFramesBehindHoles(
    _ file: any File, _ header: BufferHeader, into appender: inout SegmentAppender
  ) throws(ReelError) -> UInt64 {
    guard let progress = try BufferReader(file: file).progress() else { return 0 }
    var lostCount: UInt64 = 0
    var walk = BufferWalk(file: file, header: header)
    try walk.walk(from: Int(progress.released), sequence: appender.nextSequence)
    var lost = BufferHeader.byteCount + walk.offset % header.capacity
    for frame in walk.strayFrames where frame.damage == nil {
      let first = frame.firstSequenceNumber.rawValue
      try appender.writeBlock()
      guard first >= appender.nextSequence else { continue }
      if first > appender.nextSequence {
        report.damages.append(
          Corruption(
            path: file.path,
            bytes: min(lost, frame.fileOffset)..<frame.fileOffset,
            sequenceNumbers: appender.nextSequence...(first - 1),
            reason: "these bytes of the buffer did not reach the disk before the power failed"))
        lostCount += first - appender.nextSequence
        try appender.seal()
        appender.skip(to: first)
      }
      try take(try walk.bytes(of: frame), first, header.runID, into: &appender)
      lost = frame.bytes.upperBound
    }
    try appender.writeBlock()
    return lostCount
  }

  /// Takes the records of a frame that has been checked.
  private func take(
    _ frame: [UInt8], _ first: UInt64, _ runID: UInt64, into appender: inout SegmentAppender
  ) throws(ReelError) {
    var rest = frame.rawSpan.extracting(BufferFrame.headerByteCount..<frame.count)
    var sequence = first
    while rest.byteCount > 0, let record = try? RecordView(rest) {
      appender.take(record, sequence: sequence, runID: runID)
      rest = rest.extracting(record.byteCount..<rest.byteCount)
      sequence += 1
      if appender.isBlockFull { try appender.writeBlock() }
    }
  }
}

/// What opening a recording for writing found and did.
public struct RecoveryReport: Hashable, Sendable {
  /// Records that an earlier run had left in its write-ahead buffer and that are in blocks now.
  public internal(set) var recoveredRecordCount: UInt64 = 0
  /// Torn tails that were cut off: bytes that no append had acknowledged, or whose records were
  /// still in the buffer.
  public internal(set) var truncated: [Corruption] = []
  /// Bytes that fail a check and were left as they are.
  public internal(set) var damages: [Corruption] = []
}
