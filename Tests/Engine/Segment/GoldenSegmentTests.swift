import Foundation
import Testing

@testable import Reel

/// The segment that format-spec.md shows in hexadecimal is the one that this code writes: three
/// events of one run, with a fixed clock and fixed randomness.
///
/// `REEL_UPDATE_GOLDEN=1` writes the page anew.
@Suite struct GoldenSegmentTests {
  private static let events = [
    Event(
      id: "a1", timestamp: 1_700_000_000_000_001_000, kind: "call", process: "<0.1.0>",
      function: Function(module: "M", name: "f", arity: 1), correlationID: "r",
      payload: Payload(#"{"x":1}"#, encoding: .json)),
    Event(
      id: "a2", timestamp: 1_700_000_000_000_003_000, kind: "return", process: "<0.1.0>",
      function: Function(module: "M", name: "f", arity: 1), correlationID: "r",
      payload: Payload("2", encoding: .json)),
    Event(timestamp: 1_700_000_000_000_002_000, kind: "call"),
  ]

  /// The bytes of the segment.
  private func segment(_ path: String) throws -> [UInt8] {
    var configuration = RecorderConfiguration()
    configuration.clock = ManualClock(seed: 1)
    let runID: UInt64 = 0x018B_CFE5_6800_0001
    var appender = SegmentAppender(
      folder: try POSIXFolder(path: path, create: true),
      recording: RecordingID(low: 0x0706_0504_0302_0100, high: 0x0F0E_0D0C_0B0A_0908),
      configuration: configuration, control: ControlState(), sealed: [], active: nil,
      nextSequence: 1, watermark: 0, seed: 0)
    let start = ControlRecord.runStart(
      Run(
        id: runID, firstSequence: 1, startWall: 1_700_000_000_000_000_000, startMonotonic: 1000,
        processID: 4711, host: "host"))
    let body = start.encode()
    let carrier = Event(timestamp: 1_700_000_000_000_000_000, payload: Payload(body))
    try RecordView.with(carrier, type: start.type) { record in
      _ = appender.take(record, sequence: 1, runID: runID)
    }
    for (index, event) in Self.events.enumerated() {
      try RecordView.with(event) { record in
        _ = appender.take(record, sequence: UInt64(index) + 2, runID: runID)
      }
    }
    try appender.writeBlock()
    try appender.seal()
    return try bytes(ofFile: path + "/" + FileName.segment(firstSequence: 1))
  }

  @Test func theSegmentOnThePageIsTheOneThatIsWritten() throws {
    try withTemporaryDirectory { path in
      let written = try segment(path)
      let text = try SegmentAnnotator(written).text()
      let page = repositoryPath + "/format-spec.md"
      let content = try String(contentsOfFile: page, encoding: .utf8)
      let begin = try #require(content.range(of: "<!-- golden:begin -->\n"))
      let end = try #require(content.range(of: "<!-- golden:end -->"))
      let wanted = "```\n\(text)```\n"
      if environment("REEL_UPDATE_GOLDEN") != nil {
        let updated = content.replacingCharacters(
          in: begin.upperBound..<end.lowerBound, with: wanted)
        try updated.write(toFile: page, atomically: true, encoding: .utf8)
        return
      }
      let block = String(content[begin.upperBound..<end.lowerBound])
      #expect(block == wanted, "REEL_UPDATE_GOLDEN=1 writes the page anew")
      #expect(SegmentAnnotator.bytes(of: block) == written)
      let recording = try Recording(path: path)
      let found = try recording.events().events
      #expect(found.map(\.kind) == ["call", "call", "return"])
      #expect(found.map(\.id) == ["a1", "018bcfe5680000010000000000000004", "a2"])
    }
  }
}

/// Writes the bytes of a segment line by line, with what they are.
struct SegmentAnnotator {
  private let bytes: [UInt8]
  private let file: FileBinding
  private var offset = 0
  private var lines: [String] = []

  init(_ bytes: [UInt8]) throws {
    self.bytes = bytes
    file = try SegmentHeader(decoding: bytes, path: "golden").binding
  }

  consuming func text() throws -> String {
    while offset < bytes.count {
      let rest = Array(bytes[offset...])
      let length = ReelFrame.byteCount(rest.rawSpan)
      let byteCount = try #require(length)
      let whole = Array(rest[..<byteCount])
      let frame = try ReelFrame(decoding: whole.rawSpan, at: offset, binding: file)
      lines.append("; \(offset): \(frame.type.name)")
      take(4, "magic")
      take(4, "length: \(byteCount - 8)")
      take(2, "type: \(frame.type.rawValue)")
      take(2, "version, flags")
      take(8, "checksum")
      try content(frame)
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private mutating func content(_ frame: ReelFrame) throws {
    let end = offset + frame.content.count
    switch frame.type {
    case .segmentHeader:
      take(8, "signature")
      take(4, "format version, reserved")
      take(16, "recording")
      take(8, "salt")
      take(8, "first sequence number")
      take(8, "created")
    case .block:
      try block(try BlockHeader(decoding: frame.content.rawSpan))
    case .trailer:
      for (size, name) in [
        (4, "kind: seal"), (4, "directory's length"), (8, "directory's offset"),
        (8, "first sequence number"), (8, "records"), (8, "events"), (8, "least timestamp"),
        (8, "greatest timestamp"), (8, "first arrival"), (8, "last arrival"), (8, "raw bytes"),
        (8, "watermark"), (8, "reserved"),
      ] { take(size, name) }
    default:
      take(end - offset, "content")
    }
  }

  private mutating func block(_ header: BlockHeader) throws {
    for (size, name) in [
      (8, "first sequence number"), (4, "records: \(header.recordCount)"),
      (4, "events: \(header.eventCount)"), (8, "least timestamp"), (8, "greatest timestamp"),
      (8, "arrival"), (8, "watermark"), (8, "run"), (4, "codec, encryption, key slot"),
      (2, "columns: \(header.columns.count)"), (2, "frames: \(header.frames.count)"),
    ] { take(size, name) }
    for column in header.columns {
      take(6, "column: \(column.id.name), \(column.byteCount) bytes")
    }
    for _ in header.frames {
      take(12, "frame: first row, raw bytes, stored bytes")
      take(8, "its checksum")
    }
    for (index, frame) in header.frames.enumerated() {
      lines.append("; \(offset): \(index == 0 ? "attributes" : "payloads"), an LZ4 frame")
      take(frame.storedByteCount, "")
    }
  }

  /// Writes the next `count` bytes, sixteen a line.
  private mutating func take(_ count: Int, _ name: String) {
    var rest = bytes[offset..<(offset + count)]
    offset += count
    var note = name
    while !rest.isEmpty {
      let line = rest.prefix(16).map {
        String($0 >> 4, radix: 16, uppercase: true) + String($0 & 15, radix: 16, uppercase: true)
      }.joined(separator: " ")
      rest = rest.dropFirst(16)
      let padding = String(repeating: " ", count: max(0, 48 - line.utf8.count))
      lines.append(note.isEmpty ? line : "\(line)\(padding); \(note)")
      note = ""
    }
  }

  /// The bytes that an annotated text shows.
  static func bytes(of text: String) -> [UInt8] {
    text.split(separator: "\n").flatMap { line -> [UInt8] in
      let digits = line.split(separator: ";", omittingEmptySubsequences: false)[0]
      return digits.split(separator: " ").compactMap { UInt8($0, radix: 16) }
    }
  }
}
