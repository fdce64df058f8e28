/// Turns records into blocks and blocks into segments; the flusher and recovery both drive it, so a
/// record takes one way to disk whether or not a crash came between.
///
/// When a write fails for lack of room nothing is lost: the block is kept and
/// ``writeUnwritten()`` writes it.
struct SegmentAppender {
  let folder: any Folder
  let recording: RecordingID
  private let configuration: RecorderConfiguration
  private let seed: UInt64
  private let state = LZ4.State()

  private var collector: RowCollector
  /// Makes blocks of what is collected, unless ``blockWriter`` does.
  private var encoder = BlockEncoder()
  /// Rows without content, whose memory the next blocks use.
  private var spares: [BlockWriter.Parcel] = []
  private var writer: SegmentWriter?
  /// Finished blocks that are not known to be written yet, in order.
  private var unwritten: [Unwritten] = []
  /// Makes and writes blocks while the next is collected; without one that is done in between.
  private var blockWriter: BlockWriter?
  private var merged: MergedIndexBook
  /// Control records that were taken and are not in a written block.
  private var pendingControl: [(record: ControlRecord, sequence: UInt64)] = []
  /// What the control records in written blocks come to.
  private(set) var control: ControlState
  /// The segments that are complete, oldest first.
  private(set) var sealed: [SealedSegment]
  /// The first sequence number that is not in a written block.
  private(set) var nextSequence: UInt64
  /// The highest sequence number known to be durable.
  var watermark: UInt64 {
    didSet { if watermark > oldValue { merged.mergeDurable(sealed, watermark: watermark) } }
  }
  private let blockByteCount: Int
  /// Events in the active segment, those of unwritten blocks included.
  private var segmentEventCount: Int
  private var blockEventLimit = Int.max
  private var contexts: ContextWriter
  /// The context ahead of the block that is being collected.
  private var blockContext: SegmentContext?
  /// Whether that block begins a segment.
  private var beginsSegment = false

  private enum Unwritten {
    /// The block writer has it.
    case begun(eventCount: Int, rawByteCount: Int)
    /// It waits for room on the disk.
    case encoded(SegmentWriter.EncodedBlock)
  }

  /// What retention needs to know of a segment.
  struct SealedSegment: Hashable, Sendable {
    var firstSequence: UInt64
    var eventCount: UInt64
    var byteCount: Int
    /// Nothing where no block tells.
    var lastArrival: Int64?
    var maximumTimestamp: Int64
    var nextSequence: UInt64
    /// Whether anything of it could be read: else it may have what nobody has seen, and stays.
    var isReadable: Bool
    /// Whether all records that it ever had could be: else there may be later events than known.
    var isWhole: Bool

    init(
      _ summary: SegmentSummary, byteCount: Int, isReadable: Bool = true, isWhole: Bool = true
    ) {
      self.isReadable = isReadable
      self.isWhole = isReadable && isWhole
      firstSequence = summary.firstSequence
      eventCount = summary.eventCount
      self.byteCount = byteCount
      lastArrival = summary.firstArrival <= summary.lastArrival ? summary.lastArrival : nil
      maximumTimestamp = summary.maximumTimestamp
      nextSequence = summary.nextSequence
    }
  }

  init(
    folder: any Folder, recording: RecordingID, configuration: RecorderConfiguration,
    control: ControlState, sealed: [SealedSegment], active: SegmentWriter?, nextSequence: UInt64,
    watermark: UInt64, seed: UInt64, mergedIndexes: [IndexMerger.Entry] = []
  ) {
    merged = MergedIndexBook(mergedIndexes, segmentCount: configuration.mergedSegmentCount)
    self.folder = folder
    self.recording = recording
    self.configuration = configuration
    self.control = control
    self.sealed = sealed
    self.nextSequence = nextSequence
    self.watermark = watermark
    self.seed = seed
    writer = active
    collector = RowCollector(seed: seed)
    blockByteCount = configuration.blockByteCount
    segmentEventCount = Int(clamping: active?.summary.eventCount ?? 0)
    contexts = ContextWriter(
      roles: control.roles,
      maximumTimestamp: max(
        sealed.map(\.maximumTimestamp).max() ?? .min, active?.summary.maximumTimestamp ?? .min),
      configuration: configuration)
    limitBlock()
  }

  /// The active segment's first sequence number and length, zeros while there is none.
  var active: (firstSequence: UInt64, byteCount: Int) {
    writer.map { ($0.segment.firstSequence, $0.end) } ?? (0, 0)
  }

  /// The active segment's file, to be synced.
  var activeFile: (any File)? { writer?.segment.file }

  /// Declares attributes for the run that begins; the log repeats it as a control record.
  mutating func setAttributes(_ attributes: AttributeSchema) {
    control.attributes = attributes
    writer?.setAttributes(attributes)
  }

  /// Declares what kinds mean, in the same way.
  mutating func setRoles(_ roles: KindRoles) {
    control.roles = roles
    contexts.setRoles(roles)
  }

  /// The run that begins takes over what a context says, before its first record.
  mutating func carry(_ context: Context, intoRun runID: UInt64) {
    contexts.carry(context, intoRun: runID)
  }

  /// Whether records were taken that are in no block known to be written.
  var hasUnwritten: Bool { collector.rowCount > 0 || !unwritten.isEmpty }

  /// Whether a block waits for room on the disk.
  var isStalled: Bool {
    if case .encoded? = unwritten.first { return true }
    return false
  }

  /// Takes a record.
  ///
  /// - Returns: Whether the block has all the rows it should, or its segment all the events: the
  ///   caller is then to end it.
  mutating func take(_ record: borrowing RecordView, sequence: UInt64, runID: UInt64) -> Bool {
    if record.type != 0,
      let control = try? ControlRecord(type: record.type, body: record.payload)
    {
      pendingControl.append((control, sequence))
    }
    if collector.rowCount == 0 { beginBlock(record, sequence: sequence, runID: runID) }
    collector.append(record, sequence: sequence, runID: runID)
    contexts.take(record, sequence: sequence, runID: runID, symbols: collector.symbols)
    return isBlockFull
  }

  /// Whether the block that is being collected is to be ended.
  var isBlockFull: Bool {
    collector.isFull(blockByteCount) || collector.eventCount >= blockEventLimit
  }

  /// Decides where the block goes whose first record this is: a context is of what came before.
  private mutating func beginBlock(
    _ record: borrowing RecordView, sequence: UInt64, runID: UInt64
  ) {
    beginsSegment = writer.map { isFull($0) } ?? true
    blockContext = contexts.next(
      ahead: record, sequence: sequence, runID: runID, isSegmentStart: beginsSegment, state: state)
  }

  /// Leaves out sequence numbers up to `sequence`, which are lost and have been reported.
  ///
  /// The segment ends before them, so that readers find the numbers missing between segments, and
  /// the next one says at its head that this is known.
  mutating func lose(to sequence: UInt64) throws(ReelError) {
    try writeBlock()
    guard sequence > nextSequence else { return }
    contexts.forget()
    try endSegment()
    control.lose(nextSequence...(sequence - 1))
    nextSequence = sequence
  }

  /// Notes sequence numbers among those given as lost and reported.
  mutating func lose(_ holes: [ClosedRange<UInt64>]) throws(ReelError) {
    try writeBlock()
    try endSegment()
    for hole in holes { control.lose(hole) }
  }

  /// Ends the active segment; one without a block may be begun anew under the same name.
  private mutating func endSegment() throws(ReelError) {
    if writer?.directory.blocks.isEmpty ?? true { writer = nil } else { try seal() }
  }

  /// The sequence numbers from the first to the last of each segment, oldest first.
  var stretches: [Range<UInt64>] {
    sealed.map { $0.firstSequence..<$0.nextSequence }
      + (writer.map { [$0.summary.firstSequence..<$0.summary.nextSequence] } ?? [])
  }

  /// Takes over what control records come to that are not taken one by one; the segment ends.
  mutating func resume(from control: ControlState) throws(ReelError) {
    try writeBlock()
    try seal()
    contexts.setRoles(control.roles)
    let losses = self.control.losses
    self.control = control
    for loss in losses where loss.upperBound >= control.dropped.below { self.control.lose(loss) }
  }

  /// The events that the block being collected may have: a segment that has reached its limit is
  /// sealed before the block is written.
  private mutating func limitBlock() {
    guard configuration.maximumEventCount != nil else { return }
    let limit = configuration.effectiveSegmentEventCount
    blockEventLimit = segmentEventCount < limit ? limit - segmentEventCount : limit
  }

  /// Ends the block that has been collected, and writes it or leaves that to the block writer.
  ///
  /// - Throws: ``ReelError/io(_:)``; nothing is lost, and the call may be made again.
  mutating func endBlock() throws(ReelError) {
    while try writeFirst(isWaiting: unwritten.count >= unwrittenLimit) {}
    guard collector.rowCount > 0 else { return }
    if beginsSegment, writer != nil {
      try writeUnwritten()
      try seal()
    }
    if writer == nil { try begin(firstSequence: collector.firstSequence) }
    writer?.addKeys(of: collector)
    let (eventCount, rawByteCount) = (collector.eventCount, collector.rawByteCount)
    let parcel = spares.popLast() ?? BlockWriter.Parcel()
    collector.take(
      &parcel.rows, arrival: configuration.clock.wall(), watermark: watermark)
    let context = blockContext
    (blockContext, beginsSegment) = (nil, false)
    segmentEventCount += eventCount
    limitBlock()
    guard let writer else { return }
    if let blockWriter {
      blockWriter.begin(
        parcel, context: context, in: writer.segment, at: unwritten.isEmpty ? writer.end : nil)
      unwritten.append(.begun(eventCount: eventCount, rawByteCount: rawByteCount))
    } else {
      let block = encoder.compress(
        &parcel.rows, frameByteCount: configuration.payloadFrameByteCount, state: state)
      spares.append(parcel)
      unwritten.append(.encoded(writer.encode(block, context: context)))
      try writeUnwritten()
    }
  }

  /// Lets `blockWriter` make the blocks from now on, with what ``takeEncoder()`` gave.
  mutating func beginWriting(_ blockWriter: BlockWriter) { self.blockWriter = blockWriter }

  /// The encoder, which knows the texts of all blocks so far.
  mutating func takeEncoder() -> BlockEncoder {
    defer { encoder = BlockEncoder() }
    return encoder
  }

  /// Blocks that may be unwritten: enough to make up for threads that wait for a processor, and too
  /// few to carry a segment far beyond its size.
  private var unwrittenLimit: Int {
    max(1, min(8, configuration.effectiveSegmentByteCount / (8 * configuration.blockByteCount)))
  }

  /// Writes everything that has been taken.
  ///
  /// - Throws: ``ReelError/io(_:)``; nothing is lost, and the call may be made again.
  mutating func writeBlock() throws(ReelError) {
    try endBlock()
    try writeUnwritten()
  }

  /// Writes all blocks that have been ended: the same bytes at the same offset, if it fails and is
  /// called again.
  mutating func writeUnwritten() throws(ReelError) {
    while try writeFirst(isWaiting: true) {}
  }

  /// Sees to it that the first block that is not known to be written is, if it has been made.
  /// - Returns: Whether there was one, made or worth waiting for.
  private mutating func writeFirst(isWaiting: Bool) throws(ReelError) -> Bool {
    let block: SegmentWriter.EncodedBlock
    switch unwritten.first {
    case nil: return false
    case .begun:
      guard let outcome = blockWriter?.take(isWaiting: isWaiting) else { return false }
      spares.append(outcome.parcel)
      block = outcome.block
      if outcome.isWritten {
        writer?.add(block)
        break
      }
      unwritten[0] = .encoded(block)
      if let failure = outcome.failure { throw failure }
      try writer?.append(block)
    case .encoded(let encoded):
      block = encoded
      try writer?.append(block)
    }
    unwritten.removeFirst()
    nextSequence = block.entry.lastSequence + 1
    applyControl(upTo: block.entry.lastSequence)
    return true
  }

  private mutating func applyControl(upTo last: UInt64) {
    while let next = pendingControl.first, next.sequence <= last {
      control.apply(next.record, sequence: next.sequence)
      pendingControl.removeFirst()
    }
  }

  private func isFull(_ writer: SegmentWriter) -> Bool {
    writer.end + begunByteCount(writer) >= configuration.effectiveSegmentByteCount
      || segmentEventCount >= configuration.effectiveSegmentEventCount
      || isOld(writer)
  }

  /// About the bytes that the blocks will take which are being made: as many an event as others,
  /// and no more than they stand for.
  private func begunByteCount(_ writer: SegmentWriter) -> Int {
    var (events, raw) = (0, 0)
    for case .begun(let eventCount, let byteCount) in unwritten {
      events += eventCount
      raw += byteCount
    }
    guard writer.summary.eventCount > 0 else { return raw / 2 }
    return min(raw, Int(Double(events) * Double(writer.end) / Double(writer.summary.eventCount)))
  }

  /// Retention by age drops whole segments, so none may span more than an eighth of it.
  private func isOld(_ writer: SegmentWriter) -> Bool {
    guard let age = configuration.maximumAge, writer.summary.eventCount > 0 else { return false }
    let span = configuration.clock.wall() &- writer.summary.firstArrival
    return span > age.nanoseconds / 8
  }

  private mutating func begin(firstSequence: UInt64) throws(ReelError) {
    let header = SegmentHeader(
      binding: FileBinding(recording: recording, salt: configuration.clock.random()),
      firstSequence: firstSequence, created: configuration.clock.wall())
    // Recovery has no block writer. What it takes may have been durable in the buffer already.
    let isDurable = configuration.durability == .disk || blockWriter == nil
    let (segment, end) = try SegmentWriter.createFile(
      in: folder, header: header, controlState: control, isDurable: isDurable)
    isFolderSynced = false
    writer = SegmentWriter(
      segment: segment, directory: Directory(),
      summary: SegmentSummary(firstSequence: firstSequence), end: end,
      indexes: IndexBuilder(firstBlock: 0, attributes: control.attributes, seed: seed),
      state: state)
  }

  /// Ends the active segment with its indexes, directory and trailer, and makes it durable.
  mutating func seal() throws(ReelError) {
    guard var writer else { return }
    try writer.checkpoint(isSeal: true, watermark: watermark)
    // The name of the next segment says that this one is there; and recovery, which has no block
    // writer, takes what may have been durable in the buffer.
    if configuration.durability == .disk || blockWriter == nil { try sync() }
    sealed.append(SealedSegment(writer.summary, byteCount: writer.end))
    unsynced.append((writer.summary.nextSequence, writer.segment.file))
    merged.mergeDue(sealed, watermark: watermark)
    self.writer = nil
    segmentEventCount = 0
    limitBlock()
  }

  /// Sealed segments that nobody has synced yet, each with the number behind its last record.
  private var unsynced: [(nextSequence: UInt64, file: any File)] = []
  /// Whether the names of all segments, and of the buffer, are durable; an opening cannot know it
  /// of what it finds.
  private var isFolderSynced = false

  /// Takes over a sealed segment of an earlier run that may not be durable.
  mutating func addUnsynced(_ file: any File) { unsynced.append((.max, file)) }

  /// Sealed segments that are kept open because nobody has synced them yet.
  var unsyncedCount: Int { unsynced.count }

  /// What must be synced before everything up to ``nextSequence`` is durable; it is from now on the
  /// caller's to sync.
  mutating func takeUnsynced() -> SyncTask {
    let files = unsynced.map(\.file) + (writer.map { [$0.segment.file] } ?? [])
    let task = SyncTask(
      files: files, folder: isFolderSynced ? nil : folder, watermark: nextSequence - 1)
    unsynced = []
    isFolderSynced = true
    return task
  }

  /// Makes everything written durable and raises the watermark.
  mutating func sync() throws(ReelError) {
    let task = takeUnsynced()
    try task.run()
    watermark = max(watermark, task.watermark)
  }

  /// Lets no merged index take the room that closing needs.
  func endMerging() { merged.cancel() }

  /// Leaves the active segment so that the next opening need not scan it.
  mutating func checkpoint() throws(ReelError) {
    guard var writer, !writer.directory.blocks.isEmpty else { return }
    if writer.isWorthSealing {
      try seal()
    } else {
      try writer.checkpoint(isSeal: false, watermark: watermark)
      self.writer = writer
    }
  }

  // MARK: Retention

  /// The events in all segments, and the bytes of these and of merged indexes.
  var totals: (eventCount: UInt64, byteCount: Int) {
    var events = writer?.summary.eventCount ?? 0
    var bytes = writer?.end ?? 0
    for segment in sealed {
      events = events.saturatingAdd(segment.eventCount)
      bytes = bytes.saturatingAdd(segment.byteCount)
    }
    bytes = bytes.saturatingAdd(merged.byteCount)
    return (events, bytes)
  }

  /// Removes the `count` oldest sealed segments from the books.
  mutating func forgetOldest(_ count: Int) {
    // What is gone needs no sync, and would keep its descriptor and its room until the next one.
    if count > 0 {
      let end = sealed[count - 1].nextSequence
      unsynced.removeAll { $0.nextSequence <= end }
    }
    sealed.removeFirst(count)
  }

  /// The names of merged indexes all of whose segments are gone.
  mutating func takeObsoleteIndexes() -> [String] {
    let active = writer?.segment.firstSequence ?? nextSequence
    return merged.takeObsolete(before: sealed.first?.firstSequence ?? active)
  }

  /// Lets `merger` make the merged indexes that are due, now and as segments are sealed.
  mutating func beginMerging(_ merger: IndexMerger) {
    merged.merger = merger
    merged.mergeDue(sealed, watermark: watermark)
  }
}
