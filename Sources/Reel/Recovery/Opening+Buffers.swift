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
    let first = appender.nextSequence
    let lost = try takeFrames(&reader, into: &appender)
    report.recoveredRecordCount += appender.nextSequence - first - lost
    // What has been handed out must stay, even when the power fails next: with durability `process`
    // a sync may have made these records durable in the old buffer, which is about to go.
    if appender.nextSequence > first || configuration.durability == .disk
      || reader.header.durability == .disk
    {
      try appender.sync()
    }
  }

  /// Takes the records of all frames, also of those behind bytes that are none.
  ///
  /// Pages of a mapped buffer reach the disk in any order, so that a loss of power leaves holes.
  /// With durability `disk` what lies behind a hole was not acknowledged then, and is left out; but
  /// frames that an earlier commit had made durable are damaged whatever befell the system.
  /// After a kill frames that end before the header page says so are damaged: the buffer is then
  /// kept, as evidence.
  /// - Returns: How many records are lost in holes.
  private mutating func takeFrames(
    _ reader: inout BufferReader, into appender: inout SegmentAppender
  ) throws(ReelError) -> UInt64 {
    let header = reader.header
    let hasLostPower = mayHaveLostPower(since: header.created)
    let ringEnd = reader.offset + header.capacity
    var lostCount: UInt64 = 0
    var hasDamage = false
    while true {
      try takeWholeFrames(&reader, into: &appender)
      try appender.lose(to: max(header.firstSequence, reader.nextSequence))
      let isDamage =
        reader.shortfall != nil && !(hasLostPower && reader.offset >= reader.durable)
      hasDamage = hasDamage || isDamage
      guard isDamage || hasLostPower && header.durability == .process else { break }
      let end = isDamage ? reader.published : ringEnd
      guard case .hole(let hole) = try reader.passHole(before: end, known: appender.nextSequence)
      else {
        if isDamage { lostCount += try loseEnd(reader, &appender) }
        break
      }
      if isDamage || !hole.sequences.isEmpty {
        report.damages.append(
          hole.damage(
            reader.file.path,
            isDamage
              ? "these bytes of the buffer are damaged"
              : "these bytes of the buffer did not reach the disk before the power failed"))
      }
      lostCount += UInt64(hole.sequences.count)
      try appender.lose(to: hole.sequences.upperBound)
    }
    if hasDamage {
      damagedBuffers.append(header.firstSequence)
    } else {
      emptied.append(header.firstSequence)
    }
    return lostCount
  }

  /// Takes the records up to the first frame that is not whole.
  private func takeWholeFrames(
    _ reader: inout BufferReader, into appender: inout SegmentAppender
  ) throws(ReelError) {
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
  }

  /// Tells of frames that end before the header page says so, with nothing whole behind them.
  ///
  /// - Returns: How many records are lost: those that the heads of these frames tell of. Where they
  ///   do not lead to the end, at least the next number was given; how many more nobody can tell.
  private mutating func loseEnd(
    _ reader: BufferReader, _ appender: inout SegmentAppender
  ) throws(ReelError) -> UInt64 {
    guard let shortfall = reader.shortfall else { return 0 }
    let first = appender.nextSequence
    let claimed = try reader.claimedEnd(known: first)
    let end = max(first, claimed ?? first + 1)
    report.damages.append(
      Corruption(
        path: reader.file.path, bytes: shortfall,
        sequenceNumbers: first < end ? first...(end - 1) : nil,
        reason: "the buffer's frames end before its header says"))
    try appender.lose(to: end)
    return end - first
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
}
