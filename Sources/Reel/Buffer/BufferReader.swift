/// Reads a write-ahead buffer file: whole, after its writer has died, or step by step while it
/// writes.
///
/// Frames end where a checksum fails, which is where the writer was.
struct BufferReader {
  let file: any File
  let header: BufferHeader
  /// Where the next frame is expected, counted through all laps.
  private(set) var offset: Int
  private(set) var nextSequence: UInt64
  /// Where the frames end, as the header page said when the reader was made.
  let published: Int
  /// Where those end of which the page said that a sync had made them durable; 0 for none.
  let durable: Int

  /// What is read of the ring at first, most often to find that nothing has come, and then.
  private static let firstReadByteCount = 4 << 10
  private static let readByteCount = 256 << 10

  /// Opens a buffer and stands at the first frame that is not in blocks.
  init(file: any File) throws(ReelError) {
    self.file = file
    let page = try file.read(at: 0, byteCount: BufferHeader.byteCount)
    header = try BufferHeader(decoding: page.rawSpan, path: file.path)
    guard try file.byteCount() >= BufferHeader.byteCount + header.capacity else {
      throw .corrupted(
        Corruption(path: file.path, bytes: 32..<40, reason: "the file is shorter than its ring"))
    }
    guard let progress = BufferProgress.newest(in: page.rawSpan, runID: header.runID) else {
      throw .corrupted(
        Corruption(path: file.path, bytes: 256..<384, reason: "no progress entry is whole"))
    }
    offset = Int(progress.released)
    nextSequence = 0
    published = Self.published(page.rawSpan)
    let noted = page.rawSpan.integer(at: BufferHeader.durableOffset, as: UInt64.self)
    // A page that contradicts itself is believed in neither.
    durable = noted <= UInt64(published) ? Int(noted) : 0
  }

  /// Where the frames end, as a header page says.
  private static func published(_ page: RawSpan) -> Int {
    Int(clamping: page.integer(at: BufferHeader.publishedOffset, as: UInt64.self))
  }

  /// The bytes that a header page calls frames and that were not found to be any, as offsets in the
  /// file; nothing when there are none.
  func shortfall(_ page: [UInt8]) -> Range<Int>? { shortfall(to: Self.published(page.rawSpan)) }

  /// As ``shortfall(_:)``, by the header page from when the reader was made.
  var shortfall: Range<Int>? { shortfall(to: published) }

  private func shortfall(to published: Int) -> Range<Int>? {
    guard published > offset, published - offset <= header.capacity else { return nil }
    let start = BufferHeader.byteCount + offset % header.capacity
    let end = min(start + published - offset, BufferHeader.byteCount + header.capacity)
    return start..<end
  }

  /// What the writer last noted.
  func progress() throws(ReelError) -> BufferProgress? {
    let page = try headerPage()
    return BufferProgress.newest(in: page.rawSpan, runID: header.runID)
  }

  /// The entries of the header page.
  func headerPage() throws(ReelError) -> [UInt8] {
    try file.read(at: 0, byteCount: BufferHeader.usedByteCount)
  }

  /// Reads the frames from here on and calls `body` with each record and its sequence number, up to
  /// the first frame that is not whole.
  ///
  /// - Returns: Whether the writer stood still enough: if it has meanwhile overwritten what was
  ///   being read, the caller starts again with a new reader.
  mutating func read(
    _ body: (borrowing RecordView, UInt64) -> Void
  ) throws(ReelError) -> Bool {
    let start = offset
    var page = try headerPage()
    while let part = try readLap(page, body) {
      if offset == start { return true }
      page = try headerPage()
      if !part { break }
    }
    guard let progress = BufferProgress.newest(in: page.rawSpan, runID: header.runID) else {
      return false
    }
    return progress.released <= UInt64(offset)
  }

  /// Reads to the end of the current lap.
  /// - Returns: Whether the lap ended and another may follow, or nothing when no frame came.
  private mutating func readLap(
    _ page: [UInt8], _ body: (borrowing RecordView, UInt64) -> Void
  ) throws(ReelError) -> Bool? {
    let number = UInt64(offset / header.capacity)
    guard
      let lap = BufferLap(
        decoding: page.rawSpan, at: BufferLap.offset(number), runID: header.runID),
      lap.number == number
    else { return nil }
    var window: [UInt8] = []
    var windowStart = offset
    let lapEnd = (offset / header.capacity + 1) * header.capacity
    while offset < lapEnd {
      guard lapEnd - offset >= BufferFrame.headerByteCount else {
        offset = lapEnd
        return true
      }
      var position = offset - windowStart
      if window.count - position < BufferFrame.headerByteCount {
        let size = window.isEmpty ? Self.firstReadByteCount : Self.readByteCount
        window = try readRing(at: offset, byteCount: min(size, lapEnd - offset))
        windowStart = offset
        position = 0
        guard window.count >= BufferFrame.headerByteCount else { return false }
      }
      let byteCount = Int(window.rawSpan.integer(at: position + 8, as: UInt32.self))
      let whole = BufferFrame.headerByteCount + byteCount
      guard byteCount <= header.capacity / 2, whole <= lapEnd - offset else { return false }
      if window.count - position < whole {
        window = try readRing(
          at: offset, byteCount: min(max(whole, Self.readByteCount), lapEnd - offset))
        windowStart = offset
        position = 0
        guard window.count >= whole else { return false }
      }
      let frame = window.rawSpan.extracting(position..<(position + whole))
      guard take(frame, salt: lap.salt, body) else { return false }
      if frame.integer(at: 12, as: UInt32.self) == 0 {
        offset = lapEnd
        return true
      }
      offset += BufferFrame.paddedByteCount(byteCount)
    }
    return true
  }

  /// Checks a frame and hands out its records.
  private mutating func take(
    _ frame: RawSpan, salt: UInt64, _ body: (borrowing RecordView, UInt64) -> Void
  ) -> Bool {
    let checksum = frame.integer(at: 0, as: UInt64.self)
    let seed = salt &+ UInt64(offset)
    guard checksum == Checksum.xxh3(frame.extracting(8..<frame.byteCount), seed: seed) else {
      return false
    }
    let recordCount = frame.integer(at: 12, as: UInt32.self)
    let first = frame.integer(at: 16, as: UInt64.self)
    guard nextSequence == 0 || first == nextSequence, first >= 1, first <= Limits.sequenceNumber,
      isWhole(frame, recordCount)
    else { return false }
    var rest = frame.extracting(BufferFrame.headerByteCount..<frame.byteCount)
    for index in 0..<UInt64(recordCount) {
      guard let record = try? RecordView(rest) else { return false }
      body(record, first + index)
      rest = rest.extracting(record.byteCount..<rest.byteCount)
    }
    nextSequence = first + UInt64(recordCount)
    return true
  }

  /// Whether the records of a frame fill it: none is handed out of one where they do not.
  private func isWhole(_ frame: RawSpan, _ recordCount: UInt32) -> Bool {
    var rest = frame.extracting(BufferFrame.headerByteCount..<frame.byteCount)
    for _ in 0..<recordCount {
      guard let record = try? RecordView(rest) else { return false }
      rest = rest.extracting(record.byteCount..<rest.byteCount)
    }
    return rest.byteCount == 0
  }

  private func readRing(at offset: Int, byteCount: Int) throws(ReelError) -> [UInt8] {
    try file.read(
      at: BufferHeader.byteCount + offset % header.capacity, byteCount: byteCount)
  }
}
