/// Copies of events' entries in memory, for merges that cannot keep the blocks open.
struct RecordCopies {
  /// Where the entry of an event lies.
  struct Entry {
    var key: MergeKey
    fileprivate var chunk: Int32
    fileprivate var offset: Int32
    fileprivate var byteCount: Int32
  }

  /// In the order in which they were added until they are sorted.
  private(set) var entries: [Entry] = []
  private var chunks: [Region] = []
  private var current = 0
  private var filled = 0
  /// Bytes of all entries.
  private(set) var byteCount = 0

  private static let chunkByteCount = 1 << 20

  /// Copies an event.
  mutating func add(_ view: EventView) {
    view.withEntry { bytes in
      let size = bytes.byteCount
      reserve(size)
      chunks[current].copy(bytes, at: filled)
      entries.append(
        Entry(
          key: MergeKey(timestamp: view.timestamp.nanoseconds, sequence: view.sequence),
          chunk: Int32(current), offset: Int32(filled), byteCount: Int32(size)))
      filled += size
      byteCount += size
    }
  }

  /// Makes room for `size` bytes at ``filled`` in the current chunk.
  private mutating func reserve(_ size: Int) {
    while current < chunks.count {
      if filled + size <= chunks[current].byteCount { return }
      current += 1
      filled = 0
    }
    chunks.append(Region(byteCount: max(size, Self.chunkByteCount)))
  }

  /// Brings the entries into the order of the answer.
  mutating func sort(isDescending: Bool) {
    entries.sort { isDescending ? $1.key < $0.key : $0.key < $1.key }
  }

  /// Calls `body` with the bytes of an event.
  func withBytes<R, E: Error>(_ entry: Entry, _ body: (RawSpan) throws(E) -> R) throws(E) -> R {
    let region = chunks[Int(entry.chunk)]
    let start = Int(entry.offset)
    return try body(region.bytes(start..<(start + Int(entry.byteCount))))
  }

  /// Forgets all events; the memory of those of usual size is kept for the next.
  mutating func removeAll() {
    entries.removeAll(keepingCapacity: true)
    chunks.removeAll { $0.byteCount > Self.chunkByteCount }
    current = 0
    filled = 0
    byteCount = 0
  }
}
