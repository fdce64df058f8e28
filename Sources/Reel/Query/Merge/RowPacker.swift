/// Packs records that come in the order of the answer into small blocks in memory, whose rows are
/// given out like those of any other block.
struct RowPacker {
  private var builder = BlockBuilder(seed: 0)
  private var keys: [MergeKey] = []
  private var runID: UInt64 = 0

  private static let rowsPerBlock = 256
  private static let blockByteCount = 256 << 10

  /// Rows of finished blocks, to be taken.
  private(set) var rows: [MergeRow] = []

  /// Appends a record; now and then that finishes a block, and there are ``rows`` to be taken.
  mutating func append(_ record: borrowing RecordView, key: MergeKey, runID: UInt64) {
    // A block is of one run, from which the ids follow that the store gave.
    if runID != self.runID || keys.count == Self.rowsPerBlock
      || builder.isFull(Self.blockByteCount)
    {
      finishRows()
    }
    self.runID = runID
    keys.append(key)
    builder.append(record, sequence: UInt64(keys.count), runID: runID)
  }

  /// Takes ``rows``; when there are none, those of the block that is not full.
  mutating func takeRows() -> [MergeRow] {
    if rows.isEmpty { finishRows() }
    defer { rows = [] }
    return rows
  }

  private mutating func finishRows() {
    guard !keys.isEmpty else { return }
    let run = MergeRun(block: finishBlock(), origin: nil, rows: [])
    rows += keys.indices.map { MergeRow(key: keys[$0], row: $0, run: run) }
    keys.removeAll(keepingCapacity: true)
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
