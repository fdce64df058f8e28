#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif
import Reel

/// A recording as lines of JSON, an event each, read line by line.
///
/// It knows the fields that the stores keep; others are passed over, and `data` becomes the payload
/// as it stands.
final class JSONLines {
  private let file: UnsafeMutablePointer<FILE>
  private var line: UnsafeMutablePointer<CChar>?
  private var capacity = 0
  private var number = 0

  init(path: String) throws {
    guard let file = fopen(path, "r") else {
      throw WorkloadError(message: "cannot read \(path)")
    }
    self.file = file
  }

  deinit {
    free(line)
    fclose(file)
  }

  /// The event of the next line that is not empty, or nothing at the end.
  func next() throws -> Event? {
    while true {
      let count = getline(&line, &capacity, file)
      guard count >= 0, let line else { return nil }
      number += 1
      let bytes = UnsafeRawBufferPointer(start: line, count: count)
      if bytes.allSatisfy({ $0 <= UInt8(ascii: " ") }) { continue }
      var scanner = JSONObjectScanner(bytes)
      guard let event = scanner.event() else {
        throw WorkloadError(message: "line \(number) is no event")
      }
      return event
    }
  }
}

/// Why there are no events.
struct WorkloadError: Error, CustomStringConvertible {
  let message: String

  var description: String { message }
}

/// Reads one object of JSON whose members are the fields of an event.
struct JSONObjectScanner {
  private let bytes: UnsafeRawBufferPointer
  private var offset = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  /// The event, or nothing where the text is no such object.
  mutating func event() -> Event? {
    var event = Event()
    var function = Function()
    guard take("{") else { return nil }
    if take("}") { return event }
    repeat {
      guard let name = string(), take(":"), let value = value() else { return nil }
      switch name {
      case "id": event.id = EventID(value.text)
      case "timestamp_ns":
        event.timestamp = Int64(value.text).map { Timestamp(nanoseconds: $0) }
      case "kind": event.kind = value.text
      case "process": event.process = value.text
      case "module": function.module = value.text
      case "function": function.name = value.text
      case "arity": function.arity = UInt16(value.text)
      case "correlation_id": event.correlationID = value.text
      case "ast_node_id": event.astNodeID = value.text
      case "data": event.payload = Payload(Array(bytes[value.range]), encoding: .json)
      default: break
      }
    } while take(",")
    guard take("}"), event.timestamp != nil else { return nil }
    if function != Function() { event.function = function }
    return event
  }

  /// A value: its bytes, and of a string its content.
  private mutating func value() -> (range: Range<Int>, text: String)? {
    skipSpace()
    let start = offset
    guard let first = peek else { return nil }
    if first == UInt8(ascii: "\"") {
      return string().map { (start..<offset, $0) }
    }
    guard skipValue() else { return nil }
    return (start..<offset, String(decoding: bytes[start..<offset], as: UTF8.self))
  }

  /// Goes behind a number, a word, an array or an object.
  private mutating func skipValue() -> Bool {
    var depth = 0
    let start = offset
    while let byte = peek {
      switch byte {
      case UInt8(ascii: "\""):
        guard string() != nil else { return false }
        continue
      case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        if depth == 0 { return offset > start }
        depth -= 1
        if depth == 0 {
          offset += 1
          return true
        }
      case UInt8(ascii: ","), UInt8(ascii: " "), UInt8(ascii: "\n"):
        if depth == 0 { return offset > start }
      default: break
      }
      offset += 1
    }
    return false
  }

  private mutating func string() -> String? {
    guard take("\"") else { return nil }
    var text: [UInt8] = []
    while let byte = peek {
      offset += 1
      switch byte {
      case UInt8(ascii: "\""): return String(validating: text, as: UTF8.self)
      case UInt8(ascii: "\\"): guard unescape(into: &text) else { return nil }
      default: text.append(byte)
      }
    }
    return nil
  }

  /// Reads what follows a backslash.
  private mutating func unescape(into text: inout [UInt8]) -> Bool {
    guard let byte = peek else { return false }
    offset += 1
    switch byte {
    case UInt8(ascii: "n"): text.append(10)
    case UInt8(ascii: "t"): text.append(9)
    case UInt8(ascii: "r"): text.append(13)
    case UInt8(ascii: "b"): text.append(8)
    case UInt8(ascii: "f"): text.append(12)
    case UInt8(ascii: "u"):
      guard var unit = codeUnit() else { return false }
      if unit & 0xFC00 == 0xD800 {
        guard take("\\"), take("u"), let low = codeUnit(), low & 0xFC00 == 0xDC00 else {
          return false
        }
        unit = 0x10000 + (unit & 0x3FF) << 10 + low & 0x3FF
      }
      guard let scalar = Unicode.Scalar(unit) else { return false }
      text.append(contentsOf: String(Character(scalar)).utf8)
    default: text.append(byte)
    }
    return true
  }

  /// Four hexadecimal digits.
  private mutating func codeUnit() -> UInt32? {
    guard offset + 4 <= bytes.count else { return nil }
    defer { offset += 4 }
    return UInt32(String(decoding: bytes[offset..<(offset + 4)], as: UTF8.self), radix: 16)
  }

  private var peek: UInt8? { offset < bytes.count ? bytes[offset] : nil }

  private mutating func skipSpace() {
    while let byte = peek, byte <= UInt8(ascii: " ") { offset += 1 }
  }

  /// Goes behind a character if it is the next one after any space.
  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    skipSpace()
    guard peek == UInt8(ascii: character) else { return false }
    offset += 1
    return true
  }
}
