/// What a block says of itself ahead of its frames; the body of a skippable frame.
///
/// Normative: format-spec.md, "Block headers".
struct BlockHeader: TimeCovering, Hashable, Sendable {
  /// One LZ4 frame of the block: frame 0 holds the attributes, the others payloads.
  struct Frame: Hashable, Sendable {
    static let byteCount = 20

    /// The first row whose payload is in it; 0 for the attributes.
    var firstRow: Int
    var rawByteCount: Int
    /// The whole LZ4 frame in the file.
    var storedByteCount: Int
    /// XXH3-64 of the stored bytes.
    var checksum: UInt64
  }

  static let codecLZ4: UInt8 = 1
  private static let fixedByteCount = 64

  var firstSequence: UInt64
  var recordCount: Int
  /// Records that are events, the rest being control records.
  var eventCount: Int
  /// The least and greatest timestamp of its events; both 0 when there is none.
  var minimumTimestamp: Int64
  var maximumTimestamp: Int64
  /// The wall clock when the block was built: all its records had arrived by then.
  var arrival: Int64
  /// The highest sequence number known to be durable when the block was built.
  var watermark: UInt64
  /// The run its records belong to; ids that the store gives begin with it.
  var runID: UInt64
  var columns: [ColumnEntry]
  var frames: [Frame]

  /// The bytes of the attributes up to the last of `wanted` columns.
  func attributeByteCount(through wanted: ColumnSet) -> Int {
    var total = 0
    var needed = 0
    for column in columns {
      total += column.byteCount
      if wanted.contains(column.id) { needed = total }
    }
    return needed
  }

  /// How many attributes must be declared for all of its columns to have a meaning.
  var attributeCount: Int {
    columns.reduce(0) { max($0, ($1.id.attributeIndex ?? -1) + 1) }
  }

  var lastSequence: UInt64 { firstSequence + UInt64(recordCount) - 1 }
  var storedByteCount: Int { frames.reduce(0) { $0 + $1.storedByteCount } }
  var rawByteCount: Int { frames.reduce(0) { $0 + $1.rawByteCount } }

  /// The bytes of a body with so many columns and frames.
  static func byteCount(columnCount: Int, frameCount: Int) -> Int {
    fixedByteCount + columnCount * ColumnEntry.byteCount + frameCount * Frame.byteCount
  }

  func encode() -> [UInt8] {
    var body: [UInt8] = []
    body.append(littleEndian: firstSequence)
    body.append(littleEndian: UInt32(recordCount))
    body.append(littleEndian: UInt32(eventCount))
    body.append(littleEndian: minimumTimestamp)
    body.append(littleEndian: maximumTimestamp)
    body.append(littleEndian: arrival)
    body.append(littleEndian: watermark)
    body.append(littleEndian: runID)
    body.append(Self.codecLZ4)
    body.append(0)  // encryption: none
    body.append(littleEndian: UInt16(0))  // key slot
    body.append(littleEndian: UInt16(columns.count))
    body.append(littleEndian: UInt16(frames.count))
    for column in columns {
      body.append(column.id.rawValue)
      body.append(column.encoding)
      body.append(littleEndian: UInt32(column.byteCount))
    }
    for frame in frames {
      body.append(littleEndian: UInt32(frame.firstRow))
      body.append(littleEndian: UInt32(frame.rawByteCount))
      body.append(littleEndian: UInt32(frame.storedByteCount))
      body.append(littleEndian: frame.checksum)
    }
    return body
  }

  /// Decodes and checks a body; a header that this accepts can be computed with.
  init(decoding body: RawSpan) throws(ByteReader.Malformed) {
    var reader = ByteReader(body)
    firstSequence = try reader.integer(UInt64.self, "the first sequence number")
    recordCount = Int(try reader.integer(UInt32.self, "the number of records"))
    eventCount = Int(try reader.integer(UInt32.self, "the number of events"))
    minimumTimestamp = try reader.integer(Int64.self, "the least timestamp")
    maximumTimestamp = try reader.integer(Int64.self, "the greatest timestamp")
    arrival = try reader.integer(Int64.self, "the arrival time")
    watermark = try reader.integer(UInt64.self, "the watermark")
    runID = try reader.integer(UInt64.self, "the run")
    let codec = try reader.integer(UInt8.self, "the codec")
    let encryption = try reader.integer(UInt8.self, "the encryption")
    _ = try reader.integer(UInt16.self, "the key slot")
    let columnCount = Int(try reader.integer(UInt16.self, "the number of columns"))
    let frameCount = Int(try reader.integer(UInt16.self, "the number of frames"))
    guard codec == Self.codecLZ4, encryption == 0 else {
      throw ByteReader.Malformed("the codec or encryption", "is unknown", found: codec)
    }
    guard recordCount >= 1, recordCount <= Limits.blockRecordCount, eventCount <= recordCount,
      firstSequence >= 1, firstSequence <= Limits.sequenceNumber, watermark < firstSequence,
      frameCount >= 1, minimumTimestamp <= maximumTimestamp
    else { throw ByteReader.Malformed("a count", "cannot be", found: recordCount) }
    columns = []
    var attributeByteCount = 0
    var seen = ColumnSet()
    for _ in 0..<columnCount {
      let id = ColumnID(rawValue: try reader.integer(UInt8.self, "a column"))
      let encoding = try reader.integer(UInt8.self, "a column's encoding")
      let byteCount = Int(try reader.integer(UInt32.self, "a column's length"))
      guard id.rawValue < 128, !seen.contains(id) else {
        throw ByteReader.Malformed("a column", "is unknown or comes twice", found: id.rawValue)
      }
      seen.insert(id)
      columns.append(ColumnEntry(id: id, encoding: encoding, byteCount: byteCount))
      attributeByteCount += byteCount
    }
    frames = []
    var raw = 0
    for index in 0..<frameCount {
      let frame = Frame(
        firstRow: Int(try reader.integer(UInt32.self, "a frame's first row")),
        rawByteCount: Int(try reader.integer(UInt32.self, "a frame's length")),
        storedByteCount: Int(try reader.integer(UInt32.self, "a frame's stored length")),
        checksum: try reader.integer(UInt64.self, "a frame's checksum"))
      raw += frame.rawByteCount
      let isOrdered =
        index < 2 ? frame.firstRow == 0 : frame.firstRow > frames[index - 1].firstRow
      guard frame.rawByteCount <= Limits.frameByteCount, frame.firstRow < recordCount, isOrdered,
        frame.rawByteCount / 255 <= frame.storedByteCount,
        frame.storedByteCount <= LZ4Frame.maximumByteCount(of: frame.rawByteCount)
      else { throw ByteReader.Malformed("a frame", "cannot be", found: frame.rawByteCount) }
      frames.append(frame)
    }
    try reader.finish("a block header")
    guard raw <= Limits.blockByteCount, attributeByteCount == frames[0].rawByteCount,
      frames.count == 1 || seen.contains(.payloadLength)
    else {
      throw ByteReader.Malformed("a block's length", "cannot be", found: raw)
    }
  }
}

extension BlockHeader {
  /// A header from its parts.
  init(
    firstSequence: UInt64, recordCount: Int, eventCount: Int, minimumTimestamp: Int64,
    maximumTimestamp: Int64, arrival: Int64, watermark: UInt64, runID: UInt64,
    columns: [ColumnEntry], frames: [Frame], _: Void = ()
  ) {
    self.firstSequence = firstSequence
    self.recordCount = recordCount
    self.eventCount = eventCount
    self.minimumTimestamp = minimumTimestamp
    self.maximumTimestamp = maximumTimestamp
    self.arrival = arrival
    self.watermark = watermark
    self.runID = runID
    self.columns = columns
    self.frames = frames
  }
}
