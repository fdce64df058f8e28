/// Copies of rows' records in memory, for merges that cannot keep the blocks open.
struct RecordCopies {
  /// Where the record of a row lies.
  struct Entry {
    var key: MergeKey
    var runID: UInt64
    fileprivate var chunk: Int32
    fileprivate var offset: Int32
    fileprivate var byteCount: Int32
  }

  /// In the order in which they were added until they are sorted.
  private(set) var entries: [Entry] = []
  private var chunks: [Region] = []
  private var current = 0
  private var filled = 0
  /// Bytes of all records.
  private(set) var byteCount = 0

  private static let chunkByteCount = 1 << 20

  /// Copies a row's record.
  ///
  /// - Throws: ``ReelError/corrupted(_:)`` when its payload cannot be read; nothing is then copied.
  mutating func add(_ block: DecodedBlock, row: Int) throws(ReelError) {
    let view = try EventView(
      block: block, row: row, sequence: block.sequence(row), runID: block.header.runID,
      schema: AttributeSchema())
    let source = RowSource(view: view)
    let size = source.byteCount
    reserve(size)
    let timestamp = block.timestamps[row]
    var writer = RecordWriter(
      region: chunks[current], start: filled, byteCount: size, timestamp: timestamp)
    source.write(to: &writer)
    entries.append(
      Entry(
        key: MergeKey(timestamp: timestamp, sequence: block.sequence(row)),
        runID: block.header.runID, chunk: Int32(current), offset: Int32(filled),
        byteCount: Int32(size)))
    filled += size
    byteCount += size
  }

  /// Makes room for `size` bytes at ``filled`` in the current chunk.
  private mutating func reserve(_ size: Int) {
    while current < chunks.count {
      if filled + size <= chunks[current].byteCount { return }
      current += 1
      filled = 0
    }
    chunks.append(Region(byteCount: max(size, Self.chunkByteCount)))
  }

  /// Brings the entries into the order of the answer.
  mutating func sort(isDescending: Bool) {
    entries.sort { isDescending ? $1.key < $0.key : $0.key < $1.key }
  }

  /// Calls `body` with the bytes of an entry's record.
  func withRecord<R, E: Error>(
    _ entry: Entry, _ body: (RawSpan) throws(E) -> R
  ) throws(E) -> R {
    let region = chunks[Int(entry.chunk)]
    let start = Int(entry.offset)
    return try body(region.bytes(start..<(start + Int(entry.byteCount))))
  }

  /// Forgets all records; the memory of those of usual size is kept for the next.
  mutating func removeAll() {
    entries.removeAll(keepingCapacity: true)
    chunks.removeAll { $0.byteCount > Self.chunkByteCount }
    current = 0
    filled = 0
    byteCount = 0
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
