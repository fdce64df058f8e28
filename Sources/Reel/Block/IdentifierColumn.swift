/// Columns of identifiers: event ids, parent ids and call ids.
///
/// Normative: format-spec.md, "Identifier columns".
///
/// When all have one length they lie as byte planes, packed where each is lowercase hexadecimal or
/// a UUID, which restores the very bytes. A plane may hold differences from row to row: on real ids
/// that end in a counter, planes took 4.2 bytes an event where rows took 7.9, and differences 4.1.
struct IdentifierColumnBuilder {
  private var bytes: [UInt8] = []
  private var lengths: [Int] = []
  private var rows: [Bool] = []

  /// How the text of an identifier is packed.
  enum Form: UInt8 {
    case raw = 0
    /// Two lowercase hexadecimal digits a byte.
    case hexadecimal = 1
    /// The 36 characters of a lowercase UUID in 16 bytes.
    case uuid = 2
  }

  /// The number of planes is a byte.
  private static let maximumPlaneCount = 255

  var isEmpty: Bool { lengths.isEmpty }

  /// Gives `identifier` to `row`; the rows between the last one given and this are absent.
  @inline(__always)
  mutating func append(_ identifier: RawSpan, row: Int) {
    while rows.count < row { rows.append(false) }
    rows.append(true)
    lengths.append(identifier.byteCount)
    bytes.append(identifier)
  }

  /// The hash of each identifier, by which an index has it.
  func hashes() -> [UInt64] {
    let all = bytes.rawSpan
    var start = 0
    var hashes: [UInt64] = []
    hashes.reserveCapacity(lengths.count)
    for length in lengths {
      hashes.append(keyHash(all.extracting(start..<(start + length))))
      start += length
    }
    return hashes
  }

  /// Forgets the identifiers and keeps the memory.
  mutating func removeAll() {
    bytes.removeAll(keepingCapacity: true)
    lengths.removeAll(keepingCapacity: true)
    rows.removeAll(keepingCapacity: true)
  }

  /// Appends the column to `output`.
  /// - Returns: The encoding to be named in the block header.
  mutating func encode(rowCount: Int, to output: inout [UInt8]) -> UInt8 {
    while rows.count < rowCount { rows.append(false) }
    var flag: UInt8 = 0
    if lengths.count < rowCount {
      flag = ColumnEncoding.presenceFlag
      PresenceBitmap.append(rows, to: &output)
    }
    if let length = lengths.first, length > 0, lengths.allSatisfy({ $0 == length }) {
      let (form, packed) = pack(length: length)
      if packed.count / lengths.count <= Self.maximumPlaneCount {
        Self.appendPlanes(packed, form: form, count: lengths.count, to: &output)
        return ColumnEncoding.identifierPlanes.rawValue | flag
      }
    }
    for length in lengths { output.append(varint: UInt64(length)) }
    output.append(contentsOf: bytes)
    return ColumnEncoding.identifiers.rawValue | flag
  }

  private func pack(length: Int) -> (Form, [UInt8]) {
    if length == 36, let packed = packUUIDs() { return (.uuid, packed) }
    var packed: [UInt8] = []
    packed.reserveCapacity(bytes.count / 2)
    if length % 2 == 0, bytes.rawSpan.appendPackedHexadecimal(to: &packed) {
      return (.hexadecimal, packed)
    }
    return (.raw, bytes)
  }

  private func packUUIDs() -> [UInt8]? {
    var packed: [UInt8] = []
    packed.reserveCapacity(bytes.count / 36 * 16)
    for start in stride(from: 0, to: bytes.count, by: 36) {
      guard bytes.rawSpan.extracting(start..<(start + 36)).appendPackedUUID(to: &packed) else {
        return nil
      }
    }
    return packed
  }

  private static func appendPlanes(
    _ packed: [UInt8], form: Form, count: Int, to output: inout [UInt8]
  ) {
    let width = packed.count / count
    output.append(form.rawValue)
    output.append(UInt8(width))
    let modes = output.count
    for _ in 0..<width { output.append(0) }
    let planes = output.count
    output += transposed(packed.rawSpan, columnCount: width)
    for plane in 0..<width where isSteady(packed, plane: plane, width: width) {
      output[modes + plane] = 1
      var previous: UInt8 = 0
      for place in (planes + plane * count)..<(planes + (plane + 1) * count) {
        let byte = output[place]
        output[place] = byte &- previous
        previous = byte
      }
    }
  }

  /// Whether most differences within a plane are equal to the one before.
  private static func isSteady(_ packed: [UInt8], plane: Int, width: Int) -> Bool {
    var equal = 0
    var total = 0
    var difference: UInt8 = 0
    var offset = plane + width
    while offset < packed.count {
      let next = packed[offset] &- packed[offset - width]
      if next == difference { equal += 1 }
      total += 1
      difference = next
      offset += width
      // Random planes, of which identifiers have many, show early.
      if total == 64, equal < 16 { return false }
    }
    return equal * 2 > total
  }
}

/// A decoded column of identifiers: the bytes of all present rows one after the other.
struct IdentifierColumn: Sendable {
  private let rowCount: Int
  private let bytes: [UInt8]
  /// Where each row's identifier begins; an absent row has the beginning of the next.
  ///
  /// None when every row has one of ``width`` bytes.
  private let offsets: [UInt32]
  private let width: Int
  private let isPresent: [Bool]?
  /// The first tag of each row's identifier, then the second of each.
  private let tags: [UInt8]

  /// Decodes a column of `count` rows whose identifiers have `limits` bytes; where `only` some rows
  /// are given, ascending, the others have none.
  init(
    _ span: RawSpan, encoding: UInt8, count: Int, only rows: [Int32]? = nil,
    limits: ClosedRange<Int> = 0...Limits.textByteCount
  ) throws(ByteReader.Malformed) {
    rowCount = count
    var rest = span
    var indexes: [Int32]? = nil
    var valueCount = count
    if encoding & ColumnEncoding.presenceFlag != 0 {
      let presence = try PresenceBitmap.decode(span, count: count)
      rest = span.extracting(presence.byteCount..<span.byteCount)
      indexes = presence.indexes
      valueCount = presence.valueCount
    }
    let form = ColumnEncoding(rawValue: encoding & ~ColumnEncoding.presenceFlag)
    if let rows, form == .identifierPlanes {
      let planes = try IdentifierPlanes(rest, count: valueCount, limits)
      (bytes, offsets, isPresent) = Self.take(rows, of: planes, indexes, count: count)
      width = planes.byteCount
      tags = []
      return
    }
    var ends: [UInt32] = []
    switch form {
    case .identifierPlanes:
      (bytes, width) = try Self.decodePlanes(rest, count: valueCount, limits)
    case .identifiers:
      (bytes, ends) = try Self.decodeRows(rest, count: valueCount, limits)
      width = 0
    default:
      throw ByteReader.Malformed("an identifier column's encoding", "is unknown", found: encoding)
    }
    if let indexes { ends = Self.spread(ends, width: width, over: indexes) }
    isPresent = indexes?.map { $0 >= 0 }
    offsets = ends
    let all = bytes
    tags = Self.tags(all.rawSpan, ends, width: width, count: count)
  }

  private static func tags(
    _ bytes: RawSpan, _ offsets: [UInt32], width: Int, count: Int
  ) -> [UInt8] {
    var tags = [UInt8](repeating: 0, count: 2 * count)
    for row in 0..<count {
      let (first, second) = bytes.tags(of: range(row, offsets, width))
      tags[row] = first
      tags[count + row] = second
    }
    return tags
  }

  /// Where each row's identifier begins, of those rows that have an index.
  private static func spread(
    _ offsets: [UInt32], width: Int, over indexes: [Int32]
  ) -> [UInt32] {
    var spread: [UInt32] = []
    spread.reserveCapacity(indexes.count + 1)
    var next = 0
    for index in indexes {
      spread.append(offsets.isEmpty ? UInt32(next * width) : offsets[next])
      if index >= 0 { next += 1 }
    }
    spread.append(offsets.isEmpty ? UInt32(next * width) : offsets[next])
    return spread
  }

  private static func decodeRows(
    _ span: RawSpan, count: Int, _ limits: ClosedRange<Int>
  ) throws(ByteReader.Malformed) -> ([UInt8], [UInt32]) {
    var reader = ByteReader(span)
    var offsets: [UInt32] = [0]
    var total = 0
    for _ in 0..<count {
      let length = try reader.count("an identifier's length", limit: limits.upperBound)
      guard length >= limits.lowerBound else {
        throw ByteReader.Malformed("an identifier", "is empty", found: length)
      }
      total += length
      offsets.append(UInt32(total))
    }
    let bytes = try reader.span(total, "identifiers").copied()
    try reader.finish("an identifier column")
    return (bytes, offsets)
  }

  /// The identifiers of planes, and how long each is.
  private static func decodePlanes(
    _ span: RawSpan, count: Int, _ limits: ClosedRange<Int>
  ) throws(ByteReader.Malformed) -> ([UInt8], Int) {
    let planes = try IdentifierPlanes(span, count: count, limits)
    var packed = transposed(planes.planes, columnCount: count)
    let width = planes.width
    for plane in 0..<width where planes.modes.byte(at: plane) == 1 {
      var value: UInt8 = 0
      for place in stride(from: plane, to: packed.count, by: width) {
        value = value &+ packed[place]
        packed[place] = value
      }
    }
    return (planes.unpack(packed), planes.byteCount)
  }

  /// The identifiers of `rows` alone, of planes of those rows that have an index.
  private static func take(
    _ rows: [Int32], of planes: borrowing IdentifierPlanes, _ indexes: [Int32]?, count: Int
  ) -> (bytes: [UInt8], offsets: [UInt32], isPresent: [Bool]) {
    var packed: [UInt8] = []
    var present = [Bool](repeating: false, count: count)
    for row in rows {
      let index = indexes.map { Int($0[Int(row)]) } ?? Int(row)
      guard index >= 0, !present[Int(row)] else { continue }
      present[Int(row)] = true
      planes.append(index, to: &packed)
    }
    var end: UInt32 = 0
    var offsets: [UInt32] = [0]
    offsets.reserveCapacity(count + 1)
    for row in 0..<count {
      if present[row] { end += UInt32(planes.byteCount) }
      offsets.append(end)
    }
    return (planes.unpack(packed), offsets, present)
  }

  /// Whether `row` has an identifier.
  @inline(__always)
  func hasValue(_ row: Int) -> Bool { isPresent?[row] ?? true }

  /// The identifier of `row`, no bytes when it is absent.
  @_lifetime(borrow self)
  @inline(__always)
  func bytes(_ row: Int) -> RawSpan {
    bytes.rawSpan.extracting(Self.range(row, offsets, width))
  }

  @inline(__always)
  private static func range(_ row: Int, _ offsets: [UInt32], _ width: Int) -> Range<Int> {
    guard !offsets.isEmpty else { return (row &* width)..<(row &* width &+ width) }
    return Int(offsets[row])..<Int(offsets[row + 1])
  }

  /// The last row whose identifier is `wanted` in a column that is not decoded; O(rows), most often
  /// a byte each.
  static func lastRow(
    of wanted: RawSpan, in span: RawSpan, encoding: UInt8, count: Int, limits: ClosedRange<Int>
  ) throws(ByteReader.Malformed) -> Int? {
    if encoding == ColumnEncoding.identifierPlanes.rawValue {
      let planes = try IdentifierPlanes(span, count: count, limits)
      if planes.areDirect { return planes.lastRow(of: wanted) }
    }
    let column = try IdentifierColumn(span, encoding: encoding, count: count, limits: limits)
    return column.lastRow(of: wanted)
  }

  /// The last row whose identifier is `wanted`; O(rows), a byte each.
  func lastRow(of wanted: RawSpan) -> Int? {
    // Of a column without tags some rows alone are known, which are not looked for.
    guard !tags.isEmpty else { return nil }
    let (first, second) = wanted.tags(of: 0..<wanted.byteCount)
    let tags = tags.rawSpan
    var end = rowCount
    // The identifiers lie far apart in memory: without the second tag some would be looked at for
    // nothing.
    while let row = tags.lastIndex(of: first, before: end) {
      if tags.byte(at: rowCount + row) == second, bytes(row).equals(wanted), hasValue(row) {
        return row
      }
      end = row
    }
    return nil
  }
}
