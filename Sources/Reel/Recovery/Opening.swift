/// Opens a recording for writing: finds what an earlier run left, makes it whole, and hands over
/// what the new run needs.
///
/// Nothing that a check does not account for is ever removed.
struct Opening {
  let folder: any Folder
  let configuration: RecorderConfiguration
  private let state = LZ4.State()
  private let seed: UInt64
  private var files: RecordingFiles

  private var recording: RecordingID?
  /// Whether all files were asked whose recording this is.
  private var isJudged = false
  /// Whose it is, once the first segments turn out to be another's.
  private var rightful: RecordingID?
  private var control = ControlState()
  private var hasControl = false
  private var sealed: [SegmentAppender.SealedSegment] = []
  private var active: SegmentWriter?
  private var mergedIndexes = MergedIndexes()
  private var nextSequence: UInt64 = 1
  /// The sequence number after the last that a segment holds; nothing without a segment.
  private var heldEnd: UInt64?
  var watermark: UInt64 = 0
  /// What the buffers say of blocks, each with the recording that it belongs to.
  private var progresses:
    [(recording: RecordingID, durability: Durability, progress: BufferProgress)] = []
  /// Buffers all of whose records are in blocks now.
  var emptied: [UInt64] = []
  /// Buffers that have damage, and all of whose readable records are in blocks now.
  var damagedBuffers: [UInt64] = []
  var report = RecoveryReport()

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
  /// - Complexity: One read a segment, or a look at its length where a merged index is of it, one a
  ///   block of the active segment behind its last checkpoint, and the buffer.
  mutating func recover() throws(ReelError) -> SegmentAppender {
    for name in files.leftovers { try folder.unlink(name) }
    try takeFiles()
    watermark = max(watermark, bufferedWatermark)
    nextSequence = max(nextSequence, released)
    var appender = SegmentAppender(
      folder: folder, recording: try recordingID(), configuration: configuration,
      control: control, sealed: sealed, active: active,
      nextSequence: heldEnd ?? nextSequence, watermark: watermark, seed: seed,
      mergedIndexes: takeMergedIndexes())
    // The first sync of this run answers for them too.
    for segment in sealed where segment.nextSequence > watermark + 1 {
      appender.addUnsynced(
        try folder.open(FileName.segment(firstSequence: segment.firstSequence), .read))
    }
    // Before a new segment has a name: after a loss of power it would say that these are there, and
    // their records in the buffer would be passed over.
    if !files.buffers.isEmpty { try appender.sync() }
    try appender.lose(to: nextSequence)
    for sequence in files.buffers { try takeBuffer(sequence, into: &appender) }
    try noteLostEnd(files, &appender)
    try noteHoles(&appender)
    try unlinkDropped(&appender)
    guard appender.nextSequence < Limits.sequenceNumber else {
      throw .notARecording(
        path: folder.path,
        reason: "the number in the name of one of its files leaves none for new events; move that"
          + " file away")
    }
    return appender
  }

  /// Unlinks the buffers whose records are all in blocks; to be called once the new one is named.
  ///
  /// One that could not be read stays, as evidence, and one that was read in part is renamed.
  ///
  /// The new one, which begins with `newest`, may have taken the name of an old one that held
  /// nothing.
  func removeOldBuffers(except newest: UInt64) throws(ReelError) {
    for sequence in emptied where sequence != newest {
      try folder.unlink(FileName.buffer(firstSequence: sequence))
    }
    for sequence in damagedBuffers where sequence != newest {
      let name = FileName.buffer(firstSequence: sequence)
      try folder.rename(name, to: name + FileName.damagedSuffix)
    }
  }

  private mutating func takeFiles() throws(ReelError) {
    mergedIndexes.refresh(files.mergedIndexes, in: folder)
    for sequence in files.buffers { try takeProgress(sequence) }
    for sequence in files.segments {
      try takeSegment(sequence, isLast: sequence == files.segments.last)
      guard let rightful else { continue }
      // What was taken so far was another recording's.
      let told = report
      self = try Opening(folder: folder, configuration: configuration)
      (recording, isJudged) = (rightful, true)
      try takeFiles()
      report.damages = told.damages.filter { !report.damages.contains($0) } + report.damages
      return
    }
    // The newest segment cannot be read.
    if !hasControl { try takeOlderControl(before: .max) }
  }

  /// Takes from a buffer's header what is known to be durable, before any tail is judged by it.
  private mutating func takeProgress(_ sequence: UInt64) throws(ReelError) {
    let file = try folder.open(FileName.buffer(firstSequence: sequence), .read)
    let opened = try damageAsNothing { () throws(ReelError) in try BufferReader(file: file) }
    guard let reader = opened, reader.header.firstSequence == sequence,
      let progress = try reader.progress()
    else { return }
    progresses.append((reader.header.recording, reader.header.durability, progress))
  }

  /// The recording that the files belong to, or a new one's id.
  private func recordingID() throws(ReelError) -> RecordingID {
    if let recording { return recording }
    // Documents outlive a loss of power that takes all else.
    let isNew = progresses.isEmpty && !files.hasDocuments
    if !isNew, let found = try judge() { return found }
    return RecordingID(low: configuration.clock.random(), high: configuration.clock.random())
  }

  /// Whether `found`, which a segment names, is the recording that is being opened.
  ///
  /// The first file says which that is, until another one contradicts: then all are asked, once.
  private mutating func accepts(_ found: RecordingID) throws(ReelError) -> Bool {
    let isAgreed =
      recording.map { $0 == found } ?? progresses.allSatisfy { $0.recording == found }
    if !isAgreed && !isJudged {
      isJudged = true
      let judged = try judge() ?? found
      if let recording, recording != judged { rightful = judged }
      recording = judged
    }
    recording = recording ?? found
    return recording == found
  }

  /// Asks the files that are there by now.
  private func judge() throws(ReelError) -> RecordingID? {
    try RecordingIdentity.judge(folder, RecordingFiles(try folder.list()))
  }

  /// What this recording's own buffers say.
  private var ownProgresses: [BufferProgress] {
    progresses.filter { recording == nil || recording == $0.recording }.map(\.progress)
  }

  /// The highest sequence number that the buffers call durable; 0 without one.
  private var bufferedWatermark: UInt64 { ownProgresses.map(\.watermark).max() ?? 0 }

  /// The first sequence number that is in no block, as the buffers say; 0 without one.
  private var released: UInt64 { ownProgresses.map(\.nextSequence).max() ?? 0 }

  /// The first sequence number that a buffer has; nothing without one.
  private var bufferedFrom: UInt64? { ownProgresses.map(\.nextSequence).min() }

  /// The merged indexes that are of segments as they are; others, which tell nothing, are removed.
  private func takeMergedIndexes() -> [IndexMerger.Entry] {
    var entries: [IndexMerger.Entry] = []
    let usable = mergedIndexes.of(recording)
    for sequence in files.mergedIndexes {
      let index = usable.first { $0.firstSequence == sequence }
      if let index, index.isOf(sealed), entries.last.map({ $0.nextSequence <= sequence }) ?? true {
        entries.append(
          IndexMerger.Entry(
            firstSequence: sequence, nextSequence: index.nextSequence, byteCount: index.byteCount))
      } else {
        try? folder.unlink(FileName.mergedIndex(firstSequence: sequence))
      }
    }
    return entries
  }

  // MARK: Segments

  private mutating func takeSegment(_ sequence: UInt64, isLast: Bool) throws(ReelError) {
    let name = FileName.segment(firstSequence: sequence)
    if !isLast, let member = mergedIndexes.member(sequence, of: recording),
      try folder.byteCount(of: name) == member.byteCount
    {
      return takeSealed(member.trailer.summary, member.byteCount, member.trailer.watermark)
    }
    let file = try folder.open(name, isLast ? .readWrite : .read)
    let byteCount = try file.byteCount()
    let segment: SegmentFile
    do {
      segment = try SegmentFile(file: file)
    } catch .corrupted(let corruption) {
      return try takeWithoutHeader(sequence, byteCount, corruption, isLast: isLast)
    } catch .notARecording(let path, let reason) {
      let corruption = Corruption(path: path, bytes: 0..<byteCount, reason: reason)
      return try takeWithoutHeader(sequence, byteCount, corruption, isLast: isLast)
    }
    guard segment.firstSequence == sequence, try accepts(segment.header.binding.recording) else {
      if rightful != nil { return }
      return try takeUnreadable(
        sequence, byteCount,
        Corruption(
          path: file.path, bytes: 0..<SegmentHeader.byteCount,
          reason: "the segment belongs to another name or recording"))
    }
    if let trailer = try segment.trailer(endingAt: byteCount), trailer.isSeal || !isLast {
      guard isLast else { return takeSealed(trailer.summary, byteCount, trailer.watermark) }
      let directory = try damageAsNothing { () throws(ReelError) in try segment.directory(trailer) }
      // Where the run did not end, the power may have failed while the seal was being written.
      var isTorn = directory == nil && !ownProgresses.isEmpty
      if !isTorn { isTorn = try isTornAhead(of: trailer, segment, byteCount) }
      guard isTorn else {
        takeSealed(trailer.summary, byteCount, trailer.watermark)
        if let directory { return try takeControl(segment, blocks: directory.blocks) }
        return try takeWithoutDirectory(segment, byteCount, trailer)
      }
    }
    try takeUnsealed(segment, byteCount, isLast: isLast)
  }

  /// Whether a seal reached the disk before what it seals, all of which is in the buffer still.
  ///
  /// A seal is synced before the buffer gives room back: without that, its parts reach the disk in
  /// any order.
  private func isTornAhead(
    of trailer: Trailer, _ segment: SegmentFile, _ byteCount: Int
  ) throws(ReelError) -> Bool {
    let durable = max(watermark, bufferedWatermark, trailer.watermark)
    guard tailCheck == .allAboveWatermark, trailer.summary.nextSequence > durable + 1 else {
      return false
    }
    let scan = try SegmentScanner(
      segment, byteCount: byteCount, watermark: durable, check: tailCheck
    ).scan()
    return !scan.damages.isEmpty || scan.ending != .clean
  }

  /// Takes the control records of a sealed segment whose directory is damaged.
  private mutating func takeWithoutDirectory(
    _ segment: SegmentFile, _ byteCount: Int, _ trailer: Trailer
  ) throws(ReelError) {
    let place = trailer.directoryOffset..<(trailer.directoryOffset + trailer.directoryByteCount)
    report.damages.append(
      Corruption(path: segment.path, bytes: place, reason: "the directory cannot be read"))
    let scan = try SegmentScanner(segment, byteCount: byteCount, check: .headers).scan()
    try takeControl(segment, blocks: scan.blocks)
  }

  /// A segment whose header cannot be read.
  ///
  /// After a loss of power the newest one's name may be on the disk and its bytes not. When all
  /// that it can have held is above what was durable, and in the buffer still, it is a torn tail
  /// from its first byte on.
  private mutating func takeWithoutHeader(
    _ sequence: UInt64, _ byteCount: Int, _ corruption: Corruption, isLast: Bool
  ) throws(ReelError) {
    guard isLast, sequence > max(watermark, bufferedWatermark), let bufferedFrom,
      bufferedFrom <= sequence
    else {
      return try takeUnreadable(sequence, byteCount, corruption)
    }
    report.truncated.append(corruption)
    try folder.unlink(FileName.segment(firstSequence: sequence))
  }

  /// A segment that cannot be read, or is another recording's, stays where it is, and the next
  /// number is beyond what it may hold.
  ///
  /// Where all that it can have held of this recording is in the buffer still, its name is needed
  /// for that: it gets another, and stays as evidence.
  private mutating func takeUnreadable(
    _ sequence: UInt64, _ byteCount: Int, _ corruption: Corruption
  ) throws(ReelError) {
    report.damages.append(corruption)
    if let bufferedFrom, bufferedFrom <= sequence {
      let name = FileName.segment(firstSequence: sequence)
      return try folder.rename(name, to: name + FileName.damagedSuffix)
    }
    sealed.append(
      SegmentAppender.SealedSegment(
        SegmentSummary(firstSequence: sequence), byteCount: byteCount, isReadable: false))
    if let next = files.segments.first(where: { $0 > sequence }) ?? bufferedFrom {
      nextSequence = max(nextSequence, next)
    } else {
      // A record takes at least a byte of a frame, and LZ4 makes at most 255 bytes of one.
      // A sparse file may be of any length: the numbers that leaves are looked at in the end.
      let most = UInt64(clamping: byteCount).saturatingMultiply(255)
      nextSequence = max(nextSequence, sequence + min(most, Limits.sequenceNumber) + 1)
    }
  }

  private mutating func takeSealed(
    _ summary: SegmentSummary, _ byteCount: Int, _ watermark: UInt64, isReadable: Bool = true,
    isWhole: Bool = true
  ) {
    sealed.append(
      SegmentAppender.SealedSegment(
        summary, byteCount: byteCount, isReadable: isReadable, isWhole: isWhole))
    nextSequence = max(nextSequence, summary.nextSequence)
    heldEnd = max(heldEnd ?? 0, summary.nextSequence)
    self.watermark = max(self.watermark, watermark)
  }

  /// Takes a segment that ends in a checkpoint, or was being written when the writer died.
  private mutating func takeUnsealed(
    _ segment: SegmentFile, _ byteCount: Int, isLast: Bool
  ) throws(ReelError) {
    if isLast {
      watermark = max(watermark, bufferedWatermark)
      let state = try damageAsNothing { () throws(ReelError) in try segment.state() }
      watermark = max(watermark, state?.watermark ?? 0)
    }
    var scan = try SegmentScanner(
      segment, byteCount: byteCount, watermark: watermark, released: released,
      check: isLast ? tailCheck : .headers
    ).scan()
    if isLast, !scan.damages.isEmpty {
      let whole = scan.cutAtFirstDamage(byteCount)
      // Behind all blocks there is but what was being written when the run did not end.
      var isTorn = whole.blocks.count == scan.blocks.count && !ownProgresses.isEmpty
      if !isTorn { isTorn = try isBuffered(whole.summary.nextSequence, through: scan) }
      if isTorn { scan = whole }
    }
    report.damages += scan.damages
    watermark = max(watermark, scan.watermark)
    guard isLast else {
      // A segment is made when its first record is there.
      let next = files.segments.first { $0 > segment.firstSequence }
      takeSealed(
        scan.summary, byteCount, 0, isReadable: !scan.blocks.isEmpty,
        isWhole: scan.isDense && scan.summary.nextSequence == next)
      if case .torn(let corruption) = scan.ending { report.damages.append(corruption) }
      return
    }
    try takeControl(segment, blocks: scan.blocksWithControlRecords)
    var end = scan.end
    if case .torn(let corruption) = scan.ending {
      if scan.summary.nextSequence > scan.watermark, scan.summary.nextSequence >= released,
        scan.damages.isEmpty
      {
        report.truncated.append(corruption)
        try segment.file.truncate(to: scan.end)
      } else {
        // What lies below the watermark was durable, and what the buffer has released was whole
        // when the process died: its loss is damage, to be left as evidence. What it has not
        // released is not of it: readers would meet those numbers here and in the next segment.
        report.damages.append(corruption)
        end = scan.tornBlocks.last?.offset ?? byteCount
        if end < byteCount { try segment.file.truncate(to: end) }
      }
    }
    if scan.summary.nextSequence < released, scan.ending == .clean {
      report.damages.append(
        Corruption(
          path: segment.path, bytes: scan.end..<scan.end,
          sequenceNumbers: scan.summary.nextSequence...(released - 1),
          reason: "the segment ends before records that the buffer says are in blocks"))
    }
    nextSequence = max(
      nextSequence, scan.summary.nextSequence, scan.watermark + 1, released)
    heldEnd = max(heldEnd ?? 0, scan.summary.nextSequence)
    // What is lost shows as numbers missing between segments.
    guard scan.damages.isEmpty, end == scan.end, scan.summary.nextSequence >= released else {
      sealed.append(
        SegmentAppender.SealedSegment(
          scan.summary, byteCount: end, isReadable: !scan.blocks.isEmpty, isWhole: false))
      return
    }
    active = writer(segment, scan)
  }

  /// With durability `disk`, whatever of the last blocks a loss of power has torn is in the buffer
  /// still; else it is not, and all that was written lately would have to be read.
  private var tailCheck: SegmentScanner.Check {
    progresses.contains { $0.durability == .disk } ? .allAboveWatermark : .aboveWatermark
  }

  /// Whether all records from `sequence` on to the end of a segment are above what was durable in
  /// it, and in the buffers still.
  private func isBuffered(
    _ sequence: UInt64, through scan: SegmentScanner.Result
  ) throws(ReelError) -> Bool {
    guard let bufferedFrom, bufferedFrom <= sequence, sequence > scan.watermark else {
      return false
    }
    var next: UInt64 = 0
    for first in files.buffers {
      let file = try folder.open(FileName.buffer(firstSequence: first), .read)
      let opened = try damageAsNothing { () throws(ReelError) in try BufferReader(file: file) }
      guard var reader = opened, reader.header.recording == recording else { continue }
      _ = try reader.read { _, _ in }
      next = max(next, reader.nextSequence)
    }
    return next >= scan.summary.nextSequence
  }

  /// The writer that goes on in a segment, with the index parts of its last checkpoint.
  private func writer(_ segment: SegmentFile, _ scan: SegmentScanner.Result) -> SegmentWriter {
    var parts: [IndexPart] = []
    if let trailer = scan.trailer, let directory = try? segment.directory(trailer) {
      parts = directory.indexes.filter { $0.blocks.upperBound <= scan.blocks.count }
    }
    let covered = parts.reduce(0) { max($0, $1.blocks.upperBound) }
    // One whose block was torn is ahead of none: a directory with it would be refused.
    let offsets = Set(scan.blocks.map(\.offset))
    return SegmentWriter(
      segment: segment,
      directory: Directory(
        blocks: scan.blocks, indexes: parts,
        contexts: scan.contexts.filter { offsets.contains($0.end) }),
      summary: scan.summary, end: scan.end, leftover: covered..<scan.blocks.count,
      indexes: IndexBuilder(
        firstBlock: scan.blocks.count, attributes: control.attributes, seed: seed),
      state: state)
  }

  /// The control state at the head of the newest segment, and what its blocks add.
  private mutating func takeControl(
    _ segment: SegmentFile, blocks: [DirectoryEntry]
  ) throws(ReelError) {
    hasControl = true
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
    for number in sealed.map(\.firstSequence).reversed() where number < sequence {
      let file = try folder.open(FileName.segment(firstSequence: number), .read)
      let opened = try damageAsNothing { () throws(ReelError) in try SegmentFile(file: file) }
      guard let segment = opened, segment.firstSequence == number,
        recording == segment.header.binding.recording
      else { continue }
      later.append(segment)
      let found = try damageAsNothing { () throws(ReelError) in try segment.state() }
      guard let state = found else { continue }
      control = state
      break
    }
    for segment in later.reversed() {
      let scan = try SegmentScanner(
        segment, byteCount: try segment.file.byteCount(), check: .headers
      ).scan()
      for entry in scan.blocksWithControlRecords {
        try damageAsNothing { () throws(ReelError) in
          try segment.controlRecords(entry) { control.apply($0, sequence: $1) }
        }
      }
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
