@testable import Reel

#if !FUZZ
  @testable import ReelTool
#endif

/// The recipe of the inputs that fuzzing begins with: `Corpus/<target>/<name>`.
///
/// `tools/fuzz --corpus` writes them anew. Others in that folder, each named for what it showed,
/// stay as they are.
enum FuzzCorpus {
  /// What the recipe makes for a target.
  static func recipe(_ target: FuzzTarget) throws -> [String: [UInt8]] {
    switch target {
    case .segment: return try segments()
    case .buffer: return try buffers()
    case .block: return try blocks()
    case .frame: return frames()
    case .index: return try indexes()
    case .control: return try controls()
    case .record: return try ["events": records(10).flatMap { $0 }]
    case .context: return try ContextFuzz.recipe()
    case .document: return documents()
    case .json: return lines()
    case .term: return TermFuzz.recipe()
    }
  }

  // MARK: Recordings

  /// A recording of a few events, closed or as a killed program leaves it.
  ///
  /// What does not fill a block stays in the buffer.
  static func image(
    isClosed: Bool, count: Int = 14, blockByteCount: Int = 1 << 10
  ) throws -> FolderImage {
    let folder = MemoryFolder()
    var configuration = RecorderConfiguration()
    configuration.bufferByteCount = 12 << 10
    configuration.blockByteCount = blockByteCount
    configuration.payloadFrameByteCount = 512
    configuration.segmentByteCount = 5 << 10
    configuration.syncInterval = .zero
    configuration.attributes = RecordFuzz.schema.declarations
    // Contexts ahead of most blocks.
    (configuration.contextRecordInterval, configuration.contextByteRatio) = (5, 0)
    configuration.clock = ManualClock()
    let recorder = try Recorder(folder: folder, configuration: configuration)
    for event in events(count) { try recorder.append(event) }
    try recorder.flush()
    try recorder.removeEvents(before: 2_000)
    for event in events(3) { try recorder.append(event) }
    if isClosed { try recorder.close() }
    defer { if !isClosed { try? recorder.close() } }
    return folder.image
  }

  /// Events that have every field, and hardly any.
  static func events(_ count: Int) -> [Event] {
    (1...count).map { number in
      let moment = Timestamp(nanoseconds: Int64(number) * 1000)
      guard number % 4 != 0 else { return Event(timestamp: moment) }
      return Event(
        id: EventID("event-\(number)"), timestamp: moment, kind: "call", process: "<0.\(number).0>",
        peerProcess: number % 2 == 0 ? "<0.1.0>" : nil,
        function: Function(module: "Shop", name: "buy", arity: UInt16(number)),
        correlationID: "req-\(number / 3)", parentID: number % 3 == 0 ? EventID("event-1") : nil,
        callID: "c\(number)", astNodeID: "Shop:buy:\(number % 3)", node: "a@host",
        secondClock: number % 2 == 0 ? Int64(number) : nil,
        attributes: ["tag": .many([.text("a"), .text("b")]), "size": .integer(Int64(number))],
        payload: number % 5 == 0 ? nil : Payload("payload of number \(number)"))
    }
  }

  private static func first(_ image: FolderImage, _ suffix: String) -> [UInt8] {
    image.keys.sorted().first { $0.hasSuffix(suffix) }.flatMap { image[$0] } ?? []
  }

  private static func segments() throws -> [String: [UInt8]] {
    let closed = first(try image(isClosed: true), FileName.segmentSuffix)
    let open = first(try image(isClosed: false), FileName.segmentSuffix)
    return [
      "closed": [1] + closed, "closed-as-it-is": [0] + closed, "open": [1] + open,
      "gone-on-with": [3] + open, "repaired": [5] + closed,
    ]
  }

  private static func buffers() throws -> [String: [UInt8]] {
    var inputs: [String: [UInt8]] = [:]
    for (name, count) in [("one-lap", 8), ("two-laps", 80)] {
      let bytes = first(
        try image(isClosed: false, count: count, blockByteCount: 6 << 10), FileName.bufferSuffix)
      let ring = bytes.dropFirst(BufferHeader.byteCount)
      let input = Array(bytes.prefix(BufferFuzz.fieldsByteCount) + ring)
      // Zeros at the end come back by themselves.
      let end = input.lastIndex { $0 != 0 } ?? 0
      let isWhole = count > 8
      inputs[name] = [1] + (isWhole ? input : Array(input[...end]))
      if !isWhole { inputs[name + "-taken-over"] = [7] + input[...end] }
    }
    return inputs
  }

  // MARK: Parts

  /// The records of a few events, as the buffer would hold them.
  private static func records(_ count: Int) throws -> [[UInt8]] {
    let rules = RecordRules(maximumPayloadByteCount: 1 << 20, attributes: RecordFuzz.schema)
    return try events(count).map { event in
      let byteCount = try event.measure(rules)
      let region = Region(byteCount: byteCount)
      var writer = RecordWriter(
        region: region, start: 0, byteCount: byteCount,
        timestamp: event.timestamp?.nanoseconds ?? 0)
      event.write(to: &writer, rules: rules)
      return region.bytes(0..<byteCount).copied()
    }
  }

  private static func columns(_ count: Int) throws -> BlockColumns {
    var builder = BlockBuilder(seed: 1)
    for (row, bytes) in try records(count).enumerated() {
      builder.append(try RecordView(bytes.rawSpan), sequence: UInt64(5 + row), runID: 7)
    }
    return builder.finish(frameByteCount: 64 << 10)
  }

  private static func blocks() throws -> [String: [UInt8]] {
    var inputs: [String: [UInt8]] = [:]
    for count in [1, 12] {
      let columns = try columns(count)
      var bytes: [UInt8] = []
      bytes.append(littleEndian: UInt16(columns.header.recordCount))
      bytes.append(UInt8(columns.header.columns.count))
      for entry in columns.header.columns {
        bytes.append(entry.id.rawValue)
        bytes.append(entry.encoding)
        bytes.append(littleEndian: UInt16(entry.byteCount))
      }
      inputs["events-\(count)"] = bytes + columns.attributes + columns.payloads
    }
    return inputs
  }

  private static func frames() -> [String: [UInt8]] {
    var inputs: [String: [UInt8]] = [:]
    for (name, content) in [
      ("short", Array("abc".utf8)), ("repeated", [UInt8](repeating: 7, count: 300)),
      ("empty", []),
    ] {
      var bytes: [UInt8] = [1]
      bytes.append(littleEndian: UInt32(content.count))
      LZ4Frame.append(content.rawSpan, to: &bytes, state: LZ4.State())
      inputs[name] = bytes
    }
    return inputs
  }

  private static func indexes() throws -> [String: [UInt8]] {
    var inputs: [String: [UInt8]] = [:]
    let segment = first(try image(isClosed: true), FileName.segmentSuffix)
    let folder = MemoryFolder([FileName.segment(firstSequence: 1): segment])
    let file = try folder.open(FileName.segment(firstSequence: 1), .read)
    let open = try SegmentFile(file: file)
    guard let trailer = try open.trailer(endingAt: segment.count) else { return [:] }
    let directory = try open.directory(trailer)
    for part in directory.indexes where part.byteCount > 0 {
      let form: UInt8 = part.form == .postings ? 0 : 1
      let name = part.column.name.map { $0 == " " ? "-" : $0 }
      inputs[String(name)] = [form, UInt8(part.blocks.count - 1)] + (try open.indexContent(part))
    }
    let content = directory.encode(state: LZ4.State())
    inputs["directory"] = [2, 0] + (try CompressedContent.decode(content.rawSpan))
    let start = segment.count - Trailer.byteCount + ReelFrame.overhead
    inputs["trailer"] = [3, 0] + segment[start...]
    var members = [
      MergedIndex.Member(salt: 1, byteCount: segment.count, trailer: trailer),
      MergedIndex.Member(salt: 2, byteCount: segment.count, trailer: trailer),
    ]
    members[1].trailer.summary.firstSequence = trailer.summary.nextSequence
    members[1].trailer.watermark = 0
    for index in members.indices { members[index].trailer.isSeal = true }
    let name = FileName.mergedIndex(firstSequence: 1)
    let merged = try folder.open(name, .createNew)
    let column = MergedColumn(column: .id, uncovered: 1, content: [1, 2, 3])
    try MergedIndex.write(members, [column], binding: open.header.binding, to: merged)
    let front = try ReelFrame.read(merged, at: 0, limit: 4096, binding: open.header.binding)
    inputs["merged"] = [4, 0] + front.frame.content
    return inputs
  }

  private static func controls() throws -> [String: [UInt8]] {
    var state = ControlState()
    let run = Run(
      id: 7, firstSequence: 1, startWall: 2, startMonotonic: 3, processID: 4, host: "host")
    let records: [ControlRecord] = [
      .runStart(run), .configuration(RecordFuzz.schema.declarations),
      .gap(Gap(eventCount: 3, from: 4, to: 5)), .cut(Cut(before: 1000, sequence: 9)),
      .syncMark(watermark: 3), .drop(Drop(below: 4, eventCount: 2)),
      .runEnd(wall: 9, monotonic: 10), .runStart(run),
    ]
    var bytes: [UInt8] = [1]
    for (index, record) in records.enumerated() {
      state.apply(record, sequence: UInt64(index + 1))
      let body = record.encode()
      bytes += [record.type, UInt8(body.count)] + body
    }
    state.lose(20...30)
    return ["state": [0] + state.encode(), "records": bytes]
  }

  private static func documents() -> [String: [UInt8]] {
    var inputs: [String: [UInt8]] = ["name": [0] + Array("plan%20b.0000000001.document".utf8)]
    for (name, content) in [("text", Array("a plan, a plan, a plan".utf8)), ("removed", [])] {
      let file = DocumentFile(
        recording: RecordingID(low: 1, high: 2), name: "plan", version: 1, created: 3,
        isRemoved: content.isEmpty, content: content)
      inputs[name] = [1] + file.encode(state: LZ4.State())
    }
    return inputs
  }

  private static func lines() -> [String: [UInt8]] {
    let writer = EventWriter(attributes: RecordFuzz.schema.declarations)
    var whole: [UInt8] = []
    writer.write(events(2)[1], to: &whole)
    let other = #"""
      {"id_hex":"0aff","timestamp_ns":"2026-11-21T03:22:00.5Z","ratio":"NaN","hash":["AQI="],
      "ok":true,"data_base64":"AP8=","data_encoding":200,"second_clock":"-9"}
      """#
    let unknown = #"{"kind":"é😀","colour":[1,{"a":null}],"data":{"x":1.5e-7}}"#
    return ["every-field": whole, "other-forms": Array(other.utf8), "unknown": Array(unknown.utf8)]
  }
}
