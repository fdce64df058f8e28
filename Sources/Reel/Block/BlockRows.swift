/// The rows of a block as they are collected: what is the same for each as one array.
///
/// The thread that collects hands them to the one that encodes and gets them back empty, so that
/// their memory is taken once.
struct BlockRows {
  var firstSequence: UInt64 = 0
  var count = 0
  var eventCount = 0
  /// The bytes that the rows stand for: texts, payloads and some 24 for the numbers of each.
  var rawByteCount = 0
  var runID: UInt64 = 0
  var minimumTimestamp = Int64.max
  var maximumTimestamp = Int64.min
  /// When the block ended by the wall clock, and what was durable then.
  var arrival: Int64 = 0
  var watermark: UInt64 = 0

  var timestamps: [Int64] = []
  var recordTypes: [UInt32] = []
  var hasControlRecords = false
  /// In order of ``ColumnID/texts``, then those of the attributes.
  var texts = [TextRows](repeating: TextRows(), count: ColumnID.texts.count)
  var secondClock: [Int64] = []
  /// Per row; rows behind the last that has one are left out.
  var hasSecondClock: [Bool] = []
  var payloadEncodings: [UInt32] = []
  /// Payload lengths plus one, 0 when absent.
  var payloadLengths: [UInt32] = []
  var payloads: [UInt8] = []
  var ids = IdentifierColumnBuilder()
  var parentIDs = IdentifierColumnBuilder()
  var callIDs = IdentifierColumnBuilder()

  /// The column at a place of ``texts``.
  static func textColumn(_ index: Int) -> ColumnID {
    index < ColumnID.texts.count
      ? ColumnID.texts[index] : .attribute(index - ColumnID.texts.count)
  }

  /// Forgets the rows and keeps the memory.
  mutating func removeAll() {
    (count, eventCount, rawByteCount) = (0, 0, 0)
    (minimumTimestamp, maximumTimestamp) = (.max, .min)
    timestamps.removeAll(keepingCapacity: true)
    recordTypes.removeAll(keepingCapacity: true)
    hasControlRecords = false
    for index in texts.indices { texts[index].removeAll() }
    secondClock.removeAll(keepingCapacity: true)
    hasSecondClock.removeAll(keepingCapacity: true)
    payloadEncodings.removeAll(keepingCapacity: true)
    payloadLengths.removeAll(keepingCapacity: true)
    payloads.forget()
    ids.removeAll()
    parentIDs.removeAll()
    callIDs.removeAll()
  }
}

extension Array {
  /// Removes all elements and keeps the memory, but for much that was needed before and not now.
  mutating func forget() {
    let limit = Swift.max((1 << 20) / MemoryLayout<Element>.stride, 2 * count)
    removeAll(keepingCapacity: capacity <= limit)
  }
}
