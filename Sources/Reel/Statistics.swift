/// What a recording holds, in numbers.
///
/// Counts are exact; all sizes are bytes.
public struct Statistics: Hashable, Sendable {
  /// The recording's id.
  public internal(set) var recordingID: RecordingID?
  /// Events that queries can find: what cuts and retention removed is not counted.
  public internal(set) var eventCount = 0
  /// The least and greatest timestamp of those events; nothing when there is none.
  public internal(set) var oldest: Timestamp?
  /// The greatest timestamp.
  public internal(set) var newest: Timestamp?
  /// The first sequence number that was not given.
  public internal(set) var nextSequenceNumber = SequenceNumber(rawValue: 1)
  /// Segment files, the active one included.
  public internal(set) var segmentCount = 0
  /// Blocks in them.
  public internal(set) var blockCount = 0
  /// Bytes of all segment files.
  public internal(set) var segmentByteCount = 0
  /// Bytes of them that are indexes and directories.
  public internal(set) var indexByteCount = 0
  /// Bytes of merged indexes, which are files of their own.
  public internal(set) var mergedIndexByteCount = 0
  /// Bytes of the blocks before compression.
  public internal(set) var rawByteCount = 0
  /// Bytes of write-ahead buffer files.
  public internal(set) var bufferByteCount = 0
  /// Events that are in the buffer and not in a block.
  public internal(set) var bufferedEventCount = 0
  /// Bytes of memory that this reader's cache takes.
  public internal(set) var cacheByteCount = 0
  /// The newest runs, oldest first.
  public internal(set) var runs: [Run] = []
  /// Runs before those.
  public internal(set) var forgottenRunCount = 0
  /// The newest gaps: events that the recorder had to drop.
  public internal(set) var gaps: [Gap] = []
  /// Events lost in all gaps.
  public internal(set) var droppedEventCount = 0
  /// Events that were in segments which retention unlinked.
  public internal(set) var removedEventCount = 0
  /// Events in the files that a cut hides until their segments go.
  public internal(set) var hiddenEventCount = 0
  /// The declared attributes.
  public internal(set) var attributes: [AttributeDeclaration] = []
  /// Stretches of files that cannot be read, as far as opening has shown.
  public internal(set) var damages: [Corruption] = []
}

extension Recording {
  /// What the recording holds.
  ///
  /// - Complexity: A read or two a segment; where cuts go through blocks, those are decoded.
  public func statistics() throws(ReelError) -> Statistics {
    let snapshot = try snapshot()
    var statistics = Statistics()
    statistics.recordingID = snapshot.recording
    statistics.segmentCount = snapshot.segments.count
    statistics.nextSequenceNumber = SequenceNumber(rawValue: snapshot.nextSequence)
    statistics.bufferByteCount = snapshot.bufferByteCount
    statistics.mergedIndexByteCount = snapshot.mergedIndexByteCount
    statistics.damages = snapshot.damages
    var physical = 0
    var cost = QueryCost()
    for segment in snapshot.segments {
      statistics.segmentByteCount = statistics.segmentByteCount.saturatingAdd(segment.byteCount)
      statistics.rawByteCount = statistics.rawByteCount.saturatingAdd(
        Int(clamping: segment.summary.rawByteCount))
      physical = physical.saturatingAdd(Int(clamping: segment.summary.eventCount))
      guard let directory = try? segment.directory(cache, cost: &cost) else { continue }
      statistics.blockCount += directory.blocks.count
      statistics.indexByteCount += directory.indexes.reduce(0) { $0 + $1.byteCount }
    }
    for block in snapshot.buffered {
      for row in 0..<block.header.recordCount
      where block.recordType(row) == 0 && block.sequence(row) >= snapshot.firstBufferedSequence {
        statistics.bufferedEventCount += 1
      }
    }
    physical = physical.saturatingAdd(statistics.bufferedEventCount)
    statistics.eventCount = try Counting(Query(), snapshot: snapshot, cache: cache).count()
    statistics.hiddenEventCount = physical - statistics.eventCount
    statistics.oldest = try edge(.ascending, snapshot)
    statistics.newest = try edge(.descending, snapshot)
    let control = snapshot.control
    statistics.runs = control.runs
    statistics.forgottenRunCount = Int(clamping: control.forgottenRunCount)
    statistics.gaps = control.gaps
    statistics.droppedEventCount = Int(clamping: control.droppedEventCount)
    statistics.removedEventCount = Int(clamping: control.dropped.eventCount)
    statistics.attributes = control.attributes.declarations
    statistics.cacheByteCount = cache.byteCount
    return statistics
  }

  /// The timestamp of the first event in an order.
  private func edge(_ order: Query.Order, _ snapshot: Snapshot) throws(ReelError) -> Timestamp? {
    let cursor = try EventCursor(
      Query(order: order), limit: 1, snapshot: snapshot, cache: cache)
    return try cursor.firstTimestamp()
  }
}

/// How a recorder stands at one moment.
public struct RecorderStatus: Hashable, Sendable {
  /// The sequence number that the next event or control record gets.
  public internal(set) var nextSequenceNumber: SequenceNumber
  /// Events dropped by this recorder because the buffer was full.
  public internal(set) var droppedEventCount: UInt64
  /// Bytes of the write-ahead buffer in use.
  public internal(set) var bufferedByteCount: Int
  /// The last sequence number known to survive a loss of power.
  public internal(set) var durableSequenceNumber: SequenceNumber
  /// Why blocks, or events with durability `disk`, cannot be written now: the disk is full.
  ///
  /// Events stay in the buffer and the same bytes are tried again until there is room.
  public internal(set) var stall: IOFailure?
}
