/// The columns of a finished block, not compressed yet.
struct BlockColumns {
  /// The header; its frames have no stored length and checksum yet.
  var header: BlockHeader
  var attributes: [UInt8]
  var payloads: [UInt8]
}

/// Makes blocks of the rows that a ``RowCollector`` hands over, all of them and in their order.
///
/// Apart from it, so that it can be another thread's.
struct BlockEncoder {
  /// As ``BlockRows/texts``.
  private var texts = [TextColumnEncoder](
    repeating: TextColumnEncoder(), count: ColumnID.texts.count)

  /// Makes a block of `rows`, of which there is at least one; none are left.
  ///
  /// About as many bytes of payload as `frameByteCount` go into a frame.
  mutating func encode(_ rows: inout BlockRows, frameByteCount: Int) -> BlockColumns {
    takeTexts(rows)
    let columns = encodeColumns(of: &rows, frameByteCount: frameByteCount)
    rows.removeAll()
    return columns
  }

  /// Makes a compressed block of `rows`, of which there is at least one, and adds it to `indexes`;
  /// no rows are left.
  mutating func compress(
    _ rows: inout BlockRows, frameByteCount: Int, indexes: inout IndexBuilder, state: LZ4.State
  ) -> CompressedBlock {
    takeTexts(rows)
    indexes.add(rows, texts: texts)
    var columns = encodeColumns(of: &rows, frameByteCount: frameByteCount)
    let block = CompressedBlock(columns, state: state)
    // The memory of the payloads is taken once as well.
    swap(&rows.payloads, &columns.payloads)
    rows.removeAll()
    return block
  }

  private mutating func takeTexts(_ rows: BlockRows) {
    while texts.count < rows.texts.count { texts.append(TextColumnEncoder()) }
    for index in rows.texts.indices where !rows.texts[index].isEmpty {
      texts[index].takeTexts(rows.texts[index])
    }
  }

  /// Takes the payloads from `rows`.
  private mutating func encodeColumns(
    of rows: inout BlockRows, frameByteCount: Int
  ) -> BlockColumns {
    precondition(rows.count > 0, "a block has rows")
    var bytes: [UInt8] = []
    bytes.reserveCapacity(rows.rawByteCount / 4)
    let columns = encodeColumns(of: &rows, to: &bytes)
    var frames = [
      BlockHeader.Frame(
        firstRow: 0, rawByteCount: bytes.count, storedByteCount: 0, checksum: 0)
    ]
    frames.append(contentsOf: Self.payloadFrames(rows, frameByteCount))
    let header = BlockHeader(
      firstSequence: rows.firstSequence, recordCount: rows.count, eventCount: rows.eventCount,
      minimumTimestamp: rows.eventCount > 0 ? rows.minimumTimestamp : 0,
      maximumTimestamp: rows.eventCount > 0 ? rows.maximumTimestamp : 0,
      arrival: rows.arrival, watermark: rows.watermark, runID: rows.runID, columns: columns,
      frames: frames)
    var payloads: [UInt8] = []
    swap(&payloads, &rows.payloads)
    return BlockColumns(header: header, attributes: bytes, payloads: payloads)
  }

  /// Appends all columns in the order in which queries want them: what is filtered by first, so
  /// that a partial decoding can stop early, identifiers last.
  private mutating func encodeColumns(
    of rows: inout BlockRows, to bytes: inout [UInt8]
  ) -> [ColumnEntry] {
    var columns: [ColumnEntry] = []
    func add(_ id: ColumnID, _ encoding: UInt8, from start: Int) {
      columns.append(ColumnEntry(id: id, encoding: encoding, byteCount: bytes.count - start))
    }
    var start = bytes.count
    if rows.hasControlRecords {
      IntegerColumn.appendPlanes(rows.recordTypes, to: &bytes)
      add(.recordType, ColumnEncoding.planes.rawValue, from: start)
    }
    start = bytes.count
    IntegerColumn.appendDeltas(rows.timestamps, to: &bytes)
    add(.timestamp, ColumnEncoding.deltas.rawValue, from: start)
    for index in rows.texts.indices where !rows.texts[index].isEmpty {
      start = bytes.count
      texts[index].encode(&rows.texts[index], rowCount: rows.count, to: &bytes)
      add(BlockRows.textColumn(index), ColumnEncoding.dictionary.rawValue, from: start)
    }
    if !rows.secondClock.isEmpty {
      start = bytes.count
      var flag: UInt8 = 0
      if rows.secondClock.count < rows.count {
        while rows.hasSecondClock.count < rows.count { rows.hasSecondClock.append(false) }
        PresenceBitmap.append(rows.hasSecondClock, to: &bytes)
        flag = ColumnEncoding.presenceFlag
      }
      IntegerColumn.appendDeltas(rows.secondClock, to: &bytes)
      add(.secondClock, ColumnEncoding.deltas.rawValue | flag, from: start)
    }
    if rows.payloadLengths.contains(where: { $0 != 0 }) {
      start = bytes.count
      IntegerColumn.appendPlanes(rows.payloadEncodings, to: &bytes)
      add(.payloadEncoding, ColumnEncoding.planes.rawValue, from: start)
      start = bytes.count
      IntegerColumn.appendPlanes(rows.payloadLengths, to: &bytes)
      add(.payloadLength, ColumnEncoding.planes.rawValue, from: start)
    }
    func addIdentifiers(_ column: inout IdentifierColumnBuilder, _ id: ColumnID, _ count: Int) {
      guard !column.isEmpty else { return }
      let start = bytes.count
      let encoding = column.encode(rowCount: count, to: &bytes)
      add(id, encoding, from: start)
    }
    addIdentifiers(&rows.callIDs, .callID, rows.count)
    addIdentifiers(&rows.parentIDs, .parentID, rows.count)
    addIdentifiers(&rows.ids, .id, rows.count)
    return columns
  }

  /// Cuts the payloads at row borders into frames of about equal length; one that is longer than
  /// `wanted` alone has a frame of its own.
  private static func payloadFrames(_ rows: BlockRows, _ wanted: Int) -> [BlockHeader.Frame] {
    let byteCount = rows.payloads.count
    guard byteCount > 0 else { return [] }
    // Two that follow each other have this much, so there are at most twice as many.
    let target = max(wanted, byteCount / Limits.payloadFrameCount)
    let count = max(1, (byteCount + target / 2) / target)
    let share = (byteCount + count - 1) / count
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
    for (row, lengthPlusOne) in rows.payloadLengths.enumerated() where lengthPlusOne > 1 {
      let length = Int(lengthPlusOne) - 1
      if filled > 0 && (filled >= share || length >= target) { close(before: row) }
      filled += length
    }
    close(before: rows.count)
    return frames
  }
}
