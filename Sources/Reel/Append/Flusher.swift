/// The thread behind a recorder: it collects what callers left in the buffer, has it made into
/// blocks and segments, releases the room, makes blocks durable and drops old segments.
///
/// Callers never do any of it.
final class Flusher: Sendable {
  private let log: AppendLog
  private let configuration: RecorderConfiguration
  private let runID: UInt64
  private let helpers: FlusherThreads
  private let thread: WorkerThread

  /// Bytes of the buffer that are taken at once; room is given back in such steps.
  private static let stepByteCount = 1 << 20
  /// How often the flusher looks while events come in, so that appends need not wake it.
  private static let activeInterval: Int64 = 1_000_000
  /// How long it goes on looking after the last event.
  private static let activePeriod: Int64 = 100_000_000
  /// Sealed segments at which it does not wait for the interval to have them synced: until then
  /// each keeps a descriptor.
  private static let unsyncedLimit = 16
  /// How long it waits before it tries again to write to a full disk.
  private static let stallInterval: Int64 = 50_000_000

  /// Starts the thread.
  init(
    log: AppendLog, appender: SegmentAppender, configuration: RecorderConfiguration, runID: UInt64
  ) throws(ReelError) {
    self.log = log
    self.configuration = configuration
    self.runID = runID
    var appender = appender
    let helpers = try FlusherThreads(&appender, configuration)
    self.helpers = helpers
    let work = Work(
      log: log, configuration: configuration, runID: runID, appender: appender,
      syncer: helpers.syncer)
    do throws(ReelError) {
      thread = try WorkerThread {
        var work = work
        work.run()
      }
    } catch {
      helpers.stop()
      throw error
    }
  }

  /// Waits until the flusher has finished, after ``AppendLog/beginClosing()`` or a failure.
  func join() {
    thread.join()
    helpers.stop()
  }

  /// The flusher's own state, touched by its thread alone.
  private struct Work: @unchecked Sendable {
    private let log: AppendLog
    private let buffer: WriteAheadBuffer
    private let configuration: RecorderConfiguration
    private let clock: any Clock
    private let runID: UInt64
    private let syncer: Syncer
    private var appender: SegmentAppender
    private var retention: Retention

    /// Everything before is in the appender, as an offset of the buffer.
    private var drained = WriteAheadBuffer.Position()
    /// The sequence number of the next record to be drained.
    private var nextDrained: UInt64
    /// Ends of frames that are drained, each with the sequence number of its last record.
    private var frameEnds: [(offset: Int, lastSequence: UInt64)] = []
    private var firstFrameEnd = 0
    private var lastActivity: Int64 = 0
    private var nextSync: Int64 = .max
    /// The first sequence number in no block when files were last synced in the background.
    private var lastSyncedNext: UInt64 = 0
    /// The last record that a sync of the buffer in the background has made durable.
    private var syncedInBuffer: UInt64 = 0
    private var nextRetention: Int64
    /// Where everything was drained when somebody who waited for room was last told so.
    private var starved: Int?
    /// Whether there are segments to drop whose drop record has found no room yet.
    private var isRetentionDue = false
    /// Cuts for whose segments there was no room to note that they are gone.
    private var openCuts: [Cut] = []
    /// Segments that the log says are gone and that could not be unlinked yet.
    private var condemned: [SegmentAppender.SealedSegment] = []

    init(
      log: AppendLog, configuration: RecorderConfiguration, runID: UInt64,
      appender: SegmentAppender, syncer: Syncer
    ) {
      self.log = log
      buffer = log.buffer
      nextDrained = log.buffer.header.firstSequence
      self.configuration = configuration
      clock = configuration.clock
      self.runID = runID
      self.appender = appender
      self.syncer = syncer
      retention = Retention(configuration: configuration)
      nextRetention = .max
      // The run before may have ended between a cut and what follows from it.
      isRetentionDue = !appender.control.cuts.isEmpty
      lastActivity = clock.monotonic()
      if configuration.maximumAge != nil, configuration.retentionInterval > .zero {
        nextRetention = lastActivity.saturatingAdd(
          configuration.retentionInterval.nanoseconds)
      }
    }

    /// What there is to do, decided with the lock held.
    private struct Task {
      var target: Int
      var flushTo: UInt64
      var syncTo: UInt64
      var isClosing: Bool
      /// Whether somebody waits for room that only the block begun can give back.
      var isRoomWanted = false
      var retention: RetentionRequest?
      var cuts: [Cut]
    }

    mutating func run() {
      while true {
        let task = log.lock.withLock { nextTask() }
        guard let task else { return }
        if task.isClosing { appender.endMerging() }
        do throws(ReelError) {
          try perform(task)
          log.lock.withLock { log.setStall(nil) }
          if task.isClosing && isDrained() {
            try finish()
            return
          }
        } catch .io(let failure) where failure.isOutOfSpace {
          if !stall(failure, task) { return }
        } catch {
          log.lock.withLock { log.poison(error) }
          return
        }
      }
    }

    private func isDrained() -> Bool {
      !appender.hasUnwritten && log.lock.withLock { drained.offset >= buffer.head }
    }

    /// Waits until there is something to do.
    ///
    /// The lock is held.
    /// - Returns: Nothing when the recorder has failed.
    private mutating func nextTask() -> Task? {
      while true {
        if log.failureNow != nil { return nil }
        let now = clock.monotonic()
        let target = buffer.committed
        if target > drained.offset {
          lastActivity = now
          if nextSync == .max, configuration.syncInterval > .zero {
            nextSync = now.saturatingAdd(configuration.syncInterval.nanoseconds)
          }
        }
        var task = Task(
          target: target, flushTo: log.flushRequest, syncTo: log.syncRequest,
          isClosing: log.isClosing, retention: log.retentionRequest, cuts: log.cuts)
        if target > drained.offset || task.flushTo >= appender.nextSequence
          || task.syncTo > appender.watermark || task.isClosing || task.retention != nil
          || !task.cuts.isEmpty || now >= nextSync || now >= nextRetention
        {
          return task
        }
        if log.hasRoomWaiters, appender.hasUnwritten {
          // They have been woken once since everything was drained, and found too little: a batch
          // needs up to half the buffer, and the one before keeps its room until its last record
          // is in a block.
          if starved == drained.offset {
            task.isRoomWanted = true
            return task
          }
          starved = drained.offset
        }
        sleep(now)
      }
    }

    private mutating func sleep(_ now: Int64) {
      if now &- lastActivity < Flusher.activePeriod {
        log.sleepFlusher(nanoseconds: Flusher.activeInterval)
      } else if min(nextSync, nextRetention) < .max {
        // Looks at the buffer now and then as well, so that an append wakes it only once it fills.
        log.sleepFlusher(
          nanoseconds: max(1, min(min(nextSync, nextRetention) &- now, 10_000_000)))
      } else {
        log.sleepFlusher(nanoseconds: nil)
      }
    }

    private mutating func perform(_ task: Task) throws(ReelError) {
      if appender.isStalled || appender.isBlockFull { try resume() }
      var target = task.target
      let isAwaited = task.flushTo >= appender.nextSequence || task.isClosing
      if configuration.durability == .disk, isAwaited {
        // Somebody waits for all of it, and nobody may be there to commit the last control records.
        target = try log.commitPublished()
      }
      while drained.offset < target {
        try drainStep(to: target)
        try settle()
        try release()
      }
      let next = appender.nextSequence
      try appender.writeUnwritten()
      if appender.nextSequence > next { isRetentionDue = isRetentionDue || mayRetain }
      try release()
      if appender.hasUnwritten,
        task.flushTo >= appender.nextSequence || task.isClosing || task.isRoomWanted
      {
        try appender.writeBlock()
        isRetentionDue = isRetentionDue || mayRetain
        try release()
      }
      if task.syncTo > appender.watermark { try syncNow(task.syncTo) }
      let now = clock.monotonic()
      if now >= nextSync || appender.unsyncedCount >= Flusher.unsyncedLimit {
        syncInBackground()
      }
      appender.watermark = max(appender.watermark, try syncer.takeWatermark())
      try drop(coveredBy: task.cuts)
      if let request = task.retention { try answer(request) }
      if now >= nextRetention {
        nextRetention = now.saturatingAdd(configuration.retentionInterval.nanoseconds)
        try enforceRetention()
      }
    }

    /// Goes on where there was no room: writes the blocks that wait for it, and ends the one that
    /// is full, which must not take another record.
    private mutating func resume() throws(ReelError) {
      if appender.isStalled { try appender.writeUnwritten() }
      if appender.isBlockFull { try appender.endBlock() }
      isRetentionDue = isRetentionDue || mayRetain
      try settle()
      try release()
    }

    /// Whether what a block adds may make segments go: limits, or a cut that covers some.
    private var mayRetain: Bool {
      configuration.maximumEventCount != nil || configuration.maximumByteCount != nil
        || !appender.control.cuts.isEmpty
    }

    /// Takes about a step's worth of records, writing each block as it fills, or fewer when there
    /// are segments to drop.
    private mutating func drainStep(to target: Int) throws(ReelError) {
      let end = min(target, drained.offset + Flusher.stepByteCount)
      var failure: ReelError?
      drained = try buffer.records(from: drained, to: end) { record, sequence, frameEnd in
        guard sequence == nextDrained else {
          failure = buffer.overwritten(drained.offset..<frameEnd)
          return false
        }
        nextDrained += 1
        let isBlockFull = appender.take(record, sequence: sequence, runID: runID)
        if frameEnds.last?.offset == frameEnd {
          frameEnds[frameEnds.count - 1].lastSequence = sequence
        } else {
          frameEnds.append((frameEnd, sequence))
        }
        guard isBlockFull else { return true }
        do throws(ReelError) {
          try appender.endBlock()
          // The drop record needs room, which writers who wait for it leave only on releasing.
          isRetentionDue = mayRetain && plan(nil) > 0
          return !isRetentionDue && !isUnsettled
        } catch {
          failure = error
          return false
        }
      }
      if let failure { throw failure }
      // What seems to end a lap would lead beyond all that was appended.
      guard drained.offset <= target else { throw buffer.overwritten(end..<drained.offset) }
    }

    /// Whether a sync has made records durable in the buffer that no durable block has.
    private var isUnsettled: Bool { appender.watermark < syncedInBuffer }

    /// Makes blocks with such records durable before anything is written behind them: a loss of
    /// power that takes them and leaves what is behind would look like damage, and they would not
    /// be looked for in the buffer.
    private mutating func settle() throws(ReelError) {
      guard isUnsettled else { return }
      try appender.writeUnwritten()
      if appender.watermark < min(syncedInBuffer, appender.nextSequence - 1) { try sync() }
    }

    /// Gives back the room of all frames whose records are in blocks, and drops what is due.
    private mutating func release() throws(ReelError) {
      var offset: Int?
      // A batch that is drained in part keeps its room, though its records so far are in blocks.
      while firstFrameEnd < frameEnds.count,
        frameEnds[firstFrameEnd].lastSequence < appender.nextSequence,
        frameEnds[firstFrameEnd].offset <= drained.offset
      {
        offset = frameEnds[firstFrameEnd].offset
        firstFrameEnd += 1
      }
      if firstFrameEnd > 1024 {
        frameEnds.removeFirst(firstFrameEnd)
        firstFrameEnd = 0
      }
      let due = isRetentionDue ? planDrop(plan(nil)) : nil
      guard offset != nil || due != nil else { return }
      guard try note(freeTo: offset, due?.record), let due else { return }
      (isRetentionDue, openCuts) = (false, [])
      _ = try unlink(due.segments)
    }

    /// Notes in the buffer how far blocks have come and, if there is room, what is dropped.
    ///
    /// Also where nothing is freed: else it might go on naming a segment that goes, and readers
    /// would find no attributes, runs and cuts where they look for them.
    /// - Returns: Whether the drop is noted.
    private mutating func note(freeTo offset: Int?, _ drop: Drop?) throws(ReelError) -> Bool {
      // Room may be used again only once its blocks are durable, if its frames were.
      let durable = configuration.durability == .disk ? .max : syncedInBuffer
      if appender.watermark < min(durable, appender.nextSequence - 1) { try sync() }
      let active = appender.active
      return log.lock.withLock {
        buffer.release(
          to: offset ?? buffer.released, nextSequence: appender.nextSequence,
          watermark: appender.watermark, segment: active.firstSequence,
          segmentByteCount: active.byteCount)
        // Before those who wait for room take all of it.
        let isNoted = drop.map { log.appendControlIfRoom(.drop($0)) } ?? false
        log.advance(written: appender.nextSequence - 1, synced: appender.watermark)
        return isNoted
      }
    }

    /// Makes everything in blocks durable, also what the syncing thread has been given.
    private mutating func sync() throws(ReelError) {
      appender.watermark = max(appender.watermark, try syncer.finish())
      try appender.sync()
    }

    /// Makes everything in blocks durable at once, because a caller waits for it.
    private mutating func syncNow(_ sequence: UInt64) throws(ReelError) {
      try sync()
      let watermark = appender.watermark
      log.lock.withLock {
        // The mark proves later that what lies before it cannot be torn; without room for it, the
        // next block header does.
        _ = log.appendControlIfRoom(.syncMark(watermark: watermark))
        log.advance(written: appender.nextSequence - 1, synced: watermark)
      }
    }

    /// Hands what has been written to the syncing thread, and the buffer too when no block has come
    /// since the last time: then its content is older than the interval and few pages are dirty.
    private mutating func syncInBackground() {
      let isQuiet = appender.nextSequence == lastSyncedNext
      lastSyncedNext = appender.nextSequence
      nextSync = .max
      var task = appender.takeUnsynced()
      if appender.hasUnwritten, configuration.durability == .process,
        configuration.syncInterval > .zero
      {
        if isQuiet {
          task.files.append(buffer.file)
          syncedInBuffer = log.lock.withLock { buffer.nextSequence - 1 }
        } else {
          nextSync = clock.monotonic().saturatingAdd(
            configuration.syncInterval.nanoseconds)
        }
      }
      syncer.add(task)
    }

    private mutating func answer(_ request: RetentionRequest) throws(ReelError) {
      let report = try drop(plan(request))
      log.lock.withLock { log.answerRetention(.success(report)) }
    }

    private mutating func enforceRetention() throws(ReelError) {
      _ = try drop(plan(nil))
    }

    private func plan(_ request: RetentionRequest?) -> Int {
      retention.plan(request, appender, cuts: openCuts)
    }

    /// Unlinks what new cuts cover, or sees to it that this is done once there is room to note it.
    private mutating func drop(coveredBy cuts: [Cut]) throws(ReelError) {
      guard !cuts.isEmpty else { return }
      openCuts += cuts
      log.lock.withLock { log.forgetCuts(cuts.count) }
      let count = plan(nil)
      if count > 0, try drop(count).segmentCount == 0 {
        isRetentionDue = true
      } else {
        openCuts = []
      }
    }

    /// Unlinks the `count` oldest segments, once the log says so.
    private mutating func drop(_ count: Int) throws(ReelError) -> RetentionReport {
      guard let plan = planDrop(count), try note(freeTo: nil, plan.record) else {
        return RetentionReport()
      }
      return try unlink(plan.segments)
    }

    /// The `count` oldest segments and the record that says that they are gone.
    ///
    /// Numbers behind the last of them that no file has were lost, not removed, and stay missing;
    /// only of a segment that cannot be read nobody knows where it ends.
    private func planDrop(
      _ count: Int
    ) -> (segments: [SegmentAppender.SealedSegment], record: Drop)? {
      let dropped = Array(appender.sealed.prefix(count))
      guard let last = dropped.last else { return nil }
      var below = last.nextSequence
      if !last.isReadable {
        let next = appender.sealed.dropFirst(count).first?.firstSequence
        below = next ?? appender.active.firstSequence
      }
      let record = Drop(
        below: below == 0 ? appender.nextSequence : below,
        eventCount: dropped.reduce(0) { $0.saturatingAdd($1.eventCount) })
      return (dropped, record)
    }

    /// Unlinks segments that a drop record covers.
    private mutating func unlink(
      _ dropped: [SegmentAppender.SealedSegment]
    ) throws(ReelError) -> RetentionReport {
      // They are gone from the books with the record, so that a second one never counts them anew.
      appender.forgetOldest(dropped.count)
      let readable = dropped.filter(\.isReadable)
      condemned += readable
      // Others would not know why numbers are missing, nor would the next run.
      if configuration.durability == .disk { _ = try log.commitPublished() }
      try unlinkCondemned()
      return RetentionReport(
        segmentCount: readable.count,
        eventCount: Int(clamping: readable.reduce(UInt64(0)) { $0.saturatingAdd($1.eventCount) }),
        byteCount: readable.reduce(0) { $0.saturatingAdd($1.byteCount) })
    }

    private mutating func unlinkCondemned() throws(ReelError) {
      while let segment = condemned.first {
        do throws(ReelError) {
          try appender.folder.unlink(FileName.segment(firstSequence: segment.firstSequence))
        } catch .io(let failure) where failure.code == ErrorNumber.noEntry {
          // Somebody else removed it: the aim is reached.
        }
        condemned.removeFirst()
      }
      for name in appender.takeObsoleteIndexes() { try? appender.folder.unlink(name) }
    }

    /// Waits for room on the disk.
    /// - Returns: Whether to go on.
    private mutating func stall(_ failure: IOFailure, _ task: Task) -> Bool {
      log.lock.withLock {
        log.setStall(failure)
        if task.isClosing {
          log.poison(.io(failure))
          return false
        }
        if task.retention != nil { log.answerRetention(.failure(.io(failure))) }
        log.sleepFlusher(nanoseconds: Flusher.stallInterval)
        return true
      }
    }

    /// Ends the run: a checkpoint, everything durable, and the buffer gone.
    private mutating func finish() throws(ReelError) {
      try sync()
      try appender.checkpoint()
      try appender.sync()
      let name = FileName.buffer(firstSequence: buffer.header.firstSequence)
      try appender.folder.unlink(name)
      try appender.folder.sync()
      log.lock.withLock {
        log.advance(written: appender.nextSequence - 1, synced: appender.watermark)
      }
    }
  }
}
