/// Where an event first lives: a ring of frames in a file, mapped (durability `process`) or
/// mirrored in memory and written by group commit (`disk`).
///
/// Offsets are counted through all laps: a frame at `offset` lies `offset % capacity` bytes into
/// the ring. The owner's lock guards everything here but ``records(from:to:_:)``, which reads
/// frames that nobody changes until they are released.
final class WriteAheadBuffer {
  let header: BufferHeader
  let file: any File
  private let region: Region
  private let clock: any Clock

  /// The end of the last published frame.
  private(set) var head = 0
  /// Everything before is in blocks, and its room free.
  private(set) var released = 0
  /// Everything before is durable (`disk`); equal to ``head`` for `process`.
  private(set) var committed = 0
  /// Everything before is free by the header page on the disk (`disk`).
  private var committedReleased = 0
  private(set) var nextSequence: UInt64
  private var lap: BufferLap
  private var progress: BufferProgress

  /// Creates the file and makes all of its pages present.
  init(
    in folder: any Folder, header: BufferHeader, progress: BufferProgress, clock: any Clock
  ) throws(ReelError) {
    self.header = header
    self.clock = clock
    self.progress = progress
    nextSequence = header.firstSequence
    lap = BufferLap(number: 0, salt: clock.random(), firstSequence: header.firstSequence)
    let name = FileName.buffer(firstSequence: header.firstSequence)
    let temporary = name + FileName.temporarySuffix
    try? folder.unlink(temporary)
    file = try folder.open(temporary, .createNew)
    let total = BufferHeader.byteCount + header.capacity
    do {
      region = try Self.prepare(
        file, total: total, header: header, lap: lap, progress: progress)
      if header.durability == .disk { try file.sync() }
      // Complete and named before anything is acknowledged that lies in it.
      try folder.rename(temporary, to: name)
      if header.durability == .disk { try folder.sync() }
    } catch {
      try? folder.unlink(temporary)
      throw error
    }
  }

  /// Really allocates the file: a mapped hole would kill the program when the disk is full.
  ///
  /// The page cache keeps the granularity in which a file was filled. Filled 4 KiB at a time, a
  /// sync writes back just the pages in use, but an 8 MiB file takes 7 ms to make; in pieces of 1
  /// MiB it takes 1.6 ms, but each page first written after a sync then costs 6 µs. Where every
  /// commit syncs, the former; else pieces of 64 KiB.
  private static func prepare(
    _ file: any File, total: Int, header: BufferHeader, lap: BufferLap, progress: BufferProgress
  ) throws(ReelError) -> Region {
    let zeros = [UInt8](repeating: 0, count: header.durability == .disk ? 4096 : 64 << 10)
    var offset = 0
    while offset < total {
      let end = min(zeros.count, total - offset)
      try file.write(zeros.rawSpan.extracting(0..<end), at: offset)
      offset += end
    }
    let fixed = header.encode()
    let lapBytes = lap.encode(runID: header.runID)
    let progressBytes = progress.encode(runID: header.runID)
    try file.write(fixed.rawSpan, at: 0)
    try file.write(lapBytes.rawSpan, at: BufferLap.offset(lap.number))
    try file.write(progressBytes.rawSpan, at: BufferProgress.offset(progress.counter))
    guard header.durability == .disk else { return try file.map(byteCount: total) }
    let region = Region(byteCount: total)
    region.copy(fixed.rawSpan, at: 0)
    region.copy(lapBytes.rawSpan, at: BufferLap.offset(lap.number))
    region.copy(progressBytes.rawSpan, at: BufferProgress.offset(progress.counter))
    return region
  }

  var capacity: Int { header.capacity }
  /// Bytes that are in use.
  var usedByteCount: Int { head - released }
  /// The largest frame that is ever accepted: about half the ring, so that it fits however the laps
  /// lie.
  var maximumFrameByteCount: Int { capacity / 2 - Self.controlByteCount }

  /// Room that events leave to control records: the flusher, who makes room, must never wait for
  /// it.
  private static let controlByteCount = 4096

  /// Finds room for a frame of `byteCount` bytes of records.
  /// - Returns: Where the records go, or nothing while there is no room.
  func reserve(_ byteCount: Int, isControl: Bool = false) -> Reservation? {
    let padded = BufferFrame.paddedByteCount(byteCount)
    var offset = head
    let rest = capacity - offset % capacity
    if padded > rest { offset += rest }
    let limit = isControl ? capacity : capacity - Self.controlByteCount
    guard offset + padded - released <= limit else { return nil }
    return Reservation(offset: offset, byteCount: byteCount)
  }

  /// Room for a frame, not published yet.
  struct Reservation {
    fileprivate let offset: Int
    fileprivate let byteCount: Int
  }

  /// The writer for one record of a reserved frame.
  func writer(
    _ reservation: Reservation, recordOffset: Int, byteCount: Int, timestamp: Int64
  ) -> RecordWriter {
    RecordWriter(
      region: region,
      start: physical(reservation.offset) + BufferFrame.headerByteCount + recordOffset,
      byteCount: byteCount, timestamp: timestamp)
  }

  /// Publishes a reserved frame, whose records have been written.
  /// - Returns: The sequence number of its first record.
  func publish(_ reservation: Reservation, recordCount: Int) -> UInt64 {
    skipToNextLap(reservation.offset)
    let offset = reservation.offset
    if offset % capacity == 0 && offset > 0 { startLap(UInt64(offset / capacity)) }
    let sequence = nextSequence
    nextSequence += UInt64(recordCount)
    storeFrame(
      offset, byteCount: reservation.byteCount, recordCount: recordCount, sequence: sequence)
    head = offset + BufferFrame.paddedByteCount(reservation.byteCount)
    region.store(UInt64(head), at: BufferHeader.publishedOffset)
    if header.durability == .process { committed = head }
    return sequence
  }

  private func physical(_ offset: Int) -> Int { BufferHeader.byteCount + offset % capacity }

  private func storeFrame(_ offset: Int, byteCount: Int, recordCount: Int, sequence: UInt64) {
    let region = region
    let start = physical(offset)
    region.store(UInt32(byteCount), at: start + 8)
    region.store(UInt32(recordCount), at: start + 12)
    region.store(sequence, at: start + 16)
    let covered = region.bytes((start + 8)..<(start + BufferFrame.headerByteCount + byteCount))
    let checksum = Checksum.xxh3(covered, seed: lap.salt &+ UInt64(offset))
    region.store(checksum, at: start)
  }

  /// Marks the rest of the current lap as unused when the next frame begins a new one.
  private func skipToNextLap(_ offset: Int) {
    let rest = offset - head
    if rest >= BufferFrame.headerByteCount {
      storeFrame(head, byteCount: 0, recordCount: 0, sequence: nextSequence)
    }
  }

  private func startLap(_ number: UInt64) {
    lap = BufferLap(number: number, salt: clock.random(), firstSequence: nextSequence)
    let bytes = lap.encode(runID: header.runID)
    region.copy(bytes.rawSpan, at: BufferLap.offset(number))
  }

  /// Notes that everything before `offset` is in blocks.
  func release(
    to offset: Int, nextSequence: UInt64, watermark: UInt64, segment: UInt64,
    segmentByteCount: Int
  ) {
    progress = BufferProgress(
      counter: progress.counter + 1, released: UInt64(offset), nextSequence: nextSequence,
      watermark: watermark, segment: segment, segmentByteCount: UInt64(segmentByteCount))
    let bytes = progress.encode(runID: header.runID)
    region.copy(bytes.rawSpan, at: BufferProgress.offset(progress.counter))
    released = offset
  }

  /// What the last ``release(to:nextSequence:watermark:segment:segmentByteCount:)`` noted.
  var lastProgress: BufferProgress { progress }

  // MARK: Group commit (durability `disk`)

  /// A copy of the header page, for a commit: the flusher may change the page meanwhile.
  func headerPage() -> [UInt8] {
    let region = region
    var page = region.bytes(0..<BufferHeader.byteCount).copied()
    // It is written before the frames are, which readers must not take for looked at by then.
    page.overwrite(UInt64(committed), at: BufferHeader.publishedOffset)
    page.overwrite(UInt64(committed), at: BufferHeader.durableOffset)
    return page
  }

  /// The byte ranges of the ring that a commit of everything up to `offset` must write.
  func uncommittedRanges(to offset: Int) -> [Range<Int>] {
    var ranges: [Range<Int>] = []
    var start = committed
    while start < offset {
      let end = min(offset, (start / capacity + 1) * capacity)
      ranges.append(physical(start)..<(physical(start) + end - start))
      start = end
    }
    return ranges
  }

  /// Writes a range that ``uncommittedRanges(to:)`` named; needs no lock, because published frames
  /// do not change.
  func write(_ range: Range<Int>) throws(ReelError) {
    let region = region
    try file.write(region.bytes(range), at: range.lowerBound)
  }

  /// Writes that everything before `offset` may be read.
  func writePublished(_ offset: Int) throws(ReelError) {
    var bytes: [UInt8] = []
    bytes.append(littleEndian: UInt64(offset))
    try file.write(bytes.rawSpan, at: BufferHeader.publishedOffset)
  }

  /// Whether frames up to `offset` take room that is not free by the header page on the disk.
  func reusesRoom(upTo offset: Int) -> Bool { offset - committedReleased > capacity }

  /// Notes that everything before `offset` is durable, and a header page that frees all before
  /// `released`.
  func markCommitted(_ offset: Int, released: Int) {
    committed = max(committed, offset)
    committedReleased = max(committedReleased, released)
  }

  // MARK: Draining

  /// A place in the ring: so many records into the frame at an offset.
  struct Position: Equatable {
    var offset = 0
    var recordIndex = 0
  }

  /// Calls `body` with each record from `start` on, its sequence number and the end of its frame,
  /// up to the frames that begin at `end`, or until `body` answers false.
  ///
  /// - Returns: The place after the last record that was handed out.
  /// - Throws: ``ReelError/corrupted(_:)`` when the bytes are not those that were written: others
  ///   can write to the mapped file, and must not end the program by it.
  func records(
    from start: Position, to end: Int, _ body: (borrowing RecordView, UInt64, Int) -> Bool
  ) throws(ReelError) -> Position {
    let region = region
    var position = start
    while position.offset < end {
      let lapRest = capacity - position.offset % capacity
      let place = physical(position.offset)
      guard lapRest >= BufferFrame.headerByteCount else {
        position = Position(offset: position.offset + lapRest)
        continue
      }
      let frame = region.bytes(place..<(place + BufferFrame.headerByteCount))
      let byteCount = Int(frame.integer(at: 8, as: UInt32.self))
      let recordCount = Int(frame.integer(at: 12, as: UInt32.self))
      let sequence = frame.integer(at: 16, as: UInt64.self)
      guard recordCount > 0 else {
        position = Position(offset: position.offset + lapRest)
        continue
      }
      let next = position.offset + BufferFrame.paddedByteCount(byteCount)
      // No frame crosses the end of a lap; its padding does not either.
      guard byteCount <= capacity / 2, next - position.offset <= lapRest,
        sequence <= Limits.sequenceNumber
      else { throw overwritten(position.offset..<next) }
      var rest = region.bytes(
        (place + BufferFrame.headerByteCount)..<(place + BufferFrame.headerByteCount + byteCount))
      for index in 0..<recordCount {
        guard let record = try? RecordView(rest) else {
          throw overwritten(position.offset..<next)
        }
        rest = rest.extracting(record.byteCount..<rest.byteCount)
        guard index >= position.recordIndex else { continue }
        if !body(record, sequence + UInt64(index), next) {
          return index + 1 == recordCount
            ? Position(offset: next)
            : Position(offset: position.offset, recordIndex: index + 1)
        }
      }
      position = Position(offset: next)
    }
    return position
  }

  /// What is thrown where the frames from one offset to another are not what was written.
  func overwritten(_ offsets: Range<Int>) -> ReelError {
    let start = BufferHeader.byteCount + offsets.lowerBound % capacity
    let end = min(start + offsets.count, BufferHeader.byteCount + capacity)
    // The file was opened under the name that it had until it was complete.
    let isRenamed = file.path.hasSuffix(FileName.temporarySuffix)
    let path = String(file.path.dropLast(isRenamed ? FileName.temporarySuffix.count : 0))
    return .corrupted(
      Corruption(
        path: path, bytes: start..<end,
        reason: "what this recorder wrote into its buffer has been overwritten"))
  }
}
