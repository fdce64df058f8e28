/// The wire format of protocol buffers, as far as an export needs it: written straight through.
///
/// https://protobuf.dev/programming-guides/encoding. Generated types would build a tree of objects
/// for each event and bring Foundation with them; here a message is bytes from the start. The
/// length of a nested message is known only after it, so four bytes are kept for it, as Perfetto's
/// own writers do.
struct ProtobufWriter {
  var bytes: [UInt8] = []

  private static let lengthByteCount = 4

  @inline(__always)
  mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }

  /// Writes an integer, enumeration or truth.
  @inline(__always)
  mutating func field(_ number: UInt64, _ value: UInt64) {
    varint(number << 3)
    varint(value)
  }

  /// Writes 64 bits as they are.
  mutating func fixed(_ number: UInt64, _ value: UInt64) {
    varint(number << 3 | 1)
    for shift in stride(from: UInt64(0), to: 64, by: 8) {
      bytes.append(UInt8(truncatingIfNeeded: value >> shift))
    }
  }

  /// Writes text or bytes.
  @inline(__always)
  mutating func field(_ number: UInt64, _ value: RawSpan) {
    varint(number << 3 | 2)
    varint(UInt64(value.byteCount))
    bytes.append(bytesOf: value, 0..<value.byteCount)
  }

  mutating func field(_ number: UInt64, _ value: String) {
    // Safe: the bytes of a UTF-8 view are initialized, and the span ends with this call.
    field(number, unsafe value.utf8Span.span.bytes)
  }

  /// Begins a message within this one.
  /// - Returns: What ``end(_:)`` needs.
  @inline(__always)
  mutating func begin(_ number: UInt64) -> Int {
    varint(number << 3 | 2)
    bytes.append(contentsOf: [0, 0, 0, 0])
    return bytes.count
  }

  /// Ends the message that begins at `start`, of less than 256 MiB.
  @inline(__always)
  mutating func end(_ start: Int) {
    let length = bytes.count - start
    for index in 0..<Self.lengthByteCount {
      let isLast = index == Self.lengthByteCount - 1
      let part = UInt8(truncatingIfNeeded: length >> (7 * index)) & 0x7F
      bytes[start - Self.lengthByteCount + index] = part | (isLast ? 0 : 0x80)
    }
  }
}
