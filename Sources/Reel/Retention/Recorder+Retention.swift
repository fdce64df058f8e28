extension Recorder {
  /// Removes every event with a timestamp before `timestamp` that has arrived by now.
  ///
  /// Exact at once for every query, in any process, and across restarts; events that arrive later
  /// are kept, however old. Space comes back by whole segments, which the flusher unlinks after
  /// this returns.
  ///
  /// - Returns: How many events were removed.
  /// - Throws: ``ReelError/limitExceeded(what:found:limit:)`` when more than 512 cuts hide events
  ///   of segments that are still there; ``ReelError/io(_:)``, ``ReelError/closed``,
  ///   ``ReelError/poisoned(by:)``. Nothing is then removed.
  /// - Complexity: One look at each segment, and the blocks that the moment lies within.
  @discardableResult
  public func removeEvents(before timestamp: Timestamp) throws(ReelError) -> Int {
    try remove(before: timestamp.nanoseconds, keeping: nil)
  }

  /// Removes the oldest events, by arrival, until `count` are left; exact at once, as
  /// ``removeEvents(before:)``.
  ///
  /// - Parameter count: 0 or more.
  /// - Returns: How many events were removed.
  /// - Throws: ``ReelError/invalidArgument(_:)`` for a negative count; else as
  ///   ``removeEvents(before:)``.
  @discardableResult
  public func keepNewest(events count: Int) throws(ReelError) -> Int {
    guard count >= 0 else {
      throw .invalidArgument("the number of events to keep is \(count); it must be 0 or more")
    }
    return try remove(before: nil, keeping: count)
  }

  /// Drops the oldest segments while the recording takes more than `byteCount` bytes on disk.
  ///
  /// - Parameter byteCount: 0 or more. The active segment and the buffer always stay.
  /// - Returns: What was dropped.
  /// - Throws: ``ReelError/invalidArgument(_:)`` for a negative count, ``ReelError/io(_:)``,
  ///   ``ReelError/closed``, ``ReelError/poisoned(by:)``.
  public func keepNewest(bytes byteCount: Int) throws(ReelError) -> RetentionReport {
    guard byteCount >= 0 else {
      throw .invalidArgument("the number of bytes to keep is \(byteCount); it must be 0 or more")
    }
    return try log.waitForRetention(.keepBytes(byteCount))
  }

  /// Drops what the configuration says, now rather than at the next interval.
  @discardableResult
  public func enforceRetention() throws(ReelError) -> RetentionReport {
    try log.waitForRetention(.enforce)
  }

  private func remove(before: Int64?, keeping kept: Int?) throws(ReelError) -> Int {
    let reader = try recording
    let planned = try RemovalPlan(before: before, keeping: kept, reader).cut(reader)
    guard let cut = planned.cut else { return 0 }
    let open = try reader.snapshot().control.cuts.filter { !cut.includes($0) }.count
    guard open < ControlState.maximumCutCount else {
      throw .limitExceeded(
        what: "the number of cuts through segments that are still there", found: open + 1,
        limit: ControlState.maximumCutCount)
    }
    try log.append(.cut(cut), mayWaitForRoom: true)
    log.unlink(coveredBy: cut)
    return planned.eventCount
  }
}

/// The cut that removes what a caller asked to be removed, and how many events that is.
struct RemovalPlan {
  private let before: Int64?
  private let kept: Int?
  private let next: UInt64

  init(before: Int64?, keeping kept: Int?, _ recording: Recording) throws(ReelError) {
    self.before = before
    self.kept = kept
    next = try recording.snapshot().nextSequence
  }

  func cut(_ recording: Recording) throws(ReelError) -> (cut: Cut?, eventCount: Int) {
    guard let kept else {
      let cut = Cut(before: before, sequence: next)
      let count = try recording.count(coveredBy: cut)
      return (count > 0 ? cut : nil, count)
    }
    let total = try recording.count(coveredBy: Cut(before: nil, sequence: next))
    guard total > kept else { return (nil, 0) }
    let sequence = try recording.sequence(ofEvent: total - kept, below: next)
    return (Cut(before: nil, sequence: sequence), total - kept)
  }
}

extension Recording {
  /// The number of events that `cut` would remove.
  func count(coveredBy cut: Cut) throws(ReelError) -> Int {
    try Counting(Query(), snapshot: try snapshot(), cache: cache).count(coveredBy: cut)
  }

  /// The sequence number of the event that has `rank` events before it in order of arrival.
  func sequence(ofEvent rank: Int, below limit: UInt64) throws(ReelError) -> UInt64 {
    try Counting(Query(), snapshot: try snapshot(), cache: cache).sequence(
      ofEvent: rank, below: limit)
  }

  /// How many events ``Recorder/removeEvents(before:)`` would remove.
  public func eventCount(before timestamp: Timestamp) throws(ReelError) -> Int {
    try count(coveredBy: Cut(before: timestamp.nanoseconds, sequence: .max))
  }
}
