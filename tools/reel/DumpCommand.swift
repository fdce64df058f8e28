import ArgumentParser
import Reel

/// `reel dump`: takes one file of a recording apart.
struct DumpCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dump",
    abstract: "Takes one segment, buffer or document file apart.",
    discussion: """
      Examples:
        reel dump trace/00000000000000000001.segment
        reel dump trace/00000000000000000001.segment --records | head
        reel dump trace/00000000000000000001.segment --index function
        reel dump trace/00000000000000000001.segment --hex 0:72
        reel dump trace/00000000000000000001.buffer
        reel dump trace/documents/FILE --json

      Also of a damaged file: it says where and what, and goes on behind the damage; exit status 4 \
      then. --records prints JSON Lines: events as `reel query --json` does, control records as \
      {"control": …}. With --json every part is an object on a line of its own, and a document is \
      one object; integers of 64 bits are strings.
      """)

  @Argument(help: "A segment, buffer or document file.")
  var file: String

  @Flag(help: "Print the records as JSON Lines instead.")
  var records = false

  @Option(help: "Print the keys of a column's indexes, such as kind, process or function.")
  var index: String?

  @Option(help: "Print bytes: OFFSET:LENGTH, or all.")
  var hex: String?

  @Flag(help: "Print the parts as JSON Lines.")
  var json = false

  func run() throws {
    let kind = try InspectedFileKind(path: file)
    let damages: [Corruption]
    var out = Output()
    switch kind {
    case .segment:
      let segment = try SegmentInspection(path: file)
      damages = segment.damages
      if let hex {
        try dumpBytes(hex, segment.byteCount, &out) { try segment.bytes($0) }
      } else {
        try SegmentDump(segment: segment, json: json).write(
          records: records, index: index, to: &out)
      }
    case .buffer:
      let buffer = try BufferInspection(path: file)
      damages = buffer.damages
      if let hex {
        try dumpBytes(hex, buffer.byteCount, &out) { try buffer.bytes($0) }
      } else if index != nil {
        throw ValidationError("a buffer has no indexes")
      } else {
        try BufferDump(buffer: buffer, json: json).write(records: records, to: &out)
      }
    case .document:
      let document = try DocumentInspection(path: file)
      damages = document.damage.map { [$0] } ?? []
      if let hex {
        try dumpBytes(hex, document.byteCount, &out) { try document.bytes($0) }
      } else if records || index != nil {
        throw ValidationError("a document has no records and no indexes")
      } else {
        write(document, to: &out)
      }
    case .mergedIndex:
      let merged = try MergedIndexInspection(path: file)
      damages = merged.damages
      if let hex {
        try dumpBytes(hex, merged.byteCount, &out) { try merged.bytes($0) }
      } else if records || index != nil {
        throw ValidationError("a merged index has no records and does not hold its keys")
      } else {
        MergedIndexDump(merged: merged, json: json).write(to: &out)
      }
    }
    out.flush()
    for damage in damages { Console.error("damage: \(damage)") }
    if !damages.isEmpty { throw ExitCode(ExitStatus.damage.rawValue) }
  }

  private func write(_ document: DocumentInspection, to out: inout Output) {
    if json {
      out.json { writer in
        if let info = document.document?.info { writer.members(info) }
        writer.member("recording", document.recordingID?.description)
        writer.member("damage", document.damage?.reason)
      }
    } else if let info = document.document?.info {
      out.line(
        "document '\(Wording.harmless(info.name))' version \(info.version),"
          + " \(info.isRemoved ? "removed" : Wording.bytes(info.byteCount))")
    }
  }

  /// Prints a range of the file as sixteen bytes a line with their offset and their characters.
  private func dumpBytes(
    _ text: String, _ byteCount: Int, _ out: inout Output, _ read: (Range<Int>) throws -> [UInt8]
  ) throws {
    let range = try Self.range(text, byteCount)
    var offset = range.lowerBound
    while offset < range.upperBound {
      let bytes = try read(offset..<min(offset + 4096, range.upperBound))
      guard !bytes.isEmpty else { break }
      for start in stride(from: 0, to: bytes.count, by: 16) {
        let line = bytes[start..<min(start + 16, bytes.count)]
        out.line(HexLine.text(line, offset: offset + start))
      }
      offset += bytes.count
      out.flushIfFull()
    }
  }

  private static func range(_ text: String, _ byteCount: Int) throws -> Range<Int> {
    if text == "all" { return 0..<byteCount }
    let parts = text.split(separator: ":")
    guard parts.count == 2, let offset = Int(parts[0]), let length = Int(parts[1]), offset >= 0,
      length >= 0, offset <= byteCount
    else {
      throw ValidationError(
        "--hex is '\(text)'; give OFFSET:LENGTH within the \(byteCount) bytes of the file, or all")
    }
    return offset..<min(byteCount, offset + min(length, byteCount))
  }
}

/// One line of a hexadecimal dump.
enum HexLine {
  static func text(_ bytes: ArraySlice<UInt8>, offset: Int) -> String {
    let digits = String(offset, radix: 16)
    var line = String(repeating: "0", count: max(0, 8 - digits.count)) + digits + " "
    for position in 0..<16 {
      if position % 8 == 0 { line += " " }
      if position < bytes.count {
        let byte = bytes[bytes.startIndex + position]
        line += (byte < 16 ? "0" : "") + String(byte, radix: 16) + " "
      } else {
        line += "   "
      }
    }
    let characters = bytes.map { (0x20...0x7E).contains($0) ? Character(Unicode.Scalar($0)) : "." }
    return line + " |" + String(characters) + "|"
  }
}

/// A record as a line of JSON.
enum RecordLine {
  static func append(
    _ record: InspectedRecord, attributes: [AttributeDeclaration], to out: inout Output
  ) {
    var line: [UInt8] = []
    if case .event(let event) = record.content {
      EventWriter(attributes: attributes, asStrings: true).write(event, to: &line)
      line.removeLast()
      out.line(String(decoding: line, as: UTF8.self))
      return
    }
    out.json { writer in
      write(record.content, to: &writer)
      writer.member("sequence", record.sequenceNumber.rawValue)
      writer.member("timestamp_ns", record.timestamp.nanoseconds)
    }
  }

  /// The kind of a control record, and what it says.
  private static func write(_ content: InspectedRecord.Content, to writer: inout JSONWriter) {
    switch content {
    case .event: return
    case .runStart(let run):
      writer.member("control", "run_start")
      writer.member("run", run.id)
      writer.member("process_id", run.processID)
      writer.member("host", run.host)
    case .runEnd(let wall, let monotonic):
      writer.member("control", "run_end")
      writer.member("wall_ns", wall)
      writer.member("monotonic_ns", monotonic)
    case .gap(let gap):
      writer.member("control", "gap")
      writer.member("events", gap.eventCount)
      writer.member("from_ns", gap.from)
      writer.member("to_ns", gap.to)
    case .cut(let before, let below):
      writer.member("control", "cut")
      writer.member("before_ns", before?.nanoseconds)
      writer.member("below_sequence", below.rawValue)
    case .drop(let below, let eventCount):
      writer.member("control", "drop")
      writer.member("below_sequence", below.rawValue)
      writer.member("events", eventCount)
    case .syncMark(let watermark):
      writer.member("control", "sync_mark")
      writer.member("watermark", watermark.rawValue)
    case .configuration(let declarations):
      writer.member("control", "configuration")
      writer.member("attributes", declarations.map(\.name).joined(separator: ","))
    case .roles(let roles):
      writer.member("control", "roles")
      writer.member(
        "roles",
        roles.declared.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value.name)" }
          .joined(separator: ","))
    case .unknown(let type, _):
      writer.member("control", "type \(type)")
    case .malformed(let type, _, let reason):
      writer.member("control", "type \(type)")
      writer.member("malformed", reason)
    }
  }
}
