@testable import Reel

/// The columns of a block, given as they are before compression.
///
/// The input is: rows (u16), the number of columns (u8), for each its id, encoding (u8) and length
/// (u16); the columns; and the payloads, all in one frame.
enum BlockFuzz {
  static func run(_ input: [UInt8], _ faults: inout FuzzFaults) {
    guard let columns = columns(input) else { return }
    faults.attempt("a block") { faults throws(ReelError) in
      do throws(ByteReader.Malformed) {
        let encoded = columns.header.encode()
        _ = try BlockHeader(decoding: encoded.rawSpan)
        let block = try decode(columns, .all)
        lookUp(block, &faults)
        let first = try decode(columns, ColumnSet([.timestamp, .kind, .payloadLength]))
        expectSame(block, try first.decoding(.all), nil, &faults)
        expectSame(block, try first.only(everyThird(block)), everyThird(block), &faults)
        try rebuild(block, &faults)
      } catch {
        faults.expect(!error.reason.isEmpty, "a fault without words")
      }
    }
  }

  static func decode(
    _ columns: BlockColumns, _ wanted: ColumnSet
  ) throws(ByteReader.Malformed) -> DecodedBlock {
    try DecodedBlock(
      header: columns.header, attributes: columns.attributes, payloads: MemoryPayloads(columns),
      wanted: wanted)
  }

  /// The block that an input stands for; its header is made to fit.
  static func columns(_ input: [UInt8]) -> BlockColumns? {
    var input = FuzzInput(input)
    let rows = max(1, min(input.short(), 4096))
    var entries: [ColumnEntry] = []
    for _ in 0..<(input.byte() & 31) {
      let id = ColumnID(rawValue: input.byte() & 127)
      entries.append(ColumnEntry(id: id, encoding: input.byte(), byteCount: input.short()))
    }
    let byteCount = entries.reduce(0) { $0 + $1.byteCount }
    let attributes = input.bytes(byteCount)
    guard attributes.count == byteCount else { return nil }
    let payloads = input.rest()
    let frames = [byteCount, payloads.count].prefix(payloads.isEmpty ? 1 : 2).map {
      BlockHeader.Frame(
        firstRow: 0, rawByteCount: $0, storedByteCount: LZ4Frame.maximumByteCount(of: $0),
        checksum: 0)
    }
    let header = BlockHeader(
      firstSequence: 5, recordCount: rows, eventCount: eventCount(entries, attributes, rows),
      minimumTimestamp: .min, maximumTimestamp: .max, arrival: 0, watermark: 0, runID: 7,
      columns: entries, frames: Array(frames))
    return BlockColumns(header: header, attributes: attributes, payloads: payloads)
  }

  private static func eventCount(
    _ entries: [ColumnEntry], _ attributes: [UInt8], _ rows: Int
  ) -> Int {
    var offset = 0
    for entry in entries {
      if entry.id == .recordType {
        let bytes = attributes.rawSpan.extracting(offset..<(offset + entry.byteCount))
        let types = try? IntegerColumn.decodePlanes(bytes, count: rows)
        return types?.count { $0 == 0 } ?? rows
      }
      offset += entry.byteCount
    }
    return rows
  }

  /// What a query looks up in a block.
  private static func lookUp(_ block: DecodedBlock, _ faults: inout FuzzFaults) {
    let columns = ColumnID.texts.compactMap { block.text($0) } + block.attributeColumns.values
    for column in columns {
      let counts = column.rowCounts()
      for code in 1...max(1, min(column.count, 64)) where code <= column.count {
        let text = column.text(code: UInt16(code))
        faults.expect(column.code(of: text) == UInt16(code), "a text that is not found")
        let rows = column.rows(withCode: UInt16(code))
        faults.expect(rows.count == counts[code - 1], "\(rows.count) rows, \(counts[code - 1])")
        let range = column.codes(withPrefix: text.copied())
        faults.expect(range.contains(code), "a text without its own prefix")
      }
    }
    for column in [block.ids, block.parentIDs, block.callIDs] {
      guard let column else { continue }
      for row in 0..<min(block.header.recordCount, 64) where column.hasValue(row) {
        let found = column.lastRow(of: column.bytes(row))
        faults.expect(found.map { $0 >= row } ?? false, "an id that is not found")
      }
    }
  }

  private static func everyThird(_ block: DecodedBlock) -> [Int32] {
    let limit = min(block.header.recordCount, 3 * DecodedBlock.maximumOnlyCount)
    return stride(from: 0, to: Int32(limit), by: 3).reversed()
  }

  private static func expectSame(
    _ block: DecodedBlock, _ other: DecodedBlock, _ rows: [Int32]?,
    _ faults: inout FuzzFaults
  ) {
    let rows = rows ?? (0..<Int32(min(block.header.recordCount, 64))).map { $0 }
    faults.attempt("rendering") { faults throws(ReelError) in
      let schema = RecordFuzz.schema
      let page = try RecordRenderer.page(block, rows: rows, schema: schema)
      let same = try RecordRenderer.page(other, rows: rows, schema: schema)
      for place in 0..<min(page.count, same.count) {
        faults.expect(
          page.view(place)?.record() == same.view(place)?.record(),
          "decoding in two steps gives another row \(place)")
      }
    }
  }

  /// Makes records of the rows, and another block of them.
  private static func rebuild(
    _ block: DecodedBlock, _ faults: inout FuzzFaults
  ) throws(ByteReader.Malformed) {
    let rows = (0..<Int32(min(block.header.recordCount, 256))).map { $0 }
    guard let page = try? RecordRenderer.page(block, rows: rows, schema: RecordFuzz.schema) else {
      return faults.expect(false, "a block in memory cannot be rendered")
    }
    var records: [[UInt8]] = []
    for place in 0..<page.count {
      guard let view = page.view(place) else { continue }
      if view.recordType == 0 { faults.expectSizes(view.event) }
      records.append(view.record())
    }
    RecordFuzz.roundTrip(records, &faults)
  }
}

/// Records, through a block and back.
enum RecordFuzz {
  /// Attributes of every type, so that values are taken apart by each.
  static let schema: AttributeSchema = {
    var schema = AttributeSchema()
    try? schema.merge([
      AttributeDeclaration(name: "tag", type: .text),
      AttributeDeclaration(name: "size", type: .integer),
      AttributeDeclaration(name: "ratio", type: .double),
      AttributeDeclaration(name: "ok", type: .boolean),
      AttributeDeclaration(name: "hash", type: .bytes, isIndexed: false),
    ])
    return schema
  }()

  /// Makes a block of those records that are within the limits, and holds its rows against them.
  static func roundTrip(_ records: [[UInt8]], _ faults: inout FuzzFaults) {
    var builder = BlockBuilder(seed: 1)
    var taken: [[UInt8]] = []
    for bytes in records {
      guard let record = try? RecordView(bytes.rawSpan) else { continue }
      builder.append(record, sequence: UInt64(5 + taken.count), runID: 7)
      taken.append(bytes)
      if builder.isFull(1 << 20) { break }
    }
    guard !taken.isEmpty else { return }
    let columns = builder.finish(frameByteCount: 512)
    do throws(ByteReader.Malformed) {
      let encoded = columns.header.encode()
      let compressed = CompressedBlock(columns, state: LZ4.State())
      let whole = compressed.header.encode()
      _ = try BlockHeader(decoding: whole.rawSpan)
      faults.expect(!encoded.isEmpty, "an empty header")
      let block = try BlockFuzz.decode(columns, .all)
      compare(block, taken, &faults)
    } catch {
      faults.expect(false, "a block that was built is refused: \(error.reason)")
    }
  }

  private static func compare(
    _ block: DecodedBlock, _ records: [[UInt8]], _ faults: inout FuzzFaults
  ) {
    faults.attempt("records") { faults throws(ReelError) in
      let found = try block.inspectedRecords(schema)
      faults.expect(found.count == records.count, "\(found.count) of \(records.count) records")
      for (row, bytes) in records.enumerated() where row < found.count {
        guard let record = try? RecordView(bytes.rawSpan) else { continue }
        faults.expect(found[row].timestamp.nanoseconds == record.timestamp, "a timestamp")
        guard case .event(let event) = found[row].content else {
          faults.expect(record.type != 0, "an event became a control record")
          continue
        }
        faults.expect(record.type == 0, "a control record became an event")
        faults.expect(event.secondClock == record.secondClock, "a second clock")
        faults.expect((event.payload != nil) == record.hasPayload, "a payload comes or goes")
        let payload = record.payload.copied()
        faults.expect(event.payload?.bytes ?? [] == payload, "a payload changed")
        faults.expectSizes(event)
      }
    }
  }
}
