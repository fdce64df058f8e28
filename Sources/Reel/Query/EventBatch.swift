/// Events of an answer that lie ready side by side: ``EventCursor/nextBatch()`` gives them.
///
/// Going through a batch costs no call an event, so it is the fastest way to look at many.
public struct EventBatch: Sequence, Sendable {
  @usableFromInline
  let page: RecordPage
  @usableFromInline
  let offsets: [UInt32]
  @usableFromInline
  let range: Range<Int>

  /// The events of `page` whose records begin at `offsets`, in the order of the answer.
  init(page: RecordPage, offsets: [UInt32], range: Range<Int>) {
    self.page = page
    self.offsets = offsets
    self.range = range
  }

  /// How many events it has, at least one.
  @inlinable public var count: Int { range.count }

  /// As ``count``.
  @inlinable public var underestimatedCount: Int { range.count }

  /// Creates an iterator over the events from the first.
  @inlinable
  public func makeIterator() -> Iterator { Iterator(self) }

  /// Goes through the events of a batch in order.
  public struct Iterator: IteratorProtocol {
    @usableFromInline
    let batch: EventBatch
    @usableFromInline
    var index: Int

    @inlinable
    init(_ batch: EventBatch) {
      self.batch = batch
      index = batch.range.lowerBound
    }

    /// The next event, or nothing after the last.
    @inlinable @inline(__always)
    public mutating func next() -> EventView? {
      guard index < batch.range.upperBound else { return nil }
      let view = EventView(page: batch.page, offset: Int(batch.offsets[index]))
      index &+= 1
      if index < batch.range.upperBound {
        // While the caller looks at this event the next comes near: in descending order the
        // processor does not foresee it, and half of the time would go into waiting for memory.
        batch.page.prefetch(Int(batch.offsets[index]), byteCount: view.byteCount)
      }
      return view
    }
  }
}
