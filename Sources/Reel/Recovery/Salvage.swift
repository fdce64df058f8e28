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
    for segment in segments { try save(segment, tell) }
    for buffer in buffers { try save(buffer: buffer, tell) }
    try appender.writeBlock()
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
    let wall = clock.wall()
    let first = max(expected, end)
    let milliseconds = UInt64(max(wall, 0) / 1_000_000) & 0xFFFF_FFFF_FFFF
    let id = milliseconds << 16 | clock.random() & 0xFFFF
    let run = Run(
      id: id, firstSequence: first, startWall: wall, startMonotonic: clock.monotonic(),
      processID: currentProcessID(), host: hostName())
    try appender.lose(to: first)
    let ending = ControlRecord.runEnd(wall: wall, monotonic: clock.monotonic())
    for (offset, record) in [.runStart(run), ending].enumerated() {
      let bytes = record.record(timestamp: wall)
      guard let view = try? RecordView(bytes.rawSpan) else { continue }
      appender.take(view, sequence: first + UInt64(offset), runID: id)
    }
    try appender.writeBlock()
  }

  private mutating func take(
    _ record: borrowing RecordView, sequence: UInt64, runID: UInt64
  ) throws(ReelError) {
    guard sequence >= expected else { return }
    if sequence != expected || self.runID != runID { try advance(to: sequence) }
    self.runID = runID
    let isBlockFull = appender.take(record, sequence: sequence, runID: runID)
    expected = sequence + 1
    if isBlockFull { try appender.writeBlock() }
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

  private mutating func save(
    buffer sequence: UInt64, _ tell: (Corruption) -> Void
  ) throws(ReelError) {
    let file = try source.open(FileName.buffer(firstSequence: sequence), .read)
    let reader: BufferReader
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
    end = max(end, sequence + 1, (try reader.progress())?.nextSequence ?? 1)
    clock.set(wall: max(clock.wall(), reader.header.created))
    var walk = BufferWalk(file: file, header: reader.header)
    try walk.walk(from: reader.offset, sequence: expected)
    for damage in walk.damages { note(damage, tell) }
    for frame in walk.frames + walk.strayFrames where frame.damage == nil {
      let hasAttributes = try save(
        try walk.bytes(of: frame), frame.firstSequenceNumber.rawValue, reader.header.runID)
      if hasAttributes && attributes.declarations.isEmpty {
        noteLostAttributes(file.path, frame.bytes, tell)
      }
    }
  }

  /// - Returns: Whether a record has attributes.
  private mutating func save(
    _ frame: [UInt8], _ first: UInt64, _ runID: UInt64
  ) throws(ReelError) -> Bool {
    var hasAttributes = false
    var rest = frame.rawSpan.extracting(BufferFrame.headerByteCount..<frame.count)
    var sequence = first
    while rest.byteCount > 0, let record = try? RecordView(rest) {
      let byteCount = record.byteCount
      hasAttributes = hasAttributes || record.attributes.byteCount > 0
      try take(record, sequence: sequence, runID: runID)
      rest = rest.extracting(byteCount..<rest.byteCount)
      sequence += 1
    }
    return hasAttributes
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

extension FileName {
  /// The number behind the first one of a segment.
  fileprivate static func nextSequence(ofSegment name: String) -> UInt64 {
    (firstSequence(ofSegment: name) ?? 0) + 1
  }
}

/// A file with blocks in it, whatever its name.
struct SalvageSegment {
  let file: SegmentFile
  let byteCount: Int
  /// Of its first block that can be read.
  private let firstSequence: UInt64

  /// The segments in a folder in the order of their first blocks, the recording that most of them
  /// belong to, what is wrong with files that are none or another's, and the first number that none
  /// of them shows to have been given: a segment is made when its first record is there.
  static func all(
    in folder: any Folder, _ files: RecordingFiles
  ) throws(ReelError) -> (
    segments: [SalvageSegment], recording: RecordingID?, damages: [Corruption], end: UInt64
  ) {
    var opened: [(segment: SegmentFile, damage: Corruption?)] = []
    var damages: [Corruption] = []
    var end: UInt64 = 1
    for name in files.segments.map(FileName.segment(firstSequence:)) + files.foreign {
      do throws(ReelError) {
        let found = try SegmentFile.mending(try folder.open(name, .read))
        // A foreign file is a segment that was renamed, or none.
        if found.damage != nil && files.foreign.contains(name) { continue }
        if found.damage != nil { end = max(end, FileName.nextSequence(ofSegment: name)) }
        opened.append(found)
      } catch .notARecording(let path, let reason) {
        if !files.foreign.contains(name) {
          damages.append(Corruption(path: path, bytes: 0..<0, reason: reason))
          end = max(end, FileName.nextSequence(ofSegment: name))
        }
      } catch .io(let failure) where files.foreign.contains(name) {
        _ = failure  // a folder, say
      }
    }
    let whole = opened.filter { $0.damage == nil }.map(\.segment)
    let recording = try recording(of: whole, folder, files)
    var segments: [SalvageSegment] = []
    for (file, damage) in opened {
      if let damage { damages.append(damage) }
      guard let segment = try SalvageSegment(file, recording, isDamaged: damage != nil) else {
        continue
      }
      guard recording == nil || segment.file.header.binding.recording == recording else {
        damages.append(
          Corruption(
            path: file.path, bytes: 0..<SegmentHeader.byteCount,
            reason: "the segment belongs to another recording"))
        continue
      }
      segments.append(segment)
      if damage == nil { end = max(end, file.firstSequence + 1) }
    }
    segments.sort { $0.firstSequence < $1.firstSequence }
    return (segments, recording, damages, end)
  }

  /// The recording that most segments and buffers belong to, by those with names of their own if
  /// there are any.
  private static func recording(
    of segments: [SegmentFile], _ folder: any Folder, _ files: RecordingFiles
  ) throws(ReelError) -> RecordingID? {
    var identity = RecordingIdentity()
    try identity.addBuffers(of: folder, files)
    let named = segments.filter {
      $0.path.hasSuffix("/" + FileName.segment(firstSequence: $0.firstSequence))
    }
    let isNamed = !named.isEmpty || identity.winner != nil
    for segment in isNamed ? named : segments {
      identity.add(segment.header.binding.recording, first: segment.firstSequence)
    }
    if identity.isUndecided { try identity.addDocuments(of: folder, files) }
    return identity.winner
  }

  /// A segment of `recording`, as which one with a damaged header is read; nothing when it has no
  /// block that can be read.
  private init?(
    _ file: SegmentFile, _ recording: RecordingID?, isDamaged: Bool
  ) throws(ReelError) {
    var header = file.header
    if isDamaged, let recording { header.binding.recording = recording }
    let file = SegmentFile(file: file.file, header: header)
    let byteCount = try file.file.byteCount()
    var walk = SegmentWalk(file, from: SegmentHeader.byteCount, end: byteCount)
    var first: UInt64?
    while first == nil, let step = try walk.next() { first = step.block?.entry.firstSequence }
    guard let first = first ?? (isDamaged ? nil : header.firstSequence) else { return nil }
    self.file = file
    self.byteCount = byteCount
    firstSequence = first
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
  func random() -> UInt64 { system.random() }
}
