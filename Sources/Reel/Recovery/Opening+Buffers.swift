/// What an earlier run left in its write-ahead buffer.
extension Opening {
  /// Puts what a buffer holds beyond the blocks into blocks.
  ///
  /// The bytes are written anew, never synced in place: after a failed sync the kernel may call
  /// pages clean that never reached the disk.
  mutating func takeBuffer(
    _ sequence: UInt64, into appender: inout SegmentAppender
  ) throws(ReelError) {
    let file = try folder.open(FileName.buffer(firstSequence: sequence), .read)
    var reader: BufferReader
    do {
      reader = try BufferReader(file: file)
    } catch .corrupted(let corruption) {
      report.damages.append(corruption)
      return try appender.lose(to: sequence + 1)
    } catch .notARecording(let path, let reason) {
      report.damages.append(Corruption(path: path, bytes: 0..<8, reason: reason))
      return try appender.lose(to: sequence + 1)
    }
    guard reader.header.firstSequence == sequence, reader.header.recording == appender.recording
    else {
      report.damages.append(
        Corruption(
          path: file.path, bytes: 0..<BufferHeader.fixedByteCount,
          reason: "the buffer belongs to another name or recording"))
      return try appender.lose(to: sequence + 1)
    }
    let runID = reader.header.runID
    let first = appender.nextSequence
    var failure: ReelError?
    _ = try reader.read { record, sequence in
      guard sequence >= first, failure == nil else { return }
      guard appender.take(record, sequence: sequence, runID: runID) else { return }
      do throws(ReelError) { try appender.writeBlock() } catch { failure = error }
    }
    if let failure { throw failure }
    try appender.writeBlock()
    try appender.lose(to: max(sequence, reader.nextSequence))
    let lost = try takeFramesBehindHoles(file, reader, into: &appender)
    report.recoveredRecordCount += appender.nextSequence - first - lost
    // What has been handed out must stay, even when the power fails next: with durability `process`
    // a sync may have made these records durable in the old buffer, which is about to go.
    if appender.nextSequence > first || configuration.durability == .disk
      || reader.header.durability == .disk
    {
      try appender.sync()
    }
  }

  /// Whether the system has started anew since a moment, as far as its clocks tell.
  ///
  /// Wrongly yes, as when the clock was set forward since, lets frames that have become damaged
  /// seem never to have reached the disk; wrongly no lets those that never did seem damaged, and a
  /// buffer stays for nothing. A minute allows for clocks that were set a little.
  private func mayHaveLostPower(since moment: Int64) -> Bool {
    let start = configuration.clock.wall() &- configuration.clock.sinceBoot()
    return moment < start &+ 60_000_000_000
  }

  /// Takes the records behind bytes that are no frames.
  ///
  /// Pages of a mapped buffer reach the disk in any order, so that a loss of power leaves holes.
  /// With durability `disk` what lies behind a hole was not acknowledged then, and is left out; but
  /// frames that an earlier commit had made durable are damaged whatever befell the system.
  /// After a kill frames that end before the header page says so are damaged: the buffer is then
  /// kept, as evidence.
  /// - Returns: How many records are lost in holes.
  private mutating func takeFramesBehindHoles(
    _ file: any File, _ reader: BufferReader, into appender: inout SegmentAppender
  ) throws(ReelError) -> UInt64 {
    let header = reader.header
    // What was synced before the last commit began is no page that did not reach the disk.
    let hasLostPower = reader.offset >= reader.durable && mayHaveLostPower(since: header.created)
    let shortfall = reader.shortfall
    if shortfall == nil || hasLostPower {
      emptied.append(header.firstSequence)
    } else {
      damagedBuffers.append(header.firstSequence)
    }
    let isSearched =
      header.durability == .process
      ? hasLostPower || shortfall != nil
      : shortfall != nil && !hasLostPower
    guard isSearched else { return 0 }
    let (lostCount, end) = try takeStrayFrames(
      file, reader,
      reason: hasLostPower
        ? "these bytes of the buffer did not reach the disk before the power failed"
        : "these bytes of the buffer are damaged",
      into: &appender)
    guard let shortfall, !hasLostPower, end < reader.published else { return lostCount }
    // At least the next number was given; how many more nobody can tell.
    let lost = appender.nextSequence
    report.damages.append(
      Corruption(
        path: file.path, bytes: shortfall, sequenceNumbers: lost...lost,
        reason: "the buffer's frames end before its header says"))
    try appender.lose(to: lost + 1)
    return lostCount + 1
  }

  /// - Returns: How many numbers are missing before those frames, and where the last of them ends.
  private mutating func takeStrayFrames(
    _ file: any File, _ reader: BufferReader, reason: String, into appender: inout SegmentAppender
  ) throws(ReelError) -> (lostCount: UInt64, end: Int) {
    let header = reader.header
    guard let progress = try BufferReader(file: file).progress() else { return (0, reader.offset) }
    var lostCount: UInt64 = 0
    var end = reader.offset
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
            reason: reason))
        lostCount += first - appender.nextSequence
        try appender.lose(to: first)
      }
      try take(try walk.bytes(of: frame), first, header.runID, into: &appender)
      lost = frame.bytes.upperBound
      end = frame.offset + BufferFrame.paddedByteCount(frame.byteCount)
    }
    try appender.writeBlock()
    return (lostCount, end)
  }

  /// Takes the records of a frame that has been checked.
  private func take(
    _ frame: [UInt8], _ first: UInt64, _ runID: UInt64, into appender: inout SegmentAppender
  ) throws(ReelError) {
    var rest = frame.rawSpan.extracting(BufferFrame.headerByteCount..<frame.count)
    var sequence = first
    while rest.byteCount > 0, let record = try? RecordView(rest) {
      let isBlockFull = appender.take(record, sequence: sequence, runID: runID)
      rest = rest.extracting(record.byteCount..<rest.byteCount)
      sequence += 1
      if isBlockFull { try appender.writeBlock() }
    }
  }
}
