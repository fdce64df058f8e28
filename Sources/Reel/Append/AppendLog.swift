/// The front of a recorder: the write-ahead buffer behind one lock, where callers append, wait for
/// room and commit, and where the flusher takes what they left.
final class AppendLog: @unchecked Sendable {
  /// Guards every stored property below.
  let lock = Lock()
  /// Where callers wait for room, where they wait for anything else, and where the flusher waits.
  ///
  /// Apart, because a caller that finds no room wakes the flusher: on one condition eight such
  /// callers woke each other all the time, and appended half as fast as one.
  private let room: Condition
  private let progress: Condition
  private let work: Condition
  /// Where the caller who commits for all waits for room on the disk.
  private let retry: Condition
  private var roomWaiterCount = 0
  let buffer: WriteAheadBuffer
  private let clock: any Clock
  private let rules: RecordRules
  private let backpressure: BackpressurePolicy

  /// Why no more is taken; everything acknowledged before is kept.
  private var failure: ReelError?
  private var isClosed = false
  private var isCommitting = false
  /// The callers whose events are not durable yet, and how many the last commit served.
  private var committerCount = 0
  private var lastGroupCount = 0
  /// Why the last commit found no room on the disk; it is tried again.
  private var commitStall: IOFailure?
  /// Events refused since the last gap record.
  private var gap: Gap?
  private(set) var droppedEventCount: UInt64 = 0

  // What callers ask of the flusher and what it answers.
  private(set) var flushRequest: UInt64 = 0
  private(set) var syncRequest: UInt64 = 0
  private var writtenSequence: UInt64
  private var syncedSequence: UInt64 = 0
  /// The last sequence number that a group commit has made durable.
  private var committedSequence: UInt64 = 0
  private(set) var isClosing = false
  private(set) var retentionRequest: RetentionRequest?
  private var retentionAnswer: Result<RetentionReport, ReelError>?
  /// Cuts whose segments are to be unlinked, for which nobody waits.
  private(set) var cuts: [Cut] = []
  /// Whether the flusher sleeps until somebody wakes it.
  private var isFlusherAsleep = false
  /// Why blocks cannot be written at the moment; they are tried again.
  private(set) var stall: IOFailure?

  init(buffer: WriteAheadBuffer, rules: RecordRules, configuration: RecorderConfiguration) {
    room = Condition(lock)
    progress = Condition(lock)
    work = Condition(lock)
    retry = Condition(lock)
    self.buffer = buffer
    self.rules = rules
    clock = configuration.clock
    backpressure = configuration.backpressure
    writtenSequence = buffer.nextSequence - 1
  }

  // MARK: Appending

  /// Appends one record and waits until it is as durable as the recorder promises.
  ///
  /// - Parameters:
  ///   - source: The record.
  ///   - type: Its type; 0 is an event.
  ///   - mayWaitForRoom: Whether it waits, with durability `disk`, while the disk is full.
  /// - Returns: Its sequence number, or nothing when it was dropped for lack of room.
  /// - Throws: As ``Recorder/append(_:)-(Event)``; ``ReelError/io(_:)`` while the disk is full.
  func append<Source: RecordSource & ~Copyable>(
    _ source: borrowing Source, type: UInt8 = 0, mayWaitForRoom: Bool = true
  ) throws(ReelError) -> UInt64? {
    let byteCount = try source.measure(rules)
    try checkFrame(byteCount)
    let timestamp = source.givenTimestamp ?? clock.wall()
    lock.lock()
    guard let reservation = try reserve(byteCount, eventCount: 1, mayDrop: type == 0) else {
      lock.unlock()
      return nil
    }
    var writer = buffer.writer(
      reservation, recordOffset: 0, byteCount: byteCount, timestamp: timestamp)
    if type != 0 { writer.setType(type) }
    source.write(to: &writer, rules: rules)
    let sequence = buffer.publish(reservation, recordCount: 1)
    let end = buffer.head
    wakeFlusherIfNeeded()
    lock.unlock()
    if buffer.header.durability == .disk { try commit(end, mayWaitForRoom: mayWaitForRoom) }
    return sequence
  }

  /// Appends a batch as one frame: all of it or nothing, also across a crash.
  ///
  /// - Returns: The sequence number of the first, or nothing when the batch was dropped.
  func append(batch events: [Event]) throws(ReelError) -> UInt64? {
    var sizes: [Int] = []
    sizes.reserveCapacity(events.count)
    var total = 0
    for event in events {
      let byteCount = try event.measure(rules)
      sizes.append(byteCount)
      total += byteCount
    }
    try checkFrame(total)
    let now = clock.wall()
    lock.lock()
    guard let reservation = try reserve(total, eventCount: events.count, mayDrop: true) else {
      lock.unlock()
      return nil
    }
    var offset = 0
    for (index, event) in events.enumerated() {
      var writer = buffer.writer(
        reservation, recordOffset: offset, byteCount: sizes[index],
        timestamp: event.givenTimestamp ?? now)
      event.write(to: &writer, rules: rules)
      offset += sizes[index]
    }
    let sequence = buffer.publish(reservation, recordCount: events.count)
    let end = buffer.head
    wakeFlusherIfNeeded()
    lock.unlock()
    if buffer.header.durability == .disk { try commit(end, mayWaitForRoom: true) }
    return sequence
  }

  private func checkFrame(_ byteCount: Int) throws(ReelError) {
    let padded = BufferFrame.paddedByteCount(byteCount)
    guard padded <= buffer.maximumFrameByteCount else {
      throw .limitExceeded(
        what: "the event or batch, in bytes of the write-ahead buffer,", found: padded,
        limit: buffer.maximumFrameByteCount)
    }
  }

  /// Finds room, waiting or dropping as configured.
  ///
  /// The lock is held, and given up on an error.
  private func reserve(
    _ byteCount: Int, eventCount: Int, mayDrop: Bool
  ) throws(ReelError) -> WriteAheadBuffer.Reservation? {
    while true {
      if let failure = failure ?? (isClosed ? .closed : nil) {
        lock.unlock()
        throw failure
      }
      // While a caller waits for room to commit, whoever must not wait is not let in behind it.
      let stalledCommit = isCommitting ? commitStall : nil
      let mayWait = mayDrop && backpressure == .wait
      if stalledCommit == nil || mayWait {
        if gap != nil { appendGap() }
        if gap == nil || !mayDrop, let reservation = buffer.reserve(byteCount) {
          return reservation
        }
      }
      if mayDrop, backpressure == .drop {
        let now = clock.wall()
        droppedEventCount += UInt64(eventCount)
        gap = Gap(
          eventCount: (gap?.eventCount ?? 0) + UInt64(eventCount), from: gap?.from ?? now, to: now)
        wakeFlusher()
        return nil
      }
      if !mayDrop, let stall = stalledCommit ?? stall {
        // Whoever closes or cuts must not wait for room that may never come.
        lock.unlock()
        throw .io(stall)
      }
      wakeFlusher()
      roomWaiterCount += 1
      room.wait()
      roomWaiterCount -= 1
    }
  }

  /// Records what was dropped, ahead of the first event that is taken again.
  private func appendGap() {
    guard let current = gap else { return }
    if appendControlIfRoom(.gap(current)) { gap = nil }
  }

  /// Appends a control record if there is room at once.
  ///
  /// The lock is held.
  /// - Returns: Whether it was appended.
  func appendControlIfRoom(_ record: ControlRecord) -> Bool {
    let source = ControlSource(record)
    guard let byteCount = try? source.measure(rules),
      let reservation = buffer.reserve(byteCount, isControl: true)
    else { return false }
    var writer = buffer.writer(
      reservation, recordOffset: 0, byteCount: byteCount, timestamp: clock.wall())
    writer.setType(record.type)
    source.write(to: &writer, rules: rules)
    _ = buffer.publish(reservation, recordCount: 1)
    return true
  }

  /// Appends a control record, waiting for room in the buffer whatever the policy.
  func append(_ record: ControlRecord, mayWaitForRoom: Bool) throws(ReelError) {
    let source = ControlSource(record)
    guard try append(source, type: record.type, mayWaitForRoom: mayWaitForRoom) != nil else {
      throw .closed
    }
  }

  /// Where readers in this process would find the log, or nothing once it is closed or has failed.
  var mark: LiveMark? {
    lock.withLock {
      guard failure == nil, !isClosed else { return nil }
      return LiveMark(
        head: buffer.head, committed: buffer.committed, progress: buffer.lastProgress.counter)
    }
  }

  /// How appending stands, without waiting for anything.
  var status: RecorderStatus {
    lock.withLock {
      RecorderStatus(
        nextSequenceNumber: SequenceNumber(rawValue: buffer.nextSequence),
        droppedEventCount: droppedEventCount, bufferedByteCount: buffer.usedByteCount,
        durableSequenceNumber: SequenceNumber(
          rawValue: max(buffer.lastProgress.watermark, syncedSequence, committedSequence)),
        stall: stall ?? commitStall)
    }
  }

  // MARK: Group commit

  /// Waits until everything up to `end` is durable; the first caller to come writes for all.
  ///
  /// On a full disk a caller that may wait for room does, and writes the same bytes again.
  /// - Throws: ``ReelError/poisoned(by:)``; ``ReelError/io(_:)`` while the disk is full, to those
  ///   who may not wait. What they published is still there, and the next commit takes it along.
  private func commit(_ end: Int, mayWaitForRoom: Bool) throws(ReelError) {
    lock.lock()
    defer { lock.unlock() }
    // Who does not wait is not reckoned with: it may leave while a commit is under way.
    if mayWaitForRoom, buffer.committed < end { committerCount += 1 }
    while buffer.committed < end {
      if let failure { throw failure }
      if isCommitting {
        if !mayWaitForRoom, let commitStall { throw .io(commitStall) }
        progress.wait()
        continue
      }
      isCommitting = true
      defer {
        isCommitting = false
        progress.wakeAll()
      }
      do throws(ReelError) {
        try commitGroup()
      } catch .io(let failure) where failure.isOutOfSpace {
        commitStall = failure
        progress.wakeAll()
        guard mayWaitForRoom else { throw .io(failure) }
        retry.wait(nanoseconds: Self.stallInterval)
      } catch {
        poison(error)
      }
    }
  }

  /// How long a commit waits before it tries again to write to a full disk.
  private static let stallInterval: Int64 = 50_000_000

  /// Makes all that has been published durable.
  ///
  /// The lock is held, and given up meanwhile.
  private func commitGroup() throws(ReelError) {
    if commitStall == nil { gatherCommitters() }
    let target = buffer.head
    let last = buffer.nextSequence - 1
    let groupCount = committerCount
    let page = buffer.headerPage()
    let ranges = buffer.uncommittedRanges(to: target)
    let released = buffer.released
    let reusesRoom = buffer.reusesRoom(upTo: target)
    lock.unlock()
    let result = write(page, ranges, target, reusesRoom: reusesRoom)
    lock.lock()
    try result.get()
    buffer.markCommitted(target, released: released)
    committedSequence = last
    committerCount -= groupCount
    lastGroupCount = groupCount
    commitStall = nil
  }

  /// Makes everything that has been published durable; for the flusher, whose own control records
  /// no caller commits.
  ///
  /// - Returns: The end of it, as an offset of the buffer.
  /// - Throws: ``ReelError/io(_:)`` while the disk is full: whoever closes must not wait for room.
  func commitPublished() throws(ReelError) -> Int {
    let end = lock.withLock { buffer.head }
    try commit(end, mayWaitForRoom: false)
    return end
  }

  /// Lets those come along whom the last commit served: having been told so, they are about to
  /// append again, and the sync that is about to begin would make them wait for a second one.
  ///
  /// The lock is held, and given up meanwhile.
  private func gatherCommitters() {
    for _ in 0..<(8 * lastGroupCount) where committerCount < lastGroupCount {
      lock.unlock()
      yieldProcessor()
      lock.lock()
    }
  }

  /// Writes and syncs a group.
  ///
  /// A write that finds no room is tried again with the same bytes. A sync never is, whatever it
  /// says: the kernel may call pages clean that never reached the disk.
  private func write(
    _ page: [UInt8], _ ranges: [Range<Int>], _ target: Int, reusesRoom: Bool
  ) -> Result<Void, ReelError> {
    let sync = SyncTask(files: [buffer.file], watermark: 0)
    do throws(ReelError) {
      try buffer.file.write(page.rawSpan, at: 0)
      // Else the frames may reach the disk and the page not, which then leads to where they are.
      if reusesRoom { try sync.run() }
      for range in ranges { try buffer.write(range) }
      try buffer.writePublished(target)
      try sync.run()
      return .success(())
    } catch {
      return .failure(error)
    }
  }

  // MARK: Requests to the flusher

  /// Waits until everything appended so far is in blocks, and durable if `isSync`.
  func waitForFlusher(isSync: Bool) throws(ReelError) {
    lock.lock()
    defer { lock.unlock() }
    if isClosed { throw .closed }
    let last = buffer.nextSequence - 1
    flushRequest = max(flushRequest, last)
    if isSync { syncRequest = max(syncRequest, last) }
    while (isSync ? syncedSequence : writtenSequence) < last {
      if let failure { throw failure }
      if let stall { throw .io(stall) }
      wakeFlusher()
      progress.wait()
    }
  }

  /// Runs `request` on the flusher and waits for what comes of it.
  func waitForRetention(_ request: RetentionRequest) throws(ReelError) -> RetentionReport {
    lock.lock()
    defer { lock.unlock() }
    while retentionRequest != nil || retentionAnswer != nil {
      if let failure { throw failure }
      if isClosed { throw .closed }
      progress.wait()
    }
    if let failure { throw failure }
    if isClosed { throw .closed }
    retentionRequest = request
    wakeFlusher()
    progress.wakeAll()
    while true {
      if let answer = retentionAnswer {
        retentionAnswer = nil
        progress.wakeAll()
        return try answer.get()
      }
      if let failure { throw failure }
      progress.wait()
    }
  }

  /// Asks the flusher to unlink the segments that `cut` covers, and returns at once: no query finds
  /// their events any more.
  func unlink(coveredBy cut: Cut) {
    lock.withLock {
      cuts.append(cut)
      wakeFlusher()
    }
  }

  /// Notes that the segments of the oldest `count` cuts are unlinked; the lock is held.
  func forgetCuts(_ count: Int) { cuts.removeFirst(count) }

  /// Refuses further appends and asks the flusher to finish.
  func beginClosing() {
    lock.withLock {
      isClosed = true
      isClosing = true
      wakeEverybody()
    }
  }

  private func wakeFlusherIfNeeded() {
    if isFlusherAsleep { wakeFlusher() }
  }

  private func wakeFlusher() {
    isFlusherAsleep = false
    work.wakeAll()
  }

  private func wakeEverybody() {
    room.wakeAll()
    progress.wakeAll()
    retry.wakeAll()
    wakeFlusher()
  }

  // MARK: For the flusher, which holds the lock

  var failureNow: ReelError? { failure }

  var hasRoomWaiters: Bool { roomWaiterCount > 0 }

  /// Sleeps until woken or `nanoseconds` have passed; nothing means until woken by the next append.
  func sleepFlusher(nanoseconds: Int64?) {
    if roomWaiterCount > 0 { room.wakeAll() }
    if let nanoseconds {
      work.wait(nanoseconds: nanoseconds)
    } else {
      isFlusherAsleep = true
      work.wait()
      isFlusherAsleep = false
    }
  }

  /// Notes how far blocks have come, and wakes who waits for that.
  ///
  /// Of those who wait for room one is woken while a quarter of the buffer is free, and all where
  /// half of it is or the flusher has nothing more to do. All at once would fill little room in a
  /// moment, in which the flusher does not come to its processor, and leave the other one idle in
  /// the next.
  func advance(written: UInt64, synced: UInt64) {
    writtenSequence = max(writtenSequence, written)
    syncedSequence = max(syncedSequence, synced)
    progress.wakeAll()
    guard roomWaiterCount > 0 else { return }
    if 2 * buffer.usedByteCount <= buffer.capacity {
      room.wakeAll()
    } else if 4 * buffer.usedByteCount <= 3 * buffer.capacity {
      room.wakeOne()
    }
  }

  func answerRetention(_ answer: Result<RetentionReport, ReelError>) {
    retentionRequest = nil
    retentionAnswer = answer
    progress.wakeAll()
  }

  /// Notes or clears why blocks cannot be written.
  func setStall(_ failure: IOFailure?) {
    guard stall != failure else { return }
    stall = failure
    room.wakeAll()
    progress.wakeAll()
  }

  /// Ends the recorder for good.
  func poison(_ error: ReelError) {
    guard failure == nil else { return }
    if case .io(let cause) = error {
      failure = .poisoned(by: cause)
    } else {
      failure = error
    }
    wakeEverybody()
  }
}

/// A control record as something to append.
struct ControlSource: RecordSource {
  private let body: [UInt8]

  init(_ record: ControlRecord) {
    body = record.encode()
  }

  var givenTimestamp: Int64? { nil }
  var givenID: EventID? { nil }

  func measure(_ rules: RecordRules) throws(ReelError) -> Int {
    Record.headerByteCount + body.count
  }

  func write(to writer: inout RecordWriter, rules: RecordRules) {
    writer.appendPayload(body.rawSpan, encoding: Payload.Encoding.bytes.rawValue)
  }
}
