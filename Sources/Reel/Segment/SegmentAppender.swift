/// Turns records into blocks and blocks into segments; the flusher and recovery both drive it, so a
/// record takes one way to disk whether or not a crash came between.
///
/// When a write fails for lack of room nothing is lost: what was to be written is kept, and
/// ``writeUnwritten()`` writes it.
struct SegmentAppender {
  let folder: any Folder
  let recording: RecordingID
  private let configuration: RecorderConfiguration
  /// For contexts.
  private let state = LZ4.State()

  private var collector: RowCollector
  /// Rows without content, whose memory the next blocks use.
  private var spares: [SegmentWork.Parcel] = []
  /// Makes and writes blocks and segments; not to be touched while the block writer has jobs.
  let work: SegmentWork
  /// Does the jobs of ``work`` while the next block is collected; without one they are done in
  /// between.
  private var blockWriter: BlockWriter?
  /// Jobs that are not known to be done, in order.
  private var unwritten: [Unwritten] = []
  /// The active segment as far as blocks are known to be written.
  private var activeSegment: ActiveSegment?
  /// Whether it is about to give way to another, where later blocks go.
  private var isTurning = false
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
  /// Whether the active segment is to give way before that block is ended.
  private var isTurnDue = false

  private enum Unwritten {
    /// The block writer has it; it is a block with so many events and bytes, or none.
    case begun(eventCount: Int, rawByteCount: Int)
    /// It was tried, and there was no room on the disk.
    case unfinished
    case waiting(SegmentWork.Job)
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
    work = SegmentWork(configuration, in: folder, seed: seed)
    work.goOn(with: active)
    activeSegment = active?.active
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
    activeSegment.map { ($0.firstSequence, $0.end) } ?? (0, 0)
  }

  /// Declares attributes for the run that begins; the log repeats it as a control record.
  mutating func setAttributes(_ attributes: AttributeSchema) {
    control.attributes = attributes
    work.setAttributes(attributes)
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

  /// Whether a block, or the end of a segment, waits for room on the disk.
  var isStalled: Bool {
    switch unwritten.first {
    case .unfinished, .waiting: true
    case .begun, nil: false
    }
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
    isTurnDue = isSegmentFull
    blockContext = contexts.next(
      ahead: record, sequence: sequence, runID: runID, isSegmentStart: isTurnDue, state: state)
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
    if let activeSegment, activeSegment.summary.recordCount > 0 { return try seal() }
    work.goOn(with: nil)
    activeSegment = nil
  }

  /// The sequence numbers from the first to the last of each segment, oldest first.
  var stretches: [Range<UInt64>] {
    sealed.map { $0.firstSequence..<$0.nextSequence }
      + (activeSegment.map { [$0.firstSequence..<$0.summary.nextSequence] } ?? [])
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
    if isTurnDue { try turn() }
    if activeSegment == nil {
      activeSegment = try work.begin(nextSegment())
      isFolderSynced = false
    }
    segmentEventCount += collector.eventCount
    let parcel = spares.popLast() ?? SegmentWork.Parcel()
    collector.take(
      &parcel.rows, arrival: configuration.clock.wall(), watermark: watermark)
    let context = blockContext
    blockContext = nil
    limitBlock()
    try submit(.block(parcel, context: context))
  }

  /// Has the active segment sealed, if there is one, before the block that has been collected.
  private mutating func turn() throws(ReelError) {
    // Where control records of its blocks lead, the next segment begins with.
    try writeUnwritten()
    if activeSegment != nil {
      // What is to be durable before the next one has a name, the appender sees to itself.
      if mustSyncSegments {
        try seal()
      } else {
        isTurning = true
        try submit(.turn(nextSegment()))
      }
    }
    segmentEventCount = 0
    isTurnDue = false
  }

  private func nextSegment() -> SegmentWork.NextSegment {
    let clock = configuration.clock
    let header = SegmentHeader(
      binding: FileBinding(recording: recording, salt: clock.random()),
      firstSequence: collector.firstSequence, created: clock.wall())
    return SegmentWork.NextSegment(
      header: header, controlState: control, watermark: watermark,
      isDurable: mustSyncSegments)
  }

  /// Whether a segment is durable before the next has a name, and its head before it has its own:
  /// the name of the next says that this one is there; and recovery, which has no block writer,
  /// takes what may have been durable in the buffer.
  private var mustSyncSegments: Bool {
    configuration.durability == .disk || blockWriter == nil
  }

  /// Gives a job to the block writer, or does it.
  private mutating func submit(_ job: SegmentWork.Job) throws(ReelError) {
    guard let blockWriter else {
      unwritten.append(.waiting(job))
      return try writeUnwritten()
    }
    switch job {
    case .block(let parcel, _):
      unwritten.append(
        .begun(eventCount: parcel.rows.eventCount, rawByteCount: parcel.rows.rawByteCount))
    case .turn: unwritten.append(.begun(eventCount: 0, rawByteCount: 0))
    }
    blockWriter.begin(job)
  }

  /// Lets `blockWriter`, which is ``work``'s, write from now on.
  mutating func beginWriting(_ blockWriter: BlockWriter) { self.blockWriter = blockWriter }

  /// Blocks that may be unwritten: enough to make up for threads that wait for a processor and for
  /// the sealing of a segment, and too few to carry a segment far beyond its size.
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

  /// Sees to it that the first job that is not known to be done is, if the block writer has come to
  /// it.
  /// - Returns: Whether there was one, done or worth waiting for.
  private mutating func writeFirst(isWaiting: Bool) throws(ReelError) -> Bool {
    switch unwritten.first {
    case nil: return false
    case .begun:
      switch blockWriter?.take(isWaiting: isWaiting) {
      case nil: return false
      case .done(let done): note(done)
      case .failed(let error):
        takeBack()
        throw error
      case .untouched: preconditionFailure("nothing is begun behind a job that has failed")
      }
    case .unfinished: note(try work.finish())
    case .waiting(let job):
      unwritten[0] = .unfinished
      note(try work.perform(job))
    }
    unwritten.removeFirst()
    return true
  }

  /// Takes back what the block writer has not touched, because the first job has failed.
  private mutating func takeBack() {
    unwritten[0] = .unfinished
    for index in unwritten.indices.dropFirst() {
      guard case .untouched(let job)? = blockWriter?.take(isWaiting: true) else {
        preconditionFailure("nothing is done behind a job that has failed")
      }
      unwritten[index] = .waiting(job)
    }
  }

  private mutating func note(_ done: SegmentWork.Done) {
    if let sealed = done.sealed {
      takeSealed(sealed)
      (isTurning, isFolderSynced) = (false, false)
    }
    activeSegment = done.active
    guard let parcel = done.parcel else { return }
    spares.append(parcel)
    nextSequence = done.active.summary.nextSequence
    applyControl(upTo: nextSequence - 1)
  }

  private mutating func applyControl(upTo last: UInt64) {
    while let next = pendingControl.first, next.sequence <= last {
      control.apply(next.record, sequence: next.sequence)
      pendingControl.removeFirst()
    }
  }

  /// Whether the next block begins a segment.
  private var isSegmentFull: Bool {
    guard let activeSegment else { return true }
    // The one that it is about to give way to has nothing yet but what is begun.
    let written = isTurning ? nil : activeSegment
    return segmentEventCount >= configuration.effectiveSegmentEventCount
      || (written?.end ?? 0) + begunByteCount(written) >= configuration.effectiveSegmentByteCount
      || isOld(written)
  }

  /// About the bytes that the blocks will take which are being made: as many an event as others of
  /// their segment, and no more than they stand for.
  private func begunByteCount(_ segment: ActiveSegment?) -> Int {
    var (events, raw) = (0, 0)
    for case .begun(let eventCount, let byteCount) in unwritten {
      events += eventCount
      raw += byteCount
    }
    guard let segment, segment.summary.eventCount > 0 else { return raw / 2 }
    return min(raw, Int(Double(events) * Double(segment.end) / Double(segment.summary.eventCount)))
  }

  /// Retention by age drops whole segments, so none may span more than an eighth of it.
  private func isOld(_ segment: ActiveSegment?) -> Bool {
    guard let age = configuration.maximumAge, let segment, segment.summary.eventCount > 0 else {
      return false
    }
    let span = configuration.clock.wall() &- segment.summary.firstArrival
    return span > age.nanoseconds / 8
  }

  /// Ends the active segment with its indexes, directory and trailer, and makes it durable where
  /// the next one's name says that it is there.
  mutating func seal() throws(ReelError) {
    guard let sealed = try work.seal(watermark: watermark) else { return }
    activeSegment = nil
    takeSealed(sealed)
    segmentEventCount = 0
    limitBlock()
    if mustSyncSegments { try sync() }
  }

  private mutating func takeSealed(_ segment: ActiveSegment) {
    sealed.append(SealedSegment(segment.summary, byteCount: segment.end))
    unsynced.append((segment.summary.nextSequence, segment.file))
    merged.mergeDue(sealed, watermark: watermark)
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
    let files = unsynced.map(\.file) + (activeSegment.map { [$0.file] } ?? [])
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
    guard let activeSegment, activeSegment.summary.recordCount > 0 else { return }
    if work.isWorthSealing {
      try seal()
    } else {
      self.activeSegment = try work.checkpoint(watermark: watermark)
    }
  }

  // MARK: Retention

  /// The events in all segments, and the bytes of these and of merged indexes.
  var totals: (eventCount: UInt64, byteCount: Int) {
    var events = activeSegment?.summary.eventCount ?? 0
    var bytes = activeSegment?.end ?? 0
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
    let active = activeSegment?.firstSequence ?? nextSequence
    return merged.takeObsolete(before: sealed.first?.firstSequence ?? active)
  }

  /// Lets `merger` make the merged indexes that are due, now and as segments are sealed.
  mutating func beginMerging(_ merger: IndexMerger) {
    merged.merger = merger
    merged.mergeDue(sealed, watermark: watermark)
  }
}
