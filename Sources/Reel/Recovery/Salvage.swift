/// Carries over from one folder to another whatever of a recording can be read.
///
/// Records go through the same appender as when they were recorded; each segment's records go to a
/// segment of their own, which begins with the control state that the old one has at its head: so
/// nothing that a damaged block noted is missing from the segments after it.
struct Salvage {
  private let source: any Folder
  private let target: any Folder
  private let clock = ArrivalClock()
  private let segments: [SalvageSegment]
  private let buffers: [UInt64]
  private var recording: RecordingID?
  /// All declarations of attributes that any segment knows.
  private var attributes = AttributeSchema()
  private var appender: SegmentAppender
  /// The records of all buffers, and how many of them have been passed.
  private var buffered: [(sequence: UInt64, runID: UInt64, bytes: [UInt8])] = []
  private var nextBuffered = 0
  /// Whether a buffer of this recording could be read.
  private var hasBuffer = false
  private var runID: UInt64?
  /// The number that the next record should have: at first, the one that retention left.
  private var expected: UInt64
  /// The first number that was never given, as far as anything tells.
  private var end: UInt64
  private(set) var report = RepairReport()

  init(_ source: any Folder, _ target: any Folder) throws(ReelError) {
    self.source = source
    self.target = target
    let files = RecordingFiles(try source.list())
    let found = try SalvageSegment.all(in: source, files)
    segments = found.segments
    report.damages = found.damages
    buffers = files.buffers
    recording = found.recording
    guard !segments.isEmpty || !buffers.isEmpty || files.hasDocuments else {
      throw .notARecording(
        path: source.path, reason: "the folder holds no file of a recording")
    }
    // What a reader makes of the recording as it is, when it can be opened at all.
    let snapshot = try Self.snapshot(of: source)
    expected = max(1, snapshot?.control.dropped.below ?? 1)
    end = max(found.end, snapshot?.nextSequence ?? 1)
    recording = recording ?? snapshot?.recording
    for segment in segments {
      let state = try damageAsNothing { () throws(ReelError) in try segment.file.state() }
      if let state { try? attributes.merge(state.attributes.declarations) }
    }
    if let snapshot { try? attributes.merge(snapshot.control.attributes.declarations) }
    var configuration = RecorderConfiguration()
    configuration.clock = clock
    var control = ControlState()
    if let dropped = snapshot?.control.dropped { control.dropped = dropped }
    appender = SegmentAppender(
      folder: target,
      recording: recording ?? RecordingID(low: clock.random(), high: clock.random()),
      configuration: configuration, control: control, sealed: [], active: nil,
      nextSequence: expected, watermark: 0, seed: clock.random())
  }

  /// What a reader makes of it, or nothing where it cannot be opened for damage.
  private static func snapshot(of source: any Folder) throws(ReelError) -> Snapshot? {
    do throws(ReelError) {
      return try Recording(folder: source).snapshot()
    } catch {
      // A disk that does not give its bytes is no damage.
      if case .io = error { throw error }
      return nil
    }
  }

  /// Saves everything, telling of each damage.
  mutating func run(_ tell: (Corruption) -> Void) throws(ReelError) {
    for damage in report.damages { tell(damage) }
    for buffer in buffers { try read(buffer: buffer, tell) }
    buffered.sort { $0.sequence < $1.sequence }
    for segment in segments { try save(segment, tell) }
    try takeBuffered(below: .max)
    try appender.writeBlock()
    try noteLostEnd(tell)
    if expected < end { report.lostSequenceNumbers.append(expected...(end - 1)) }
    if appender.control.runs.last?.end == .open { try noteRun() }
    try appender.seal()
    try appender.sync()
    report.eventCount = Int(clamping: appender.totals.eventCount)
    try saveDocuments(tell)
    if appender.sealed.isEmpty, report.documentCount > 0 {
      // Documents alone would seem to lack the events.
      try noteRun()
      try appender.seal()
      try appender.sync()
    }
    report.segmentCount = appender.sealed.count
    if report.hasSavedAnything { _ = try target.open(FileName.lock, .create) }
    try target.sync()
  }

  private mutating func note(_ damage: Corruption, _ tell: (Corruption) -> Void) {
    report.damages.append(damage)
    tell(damage)
  }

  // MARK: Records

  /// Makes `sequence` the next number, whatever is missing before it.
  private mutating func advance(to sequence: UInt64) throws(ReelError) {
    try appender.writeBlock()
    guard sequence > appender.nextSequence else { return }
    report.lostSequenceNumbers.append(appender.nextSequence...(sequence - 1))
    try appender.lose(to: sequence)
  }

  /// Notes the repair as a run of its own: when the last one has no end, the new recording would
  /// seem to lack what came then.
  private mutating func noteRun() throws(ReelError) {
    clock.set(wall: SystemClock().wall())
    // Only a forged file has numbers so great that there are none behind them.
    let first = max(expected, min(end, Limits.sequenceNumber - 2))
    let run = Run(firstSequence: first, clock: clock)
    try appender.lose(to: first)
    let ending = ControlRecord.runEnd(wall: run.startWall, monotonic: run.startMonotonic)
    for (offset, record) in [.runStart(run), ending].enumerated() {
      let bytes = record.record(timestamp: run.startWall)
      guard let view = try? RecordView(bytes.rawSpan) else { continue }
      _ = appender.take(view, sequence: first + UInt64(offset), runID: run.id)
    }
    try appender.writeBlock()
  }

  private mutating func take(
    _ record: borrowing RecordView, sequence: UInt64, runID: UInt64
  ) throws(ReelError) {
    guard sequence >= expected else { return }
    if sequence > expected { try takeBuffered(below: sequence) }
    try append(record, sequence: sequence, runID: runID)
  }

  private mutating func append(
    _ record: borrowing RecordView, sequence: UInt64, runID: UInt64
  ) throws(ReelError) {
    if sequence != expected || self.runID != runID { try advance(to: sequence) }
    self.runID = runID
    let isBlockFull: Bool
    if let bytes = withoutLostAttributes(record), let rest = try? RecordView(bytes.rawSpan) {
      report.hasLostAttributes = true
      isBlockFull = appender.take(rest, sequence: sequence, runID: runID)
    } else {
      isBlockFull = appender.take(record, sequence: sequence, runID: runID)
    }
    expected = sequence + 1
    if isBlockFull { try appender.writeBlock() }
  }

  /// Takes what the buffers have below `sequence` and no segment before it had.
  private mutating func takeBuffered(below sequence: UInt64) throws(ReelError) {
    while nextBuffered < buffered.count, buffered[nextBuffered].sequence < sequence {
      let next = buffered[nextBuffered]
      nextBuffered += 1
      guard next.sequence >= expected else { continue }
      let bytes = next.bytes
      guard let record = try? RecordView(bytes.rawSpan) else { continue }
      try append(record, sequence: next.sequence, runID: next.runID)
    }
  }

  /// A record without values of attributes whose declarations are lost; nothing where it has none.
  ///
  /// Nobody could read them, and later declarations would take them for others.
  private func withoutLostAttributes(_ record: borrowing RecordView) -> [UInt8]? {
    guard Self.attributeCount(record) > attributes.declarations.count else { return nil }
    var entries: [UInt8] = []
    var count: UInt64 = 0
    AttributeSchema.forEachEntry(record.attributes) { index, value in
      guard index < attributes.declarations.count else { return }
      count += 1
      entries.append(UInt8(index))
      entries.append(lengthPrefixed: value)
    }
    var section: [UInt8] = []
    if count > 0 { section.append(varint: count) }
    section += entries
    let payloadStart = record.byteCount - record.payload.byteCount
    var bytes = record.bytes.extracting(0..<(payloadStart - record.attributes.byteCount)).copied()
    bytes += section
    bytes.append(record.payload)
    bytes.overwrite(UInt32(bytes.count), at: 0)
    bytes.overwrite(UInt32(section.count), at: 28)
    return bytes
  }

  /// How many attributes must be declared for a record to be understood.
  private static func attributeCount(_ record: borrowing RecordView) -> Int {
    var count = 0
    AttributeSchema.forEachEntry(record.attributes) { index, _ in count = index + 1 }
    return count
  }

  private mutating func noteLostAttributes(
    _ path: String, _ bytes: Range<Int>, _ tell: (Corruption) -> Void
  ) {
    guard !report.hasLostAttributes else { return }
    report.hasLostAttributes = true
    note(Corruption(path: path, bytes: bytes, reason: AttributeSchema.lostReason), tell)
  }

  // MARK: Segments

  private mutating func save(
    _ segment: SalvageSegment, _ tell: (Corruption) -> Void
  ) throws(ReelError) {
    try takeBuffered(below: segment.firstSequence)
    do throws(ReelError) {
      var state = try segment.file.state()
      try? state.attributes.merge(attributes.declarations)
      try appender.resume(from: state)
    } catch {
      guard case .corrupted = error else { throw error }
      // What the records so far come to goes on; the walk tells of the damage.
    }
    appender.setAttributes(attributes)
    var walk = SegmentWalk(segment.file, from: SegmentHeader.byteCount, end: segment.byteCount)
    while let step = try walk.next() {
      if let damage = step.damage {
        note(damage, tell)
        // A block that the file does not hold all of was given its numbers.
        if let lost = damage.sequenceNumbers { end = max(end, lost.upperBound + 1) }
      }
      if let block = step.block { try save(block.entry, of: segment.file, tell) }
    }
  }

  private mutating func save(
    _ entry: DirectoryEntry, of segment: SegmentFile, _ tell: (Corruption) -> Void
  ) throws(ReelError) {
    end = max(end, entry.lastSequence + 1)
    let (whole, damage) = try segment.wholeBlock(entry)
    if let damage { note(damage, tell) }
    let block: DecodedBlock
    if let whole {
      block = whole
    } else {
      do throws(ReelError) {
        block = try segment.block(entry, wanted: .all)
      } catch {
        guard case .corrupted = error else { throw error }
        return
      }
    }
    clock.set(wall: block.header.arrival)
    if block.header.attributeCount > attributes.declarations.count {
      noteLostAttributes(segment.path, entry.offset..<(entry.offset + entry.byteCount), tell)
    }
    var row = 0
    while row < block.header.recordCount {
      let rest = (Int32(row)..<Int32(block.header.recordCount)).map { $0 }
      let page = try RecordRenderer.page(block, rows: rest, schema: attributes)
      for place in 0..<page.count {
        guard let view = page.view(place) else { continue }
        let bytes = view.record()
        guard let record = try? RecordView(bytes.rawSpan) else { continue }
        try take(record, sequence: view.sequence, runID: block.header.runID)
      }
      row += max(page.count, 1)
    }
  }

  // MARK: The write-ahead buffer

  /// Reads all records of a buffer: those that are in blocks as well may be damaged there.
  private mutating func read(
    buffer sequence: UInt64, _ tell: (Corruption) -> Void
  ) throws(ReelError) {
    let file = try source.open(FileName.buffer(firstSequence: sequence), .read)
    var reader: BufferReader
    do throws(ReelError) {
      reader = try BufferReader(file: file)
    } catch {
      // A run begins with a record of its own: that one at least was in it.
      end = max(end, sequence + 1)
      switch error {
      case .corrupted(let corruption): return note(corruption, tell)
      case .notARecording(let path, let reason):
        return note(Corruption(path: path, bytes: 0..<8, reason: reason), tell)
      default: throw error
      }
    }
    guard recording == nil || reader.header.recording == recording else {
      return note(
        Corruption(
          path: file.path, bytes: 0..<BufferHeader.fixedByteCount,
          reason: "the buffer belongs to another recording"), tell)
    }
    hasBuffer = true
    let progress = try reader.progress()
    end = max(end, sequence + 1, progress?.nextSequence ?? 1)
    clock.set(wall: max(clock.wall(), reader.header.created))
    let runID = reader.header.runID
    let ringEnd = reader.offset + reader.header.capacity
    var attributeCount = 0
    while true {
      _ = try reader.read { record, sequence in
        attributeCount = max(attributeCount, Self.attributeCount(record))
        buffered.append((sequence, runID, record.bytes.copied()))
      }
      let known = progress?.nextSequence ?? expected
      guard case .hole(let hole) = try reader.passHole(before: ringEnd, known: known) else { break }
      note(hole.damage(file.path, "these bytes of the buffer are damaged"), tell)
    }
    try noteEnd(of: reader, progress, tell)
    if attributeCount > attributes.declarations.count {
      noteLostAttributes(file.path, BufferHeader.byteCount..<(try file.byteCount()), tell)
    }
  }

  /// Tells of frames that a buffer's header knows of and that are not there: where their heads do
  /// not say how many records they had, at least the next number was given.
  private mutating func noteEnd(
    of reader: BufferReader, _ progress: BufferProgress?, _ tell: (Corruption) -> Void
  ) throws(ReelError) {
    guard let shortfall = reader.shortfall else { return }
    let next = max(reader.nextSequence, progress?.nextSequence ?? 1)
    end = max(end, try reader.claimedEnd(known: next) ?? 0, next + 1)
    note(
      Corruption(
        path: reader.file.path, bytes: shortfall,
        reason: "the buffer's frames end before its header says"), tell)
  }

  /// Tells that the last run has no end where no buffer that could be read would have it.
  private mutating func noteLostEnd(_ tell: (Corruption) -> Void) throws(ReelError) {
    guard !hasBuffer, appender.control.runs.last?.end == .open, let last = segments.last else {
      return
    }
    end = max(end, expected + 1)
    note(
      Corruption(
        path: last.file.path, bytes: last.byteCount..<last.byteCount,
        reason: RecoveryReport.lostEndReason), tell)
  }

  // MARK: Documents

  private mutating func saveDocuments(_ tell: (Corruption) -> Void) throws(ReelError) {
    let store = DocumentStore(folder: source, recording: recording)
    guard let documents = try store.open() else { return }
    for (encoded, entry) in try store.list().sorted(by: { $0.key < $1.key }) {
      for version in entry.versions {
        do throws(ReelError) {
          _ = try DocumentStore.read(
            encoded, version: version, in: documents, recording: recording)
          try copy(DocumentName.file(encoded, version: version), from: documents)
          report.documentCount += 1
        } catch .corrupted(let corruption) {
          report.lostDocumentCount += 1
          note(corruption, tell)
        }
      }
    }
  }

  private func copy(_ name: String, from documents: any Folder) throws(ReelError) {
    let file = try documents.open(name, .read)
    let bytes = try file.read(at: 0, byteCount: try file.byteCount())
    let folder = try target.folder(FileName.documents, create: true)
    let copy = try folder.open(name, .createNew)
    try copy.write(bytes.rawSpan, at: 0)
    try copy.sync()
    try folder.sync()
  }
}

/// A clock that says of salvaged records when they had arrived, for retention by age.
private final class ArrivalClock: Clock {
  private let system = SystemClock()
  private let lock = Lock()
  private nonisolated(unsafe) var time = SystemClock().wall()

  func set(wall: Int64) { lock.withLock { unsafe time = wall } }
  func wall() -> Int64 { lock.withLock { unsafe time } }
  func monotonic() -> Int64 { system.monotonic() }
  func sinceBoot() -> Int64 { system.sinceBoot() }
  func random() -> UInt64 { system.random() }
}
