/// Events of an answer that lie ready side by side: ``EventCursor/nextBatch()`` gives them.
///
/// Going through a batch costs no call an event, and ``forEach(_:)`` not even a reference counted:
/// the fastest way to look at many.
public struct EventBatch: Sequence, Sendable {
  @usableFromInline
  let page: RecordPage
  @usableFromInline
  let offsets: [UInt32]
  @usableFromInline
  let range: Range<Int>

  /// How many events ahead of the caller records are brought near: memory takes as long to answer
  /// as looking at some events does.
  @inlinable static var prefetchDistance: Int { 3 }

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

  /// Calls `body` with each event in order: the fastest way to look at many, since none of them is
  /// counted as a reference to the batch.
  ///
  /// Declared as that of any sequence is, which would be chosen else.
  @inlinable @inline(__always)
  public func forEach(_ body: (EventView) throws -> Void) rethrows {
    var view = EventView(page: page, offset: 0)
    var byteCount = RecordPage.usualByteCount
    for index in range {
      let ahead = index &+ Self.prefetchDistance
      if ahead < range.upperBound {
        page.prefetch(Int(offsets[ahead]), byteCount: byteCount)
      }
      view.offset = Int(offsets[index])
      byteCount = view.byteCount
      try body(view)
    }
  }

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
      let ahead = index &+ EventBatch.prefetchDistance &- 1
      if ahead < batch.range.upperBound {
        // While the caller looks at this event later ones come near: the processor does not foresee
        // them in descending order, nor beyond a page in either.
        batch.page.prefetch(Int(batch.offsets[ahead]), byteCount: view.byteCount)
      }
      return view
    }
  }
}
