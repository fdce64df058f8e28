/// The identity of an event: 1 to 255 bytes, most often text.
///
/// Two ids are equal when their bytes are. An id that the store gives is 32 lowercase hexadecimal
/// digits: 12 for the start of the run in milliseconds, 4 random ones, 16 for the sequence number,
/// so ids of one recording sort by age. It takes no space on disk.
public struct EventID: Hashable, Sendable {
  /// The bytes of the id.
  public let bytes: [UInt8]

  /// Creates an id of `bytes`; appending an event whose id is not 1 to 255 bytes long is refused.
  public init(_ bytes: [UInt8]) {
    self.bytes = bytes
  }

  /// Creates an id of the UTF-8 bytes of `text`.
  public init(_ text: String) {
    bytes = Array(text.utf8)
  }

  /// The text of the id, or nothing when its bytes are not UTF-8.
  public var text: String? { String(validating: bytes, as: UTF8.self) }
}

extension EventID: CustomStringConvertible, ExpressibleByStringLiteral {
  /// The text, or the bytes in hexadecimal after `0x`.
  public var description: String { text ?? "0x" + hexadecimal(bytes.rawSpan) }

  /// Creates an id of the UTF-8 bytes of a literal.
  public init(stringLiteral value: String) {
    self.init(value)
  }
}

extension EventID {
  /// The id that the store gives to the event `sequenceNumber` of the run `runID`.
  static func generated(runID: UInt64, sequenceNumber: UInt64) -> EventID {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(32)
    appendHexadecimal(runID, to: &bytes)
    appendHexadecimal(sequenceNumber, to: &bytes)
    return EventID(bytes)
  }

  /// The run and sequence number in an id of the form that ``generated(runID:sequenceNumber:)``
  /// makes, or nothing for an id of another form.
  var generatedParts: (runID: UInt64, sequenceNumber: UInt64)? {
    guard bytes.count == 32 else { return nil }
    var parts: (UInt64, UInt64) = (0, 0)
    for (index, byte) in bytes.enumerated() {
      guard let digit = hexadecimalValue(byte) else { return nil }
      if index < 16 {
        parts.0 = parts.0 << 4 | UInt64(digit)
      } else {
        parts.1 = parts.1 << 4 | UInt64(digit)
      }
    }
    return (parts.0, parts.1)
  }
}

private func appendHexadecimal(_ value: UInt64, to bytes: inout [UInt8]) {
  for shift in stride(from: 60, through: 0, by: -4) {
    bytes.append(hexadecimalDigit(UInt8(truncatingIfNeeded: value >> UInt64(shift)) & 15))
  }
}

/// The lowercase hexadecimal digit of a value from 0 to 15.
@inline(__always)
func hexadecimalDigit(_ value: UInt8) -> UInt8 {
  value < 10 ? 0x30 &+ value : 0x57 &+ value
}

/// The value of a lowercase hexadecimal digit, or nothing for any other byte.
@inline(__always)
func hexadecimalValue(_ byte: UInt8) -> UInt8? {
  if byte >= 0x30 && byte <= 0x39 { return byte - 0x30 }
  if byte >= 0x61 && byte <= 0x66 { return byte - 0x57 }
  return nil
}

/// `bytes` as lowercase hexadecimal text.
func hexadecimal(_ bytes: RawSpan) -> String {
  var digits: [UInt8] = []
  digits.reserveCapacity(bytes.byteCount * 2)
  for offset in 0..<bytes.byteCount {
    let byte = bytes.byte(at: offset)
    digits.append(hexadecimalDigit(byte >> 4))
    digits.append(hexadecimalDigit(byte & 15))
  }
  return String(decoding: digits, as: UTF8.self)
}
