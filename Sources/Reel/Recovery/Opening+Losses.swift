/// What an opening finds to be missing, and what retention has left to do.
///
/// Each loss is noted in the log, so that it is told for good and is no news the next time.
extension Opening {
  /// Tells that a recording ends before its last run does, though no buffer that could be read has
  /// the rest.
  ///
  /// A clean close leaves the run's end in the newest segment before the buffer goes; a copy that
  /// lacks the one or the other does not. At least the number of that record is lost.
  mutating func noteLostEnd(
    _ files: RecordingFiles, _ appender: inout SegmentAppender
  ) throws(ReelError) {
    // A segment is made when its first record is there.
    let isEmpty = appender.active.byteCount > 0 && appender.stretches.last?.isEmpty == true
    let isOpen =
      files.segments.isEmpty
      ? files.hasDocuments : isEmpty || appender.control.runs.last?.end == .open
    guard emptied.isEmpty, damagedBuffers.isEmpty, isOpen else { return }
    let lost = appender.nextSequence
    var path = folder.path + "/" + FileName.documents
    var end = 0
    if let newest = files.segments.last {
      let file = try folder.open(FileName.segment(firstSequence: newest), .read)
      (path, end) = (file.path, try file.byteCount())
    }
    note(lost...lost, RecoveryReport.lostEndReason, path: path, bytes: end..<end)
    try appender.lose(to: lost + 1)
  }

  /// Tells of sequence numbers that no file holds, beyond those that are known to be lost.
  mutating func noteHoles(_ appender: inout SegmentAppender) throws(ReelError) {
    var expected = max(1, appender.control.dropped.below)
    var holes: [ClosedRange<UInt64>] = []
    for segment in appender.stretches where segment.lowerBound < segment.upperBound {
      if expected < segment.lowerBound { holes.append(expected...(segment.lowerBound - 1)) }
      expected = max(expected, segment.upperBound)
    }
    if expected < appender.nextSequence { holes.append(expected...(appender.nextSequence - 1)) }
    holes.removeAll { appender.control.isLost($0) }
    // Those of a segment that cannot be read have been told with it.
    let unreadable = appender.stretches.filter(\.isEmpty).map(\.lowerBound)
    for hole in holes where !unreadable.contains(where: hole.contains) {
      note(hole, "no file holds these sequence numbers")
    }
    if !holes.isEmpty { try appender.lose(holes) }
  }

  private mutating func note(
    _ sequences: ClosedRange<UInt64>, _ reason: String, path: String? = nil,
    bytes: Range<Int> = 0..<0
  ) {
    let isTold = report.damages.contains {
      $0.sequenceNumbers.map { $0.overlaps(sequences) } ?? false
    }
    if isTold { return }
    report.damages.append(
      Corruption(
        path: path ?? folder.path, bytes: bytes, sequenceNumbers: sequences, reason: reason))
  }

  /// Unlinks segments that the log says are gone, where the run before did not come to it.
  func unlinkDropped(_ appender: inout SegmentAppender) throws(ReelError) {
    let below = appender.control.dropped.below
    // Those that cannot be read stay, and are not asked about again.
    let dropped = appender.sealed.prefix { $0.firstSequence < below && $0.nextSequence <= below }
    for segment in dropped where segment.isReadable {
      try folder.unlink(FileName.segment(firstSequence: segment.firstSequence))
    }
    appender.forgetOldest(dropped.count)
    for name in appender.takeObsoleteIndexes() { try? folder.unlink(name) }
  }
}

extension RecoveryReport {
  /// What is said of a recording that ends before its last run does.
  static let lostEndReason = "the last run has no end, and no buffer is there that would have it"
}
