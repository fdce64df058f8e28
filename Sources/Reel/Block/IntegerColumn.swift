/// Columns of integers.
///
/// Normative: format-spec.md, "Integer columns".
///
/// Timestamps lie as varints of zigzag differences, divided by their greatest common divisor:
/// measured against byte planes and offsets from the least, that was the smallest on a trace with a
/// microsecond clock (0.45 against 0.85 bytes an event) and on one with a nanosecond clock (2.05
/// against 2.20). Small numbers that a single row is looked up in lie as byte planes.
enum IntegerColumn {
  /// Appends `values` as differences: first (i64), unit (varint), then a varint for each further
  /// row, zigzag(difference / unit).
  ///
  /// All arithmetic wraps at 2⁶⁴.
  static func appendDeltas(_ values: [Int64], to output: inout [UInt8]) {
    guard let first = values.first else { return }
    output.append(littleEndian: first)
    var unit: UInt64 = 0
    var previous = first
    for value in values.dropFirst() where unit != 1 {
      unit = greatestCommonDivisor(unit, (value &- previous).magnitude)
      previous = value
    }
    unit = max(unit, 1)
    output.append(varint: unit)
    previous = first
    for value in values.dropFirst() {
      let difference = value &- previous
      // The magnitude is a multiple of the unit; the sign is put back after dividing.
      let steps = unit == 1 ? difference.magnitude : difference.magnitude / unit
      let signed = difference < 0 ? 0 &- Int64(bitPattern: steps) : Int64(bitPattern: steps)
      output.append(varint: UInt64(bitPattern: (signed << 1) ^ (signed >> 63)))
      previous = value
    }
  }

  static func decodeDeltas(
    _ bytes: RawSpan, count: Int
  ) throws(ByteReader.Malformed) -> [Int64] {
    guard count > 0 else { return [] }
    var reader = ByteReader(bytes)
    var value = try reader.integer(Int64.self, "a column's first value")
    let unit = Int64(bitPattern: try reader.varint("a column's unit"))
    // Each further row takes at least a byte: checked before memory is taken for the rows.
    guard reader.remaining >= count - 1 else {
      throw ByteReader.Malformed("a column of differences", "is too short", found: bytes.byteCount)
    }
    var values: [Int64] = []
    values.reserveCapacity(count)
    values.append(value)
    for _ in 1..<count {
      let zigzag = try reader.varint("a difference")
      let steps = Int64(bitPattern: zigzag >> 1) ^ (0 &- Int64(bitPattern: zigzag & 1))
      value = value &+ steps &* unit
      values.append(value)
    }
    guard reader.remaining == 0 else {
      throw ByteReader.Malformed(
        "a column of differences", "has bytes left over", found: reader.remaining)
    }
    return values
  }

  /// Appends `values` as byte planes: the width (0 to 8), then all lowest bytes, and so on.
  static func appendPlanes(_ values: [UInt32], to output: inout [UInt8]) {
    var union: UInt32 = 0
    for value in values { union |= value }
    let width = (32 - union.leadingZeroBitCount + 7) / 8
    output.append(UInt8(width))
    for plane in 0..<width {
      let shift = UInt32(8 * plane)
      for value in values { output.append(UInt8(truncatingIfNeeded: value >> shift)) }
    }
  }

  /// Decodes byte planes of at most 32 bits.
  static func decodePlanes(
    _ bytes: RawSpan, count: Int
  ) throws(ByteReader.Malformed) -> [UInt32] {
    var reader = ByteReader(bytes)
    let width = Int(try reader.integer(UInt8.self, "a column's width"))
    guard width <= 4, reader.remaining == width * count else {
      throw ByteReader.Malformed("a column of byte planes", "has a wrong length", found: width)
    }
    var values = [UInt32](repeating: 0, count: count)
    for plane in 0..<width {
      let start = 1 + plane * count
      let shift = UInt32(8 * plane)
      for row in 0..<count {
        values[row] |= UInt32(bytes.byte(at: start &+ row)) << shift
      }
    }
    return values
  }
}

/// The greatest common divisor, with zero as the neutral element.
func greatestCommonDivisor(_ a: UInt64, _ b: UInt64) -> UInt64 {
  if a == 1 || b == a { return a }
  var (a, b) = (a, b)
  while b != 0 { (a, b) = (b, a % b) }
  return a
}

/// A bitmap of the rows of a column that have a value, lowest bit first.
enum PresenceBitmap {
  static func append(_ isPresent: [Bool], to output: inout [UInt8]) {
    var byte: UInt8 = 0
    for (row, flag) in isPresent.enumerated() {
      if flag { byte |= 1 << UInt8(row & 7) }
      if row & 7 == 7 {
        output.append(byte)
        byte = 0
      }
    }
    if isPresent.count & 7 != 0 { output.append(byte) }
  }

  /// For each row the index of its value, or -1; and the number of values.
  static func decode(
    _ bytes: RawSpan, count: Int
  ) throws(ByteReader.Malformed) -> (indexes: [Int32], byteCount: Int, valueCount: Int) {
    let byteCount = (count + 7) / 8
    guard bytes.byteCount >= byteCount else {
      throw ByteReader.Malformed("a presence bitmap", "is cut off", found: bytes.byteCount)
    }
    var indexes: [Int32] = []
    indexes.reserveCapacity(count)
    var next: Int32 = 0
    for row in 0..<count {
      if bytes.byte(at: row / 8) >> UInt8(row & 7) & 1 == 1 {
        indexes.append(next)
        next += 1
      } else {
        indexes.append(-1)
      }
    }
    return (indexes, byteCount, Int(next))
  }
}
