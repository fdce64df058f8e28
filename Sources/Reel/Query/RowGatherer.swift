/// Keeps copies of rows' records, for merges that cannot keep the blocks open, and gives them out
/// in order as rows of small blocks in memory.
struct RowGatherer {
  /// Where a record lies; none for a row that could not be read.
  private struct Place {
    var chunk: Int32 = -1
    var offset: Int32 = 0
    var byteCount: Int32 = 0
    var runID: UInt64 = 0
  }

  private var keys: [MergeKey] = []
  private var places: [Place] = []
  private var chunks: [Region] = []
  private var filled = 0
  private var next = 0
  private(set) var byteCount = 0
  private var builder = BlockBuilder(seed: 0)

  private static let chunkByteCount = 1 << 20
  private static let rowsPerBlock = 256
  private static let blockByteCount = 256 << 10

  /// Expects a row for each of `keys`, which are in the order of the answer.
  mutating func prepare(_ keys: [MergeKey]) {
    self.keys = keys
    places = [Place](repeating: Place(), count: keys.count)
  }

  /// Copies the record of a row that stands at `index` in the order of the answer.
  ///
  /// - Throws: ``ReelError/corrupted(_:)`` when its payload cannot be read; nothing is then copied.
  mutating func add(_ block: DecodedBlock, row: Int, at index: Int) throws(ReelError) {
    let view = try EventView(
      block: block, row: row, sequence: block.sequence(row), runID: block.header.runID,
      schema: AttributeSchema())
    let source = RowSource(view: view)
    let size = source.byteCount
    if chunks.isEmpty || filled + size > (chunks.last?.byteCount ?? 0) {
      let region = Region(byteCount: max(size, Self.chunkByteCount))
      chunks.append(region)
      byteCount += region.byteCount
      filled = 0
    }
    let region = chunks[chunks.count - 1]
    var writer = RecordWriter(
      region: region, start: filled, byteCount: size, timestamp: block.timestamps[row])
    source.write(to: &writer)
    places[index] = Place(
      chunk: Int32(chunks.count - 1), offset: Int32(filled), byteCount: Int32(size),
      runID: block.header.runID)
    filled += size
  }

  /// The next rows in the order of the answer, none after the last.
  mutating func nextRows() -> [MergeRow] {
    var taken: [MergeKey] = []
    var runID: UInt64 = 0
    while next < places.count, taken.count < Self.rowsPerBlock,
      !builder.isFull(Self.blockByteCount)
    {
      let place = places[next]
      // Ids that the store gave follow from the run, and a block has one.
      if !taken.isEmpty, place.runID != runID { break }
      next += 1
      guard place.chunk >= 0 else { continue }
      runID = place.runID
      let region = chunks[Int(place.chunk)]
      let range = Int(place.offset)..<Int(place.offset + place.byteCount)
      guard let record = try? RecordView(region.bytes(range)) else { continue }
      builder.append(record, sequence: UInt64(taken.count) + 1, runID: runID)
      taken.append(keys[next - 1])
    }
    guard !taken.isEmpty else { return [] }
    let run = MergeRun(block: finishBlock(), origin: nil, rows: [])
    return taken.indices.map { MergeRow(key: taken[$0], row: $0, run: run) }
  }

  private mutating func finishBlock() -> DecodedBlock {
    let columns = builder.finish(frameByteCount: Limits.frameByteCount)
    do throws(ByteReader.Malformed) {
      return try DecodedBlock(
        header: columns.header, attributes: columns.attributes,
        payloads: MemoryPayloads(columns), wanted: .all)
    } catch {
      preconditionFailure("a block just built does not decode: \(error.reason)")
    }
  }
}

/// A row as something to write as a record again.
private struct RowSource {
  let view: EventView

  private var attributeSection: [UInt8] {
    let block = view.block
    var entries: [UInt8] = []
    var count: UInt64 = 0
    for index in block.attributeColumns.keys.sorted() {
      guard let column = block.attributeColumns[index] else { continue }
      let code = column.code(view.row)
      guard code != 0 else { continue }
      count += 1
      entries.append(UInt8(index))
      entries.append(lengthPrefixed: column.text(code: code))
    }
    guard count > 0 else { return [] }
    var section: [UInt8] = []
    section.append(varint: count)
    return section + entries
  }

  var byteCount: Int {
    var total = Record.headerByteCount + attributeSection.count
    forEachField { total += $1.byteCount }
    view.withPayloadBytes { total += $0.byteCount }
    return total
  }

  func write(to writer: inout RecordWriter) {
    if let clock = view.secondClock { writer.setSecondClock(clock) }
    if let arity = view.function?.arity { writer.setArity(arity) }
    forEachField { writer.append($0, $1) }
    let section = attributeSection
    if !section.isEmpty { writer.appendAttributes(section) }
    if let encoding = view.payloadEncoding {
      view.withPayloadBytes { writer.appendPayload($0, encoding: encoding.rawValue) }
    }
  }

  /// Calls `body` with each field that the row has, in the order of a record.
  private func forEachField(_ body: (Record.Field, RawSpan) -> Void) {
    let block = view.block
    let row = view.row
    if let ids = block.ids, ids.hasValue(row) { body(.id, ids.bytes(row)) }
    forText(.kind, .kind, body)
    forText(.process, .process, body)
    forText(.peerProcess, .peerProcess, body)
    if let column = block.text(.function), column.code(row) != 0 {
      let key = column.text(code: column.code(row))
      let parts = FunctionKey.parts(key)
      if let module = parts.module { body(.module, key.extracting(module)) }
      if let name = parts.name { body(.function, key.extracting(name)) }
    }
    forText(.correlationID, .correlationID, body)
    forText(.astNodeID, .astNodeID, body)
    forText(.node, .node, body)
    if let parents = block.parentIDs, parents.hasValue(row) {
      body(.parentID, parents.bytes(row))
    }
    if let calls = block.callIDs, calls.hasValue(row) { body(.callID, calls.bytes(row)) }
  }

  private func forText(
    _ id: ColumnID, _ field: Record.Field, _ body: (Record.Field, RawSpan) -> Void
  ) {
    guard let column = view.block.text(id), column.code(view.row) != 0 else { return }
    body(field, column.text(code: column.code(view.row)))
  }
}
