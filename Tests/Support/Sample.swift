import Foundation

@testable import Reel

/// The real recording that tests use: the cut in the repository, and the whole where there is one.
enum Sample {
  static let cutPath = repositoryPath + "/Tests/Fixtures/order-desk-cut.jsonl.gz"
  /// The full recording, `.jsonl` or `.jsonl.gz`, as the environment names it.
  static let fullPath = environment("REEL_SAMPLE")

  static var hasFull: Bool {
    runs(
      if: fullPath.map { FileManager.default.fileExists(atPath: $0) } ?? false,
      otherwise: "the full recording is not here; REEL_SAMPLE names it")
  }

  struct Unreadable: Error {
    var path: String
    var line: Int
  }

  /// The lines of the file at `path`.
  static func lines(_ path: String) throws -> [[UInt8]] {
    let all: [UInt8]
    if path.hasSuffix(".gz") {
      guard let result = run("gzip", ["-dc", path]), result.status == 0 else {
        throw Unreadable(path: path, line: 0)
      }
      all = result.output
    } else {
      all = try bytes(ofFile: path)
    }
    return all.split(separator: UInt8(ascii: "\n")).map { Array($0) }
  }

  /// The events of the file at `path`, in the order of its lines; read by other code than the
  /// tool's, so that neither can hide the other's faults.
  static func events(_ path: String) throws -> [Event] {
    var events: [Event] = []
    for (number, line) in try lines(path).enumerated() {
      guard let event = Line(line).event() else {
        throw Unreadable(path: path, line: number + 1)
      }
      events.append(event)
    }
    return events
  }

  /// One line: a flat object of texts without escapes and integers, and `data`, whose exact bytes
  /// are kept.
  private struct Line {
    private let bytes: [UInt8]
    private var offset = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    consuming func event() -> Event? {
      var event = Event()
      var function = Function()
      guard take(UInt8(ascii: "{")) else { return nil }
      repeat {
        guard let name = text(), take(UInt8(ascii: ":")), let value = value() else { return nil }
        let text = String(decoding: value.filter { $0 != UInt8(ascii: "\"") }, as: UTF8.self)
        switch name {
        case "id": event.id = EventID(text)
        case "timestamp_ns": event.timestamp = Int64(text).map(Timestamp.init(nanoseconds:))
        case "kind": event.kind = text
        case "process": event.process = text
        case "module": function.module = text
        case "function": function.name = text
        case "arity": function.arity = UInt16(text)
        case "correlation_id": event.correlationID = text
        case "ast_node_id": event.astNodeID = text
        case "data": event.payload = Payload(Array(value), encoding: .json)
        default: return nil
        }
      } while take(UInt8(ascii: ","))
      if !function.isEmpty { event.function = function }
      return take(UInt8(ascii: "}")) && offset == bytes.count ? event : nil
    }

    private mutating func take(_ byte: UInt8) -> Bool {
      guard offset < bytes.count, bytes[offset] == byte else { return false }
      offset += 1
      return true
    }

    private mutating func text() -> String? {
      guard let value = value(), value.first == UInt8(ascii: "\"") else { return nil }
      return String(decoding: value.dropFirst().dropLast(), as: UTF8.self)
    }

    /// The bytes of the next value.
    private mutating func value() -> ArraySlice<UInt8>? {
      let start = offset
      var depth = 0
      var isText = false
      while offset < bytes.count {
        let byte = bytes[offset]
        if isText {
          if byte == UInt8(ascii: "\\") { offset += 1 }
          if byte == UInt8(ascii: "\"") { isText = false }
        } else if byte == UInt8(ascii: "\"") {
          isText = true
        } else if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") {
          depth += 1
        } else if depth > 0, byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]") {
          depth -= 1
        } else if depth == 0,
          byte == UInt8(ascii: ",") || byte == UInt8(ascii: ":") || byte == UInt8(ascii: "}")
        {
          break
        }
        offset += 1
      }
      return offset > start && offset <= bytes.count ? bytes[start..<offset] : nil
    }
  }
}
