/// Where the blocks of a segment are and what they cover: the sparse time index.
///
/// Derived; a reader without it hops from header to header. Normative: format-spec.md,
/// "Directories".
struct Directory: Hashable, Sendable {
  var blocks: [DirectoryEntry] = []
  var indexes: [IndexPart] = []
  /// Where contexts lie, in order.
  var contexts: [ContextPlace] = []

  static let maximumBlockCount = 1 << 22
  /// Of a block's header alone: so a directory cannot claim more blocks than its file has room for.
  private static let minimumBlockByteCount = 100

  /// The content of a directory frame: the raw length (u32) and the LZ4 block of eight integer
  /// columns, each with its length, and the lists of index parts and contexts.
  func encode(state: LZ4.State) -> [UInt8] {
    var raw: [UInt8] = []
    raw.append(varint: UInt64(blocks.count))
    Self.append(blocks.map { Int64($0.offset) }, to: &raw)
    Self.append(blocks.map { Int64($0.byteCount) }, to: &raw)
    Self.append(blocks.map { Int64(bitPattern: $0.firstSequence) }, to: &raw)
    Self.append(blocks.map { Int64($0.recordCount) }, to: &raw)
    Self.append(blocks.map { Int64($0.eventCount) }, to: &raw)
    Self.append(blocks.map(\.minimumTimestamp), to: &raw)
    Self.append(blocks.map(\.maximumTimestamp), to: &raw)
    Self.append(blocks.map(\.arrival), to: &raw)
    raw.append(varint: UInt64(indexes.count))
    for part in indexes {
      raw.append(part.column.rawValue)
      raw.append(part.form.rawValue)
      raw.append(varint: UInt64(part.offset))
      raw.append(varint: UInt64(part.byteCount))
      raw.append(varint: UInt64(part.blocks.lowerBound))
      raw.append(varint: UInt64(part.blocks.count))
    }
    raw.append(varint: UInt64(contexts.count))
    for place in contexts {
      raw.append(varint: UInt64(place.offset))
      raw.append(varint: UInt64(place.byteCount))
      raw.append(littleEndian: place.maximumTimestamp)
    }
    return CompressedContent.encode(raw, state: state)
  }

  private static func append(_ values: [Int64], to output: inout [UInt8]) {
    var column: [UInt8] = []
    IntegerColumn.appendDeltas(values, to: &column)
    output.append(lengthPrefixed: column.rawSpan)
  }

  init(
    blocks: [DirectoryEntry] = [], indexes: [IndexPart] = [], contexts: [ContextPlace] = []
  ) {
    self.blocks = blocks
    self.indexes = indexes
    self.contexts = contexts
  }

  /// Decodes the content of a directory frame of a file whose directory begins at `offset`.
  init(decoding content: RawSpan, at offset: Int) throws(ByteReader.Malformed) {
    let raw = try CompressedContent.decode(content)
    var reader = ByteReader(raw.rawSpan)
    let count = try reader.count(
      "the number of blocks",
      limit: min(Self.maximumBlockCount, offset / Self.minimumBlockByteCount))
    var columns: [[Int64]] = []
    for _ in 0..<8 {
      let length = try reader.count("a column's length", limit: reader.remaining)
      let column = try reader.span(length, "a column")
      columns.append(try IntegerColumn.decodeDeltas(column, count: count))
    }
    var previousEnd = SegmentHeader.byteCount
    var nextSequence: UInt64 = 1
    for index in 0..<count {
      let entry = DirectoryEntry(
        offset: Int(columns[0][index]), byteCount: Int(columns[1][index]),
        firstSequence: UInt64(bitPattern: columns[2][index]),
        recordCount: UInt32(truncatingIfNeeded: columns[3][index]),
        eventCount: UInt32(truncatingIfNeeded: columns[4][index]),
        minimumTimestamp: columns[5][index], maximumTimestamp: columns[6][index],
        arrival: columns[7][index])
      guard entry.offset >= previousEnd, entry.offset < offset, entry.byteCount > 0,
        entry.byteCount <= offset - entry.offset,
        (1...Int64(Limits.blockRecordCount)).contains(columns[3][index]),
        (0...columns[3][index]).contains(columns[4][index]),
        entry.firstSequence >= nextSequence, entry.firstSequence <= Limits.sequenceNumber
      else { throw ByteReader.Malformed("a directory entry", "cannot be", found: index) }
      previousEnd = entry.offset + entry.byteCount
      nextSequence = entry.lastSequence + 1
      blocks.append(entry)
    }
    let partCount = try reader.count(
      "the number of index parts", limit: min(reader.remaining, offset / ReelFrame.overhead))
    // Each is hashed when it is read: a thousand parts in one place would cost a thousand times its
    // bytes.
    var indexByteCount = 0
    for _ in 0..<partCount {
      let part = try IndexPart(reading: &reader, blockCount: count, end: offset)
      indexByteCount += part.byteCount
      guard indexByteCount <= offset else {
        throw ByteReader.Malformed("index parts", "overlap", found: indexByteCount)
      }
      indexes.append(part)
    }
    try readContexts(&reader, end: offset)
    try reader.finish("a directory")
  }
}

extension Directory {
  private mutating func readContexts(
    _ reader: inout ByteReader, end: Int
  ) throws(ByteReader.Malformed) {
    var previousEnd = SegmentHeader.byteCount
    for _ in 0..<(try reader.count("the number of contexts", limit: blocks.count)) {
      let offset = try reader.count("a context's offset", limit: end)
      let place = ContextPlace(
        offset: offset, byteCount: try reader.count("a context's length", limit: end - offset),
        maximumTimestamp: try reader.integer(Int64.self, "a context's greatest timestamp"))
      guard place.offset >= previousEnd else {
        throw ByteReader.Malformed("a context", "cannot be there", found: place.offset)
      }
      previousEnd = place.end
      contexts.append(place)
    }
  }
}

/// One block in a directory.
struct DirectoryEntry: TimeCovering, Hashable, Sendable {
  /// Of the block header's frame in the file.
  var offset: Int
  /// Of the header's frame and all frames of the block.
  var byteCount: Int
  var firstSequence: UInt64
  var recordCount: UInt32
  var eventCount: UInt32
  var minimumTimestamp: Int64
  var maximumTimestamp: Int64
  var arrival: Int64

  var lastSequence: UInt64 { firstSequence + UInt64(recordCount) - 1 }

  /// The entry of the block whose header's frame begins at `offset` and takes `headerByteCount`.
  init(_ header: BlockHeader, offset: Int, headerByteCount: Int) {
    self.init(
      offset: offset, byteCount: headerByteCount + header.storedByteCount,
      firstSequence: header.firstSequence, recordCount: UInt32(header.recordCount),
      eventCount: UInt32(header.eventCount), minimumTimestamp: header.minimumTimestamp,
      maximumTimestamp: header.maximumTimestamp, arrival: header.arrival)
  }

  init(
    offset: Int, byteCount: Int, firstSequence: UInt64, recordCount: UInt32, eventCount: UInt32,
    minimumTimestamp: Int64, maximumTimestamp: Int64, arrival: Int64
  ) {
    self.offset = offset
    self.byteCount = byteCount
    self.firstSequence = firstSequence
    self.recordCount = recordCount
    self.eventCount = eventCount
    self.minimumTimestamp = minimumTimestamp
    self.maximumTimestamp = maximumTimestamp
    self.arrival = arrival
  }
}

extension [DirectoryEntry] {
  /// The first block that lies at `offset` or behind.
  func first(from offset: Int) -> DirectoryEntry? {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if self[middle].offset < offset { low = middle + 1 } else { high = middle }
    }
    return low < count ? self[low] : nil
  }
}

/// Where an index over some blocks of a segment lies.
///
/// A column has one part for each checkpoint, so that a run that goes on in a segment need not
/// build again what an earlier one has written.
struct IndexPart: Hashable, Sendable {
  /// How an index is built.
  enum Form: UInt8, Sendable {
    /// Every key with the blocks that have it and how often.
    case postings = 1
    /// Fingerprints of the keys, each with one block.
    case fingerprints = 2
  }

  var column: ColumnID
  var form: Form
  var offset: Int
  var byteCount: Int
  /// The ordinals of the blocks that it covers.
  var blocks: Range<Int>

  init(column: ColumnID, form: Form, offset: Int, byteCount: Int, blocks: Range<Int>) {
    self.column = column
    self.form = form
    self.offset = offset
    self.byteCount = byteCount
    self.blocks = blocks
  }

  init(
    reading reader: inout ByteReader, blockCount: Int, end: Int
  ) throws(ByteReader.Malformed) {
    column = ColumnID(rawValue: try reader.integer(UInt8.self, "an index's column"))
    let formValue = try reader.integer(UInt8.self, "an index's form")
    offset = try reader.count("an index's offset", limit: end)
    byteCount = try reader.count("an index's length", limit: end - offset)
    let first = try reader.count("an index's first block", limit: blockCount)
    let count = try reader.count("an index's number of blocks", limit: blockCount - first)
    guard let form = Form(rawValue: formValue) else {
      throw ByteReader.Malformed("an index's form", "is unknown", found: formValue)
    }
    self.form = form
    blocks = first..<(first + count)
  }
}

/// Content that is compressed as one LZ4 block within a Reel frame: the raw length (u32), then the
/// block, or the bytes themselves when compression would not make them shorter.
enum CompressedContent {
  static func encode(_ raw: [UInt8], state: LZ4.State) -> [UInt8] {
    var content: [UInt8] = []
    content.append(littleEndian: UInt32(raw.count))
    if !LZ4.compress(raw.rawSpan, appendingTo: &content, state) {
      content.append(contentsOf: raw)
    }
    return content
  }

  /// The raw bytes of what follows the head of a frame, of which there may be `limit` at most.
  static func decode(
    _ content: RawSpan, limit: Int = ReelFrame.maximumByteCount
  ) throws(ByteReader.Malformed) -> [UInt8] {
    var reader = ByteReader(content)
    let length = Int(try reader.integer(UInt32.self, "the raw length"))
    let stored = try reader.span(reader.remaining, "the compressed content")
    guard length <= limit else {
      throw ByteReader.Malformed("compressed content", "is too long", found: length)
    }
    if stored.byteCount == length { return stored.copied() }
    guard length / 255 <= stored.byteCount,
      let raw = LZ4.decompress(stored, byteCount: length)
    else { throw ByteReader.Malformed("compressed content", "is malformed", found: length) }
    return raw
  }
}
