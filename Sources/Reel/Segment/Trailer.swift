/// The frame that ends a segment, or a checkpoint within it: of fixed length, so that it is found
/// from the end of the file, and enough to know whether a query need open the segment at all.
///
/// Normative: format-spec.md, "Trailers".
struct Trailer: Hashable, Sendable {
  static let contentByteCount = 96
  static let byteCount = ReelFrame.overhead + contentByteCount

  /// Whether the segment is sealed, or a later run may go on behind this checkpoint.
  var isSeal: Bool
  var directoryOffset: Int
  var directoryByteCount: Int
  var summary: SegmentSummary
  var watermark: UInt64

  /// What its frame holds.
  var content: [UInt8] {
    var content: [UInt8] = []
    content.append(littleEndian: UInt32(isSeal ? 1 : 0))
    content.append(littleEndian: UInt32(directoryByteCount))
    content.append(littleEndian: UInt64(directoryOffset))
    content.append(littleEndian: summary.firstSequence)
    content.append(littleEndian: summary.recordCount)
    content.append(littleEndian: summary.eventCount)
    content.append(littleEndian: summary.minimumTimestamp)
    content.append(littleEndian: summary.maximumTimestamp)
    content.append(littleEndian: summary.firstArrival)
    content.append(littleEndian: summary.lastArrival)
    content.append(littleEndian: summary.rawByteCount)
    content.append(littleEndian: watermark)
    content.append(littleEndian: UInt64(0))
    return content
  }

  func encode(at offset: Int, binding: FileBinding) -> [UInt8] {
    var frame: [UInt8] = []
    ReelFrame.append(content, type: .trailer, at: offset, binding: binding, to: &frame)
    return frame
  }

  init(
    isSeal: Bool, directoryOffset: Int, directoryByteCount: Int, summary: SegmentSummary,
    watermark: UInt64
  ) {
    self.isSeal = isSeal
    self.directoryOffset = directoryOffset
    self.directoryByteCount = directoryByteCount
    self.summary = summary
    self.watermark = watermark
  }

  /// Decodes a trailer that lies at `offset`.
  init(decoding content: RawSpan, at offset: Int) throws(ByteReader.Malformed) {
    var reader = ByteReader(content)
    let kind = try reader.integer(UInt32.self, "the kind of a trailer")
    directoryByteCount = Int(try reader.integer(UInt32.self, "the directory's length"))
    let directoryOffset = try reader.integer(UInt64.self, "the directory's offset")
    summary = SegmentSummary(
      firstSequence: try reader.integer(UInt64.self, "the first sequence number"),
      recordCount: try reader.integer(UInt64.self, "the number of records"),
      eventCount: try reader.integer(UInt64.self, "the number of events"),
      minimumTimestamp: try reader.integer(Int64.self, "the least timestamp"),
      maximumTimestamp: try reader.integer(Int64.self, "the greatest timestamp"),
      firstArrival: try reader.integer(Int64.self, "the first arrival"),
      lastArrival: try reader.integer(Int64.self, "the last arrival"),
      rawByteCount: try reader.integer(UInt64.self, "the raw length"))
    watermark = try reader.integer(UInt64.self, "the watermark")
    _ = try reader.integer(UInt64.self, "the reserved field")
    try reader.finish("a trailer")
    isSeal = kind == 1
    guard kind <= 1, directoryOffset <= UInt64(offset),
      Int(directoryOffset) + directoryByteCount <= offset,
      summary.recordCount <= 1 << 62, summary.firstSequence >= 1,
      summary.firstSequence <= Limits.sequenceNumber,
      summary.eventCount <= summary.recordCount, summary.rawByteCount <= 1 << 62,
      watermark < summary.nextSequence, summary.fits(into: Int(directoryOffset))
    else { throw ByteReader.Malformed("a trailer's field", "cannot be", found: directoryOffset) }
    self.directoryOffset = Int(directoryOffset)
  }
}

/// What is known of a segment without its directory.
struct SegmentSummary: TimeCovering, Hashable, Sendable {
  var firstSequence: UInt64
  var recordCount: UInt64 = 0
  var eventCount: UInt64 = 0
  /// Of its events; the least is greater than the greatest while there is none.
  var minimumTimestamp = Int64.max
  var maximumTimestamp = Int64.min
  var firstArrival = Int64.max
  var lastArrival = Int64.min
  /// The bytes of all frames before compression.
  var rawByteCount: UInt64 = 0

  /// The sequence number after its last record.
  var nextSequence: UInt64 { firstSequence + recordCount }
  var lastSequence: UInt64 { max(nextSequence, 1) - 1 }

  /// Whether blocks ahead of `directoryOffset` can have so many events and bytes: no sum over
  /// trailers then comes to more than the files let it.
  func fits(into directoryOffset: Int) -> Bool {
    let blockCount = max(0, directoryOffset - SegmentHeader.byteCount) / Limits.leastBlockByteCount
    let events = blockCount.saturatingMultiply(Limits.blockRecordCount)
    // LZ4 expands by 255 at most; what a frame's length is rounded by, its place in the block's
    // header makes up for.
    let bytes = max(0, directoryOffset).saturatingMultiply(256)
    return eventCount <= UInt64(events) && rawByteCount <= UInt64(bytes)
  }

  mutating func add(_ block: DirectoryEntry, rawByteCount: Int) {
    recordCount = block.firstSequence + UInt64(block.recordCount) - firstSequence
    eventCount = eventCount.saturatingAdd(UInt64(block.eventCount))
    if block.eventCount > 0 {
      minimumTimestamp = min(minimumTimestamp, block.minimumTimestamp)
      maximumTimestamp = max(maximumTimestamp, block.maximumTimestamp)
    }
    firstArrival = min(firstArrival, block.arrival)
    lastArrival = max(lastArrival, block.arrival)
    self.rawByteCount = self.rawByteCount.saturatingAdd(UInt64(rawByteCount))
  }
}
