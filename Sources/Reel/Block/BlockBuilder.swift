/// Collects records and encodes them in one place, for blocks in memory that stand for what is
/// still in the write-ahead buffer.
struct BlockBuilder {
  private var collector: RowCollector
  private var encoder = BlockEncoder()
  private var spare = BlockRows()

  /// - Parameter seed: As ``RowCollector/init(seed:)`` has it.
  init(seed: UInt64) { collector = RowCollector(seed: seed) }

  /// Of the last record appended.
  var symbols: RecordSymbols { collector.symbols }

  /// Whether the block can take no more rows.
  func isFull(_ byteCount: Int) -> Bool { collector.isFull(byteCount) }

  /// Appends a record; all records of a block are of one run and follow each other.
  mutating func append(_ record: borrowing RecordView, sequence: UInt64, runID: UInt64) {
    collector.append(record, sequence: sequence, runID: runID)
  }

  /// Ends the block, which has at least one row, and begins the next; about as many bytes of
  /// payload as `frameByteCount` go into a frame.
  mutating func finish(
    frameByteCount: Int, arrival: Int64 = 0, watermark: UInt64 = 0
  ) -> BlockColumns {
    collector.take(&spare, arrival: arrival, watermark: watermark)
    return encoder.encode(&spare, frameByteCount: frameByteCount)
  }
}
