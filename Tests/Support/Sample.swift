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

  /// The lines of the file at `path`, read once for all tests.
  static func lines(_ path: String) throws -> [[UInt8]] {
    path == cutPath ? try cut.lines.get() : try whole.lines.get()
  }

  /// The events of the file at `path`, in the order of its lines, read once for all tests; by other
  /// code than the tool's, so that neither can hide the other's faults.
  static func events(_ path: String) throws -> [Event] {
    path == cutPath ? try cut.events.get() : try whole.events.get()
  }

  private static let cut = Contents(cutPath)
  private static let whole = Contents(fullPath ?? "")

  /// What a file holds.
  private struct Contents: Sendable {
    let lines: Result<[[UInt8]], any Error>
    let events: Result<[Event], any Error>

    init(_ path: String) {
      let lines = Result { try Sample.read(path) }
      self.lines = lines
      events = Result {
        try lines.get().enumerated().map { number, line in
          guard let event = Line(line).event() else {
            throw Unreadable(path: path, line: number + 1)
          }
          return event
        }
      }
    }
  }

  /// All bytes of the file at `path`, decompressed.
  static func content(_ path: String) throws -> [UInt8] {
    guard path.hasSuffix(".gz") else { return try bytes(ofFile: path) }
    guard let result = run("gzip", ["-dc", path]), result.status == 0 else {
      throw Unreadable(path: path, line: 0)
    }
    return result.output
  }

  private static func read(_ path: String) throws -> [[UInt8]] {
    let all = try content(path)
    var lines: [[UInt8]] = []
    var start = 0
    while start < all.count {
      let end = all.firstIndex(of: UInt8(ascii: "\n"), from: start) ?? all.count
      if end > start { lines.append(all.bytes(start..<end)) }
      start = end + 1
    }
    return lines
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
        let text = String(decoding: bytes[unquoted(value)], as: UTF8.self)
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
        case "data": event.payload = Payload(bytes.bytes(value), encoding: .json)
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
      guard let value = value(), bytes[value.lowerBound] == UInt8(ascii: "\"") else { return nil }
      return String(decoding: bytes[unquoted(value)], as: UTF8.self)
    }

    private func unquoted(_ value: Range<Int>) -> Range<Int> {
      guard bytes[value.lowerBound] == UInt8(ascii: "\"") else { return value }
      return (value.lowerBound + 1)..<(value.upperBound - 1)
    }

    /// Where the next value lies.
    private mutating func value() -> Range<Int>? {
      let start = offset
      var depth = 0
      while offset < bytes.count {
        let byte = bytes[offset]
        if byte == UInt8(ascii: "\"") {
          guard let end = textEnd() else { return nil }
          offset = end
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
      return offset > start && offset <= bytes.count ? start..<offset : nil
    }

    /// Where the text that begins here has its closing quote.
    private func textEnd() -> Int? {
      var place = offset + 1
      while let quote = bytes.firstIndex(of: UInt8(ascii: "\""), from: place) {
        var backslashes = 0
        while bytes[quote - 1 - backslashes] == UInt8(ascii: "\\") { backslashes += 1 }
        if backslashes % 2 == 0 { return quote }
        place = quote + 1
      }
      return nil
    }
  }
}
