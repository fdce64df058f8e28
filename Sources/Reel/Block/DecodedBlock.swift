/// A block in memory: the columns that somebody asked for, decoded, and the way to its payloads.
///
/// It never changes, so any number of threads may read it; ``decoding(_:)`` makes another with more
/// columns. Blocks of segments and blocks built from the write-ahead buffer look the same here.
final class DecodedBlock: Sendable {
  let header: BlockHeader
  /// Of all its frames, before compression.
  let rawByteCount: Int
  let payloads: any PayloadSource
  /// The attributes frame, decompressed, or the front of it.
  private let attributes: [UInt8]
  /// The columns decoded so far.
  let decoded: ColumnSet

  let timestamps: [Int64]
  /// The rows that are events, by timestamp and then arrival; with ``ColumnID/eventOrder`` alone.
  let eventOrder: [Int32]
  private let recordTypes: [UInt32]?
  private let texts: TextColumns
  let attributeColumns: [Int: TextColumn]
  private let secondClock: SecondClock?
  private let payloadEncodings: [UInt32]?
  private let payloadLengths: [UInt32]?
  /// The offset of each row's payload from the start of all payloads, and the end of the last.
  private let payloadOffsets: [UInt32]
  let ids: IdentifierColumn?
  let parentIDs: IdentifierColumn?
  let callIDs: IdentifierColumn?

  private struct SecondClock {
    var values: [Int64]
    var indexes: [Int32]?
  }

  /// Decodes `wanted` columns of the block whose attributes frame is `attributes`, but for those
  /// that are decoded in `known`; where `only` some rows are given, the others have no texts and
  /// identifiers.
  init(
    header: BlockHeader, attributes: [UInt8], payloads: any PayloadSource, wanted: ColumnSet,
    known: DecodedBlock? = nil, only: [Int32]? = nil
  ) throws(ByteReader.Malformed) {
    self.header = header
    rawByteCount = header.rawByteCount
    self.attributes = attributes
    self.payloads = payloads
    decoded = wanted
    let rows = header.recordCount
    let done = known?.decoded ?? ColumnSet()
    var timestamps = known?.timestamps ?? []
    var recordTypes = known?.recordTypes
    var texts = known?.texts ?? TextColumns()
    var attributeColumns = known?.attributeColumns ?? [:]
    var secondClock = known?.secondClock
    var encodings = known?.payloadEncodings
    var lengths = known?.payloadLengths
    var ids = known?.ids
    var parentIDs = known?.parentIDs
    var callIDs = known?.callIDs
    let all = attributes.rawSpan
    var offset = 0
    for entry in header.columns {
      let start = offset
      offset += entry.byteCount
      guard wanted.contains(entry.id), !done.contains(entry.id) else { continue }
      guard offset <= all.byteCount else {
        throw ByteReader.Malformed("a column", "exceeds the attributes", found: offset)
      }
      let bytes = all.extracting(start..<offset)
      switch entry.id {
      case .recordType:
        let types = try Self.planes(bytes, entry, rows)
        guard types.allSatisfy({ $0 <= 255 }) else {
          throw ByteReader.Malformed("a record's type", "is larger than a byte", found: rows)
        }
        recordTypes = types
      case .timestamp:
        try Self.expect(entry, .deltas)
        timestamps = try IntegerColumn.decodeDeltas(bytes, count: rows)
      case .secondClock: secondClock = try Self.clock(bytes, entry, rows)
      case .payloadEncoding: encodings = try Self.planes(bytes, entry, rows)
      case .payloadLength: lengths = try Self.planes(bytes, entry, rows)
      case .id: ids = try Self.identifiers(bytes, entry, rows, only)
      case .parentID: parentIDs = try Self.identifiers(bytes, entry, rows, only)
      case .callID: callIDs = try Self.identifiers(bytes, entry, rows, only)
      default:
        // A column that this version does not know is passed over.
        guard entry.id.isText else {
          if let index = entry.id.attributeIndex {
            try Self.expect(entry, .dictionary)
            attributeColumns[index] = try TextColumn(bytes, count: rows, only: only)
          }
          continue
        }
        try Self.expect(entry, .dictionary)
        let column = try TextColumn(bytes, count: rows, only: only)
        let limit =
          entry.id == .function ? Limits.columnTextByteCount : Limits.textByteCount
        guard column.longestByteCount <= limit else {
          throw ByteReader.Malformed(
            "a text", "is longer than possible", found: column.longestByteCount)
        }
        texts[entry.id] = column
      }
    }
    guard !wanted.contains(.timestamp) || timestamps.count == rows else {
      throw ByteReader.Malformed("the timestamps", "are missing", found: timestamps.count)
    }
    if wanted.contains(.recordType) {
      let events = recordTypes.map { $0.reduce(0) { $0 + ($1 == 0 ? 1 : 0) } } ?? rows
      guard events == header.eventCount else {
        throw ByteReader.Malformed("the number of events", "does not match", found: events)
      }
    }
    let textByteCount =
      ColumnID.texts.reduce(0) { $0 + (texts[$1]?.byteCount ?? 0) }
      + attributeColumns.values.reduce(0) { $0 + $1.byteCount }
    guard textByteCount <= 4 * Limits.frameByteCount else {
      throw ByteReader.Malformed(
        "the dictionaries", "are larger than possible", found: textByteCount)
    }
    self.timestamps = timestamps
    if let known, done.contains(.eventOrder) {
      eventOrder = known.eventOrder
    } else {
      eventOrder = wanted.contains(.eventOrder) ? Self.eventOrder(timestamps, recordTypes) : []
    }
    self.recordTypes = recordTypes
    self.texts = texts
    self.attributeColumns = attributeColumns
    self.secondClock = secondClock
    payloadEncodings = encodings
    payloadLengths = lengths
    if let known, done.contains(.payloadLength) {
      payloadOffsets = known.payloadOffsets
    } else {
      payloadOffsets = try Self.offsets(lengths, header: header)
    }
    self.ids = ids
    self.parentIDs = parentIDs
    self.callIDs = callIDs
  }

  /// Whether only the front of the attributes is here: more columns must be read anew.
  var isPartial: Bool { attributes.count < header.frames[0].rawByteCount }

  /// A block that has `wanted` columns too; itself when it has them already.
  ///
  /// Not for a partial one.
  func decoding(_ wanted: ColumnSet) throws(ByteReader.Malformed) -> DecodedBlock {
    if decoded.isSuperset(of: wanted) { return self }
    return try DecodedBlock(
      header: header, attributes: attributes, payloads: payloads, wanted: decoded.union(wanted),
      known: self)
  }

  /// All columns of some rows, at most ``maximumOnlyCount``: far less work than decoding all.
  ///
  /// Not for a partial block.
  func only(_ rows: [Int32]) throws(ByteReader.Malformed) -> DecodedBlock {
    if decoded == .all { return self }
    var wanted = ColumnSet.all
    wanted.remove(.eventOrder)
    return try DecodedBlock(
      header: header, attributes: attributes, payloads: payloads, wanted: wanted, known: self,
      only: rows.sorted())
  }

  /// Beyond this many rows, decoding all is hardly more work.
  static let maximumOnlyCount = 16

  /// About how much memory it takes, payload frames not counted.
  var byteCount: Int { attributes.count * 3 + header.recordCount * 16 + 1024 }

  private static func eventOrder(_ timestamps: [Int64], _ types: [UInt32]?) -> [Int32] {
    var rows = (0..<Int32(timestamps.count)).map { $0 }
    if let types { rows.removeAll { types[Int($0)] != 0 } }
    sortByTime(&rows, timestamps)
    return rows
  }

  private static func expect(
    _ entry: ColumnEntry, _ encoding: ColumnEncoding
  ) throws(ByteReader.Malformed) {
    guard entry.encoding == encoding.rawValue else {
      throw ByteReader.Malformed("a column's encoding", "is unknown", found: entry.encoding)
    }
  }

  private static func planes(
    _ bytes: RawSpan, _ entry: ColumnEntry, _ rows: Int
  ) throws(ByteReader.Malformed) -> [UInt32] {
    try expect(entry, .planes)
    return try IntegerColumn.decodePlanes(bytes, count: rows)
  }

  private static func identifiers(
    _ bytes: RawSpan, _ entry: ColumnEntry, _ rows: Int, _ only: [Int32]?
  ) throws(ByteReader.Malformed) -> IdentifierColumn {
    return try IdentifierColumn(
      bytes, encoding: entry.encoding, count: rows, only: only, limits: limits(entry.id))
  }

  private static func limits(_ id: ColumnID) -> ClosedRange<Int> {
    id == .callID ? 0...Limits.textByteCount : 1...Limits.idByteCount
  }

  /// The last row with an id; O(rows), most often a byte each, whether the ids are decoded or not.
  ///
  /// Not for a partial block.
  func lastRow(ofID id: RawSpan) throws(ByteReader.Malformed) -> Int? {
    if let ids { return ids.lastRow(of: id) }
    var offset = 0
    for entry in header.columns {
      if entry.id == .id {
        guard entry.byteCount <= attributes.count - offset else {
          throw ByteReader.Malformed("a column", "exceeds the attributes", found: offset)
        }
        let all = attributes
        return try IdentifierColumn.lastRow(
          of: id, in: all.rawSpan.extracting(offset..<(offset + entry.byteCount)),
          encoding: entry.encoding, count: header.recordCount, limits: Self.limits(.id))
      }
      offset += entry.byteCount
    }
    return nil
  }

  private static func clock(
    _ bytes: RawSpan, _ entry: ColumnEntry, _ rows: Int
  ) throws(ByteReader.Malformed) -> SecondClock {
    guard entry.encoding != ColumnEncoding.deltas.rawValue else {
      return SecondClock(values: try IntegerColumn.decodeDeltas(bytes, count: rows), indexes: nil)
    }
    guard entry.encoding == ColumnEncoding.deltas.rawValue | ColumnEncoding.presenceFlag else {
      throw ByteReader.Malformed("a column's encoding", "is unknown", found: entry.encoding)
    }
    let presence = try PresenceBitmap.decode(bytes, count: rows)
    let values = try IntegerColumn.decodeDeltas(
      bytes.extracting(presence.byteCount..<bytes.byteCount), count: presence.valueCount)
    return SecondClock(values: values, indexes: presence.indexes)
  }

  /// Sums the payload lengths, and checks them against the frames.
  private static func offsets(
    _ lengths: [UInt32]?, header: BlockHeader
  ) throws(ByteReader.Malformed) -> [UInt32] {
    guard let lengths else { return [] }
    var offsets: [UInt32] = [0]
    offsets.reserveCapacity(lengths.count + 1)
    var total = 0
    for length in lengths {
      if length > 1 { total += Int(length) - 1 }
      guard total <= Limits.blockByteCount else {
        throw ByteReader.Malformed("the payload lengths", "exceed the block", found: total)
      }
      offsets.append(UInt32(total))
    }
    for (index, frame) in header.frames.enumerated().dropFirst() {
      let end =
        index + 1 < header.frames.count ? header.frames[index + 1].firstRow : header.recordCount
      guard Int(offsets[end] - offsets[frame.firstRow]) == frame.rawByteCount else {
        throw ByteReader.Malformed("a payload frame", "has another length", found: index)
      }
    }
    guard header.frames.count > 1 || total == 0 else {
      throw ByteReader.Malformed("the payloads", "are missing", found: total)
    }
    return offsets
  }

  // MARK: Rows

  /// The type of a row's record, 0 for an event.
  func recordType(_ row: Int) -> UInt8 {
    recordTypes.map { UInt8(truncatingIfNeeded: $0[row]) } ?? 0
  }

  func sequence(_ row: Int) -> UInt64 { header.firstSequence &+ UInt64(row) }

  func secondClock(_ row: Int) -> Int64? {
    guard let secondClock else { return nil }
    guard let indexes = secondClock.indexes else { return secondClock.values[row] }
    return indexes[row] < 0 ? nil : secondClock.values[Int(indexes[row])]
  }

  @inline(__always)
  func text(_ id: ColumnID) -> TextColumn? { texts[id] }

  /// Brings near what leads to the rows of a column, once the block itself is.
  func prefetch(_ column: ColumnID) {
    texts[column]?.prefetch()
    timestamps.prefetch(at: 0)
  }

  /// About the bytes of a block in memory, without what it refers to.
  static let instanceByteCount = 896

  func hasPayload(_ row: Int) -> Bool { payloadLengths.map { $0[row] != 0 } ?? false }

  func payloadEncoding(_ row: Int) -> UInt8 {
    payloadEncodings.map { UInt8(truncatingIfNeeded: $0[row]) } ?? 0
  }

  /// The bytes of a row's payload, 0 when it has none.
  func payloadByteCount(_ row: Int) -> Int {
    row + 1 < payloadOffsets.count ? Int(payloadOffsets[row + 1] - payloadOffsets[row]) : 0
  }

  /// The number of the frame, from 1 on, that holds a row's payload, and the payload's place in it;
  /// nothing when it has no bytes.
  func payloadPlace(_ row: Int) -> (frame: Int, range: Range<Int>)? {
    guard row + 1 < payloadOffsets.count, payloadOffsets[row] < payloadOffsets[row + 1] else {
      return nil
    }
    var low = 1
    var high = header.frames.count
    while low + 1 < high {
      let middle = (low + high) / 2
      if header.frames[middle].firstRow <= row { low = middle } else { high = middle }
    }
    let base = payloadOffsets[header.frames[low].firstRow]
    return (low, Int(payloadOffsets[row] - base)..<Int(payloadOffsets[row + 1] - base))
  }
}

/// Where the payload frames of a block come from.
protocol PayloadSource: Sendable {
  /// The decompressed payload frame `index`, from 1 on, or only its first `prefix` bytes.
  func frame(_ index: Int, prefix: Int?) throws(ReelError) -> [UInt8]
}

/// The payloads of a block that was never written: all frames lie in one array.
struct MemoryPayloads: PayloadSource {
  private let frames: [[UInt8]]

  /// For a block whose payloads nobody asks for.
  static let none = MemoryPayloads(frames: [])

  private init(frames: [[UInt8]]) {
    self.frames = frames
  }

  init(_ block: BlockColumns) {
    var offset = 0
    frames = block.header.frames.dropFirst().map { frame in
      defer { offset += frame.rawByteCount }
      return Array(block.payloads[offset..<(offset + frame.rawByteCount)])
    }
  }

  func frame(_ index: Int, prefix: Int?) throws(ReelError) -> [UInt8] { frames[index - 1] }
}

/// A set of columns.
struct ColumnSet: Hashable, Sendable {
  private var low: UInt64 = 0
  private var attributes: UInt64 = 0

  init(_ columns: [ColumnID] = []) {
    for column in columns { insert(column) }
  }

  /// Every column there can be.
  static var all: ColumnSet {
    var set = ColumnSet()
    set.low = .max
    set.attributes = .max
    return set
  }

  mutating func insert(_ column: ColumnID) {
    if column.rawValue < 64 {
      low |= 1 << UInt64(column.rawValue)
    } else {
      attributes |= 1 << UInt64(column.rawValue & 63)
    }
  }

  mutating func remove(_ column: ColumnID) {
    if column.rawValue < 64 {
      low &= ~(1 << UInt64(column.rawValue))
    } else {
      attributes &= ~(1 << UInt64(column.rawValue & 63))
    }
  }

  func contains(_ column: ColumnID) -> Bool {
    let word = column.rawValue < 64 ? low : attributes
    return column.rawValue < 128 && word >> UInt64(column.rawValue & 63) & 1 == 1
  }

  func isSuperset(of other: ColumnSet) -> Bool {
    other.low & ~low == 0 && other.attributes & ~attributes == 0
  }

  func union(_ other: ColumnSet) -> ColumnSet {
    var set = self
    set.low |= other.low
    set.attributes |= other.attributes
    return set
  }
}

/// The columns of texts that every block may have.
///
/// They lie in the block itself: a look-up that finds it in memory has no array to go through.
private struct TextColumns {
  private var kind: TextColumn?
  private var process: TextColumn?
  private var peerProcess: TextColumn?
  private var function: TextColumn?
  private var correlationID: TextColumn?
  private var astNodeID: TextColumn?
  private var node: TextColumn?

  @inline(__always)
  subscript(id: ColumnID) -> TextColumn? {
    get {
      switch id {
      case .kind: kind
      case .process: process
      case .peerProcess: peerProcess
      case .function: function
      case .correlationID: correlationID
      case .astNodeID: astNodeID
      case .node: node
      default: nil
      }
    }
    set {
      switch id {
      case .kind: kind = newValue
      case .process: process = newValue
      case .peerProcess: peerProcess = newValue
      case .function: function = newValue
      case .correlationID: correlationID = newValue
      case .astNodeID: astNodeID = newValue
      case .node: node = newValue
      default: break
      }
    }
  }
}

/// Brings rows, which are in order of arrival, into the order of their timestamps.
func sortByTime(_ rows: inout [Int32], _ timestamps: [Int64]) {
  // Most often they are in order already, or but for a few that come late: those are taken out,
  // sorted, and put back.
  guard var newest = rows.first.map({ timestamps[Int($0)] }) else { return }
  var late: [Int32] = []
  var kept = 0
  for index in rows.indices {
    let row = rows[index]
    let timestamp = timestamps[Int(row)]
    if timestamp >= newest {
      newest = timestamp
      rows[kept] = row
      kept += 1
    } else {
      late.append(row)
    }
  }
  guard !late.isEmpty else { return }
  late.sort { a, b in
    let (first, second) = (timestamps[Int(a)], timestamps[Int(b)])
    return first != second ? first < second : a < b
  }
  var place = rows.count
  while let last = late.last {
    place -= 1
    let timestamp = timestamps[Int(last)]
    // Of equal timestamps the row that arrived first comes first.
    if kept > 0, case let row = rows[kept - 1],
      timestamps[Int(row)] > timestamp || timestamps[Int(row)] == timestamp && row > last
    {
      rows[place] = row
      kept -= 1
    } else {
      rows[place] = last
      late.removeLast()
    }
  }
}
