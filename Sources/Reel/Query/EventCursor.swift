/// Answers a query event by event, in order, in bounded memory.
///
/// It is a merge that opens what it needs when it needs it: segments become blocks, blocks become
/// matching rows, and whatever comes first in the order is taken next. So a query with a limit
/// reads little, and one without streams. Where so many blocks overlap in time that they cannot be
/// held open at once, as in shuffled input, what is left is sorted instead (`PassMerge`). A cursor
/// belongs to one task; the recording may be written to meanwhile, and the answer is that of the
/// moment when the cursor was made. A long answer has its next block decoded on a second thread,
/// which ends with the cursor.
public final class EventCursor {
  // One access a call, and none within: the merge is a value.
  private var merge: EventMerge

  /// What the answer lacks, as far as it has been given.
  public var completeness: Completeness { merge.completeness }
  /// What it took so far.
  public var cost: QueryCost { merge.sources.cost }
  /// The place of the last event given: a query ``Query/after`` it goes on there.
  public var position: Query.Position? {
    merge.lastKey.map {
      Query.Position(
        timestamp: Timestamp(nanoseconds: $0.timestamp),
        sequenceNumber: SequenceNumber(rawValue: $0.sequence))
    }
  }

  init(
    _ query: Query, limit: Int?, snapshot: Snapshot, cache: ReadCache,
    bounds: EventMerge.Bounds = EventMerge.Bounds()
  ) throws(ReelError) {
    merge = try EventMerge(query, limit: limit, snapshot: snapshot, cache: cache, bounds: bounds)
  }

  /// The next event, or nothing after the last.
  ///
  /// - Throws: ``ReelError/io(_:)``. A damaged block is no error: it is left out and reported in
  ///   ``completeness``.
  public func next() throws(ReelError) -> EventView? { try merge.next() }

  /// The events that come next, as many as lie ready in memory: one or more, or nothing after the
  /// last.
  ///
  /// - Throws: As ``next()``.
  public func nextBatch() throws(ReelError) -> EventBatch? { try merge.nextBatch() }

  /// The timestamp of the first event, for which nothing is rendered.
  func firstTimestamp() throws(ReelError) -> Timestamp? { try merge.firstTimestamp() }
}
