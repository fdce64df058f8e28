import Reel

/// An event as the bytes of one value, for stores of keys and values: lengths, then the fields.
enum EventRow {
  /// Replaces the content of `row`.
  static func encode(_ event: Event, into row: inout [UInt8]) {
    row.removeAll(keepingCapacity: true)
    append(UInt64(bitPattern: event.timestamp?.nanoseconds ?? 0), to: &row)
    append(event.id?.bytes ?? [], to: &row)
    append(event.kind, to: &row)
    append(event.process, to: &row)
    append(event.function?.module, to: &row)
    append(event.function?.name, to: &row)
    append(event.function?.arity.map { String($0) }, to: &row)
    append(event.correlationID, to: &row)
    append(event.astNodeID, to: &row)
    append(event.payload?.bytes ?? [], to: &row)
  }

  private static func append(_ text: String?, to row: inout [UInt8]) {
    let utf8 = (text ?? "").utf8
    row.append(UInt8(utf8.count & 255))
    row.append(UInt8(utf8.count >> 8))
    row.append(contentsOf: utf8)
  }

  private static func append(_ bytes: [UInt8], to row: inout [UInt8]) {
    row.append(UInt8(bytes.count & 255))
    row.append(UInt8(bytes.count >> 8))
    row.append(contentsOf: bytes)
  }

  private static func append(_ value: UInt64, to row: inout [UInt8]) {
    for shift in stride(from: 0, to: 64, by: 8) {
      row.append(UInt8(truncatingIfNeeded: value >> UInt64(shift)))
    }
  }

  /// The place of a row in the order of time: big-endian, with the sign flipped, so that bytes sort
  /// as numbers do.
  static func place(_ timestamp: Int64, _ sequence: UInt64) -> [UInt8] {
    var place: [UInt8] = []
    for word in [UInt64(bitPattern: timestamp) ^ (1 << 63), sequence] {
      for shift in stride(from: 56, through: 0, by: -8) {
        place.append(UInt8(truncatingIfNeeded: word >> UInt64(shift)))
      }
    }
    return place
  }

  /// The places of the fields of a row, after the timestamp.
  enum Field {
    static let id = 0
    static let process = 2
    static let module = 3
    static let function = 4
    static let arity = 5
    static let correlation = 6
    static let node = 7
  }

  /// The fields of a row, in order.
  static func fields(of row: UnsafeRawBufferPointer) -> [Slice<UnsafeRawBufferPointer>] {
    var fields: [Slice<UnsafeRawBufferPointer>] = []
    var offset = 8
    while offset < row.count {
      let length = Int(row[offset]) | Int(row[offset + 1]) << 8
      fields.append(row[(offset + 2)..<(offset + 2 + length)])
      offset += 2 + length
    }
    return fields
  }

  /// Adds every field of a row to `fold`.
  static func add(_ row: UnsafeRawBufferPointer, to fold: inout Fold) {
    fold.count += 1
    fold.add(Int64(littleEndian: row.loadUnaligned(as: Int64.self)))
    var offset = 8
    while offset < row.count {
      let length = Int(row[offset]) | Int(row[offset + 1]) << 8
      fold.add(
        RawSpan(
          _unsafeBytes: UnsafeRawBufferPointer(
            rebasing: row[(offset + 2)..<(offset + 2 + length)])))
      offset += 2 + length
    }
  }
}
