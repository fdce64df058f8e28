/// Where a recorder stands: it changes with everything that a reader could see.
struct LiveMark: Hashable, Sendable {
  /// The ends of what is in the buffer and of what may be read of it, through all laps.
  var head: Int
  var committed: Int
  /// How often room has been released.
  var progress: UInt64
}

/// Keeps a snapshot of a recording up to date from its files, without ever writing to them.
///
/// While a writer goes on, a refresh reads in this order: the buffer's progress, the buffer's
/// frames, the segments, the progress again. Blocks are written before the buffer's room is
/// released, so what has left the buffer is found in the segments, and sequence numbers must join;
/// where they do not, the reading is made again. Normative: format-spec.md, "Reading a live
/// recording".
///
/// Its owner's lock guards it.
final class SnapshotReader {
  private let folder: any Folder
  private let clock: any Clock
  /// Where the recorder in this process stands, while it is open: as long as that is the same,
  /// nothing has changed.
  private let mark: (@Sendable () -> LiveMark?)?
  private var lastMark: LiveMark?
  private(set) var snapshot = Snapshot(SnapshotDraft())
  private var draft = SnapshotDraft()
  private var settled = SettledSegments([])
  private var listed: (modification: Int64, isSettled: Bool)?
  private var files = RecordingFiles([])
  private var mergedIndexes = MergedIndexes()
  private var tail: BufferTail?
  /// The buffers among which it was found; nothing when it has to be looked for.
  private var foundAmong: [UInt64]?
  /// Buffers that cannot be read or are another recording's, and why.
  private var unreadableBuffers: [String: Corruption] = [:]
  /// Older buffers that can be read: their records are in blocks.
  private var outlivedBuffers: Set<String> = []
  /// Why segments are not of this recording.
  private var foreignSegments: [Corruption] = []
  /// The files that were asked whose recording it is.
  private var judged: RecordingFiles?
  /// The writer's progress that the snapshot stands for.
  private var lastProgress: BufferProgress?
  /// The control state of the newest segment's head and the blocks walked over so far.
  private var segmentControl = ControlState()
  private var controlSegment: UInt64 = 0
  private var controlEnd = 0
  /// Segments before the one that has this sequence number are not looked at: a follower needs none
  /// of them, however many there are.
  var floor: UInt64 = 0
  private var hasPassedOver = false

  /// A folder's time of change is no proof within this long of a change: the clock of a file system
  /// ticks slower than files come and go.
  private static let settlingTime: Int64 = 50_000_000
  private static let maximumAttempts = 200
  /// Attempts before sequence numbers that do not join are taken for a hole.
  private static let patience = 3

  init(folder: any Folder, clock: any Clock, mark: (@Sendable () -> LiveMark?)? = nil) {
    self.mark = mark
    self.folder = folder
    self.clock = clock
  }

  /// Brings the snapshot up to date: it has every event whose append returned before this call.
  ///
  /// - Throws: ``ReelError/notFound(path:)`` when there is no recording, ``ReelError/io(_:)``.
  /// - Complexity: Two system calls when nothing has changed, none beside a recorder in the same
  ///   process; else by what is new.
  func refresh() throws(ReelError) {
    let mark = mark?()
    if let mark, mark == lastMark { return }
    lastMark = nil
    if try refreshFromFiles() { lastMark = mark }
  }

  /// - Returns: False when the files would not hold still: the snapshot is the last that was whole.
  private func refreshFromFiles() throws(ReelError) -> Bool {
    var gone: IOFailure?
    for attempt in 0..<Self.maximumAttempts {
      do {
        gone = nil
        let isLast = attempt + 1 == Self.maximumAttempts
        if try refreshOnce(acceptsGap: attempt >= Self.patience, isLastAttempt: isLast) {
          return true
        }
      } catch .io(let failure) where failure.code == ErrorNumber.noEntry {
        // A file went while we looked: list again.
        gone = failure
      }
      listed = nil
    }
    // A file that is listed each time and never there was not dropped.
    if let gone { throw .io(gone) }
    return false
  }

  private func refreshOnce(
    acceptsGap: Bool, isLastAttempt: Bool
  ) throws(ReelError) -> Bool {
    let before = listed
    try listIfChanged()
    // Within a tick of the file system's clock a whole run may come and go under the same time.
    let isUnchanged =
      before?.isSettled == true && listed?.modification == before?.modification
    if foundAmong != files.buffers {
      guard try findTail(acceptsDamage: acceptsGap) else { return false }
    }
    guard let tail else {
      if isUnchanged && draft.recording != nil && draft.buffered.isEmpty { return true }
      try refreshSegments(active: nil)
      // While a run begins, a listing may have come too early for its buffer.
      guard try isRightful(nil), acceptsGap || !lacksEnd else { return false }
      finish(tail: nil)
      return true
    }
    let page = try tail.headerPage()
    if isUnchanged, lastProgress != nil, page == tail.refreshedPage { return true }
    let version = tail.version
    guard let progress = try tail.refresh(page) else { return false }
    if isUnchanged, tail.version == version, progress == lastProgress { return true }
    lastProgress = nil
    try refreshSegments(active: progress)
    guard try isRightful(tail.recording) else { return false }
    if let recording = draft.recording, recording != tail.recording {
      unreadableBuffers[tail.name] = Corruption(
        path: folder.path + "/" + tail.name, bytes: 0..<BufferHeader.fixedByteCount,
        reason: "the buffer belongs to another recording")
      // Those before it may have to be read after all.
      outlivedBuffers = []
      self.tail = nil
      foundAmong = nil
      return false
    }
    guard let after = try tail.progress() else { return false }
    let next = draft.segments.last?.summary.nextSequence ?? 1
    if progress.nextSequence > next {
      // The segments end before the buffer begins: a segment has come since the folder was listed,
      // or this is a copy made while recording, which nobody will complete.
      if !acceptsGap || after != progress && !isLastAttempt {
        listed = nil
        return false
      }
    }
    finish(tail: tail, released: progress.nextSequence)
    lastProgress = progress
    return true
  }

  /// Whether the snapshot is of the recording that the files belong to.
  ///
  /// The first segment says whose it is, until another file contradicts: then all are asked, once.
  /// Where they say otherwise, everything is to be read anew.
  private func isRightful(_ tail: RecordingID?) throws(ReelError) -> Bool {
    let isAgreed = tail == nil || draft.recording == nil || tail == draft.recording
    guard !isAgreed || !foreignSegments.isEmpty, judged != files else { return true }
    judged = files
    guard let found = try RecordingIdentity.judge(folder, files), found != draft.recording else {
      return true
    }
    draft.recording = found
    draft.segments = []
    controlSegment = 0
    unreadableBuffers = [:]
    outlivedBuffers = []
    return false
  }

  /// Whether the last run has no end, and no buffer is there that would have it: what a clean close
  /// leaves has one, and so has what a crash leaves.
  private var lacksEnd: Bool {
    guard files.buffers.isEmpty, !files.isPinned else { return false }
    // Documents are stored by runs.
    guard !files.segments.isEmpty else { return files.hasDocuments }
    return segmentControl.runs.last?.end == .open || draft.segments.last?.isEmpty == true
  }

  /// Opens the newest buffer that can be read.
  ///
  /// One that cannot be costs its own records and no others.
  /// - Returns: Whether to go on; false while one may still be being written.
  private func findTail(acceptsDamage: Bool) throws(ReelError) -> Bool {
    foundAmong = nil
    let names = files.buffers.reversed().map(FileName.buffer(firstSequence:))
    unreadableBuffers = unreadableBuffers.filter { names.contains($0.key) }
    outlivedBuffers.formIntersection(names)
    var found: BufferTail?
    for name in names where unreadableBuffers[name] == nil && !outlivedBuffers.contains(name) {
      do throws(ReelError) {
        let next = try tail?.name == name ? tail : BufferTail(folder: folder, name: name)
        if found == nil { found = next } else { outlivedBuffers.insert(name) }
      } catch {
        let path = folder.path + "/" + name
        let damage: Corruption
        switch error {
        case .corrupted(let corruption): damage = corruption
        case .notARecording(_, let reason):
          damage = Corruption(path: path, bytes: 0..<8, reason: reason)
        default: throw error
        }
        guard acceptsDamage else { return false }
        unreadableBuffers[name] = damage
      }
    }
    tail = found
    foundAmong = files.buffers
    return true
  }

  private func listIfChanged() throws(ReelError) {
    let modification = try folder.modificationTime()
    if let listed, listed.isSettled, listed.modification == modification { return }
    let now = clock.wall()
    files = RecordingFiles(try folder.list())
    guard files.isRecording else { throw .notFound(path: folder.path) }
    let age = now.subtractingReportingOverflow(modification)
    listed = (modification, !age.overflow && age.partialValue > Self.settlingTime)
  }

  /// Assembles the snapshot from the segments and the buffer's tail.
  ///
  /// The writer has given back the room of every record below `released`: those are in blocks.
  private func finish(tail: BufferTail?, released: UInt64 = 0) {
    let next = draft.segments.last?.summary.nextSequence ?? 1
    draft.control = segmentControl
    for (record, sequence) in tail?.controlRecords ?? [] where sequence >= next {
      draft.control.apply(record, sequence: sequence)
    }
    let end = findMissing()
    draft.otherDamages =
      foreignSegments + unreadableBuffers.sorted { $0.key < $1.key }.map(\.value)
      + (tail?.damages(from: next) ?? [])
    if lacksEnd {
      // It would come behind the newest segment's last block; of documents alone nothing is told.
      let newest = draft.segments.last
      let end = newest?.byteCount ?? 0
      draft.otherDamages.append(
        Corruption(
          path: folder.path + "/" + (newest?.name ?? FileName.documents), bytes: end..<end,
          reason: RecoveryReport.lostEndReason))
    }
    draft.firstBufferedSequence = next
    defer {
      let segments = draft.segments.dropLast()
      let indexes = mergedIndexes.of(draft.recording)
      if !settled.isCurrent(for: segments, indexes) {
        settled = SettledSegments(segments, indexes)
      }
      snapshot = Snapshot(draft, settled: settled)
    }
    guard let tail else {
      draft.buffered = []
      draft.bufferHoles = []
      draft.bufferByteCount = 0
      return
    }
    draft.buffered = tail.blocks(from: next)
    draft.bufferByteCount = tail.byteCount
    draft.bufferName = tail.name
    draft.recording = draft.recording ?? tail.recording
    draft.bufferHoles = tail.holes(from: next)
    let first = draft.buffered.first?.header.firstSequence ?? released
    // What damaged frames had is told as damage.
    let told = min(first, draft.bufferHoles.first?.lowerBound ?? first)
    if told > end { draft.missing.append(end...(told - 1)) }
    draft.firstBufferedSequence = max(next, first)
  }

  /// Finds the sequence numbers that no segment holds and that retention has not removed.
  /// - Returns: The first number after the last segment.
  private func findMissing() -> UInt64 {
    draft.missing = []
    var end = max(1, draft.control.dropped.below)
    if hasPassedOver, let first = draft.segments.first { end = max(end, first.firstSequence) }
    for segment in draft.segments {
      if end < segment.firstSequence, !files.isPinned {
        draft.missing.append(end...(segment.firstSequence - 1))
      }
      end = max(end, segment.summary.nextSequence)
    }
    return end
  }

  // MARK: Segments

  private func refreshSegments(active: BufferProgress?) throws(ReelError) {
    // A follower asks nothing of the segments that they are of.
    if floor == 0 { mergedIndexes.refresh(files.mergedIndexes, in: folder) }
    let known = draft.segments
    var next = 0
    var segments: [ReadableSegment] = []
    foreignSegments = []
    for sequence in relevantSegments(active) {
      while next < known.count, known[next].firstSequence < sequence { next += 1 }
      let old = next < known.count && known[next].firstSequence == sequence ? known[next] : nil
      if let old, old.isSealed {
        segments.append(old)
        continue
      }
      let segment = try readable(
        sequence, old, active: active, isLast: sequence == files.segments.last)
      if segment.isForeign {
        foreignSegments += segment.damages
      } else {
        segments.append(segment)
      }
    }
    draft.segments = segments
    try refreshControl()
  }

  /// The segments to look at, by their first sequence numbers.
  private func relevantSegments(_ active: BufferProgress?) -> ArraySlice<UInt64> {
    var sequences = files.segments[...]
    // A segment that the writer's progress does not name yet is being begun: what it will hold is
    // still in the buffer. Where it names none, it begins with what is in no block yet.
    while let active, let last = sequences.last, last > active.segment,
      active.segment > 0 || last >= active.nextSequence
    {
      sequences.removeLast()
    }
    guard floor > 0, let first = sequences.lastIndex(where: { $0 <= floor }) else {
      hasPassedOver = false
      return sequences
    }
    hasPassedOver = first > sequences.startIndex
    return sequences[first...]
  }

  /// A segment that is new or may have grown.
  private func readable(
    _ sequence: UInt64, _ old: ReadableSegment?, active: BufferProgress?, isLast: Bool
  ) throws(ReelError) -> ReadableSegment {
    let name = FileName.segment(firstSequence: sequence)
    if let old, isLast, let active, active.segment == sequence,
      case .scanned(_, let end) = old.form, UInt64(end) >= active.segmentByteCount
    {
      return old
    }
    if old == nil, !isLast, let recording = draft.recording,
      let member = mergedIndexes.member(sequence, of: recording),
      try folder.byteCount(of: name) == member.byteCount
    {
      return ReadableSegment(
        name: name, summary: member.trailer.summary, byteCount: member.byteCount,
        watermark: member.trailer.watermark, form: .complete(member.trailer),
        expectedRecording: recording)
    }
    let file = try folder.open(name, .read)
    var byteCount = try file.byteCount()
    if let active, active.segment == sequence, isLast {
      // What lies behind is being written at this moment.
      byteCount = min(byteCount, Int(active.segmentByteCount))
    }
    return try ReadableSegment.read(
      file, name: name, expected: sequence, byteCount: byteCount, old: old,
      recording: &draft.recording)
  }

  // MARK: Control state

  /// The state at the head of the newest segment that has one, and the control records since.
  private func refreshControl() throws(ReelError) {
    do throws(ReelError) {
      try takeControl()
    } catch {
      // It is in part what was before, and must be put together anew the next time.
      controlSegment = 0
      throw error
    }
  }

  private func takeControl() throws(ReelError) {
    guard let last = draft.segments.last else {
      segmentControl = ControlState()
      return
    }
    var start = draft.segments.count - 1
    if last.firstSequence != controlSegment {
      segmentControl = ControlState()
      controlEnd = 0
      while true {
        let state = try state(of: draft.segments[start])
        if let state {
          segmentControl = state
          break
        }
        if start == 0 { break }
        start -= 1
      }
      controlSegment = last.firstSequence
    }
    for segment in draft.segments[start...] { try applyControlRecords(of: segment) }
  }

  private func state(of segment: ReadableSegment) throws(ReelError) -> ControlState? {
    if case .unreadable = segment.form { return nil }
    return try damageAsNothing { () throws(ReelError) in try open(segment).state() }
  }

  private func applyControlRecords(of segment: ReadableSegment) throws(ReelError) {
    if case .unreadable = segment.form { return }
    let file = try open(segment)
    let blocks: [DirectoryEntry]
    switch segment.form {
    case .complete(let trailer):
      blocks =
        try damageAsNothing { () throws(ReelError) in try file.directory(trailer).blocks } ?? []
    case .scanned(let directory, _): blocks = directory.blocks
    case .unreadable: return
    }
    let isLast = segment.firstSequence == controlSegment
    for entry in blocks where entry.eventCount < entry.recordCount {
      guard !isLast || entry.offset >= controlEnd else { continue }
      try damageAsNothing { () throws(ReelError) in
        try file.controlRecords(entry) { segmentControl.apply($0, sequence: $1) }
      }
    }
    if isLast { controlEnd = blocks.last.map { $0.offset + $0.byteCount } ?? controlEnd }
  }

  private func open(_ segment: ReadableSegment) throws(ReelError) -> SegmentFile {
    try SegmentFile(file: try folder.open(segment.name, .read))
  }
}
