/// Copies rows of blocks into new blocks in memory, for merges that cannot keep the originals open.
struct RowGatherer {
  /// Where a row has gone.
  struct Place {
    var block: Int
    var row: Int
  }

  private var builder = BlockBuilder(seed: 0)
  private var runID: UInt64 = 0
  private var finished: [BlockColumns] = []
  private let region = Region(byteCount: 2 * Limits.payloadByteCount)
  private static let blockByteCount = 256 << 10

  init() {}

  /// Copies a row.
  /// - Throws: ``ReelError/corrupted(_:)`` when its payload cannot be read; nothing is then copied.
  mutating func add(_ block: DecodedBlock, row: Int) throws(ReelError) -> Place {
    let view = try EventView(
      block: block, row: row, sequence: block.sequence(row), runID: block.header.runID,
      schema: AttributeSchema())
    let source = RowSource(view: view)
    let rules = RecordRules(
      maximumPayloadByteCount: Limits.payloadByteCount, attributes: AttributeSchema())
    let byteCount = source.byteCount
    var writer = RecordWriter(
      region: region, start: 0, byteCount: byteCount, timestamp: block.timestamps[row])
    source.write(to: &writer, rules: rules)
    // Ids that the store gave follow from the run, and a block has one.
    if builder.rowCount > 0, runID != block.header.runID { closeBlock() }
    runID = block.header.runID
    let place = Place(block: finished.count, row: builder.rowCount)
    let region = region
    do throws(ByteReader.Malformed) {
      builder.append(
        try RecordView(region.bytes(0..<byteCount)), sequence: UInt64(builder.rowCount) + 1,
        runID: block.header.runID)
    } catch {
      preconditionFailure("a record just written is malformed: \(error.reason)")
    }
    if builder.isFull(Self.blockByteCount) { closeBlock() }
    return place
  }

  private mutating func closeBlock() {
    finished.append(builder.finish(frameByteCount: Limits.frameByteCount))
  }

  /// The new blocks.
  mutating func finish() throws(ReelError) -> [DecodedBlock] {
    if builder.rowCount > 0 { closeBlock() }
    var blocks: [DecodedBlock] = []
    for columns in finished {
      do throws(ByteReader.Malformed) {
        blocks.append(
          try DecodedBlock(
            header: columns.header, attributes: columns.attributes,
            payloads: MemoryPayloads(columns), wanted: .all))
      } catch {
        preconditionFailure("a block just built does not decode: \(error.reason)")
      }
    }
    return blocks
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

  func write(to writer: inout RecordWriter, rules: RecordRules) {
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
