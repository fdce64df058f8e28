/// A stretch of a temporary file that holds records in the order of an answer.
///
/// It is made of frames. Each has a header of 32 bytes: the stored and the raw length (`UInt32`),
/// the timestamp and the sequence number of its first entry, and the XXH3-64 of the stored bytes;
/// and then, compressed with LZ4 when that is shorter, its entries, which are those of a
/// ``RecordPage``. An entry longer than a frame should be has a frame of its own, so that a merge,
/// which has a frame of each run in memory, stays small: it reads such a frame only when its
/// entry's turn comes.
///
/// The layout is nobody else's business: the file has no name and dies with its reader.
struct SortedRun {
  let file: any File
  let range: Range<Int>

  /// Bytes of entries in a frame, unless one entry alone is longer.
  static let frameByteCount = 32 << 10
  fileprivate static let headerByteCount = 32
  fileprivate static let checksumSeed: UInt64 = 0x5265_656C_536F_7274  // "ReelSort"
}

/// Writes a sorted run at the end of a temporary file.
struct SortedRunWriter {
  private let file: any File
  private let start: Int
  private var end: Int
  private var frame: [UInt8] = []
  private var firstKey: MergeKey?
  private var stored: [UInt8] = []
  private let compressor = LZ4.State()

  init(file: any File, at start: Int) {
    self.file = file
    self.start = start
    end = start
  }

  /// Appends an entry, which follows all before it in the order of the answer.
  ///
  /// - Throws: ``ReelError/io(_:)``; the run is then useless.
  mutating func append(_ entry: RawSpan, key: MergeKey) throws(ReelError) {
    if !frame.isEmpty, frame.count + entry.byteCount > SortedRun.frameByteCount {
      try writeFrame()
    }
    if firstKey == nil { firstKey = key }
    frame.append(entry)
  }

  private mutating func writeFrame() throws(ReelError) {
    guard let key = firstKey else { return }
    stored.removeAll(keepingCapacity: true)
    stored.append(contentsOf: repeatElement(0, count: SortedRun.headerByteCount))
    let entries = frame
    if !LZ4.compress(entries.rawSpan, appendingTo: &stored, compressor) {
      stored.append(contentsOf: entries)
    }
    let checksum = Checksum.xxh3(
      stored.rawSpan.extracting(SortedRun.headerByteCount..<stored.count),
      seed: SortedRun.checksumSeed)
    stored.overwrite(UInt32(stored.count - SortedRun.headerByteCount), at: 0)
    stored.overwrite(UInt32(frame.count), at: 4)
    stored.overwrite(key.timestamp, at: 8)
    stored.overwrite(key.sequence, at: 16)
    stored.overwrite(checksum, at: 24)
    try file.write(stored.rawSpan, at: end)
    end += stored.count
    frame.removeAll(keepingCapacity: true)
    firstKey = nil
  }

  /// Writes what is left and gives the run.
  mutating func finish() throws(ReelError) -> SortedRun {
    try writeFrame()
    return SortedRun(file: file, range: start..<end)
  }
}

/// Reads a sorted run front to back, a frame at a time.
final class SortedRunReader {
  private let run: SortedRun
  /// Where the next frame starts, and its header once it has been read.
  private var offset: Int
  private var header: [UInt8] = []
  private var frame: [UInt8] = []
  private var position = 0
  /// The key of the next entry.
  private(set) var key: MergeKey

  /// - Returns: Nothing when the run has no entries.
  init?(_ run: SortedRun) throws(ReelError) {
    self.run = run
    offset = run.range.lowerBound
    key = MergeKey(timestamp: 0, sequence: 0)
    guard try readHeader() else { return nil }
  }

  /// Reads the header of the next frame, for the key of its first entry.
  /// - Returns: False at the end of the run.
  private func readHeader() throws(ReelError) -> Bool {
    frame = []
    position = 0
    guard offset < run.range.upperBound else { return false }
    header = try run.file.read(at: offset, byteCount: SortedRun.headerByteCount)
    guard header.count == SortedRun.headerByteCount else { throw damaged() }
    key = MergeKey(
      timestamp: header.rawSpan.integer(at: 8, as: Int64.self),
      sequence: header.rawSpan.integer(at: 16, as: UInt64.self))
    return true
  }

  private func readFrame() throws(ReelError) {
    let storedByteCount = Int(header.rawSpan.integer(at: 0, as: UInt32.self))
    let byteCount = Int(header.rawSpan.integer(at: 4, as: UInt32.self))
    let start = offset + SortedRun.headerByteCount
    guard storedByteCount <= run.range.upperBound - start else { throw damaged() }
    let stored = try run.file.read(at: start, byteCount: storedByteCount)
    let checksum = Checksum.xxh3(stored.rawSpan, seed: SortedRun.checksumSeed)
    guard stored.count == storedByteCount,
      checksum == header.rawSpan.integer(at: 24, as: UInt64.self),
      let raw = storedByteCount == byteCount
        ? stored : LZ4.decompress(stored.rawSpan, byteCount: byteCount)
    else { throw damaged() }
    frame = raw
    offset = start + storedByteCount
  }

  /// Calls `body` with the next entry and passes over it.
  /// - Returns: False after the last entry of the run.
  func take(_ body: (RawSpan) throws(ReelError) -> Void) throws(ReelError) -> Bool {
    if frame.isEmpty { try readFrame() }
    let entries = frame
    let start = position
    let record = start + RecordPage.entryPrefixByteCount
    guard record + Record.headerByteCount <= entries.count else { throw damaged() }
    let byteCount = Int(entries.rawSpan.integer(at: record, as: UInt32.self))
    guard byteCount <= entries.count - record else { throw damaged() }
    try body(entries.rawSpan.extracting(start..<(record + byteCount)))
    position = record + byteCount
    if position == entries.count { return try readHeader() }
    let next = position + RecordPage.entryPrefixByteCount
    guard next + Record.headerByteCount <= entries.count else { throw damaged() }
    key = MergeKey(
      timestamp: entries.rawSpan.integer(at: next + 8, as: Int64.self),
      sequence: entries.rawSpan.integer(at: position, as: UInt64.self))
    return true
  }

  private func damaged() -> ReelError {
    .corrupted(
      Corruption(
        path: run.file.path, bytes: offset..<run.range.upperBound, sequenceNumbers: nil,
        reason: "a temporary file does not hold what was written to it"))
  }
}
