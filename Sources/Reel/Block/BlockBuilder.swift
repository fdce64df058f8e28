/// Collects consecutive records as the columns of one block.
///
/// The flusher builds the blocks of segments with it, and a reader the blocks in memory that stand
/// for what is still in the write-ahead buffer. Texts keep their numbers from block to block.
struct BlockBuilder {
  private(set) var firstSequence: UInt64 = 0
  private(set) var rowCount = 0
  private(set) var eventCount = 0
  /// The bytes that the rows stand for: texts, payloads and some 24 for the numbers of each.
  private(set) var rawByteCount = 0
  /// Of the last record appended.
  private(set) var symbols = RecordSymbols()

  private var runID: UInt64 = 0
  private var minimumTimestamp = Int64.max
  private var maximumTimestamp = Int64.min
  private var timestamps: [Int64] = []
  private var recordTypes: [UInt32] = []
  private var hasControlRecords = false
  private var kind: TextColumnBuilder
  private var process: TextColumnBuilder
  private var peerProcess: TextColumnBuilder
  private var function: TextColumnBuilder
  private var correlationID: TextColumnBuilder
  private var astNodeID: TextColumnBuilder
  private var node: TextColumnBuilder
  private var attributes: [TextColumnBuilder] = []
  private var secondClock: [Int64] = []
  private var hasSecondClock: [Bool] = []
  private var payloadEncodings: [UInt32] = []
  /// Payload lengths plus one, 0 when absent.
  private var payloadLengths: [UInt32] = []
  private var payloads: [UInt8] = []
  private var ids = IdentifierColumnBuilder()
  private var parentIDs = IdentifierColumnBuilder()
  private var callIDs = IdentifierColumnBuilder()
  private var functionKey: [UInt8] = []
  private let seed: UInt64

  /// Bytes of a record in the buffer that are not counted as raw: its fixed header but 24.
  private static let uncountedByteCount = Record.headerByteCount - 24
  /// Texts remembered from block to block before they are all forgotten, so that columns of ever
  /// new texts stay bounded.
  private static let maximumSymbolCount = 100_000
  private static let maximumSymbolByteCount = 4 << 20

  /// - Parameter seed: Of the hash tables, so that nobody can choose texts that collide.
  init(seed: UInt64) {
    self.seed = seed
    kind = TextColumnBuilder(seed: seed)
    process = TextColumnBuilder(seed: seed)
    peerProcess = TextColumnBuilder(seed: seed)
    function = TextColumnBuilder(seed: seed)
    correlationID = TextColumnBuilder(seed: seed)
    astNodeID = TextColumnBuilder(seed: seed)
    node = TextColumnBuilder(seed: seed)
  }

  /// Whether the block can take no more rows.
  func isFull(_ byteCount: Int) -> Bool {
    rawByteCount >= byteCount || rowCount >= Limits.blockRecordCount
  }

  /// Appends a record; all records of a block are of one run and follow each other.
  mutating func append(_ record: borrowing RecordView, sequence: UInt64, runID: UInt64) {
    if rowCount == 0 {
      firstSequence = sequence
      self.runID = runID
    }
    let row = rowCount
    let timestamp = record.timestamp
    timestamps.append(timestamp)
    recordTypes.append(UInt32(record.type))
    if record.type == 0 {
      eventCount &+= 1
      minimumTimestamp = min(minimumTimestamp, timestamp)
      maximumTimestamp = max(maximumTimestamp, timestamp)
    } else {
      hasControlRecords = true
    }
    appendFields(of: record, row: row)
    if let clock = record.secondClock {
      while hasSecondClock.count < row { hasSecondClock.append(false) }
      hasSecondClock.append(true)
      secondClock.append(clock)
    }
    if record.hasPayload {
      let payload = record.payload
      payloadLengths.append(UInt32(payload.byteCount) &+ 1)
      payloadEncodings.append(UInt32(record.payloadEncoding))
      payloads.append(payload)
    } else {
      payloadLengths.append(0)
      payloadEncodings.append(0)
    }
    rowCount &+= 1
    rawByteCount &+= record.byteCount &- Self.uncountedByteCount
  }

  private mutating func appendFields(of record: borrowing RecordView, row: Int) {
    let bytes = record.bytes
    var position = Record.headerByteCount
    @inline(__always)
    func next(_ field: Record.Field) -> Range<Int>? {
      let length = record.length(field)
      guard length != Record.absentLength else { return nil }
      defer { position &+= Int(length) }
      return position..<(position &+ Int(length))
    }
    if let range = next(.id) { ids.append(bytes.extracting(range), row: row) }
    symbols.kind = RecordSymbols.absent
    symbols.process = RecordSymbols.absent
    if let range = next(.kind) {
      symbols.kind = kind.append(bytes.extracting(range), row: row)
    }
    if let range = next(.process) {
      symbols.process = process.append(bytes.extracting(range), row: row)
    }
    if let range = next(.peerProcess) { peerProcess.append(bytes.extracting(range), row: row) }
    let module = next(.module)
    let name = next(.function)
    let arity = record.arityPlusOne
    if module != nil || name != nil || arity != 0 {
      FunctionKey.assign(
        module: bytes.extracting(module ?? 0..<0), hasModule: module != nil,
        name: bytes.extracting(name ?? 0..<0), hasName: name != nil, arityPlusOne: arity,
        to: &functionKey)
      let key = functionKey
      function.append(key.rawSpan, row: row)
    }
    if let range = next(.correlationID) { correlationID.append(bytes.extracting(range), row: row) }
    if let range = next(.astNodeID) { astNodeID.append(bytes.extracting(range), row: row) }
    if let range = next(.node) { node.append(bytes.extracting(range), row: row) }
    if let range = next(.parentID) { parentIDs.append(bytes.extracting(range), row: row) }
    if let range = next(.callID) { callIDs.append(bytes.extracting(range), row: row) }
    let section = record.attributes
    if section.byteCount > 0 { appendAttributes(section, row: row) }
  }

  /// Appends the declared attributes; a malformed section, which only a damaged buffer that passed
  /// its checksum could hold, leaves the rest absent.
  private mutating func appendAttributes(_ section: RawSpan, row: Int) {
    AttributeSchema.forEachEntry(section) { index, value in
      while attributes.count <= index { attributes.append(TextColumnBuilder(seed: seed)) }
      attributes[index].append(value, row: row)
    }
  }
}

/// The numbers that a record's texts have in their columns, the same for the same text while the
/// generation is the same.
struct RecordSymbols {
  var kind = absent
  var process = absent
  /// Differs whenever numbers begin anew.
  var generation = 0

  /// In place of a number, for a field that is absent.
  static let absent = UInt32.max
}

/// The columns of a finished block, not compressed yet.
struct BlockColumns {
  /// The header; its frames have no stored length and checksum yet.
  var header: BlockHeader
  var attributes: [UInt8]
  var payloads: [UInt8]
}

extension BlockBuilder {
  /// Ends the block and begins the next.
  ///
  /// About `frameByteCount` bytes of payload go into a frame; the block's keys go into `indexes`.
  /// There must be at least one row.
  mutating func finish(
    frameByteCount: Int, arrival: Int64 = 0, watermark: UInt64 = 0, indexes: inout IndexBuilder
  ) -> BlockColumns {
    let block = finishColumns(
      frameByteCount: frameByteCount, arrival: arrival, watermark: watermark)
    addKeys(to: &indexes)
    startBlock()
    return block
  }

  /// Ends a block that is not indexed, and begins the next.
  mutating func finish(frameByteCount: Int) -> BlockColumns {
    let block = finishColumns(frameByteCount: frameByteCount, arrival: 0, watermark: 0)
    startBlock()
    return block
  }

  private func addKeys(to indexes: inout IndexBuilder) {
    if !kind.isEmpty { indexes.add(.kind, kind) }
    if !process.isEmpty { indexes.add(.process, process) }
    if !peerProcess.isEmpty { indexes.add(.peerProcess, peerProcess) }
    if !function.isEmpty { indexes.add(.function, function) }
    if !correlationID.isEmpty { indexes.add(.correlationID, correlationID) }
    if !astNodeID.isEmpty { indexes.add(.astNodeID, astNodeID) }
    if !node.isEmpty { indexes.add(.node, node) }
    for (index, column) in attributes.enumerated() where !column.isEmpty {
      indexes.add(.attribute(index), column)
    }
    if !ids.isEmpty { indexes.add(ids: ids) }
    indexes.endBlock()
  }

  private mutating func finishColumns(
    frameByteCount: Int, arrival: Int64, watermark: UInt64
  ) -> BlockColumns {
    precondition(rowCount > 0, "a block has rows")
    var bytes: [UInt8] = []
    bytes.reserveCapacity(rawByteCount / 4)
    var columns: [ColumnEntry] = []
    encodeColumns(to: &bytes, columns: &columns)
    var frames = [
      BlockHeader.Frame(
        firstRow: 0, rawByteCount: bytes.count, storedByteCount: 0, checksum: 0)
    ]
    frames.append(contentsOf: payloadFrames(frameByteCount))
    let header = BlockHeader(
      firstSequence: firstSequence, recordCount: rowCount, eventCount: eventCount,
      minimumTimestamp: eventCount > 0 ? minimumTimestamp : 0,
      maximumTimestamp: eventCount > 0 ? maximumTimestamp : 0,
      arrival: arrival, watermark: watermark, runID: runID, columns: columns, frames: frames)
    return BlockColumns(header: header, attributes: bytes, payloads: payloads)
  }

  /// Appends all columns in the order in which queries want them: what is filtered by first, so
  /// that a partial decoding can stop early, identifiers last.
  private mutating func encodeColumns(to bytes: inout [UInt8], columns: inout [ColumnEntry]) {
    func add(_ id: ColumnID, _ encoding: UInt8, from start: Int) {
      columns.append(ColumnEntry(id: id, encoding: encoding, byteCount: bytes.count - start))
    }
    var start = bytes.count
    if hasControlRecords {
      IntegerColumn.appendPlanes(recordTypes, to: &bytes)
      add(.recordType, ColumnEncoding.planes.rawValue, from: start)
    }
    start = bytes.count
    IntegerColumn.appendDeltas(timestamps, to: &bytes)
    add(.timestamp, ColumnEncoding.deltas.rawValue, from: start)
    let rows = rowCount
    func addText(_ column: inout TextColumnBuilder, _ id: ColumnID) {
      guard !column.isEmpty else { return }
      let start = bytes.count
      column.encode(rowCount: rows, to: &bytes)
      add(id, ColumnEncoding.dictionary.rawValue, from: start)
    }
    addText(&kind, .kind)
    addText(&process, .process)
    addText(&peerProcess, .peerProcess)
    addText(&function, .function)
    addText(&correlationID, .correlationID)
    addText(&astNodeID, .astNodeID)
    addText(&node, .node)
    for index in attributes.indices { addText(&attributes[index], .attribute(index)) }
    if !secondClock.isEmpty {
      start = bytes.count
      var flag: UInt8 = 0
      if secondClock.count < rows {
        while hasSecondClock.count < rows { hasSecondClock.append(false) }
        PresenceBitmap.append(hasSecondClock, to: &bytes)
        flag = ColumnEncoding.presenceFlag
      }
      IntegerColumn.appendDeltas(secondClock, to: &bytes)
      add(.secondClock, ColumnEncoding.deltas.rawValue | flag, from: start)
    }
    if payloadLengths.contains(where: { $0 != 0 }) {
      start = bytes.count
      IntegerColumn.appendPlanes(payloadEncodings, to: &bytes)
      add(.payloadEncoding, ColumnEncoding.planes.rawValue, from: start)
      start = bytes.count
      IntegerColumn.appendPlanes(payloadLengths, to: &bytes)
      add(.payloadLength, ColumnEncoding.planes.rawValue, from: start)
    }
    func addIdentifiers(_ column: inout IdentifierColumnBuilder, _ id: ColumnID) {
      guard !column.isEmpty else { return }
      let start = bytes.count
      let encoding = column.encode(rowCount: rows, to: &bytes)
      add(id, encoding, from: start)
    }
    addIdentifiers(&callIDs, .callID)
    addIdentifiers(&parentIDs, .parentID)
    addIdentifiers(&ids, .id)
  }

  /// Cuts the payloads at row borders into frames of about equal length; one that is longer than
  /// `target` alone has a frame of its own.
  private func payloadFrames(_ wanted: Int) -> [BlockHeader.Frame] {
    guard !payloads.isEmpty else { return [] }
    // Two that follow each other have this much, so there are at most twice as many.
    let target = max(wanted, payloads.count / Limits.payloadFrameCount)
    let count = max(1, (payloads.count + target / 2) / target)
    let share = (payloads.count + count - 1) / count
    var frames: [BlockHeader.Frame] = []
    var firstRow = 0
    var filled = 0
    func close(before row: Int) {
      frames.append(
        BlockHeader.Frame(firstRow: firstRow, rawByteCount: filled, storedByteCount: 0, checksum: 0)
      )
      firstRow = row
      filled = 0
    }
    for (row, lengthPlusOne) in payloadLengths.enumerated() where lengthPlusOne > 1 {
      let length = Int(lengthPlusOne) - 1
      if filled > 0 && (filled >= share || length >= target) { close(before: row) }
      filled += length
    }
    close(before: rowCount)
    return frames
  }

  private mutating func startBlock() {
    rowCount = 0
    eventCount = 0
    rawByteCount = 0
    minimumTimestamp = .max
    maximumTimestamp = .min
    timestamps.removeAll(keepingCapacity: true)
    recordTypes.removeAll(keepingCapacity: true)
    hasControlRecords = false
    restart(&kind)
    restart(&process)
    symbols.generation = kind.generation &+ process.generation
    restart(&peerProcess)
    restart(&function)
    restart(&correlationID)
    restart(&astNodeID)
    restart(&node)
    for index in attributes.indices { restart(&attributes[index]) }
    secondClock.removeAll(keepingCapacity: true)
    hasSecondClock.removeAll(keepingCapacity: true)
    payloadEncodings.removeAll(keepingCapacity: true)
    payloadLengths.removeAll(keepingCapacity: true)
    payloads.removeAll(keepingCapacity: true)
    ids.startBlock()
    parentIDs.startBlock()
    callIDs.startBlock()
  }

  private func restart(_ column: inout TextColumnBuilder) {
    if column.symbolCount > Self.maximumSymbolCount
      || column.symbolByteCount > Self.maximumSymbolByteCount
    {
      column = TextColumnBuilder(seed: seed, generation: column.generation + 1)
    } else {
      column.startBlock()
    }
  }
}
