/// Collects consecutive records as the rows of one block.
///
/// Texts keep their numbers from block to block, so that a text is hashed and compared, and its
/// bytes copied only the first time. ``BlockEncoder`` makes blocks of the rows.
struct RowCollector {
  private var rows = BlockRows()
  /// Of the last record appended.
  private(set) var symbols = RecordSymbols()

  private var kind: TextColumnBuilder
  private var process: TextColumnBuilder
  private var peerProcess: TextColumnBuilder
  private var function: TextColumnBuilder
  private var correlationID: TextColumnBuilder
  private var astNodeID: TextColumnBuilder
  private var node: TextColumnBuilder
  private var attributes: [TextColumnBuilder] = []
  private var functionKey: [UInt8] = []
  private let seed: UInt64

  /// Bytes of a record in the buffer that are not counted as raw: its fixed header but 24.
  private static let uncountedByteCount = Record.headerByteCount - 24

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

  var firstSequence: UInt64 { rows.firstSequence }
  var rowCount: Int { rows.count }
  var eventCount: Int { rows.eventCount }
  var rawByteCount: Int { rows.rawByteCount }

  /// Whether the block can take no more rows.
  func isFull(_ byteCount: Int) -> Bool {
    rows.rawByteCount >= byteCount || rows.count >= Limits.blockRecordCount
  }

  /// Appends a record; all records of a block are of one run and follow each other.
  mutating func append(_ record: borrowing RecordView, sequence: UInt64, runID: UInt64) {
    if rows.count == 0 {
      rows.firstSequence = sequence
      rows.runID = runID
    }
    let row = rows.count
    let timestamp = record.timestamp
    rows.timestamps.append(timestamp)
    rows.recordTypes.append(UInt32(record.type))
    if record.type == 0 {
      rows.eventCount &+= 1
      rows.minimumTimestamp = min(rows.minimumTimestamp, timestamp)
      rows.maximumTimestamp = max(rows.maximumTimestamp, timestamp)
    } else {
      rows.hasControlRecords = true
    }
    appendFields(of: record, row: row)
    if let clock = record.secondClock {
      while rows.hasSecondClock.count < row { rows.hasSecondClock.append(false) }
      rows.hasSecondClock.append(true)
      rows.secondClock.append(clock)
    }
    if record.hasPayload {
      let payload = record.payload
      rows.payloadLengths.append(UInt32(payload.byteCount) &+ 1)
      rows.payloadEncodings.append(UInt32(record.payloadEncoding))
      rows.payloads.append(payload)
    } else {
      rows.payloadLengths.append(0)
      rows.payloadEncodings.append(0)
    }
    rows.count &+= 1
    rows.rawByteCount &+= record.byteCount &- Self.uncountedByteCount
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
    if let range = next(.id) { rows.ids.append(bytes.extracting(range), row: row) }
    // The tables are large: the places where most texts are looked up come near at the same time.
    let kindRange = next(.kind)
    let kindHash = kindRange.map { kind.prefetch(bytes.extracting($0)) } ?? 0
    let processRange = next(.process)
    let processHash = processRange.map { process.prefetch(bytes.extracting($0)) } ?? 0
    let peerRange = next(.peerProcess)
    let module = next(.module)
    let name = next(.function)
    let correlationRange = next(.correlationID)
    let correlationHash =
      correlationRange.map { correlationID.prefetch(bytes.extracting($0)) } ?? 0
    let nodeIDRange = next(.astNodeID)
    let nodeIDHash = nodeIDRange.map { astNodeID.prefetch(bytes.extracting($0)) } ?? 0
    let arity = record.arityPlusOne
    if module != nil || name != nil || arity != 0 {
      FunctionKey.assign(
        module: bytes.extracting(module ?? 0..<0), hasModule: module != nil,
        name: bytes.extracting(name ?? 0..<0), hasName: name != nil, arityPlusOne: arity,
        to: &functionKey)
      let key = functionKey
      function.append(key.rawSpan, row: row)
    }
    symbols.kind = RecordSymbols.absent
    symbols.process = RecordSymbols.absent
    if let range = kindRange {
      symbols.kind = kind.append(bytes.extracting(range), hash: kindHash, row: row)
    }
    if let range = processRange {
      symbols.process = process.append(bytes.extracting(range), hash: processHash, row: row)
    }
    if let range = peerRange { peerProcess.append(bytes.extracting(range), row: row) }
    if let range = correlationRange {
      correlationID.append(bytes.extracting(range), hash: correlationHash, row: row)
    }
    if let range = nodeIDRange {
      astNodeID.append(bytes.extracting(range), hash: nodeIDHash, row: row)
    }
    if let range = next(.node) { node.append(bytes.extracting(range), row: row) }
    if let range = next(.parentID) { rows.parentIDs.append(bytes.extracting(range), row: row) }
    if let range = next(.callID) { rows.callIDs.append(bytes.extracting(range), row: row) }
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

  /// Ends the block: hands over its rows in exchange for `other`, which has none, and begins the
  /// next.
  mutating func take(_ other: inout BlockRows, arrival: Int64 = 0, watermark: UInt64 = 0) {
    precondition(rows.count > 0 && other.count == 0, "a block has rows, and the next has none yet")
    rows.arrival = arrival
    rows.watermark = watermark
    while rows.texts.count < ColumnID.texts.count + attributes.count {
      rows.texts.append(TextRows())
    }
    kind.take(&rows.texts[ColumnID.kind.textIndex])
    process.take(&rows.texts[ColumnID.process.textIndex])
    symbols.generation = kind.generation &+ process.generation
    peerProcess.take(&rows.texts[ColumnID.peerProcess.textIndex])
    function.take(&rows.texts[ColumnID.function.textIndex])
    correlationID.take(&rows.texts[ColumnID.correlationID.textIndex])
    astNodeID.take(&rows.texts[ColumnID.astNodeID.textIndex])
    node.take(&rows.texts[ColumnID.node.textIndex])
    for index in attributes.indices {
      attributes[index].take(&rows.texts[ColumnID.texts.count + index])
    }
    swap(&rows, &other)
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
