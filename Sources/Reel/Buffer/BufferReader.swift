/// Reads a write-ahead buffer file: whole, after its writer has died, or step by step while it
/// writes.
///
/// Frames end where a checksum fails, which is where the writer was, or where they are damaged:
/// then it goes on behind that with ``passHole(before:known:)``.
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
  /// How far whole frames have been looked for behind the place where the frames end.
  var searchedTo = 0
  /// The bytes that were hashed in looking for frames and were none.
  var vainByteCount = 0

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
    published = Self.published(page)
    durable = Self.durable(page)
  }

  /// Where the frames end, as the fields of a header page say.
  static func published(_ page: [UInt8]) -> Int {
    Int(clamping: page.rawSpan.integer(at: BufferHeader.publishedOffset, as: UInt64.self))
  }

  /// Where the frames end that a sync had made durable before the page was written; 0 where it does
  /// not say so, or contradicts itself.
  static func durable(_ page: [UInt8]) -> Int {
    let noted = page.rawSpan.integer(at: BufferHeader.durableOffset, as: UInt64.self)
    return noted <= UInt64(published(page)) ? Int(noted) : 0
  }

  /// The bytes that a header page calls frames and that were not found to be any, as offsets in the
  /// file; nothing when there are none.
  func shortfall(_ page: [UInt8]) -> Range<Int>? { shortfall(to: Self.published(page)) }

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
    guard let lap = lap(number, page) else { return nil }
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
    let head = FrameHead(frame)
    guard nextSequence == 0 || head.sequence == nextSequence,
      isFrame(frame, at: offset, salt: salt)
    else { return false }
    var rest = frame.extracting(BufferFrame.headerByteCount..<frame.byteCount)
    for index in 0..<head.recordCount {
      guard let record = try? RecordView(rest) else { return false }
      body(record, head.sequence + index)
      rest = rest.extracting(record.byteCount..<rest.byteCount)
    }
    nextSequence = head.sequence + head.recordCount
    return true
  }

  /// Goes on with the frame at `offset`, which begins with `sequence`.
  mutating func goOn(at offset: Int, _ sequence: UInt64) {
    self.offset = offset
    nextSequence = sequence
    searchedTo = 0
  }

  // MARK: Frames

  /// What the first bytes of a frame say.
  struct FrameHead {
    var byteCount: Int
    var recordCount: UInt64
    var sequence: UInt64

    init(_ bytes: RawSpan) {
      byteCount = Int(bytes.integer(at: 8, as: UInt32.self))
      recordCount = UInt64(bytes.integer(at: 12, as: UInt32.self))
      sequence = bytes.integer(at: 16, as: UInt64.self)
    }
  }

  /// The entry that a header page has for a lap, when it is whole.
  func lap(_ number: UInt64, _ page: [UInt8]) -> BufferLap? {
    let lap = BufferLap(
      decoding: page.rawSpan, at: BufferLap.offset(number), runID: header.runID)
    return lap?.number == number ? lap : nil
  }

  /// Whether the bytes are a frame at `offset`, and its records what they should be.
  func isFrame(_ frame: RawSpan, at offset: Int, salt: UInt64) -> Bool {
    let checksum = frame.integer(at: 0, as: UInt64.self)
    let seed = salt &+ UInt64(offset)
    guard checksum == Checksum.xxh3(frame.extracting(8..<frame.byteCount), seed: seed) else {
      return false
    }
    let head = FrameHead(frame)
    return head.sequence >= 1 && head.sequence <= Limits.sequenceNumber
      && isWhole(frame, head.recordCount)
  }

  /// Whether the records of a frame fill it: none is handed out of one where they do not.
  private func isWhole(_ frame: RawSpan, _ recordCount: UInt64) -> Bool {
    var rest = frame.extracting(BufferFrame.headerByteCount..<frame.byteCount)
    for _ in 0..<recordCount {
      guard let record = try? RecordView(rest) else { return false }
      rest = rest.extracting(record.byteCount..<rest.byteCount)
    }
    return rest.byteCount == 0
  }

  func readRing(at offset: Int, byteCount: Int) throws(ReelError) -> [UInt8] {
    try file.read(
      at: BufferHeader.byteCount + offset % header.capacity, byteCount: byteCount)
  }
}
