import Testing

@testable import Reel

/// Records become blocks and come back field by field.
@Suite struct BlockTests {
  /// R45: behind damage a longer header would not be found.
  @Test(arguments: [4096, 700, 0])
  func theHeaderOfALargestBlockOfSmallestFramesStaysWithinItsLimit(smallByteCount: Int) throws {
    var builder = BlockBuilder(seed: 1)
    for row in 0..<(8 << 10) {
      // Large ones have frames of their own, and so have the small ones between.
      let byteCount = row % 2 == 0 ? 4096 : smallByteCount
      let event = Event(timestamp: 1, payload: Payload([UInt8](repeating: 7, count: byteCount)))
      try RecordView.with(event) {
        builder.append($0, sequence: UInt64(row) + 1, runID: 9)
      }
    }
    let columns = builder.finish(frameByteCount: 4096)
    let byteCount = columns.header.encode().count + ReelFrame.overhead
    #expect(byteCount <= Limits.blockHeaderByteCount, "\(columns.header.frames.count) frames")
    #expect(columns.header.frames.count > 1000)
  }

  @Test(arguments: seeds(8))
  func randomEventsComeBackFromABlock(seed: UInt64) throws {
    var random = RandomEvents(seed: seed)
    random.narrowTime = seed % 2 == 0
    let rules = RecordRules.withAttributes
    var builder = BlockBuilder(seed: seed)
    var first: UInt64 = 1
    for _ in 0..<3 {
      let events = random.events(1 + random.random.below(120))
      for (row, event) in events.enumerated() {
        try RecordView.with(event, rules: rules) { record in
          builder.append(record, sequence: first + UInt64(row), runID: 9)
        }
      }
      let columns = builder.finish(frameByteCount: 4096, arrival: 3, watermark: first - 1)
      var header = columns.header
      for index in header.frames.indices {
        header.frames[index].storedByteCount = header.frames[index].rawByteCount
      }
      let encoded = header.encode()
      #expect(try BlockHeader(decoding: encoded.rawSpan) == header)
      let block = try DecodedBlock(
        header: columns.header, attributes: columns.attributes,
        payloads: MemoryPayloads(columns), wanted: .all)
      let rows = (0..<Int32(events.count)).map { $0 }
      let page = try RecordRenderer.page(block, rows: rows, schema: rules.attributes)
      for (row, event) in events.enumerated() {
        let sequence = first + UInt64(row)
        var wanted = event
        wanted.sequenceNumber = SequenceNumber(rawValue: sequence)
        wanted.id = event.id ?? .generated(runID: 9, sequenceNumber: sequence)
        let view = try #require(page.view(row))
        #expect(view.event == wanted, "seed \(seed), row \(row)")
        #expect(view.hasGeneratedID == (event.id == nil))
      }
      // A few rows alone are the same records.
      let few = (0..<3).map { _ in Int32(random.random.below(events.count)) }
      let known = try DecodedBlock(
        header: columns.header, attributes: columns.attributes,
        payloads: MemoryPayloads(columns), wanted: ColumnSet([.timestamp, .function]))
      let alone = try RecordRenderer.page(known.only(few), rows: few, schema: rules.attributes)
      for (place, row) in few.enumerated() {
        #expect(
          alone.view(place)?.record() == page.view(Int(row))?.record(), "seed \(seed), row \(row)")
      }
      let times = events.compactMap { $0.timestamp?.nanoseconds }
      #expect(block.header.minimumTimestamp == times.min())
      #expect(block.header.maximumTimestamp == times.max())
      first += UInt64(events.count)
    }
  }

  @Test func aFieldWithNoBytesDiffersFromOneThatIsAbsent() throws {
    let empty = Event(
      id: "i", timestamp: 0, kind: "", process: "", peerProcess: "",
      function: Function(module: "", name: ""), correlationID: "", callID: "", astNodeID: "",
      node: "", payload: Payload([]))
    try withTemporaryDirectory { path in
      let model = try record([empty, Event(id: "j", timestamp: 1)], at: path)
      #expect(try Recording(path: path).events().events == model.events(Query()))
    }
  }

  @Test(arguments: [0, 1, 65_535, 65_536, 65_537, 4 << 20, (4 << 20) + 1, 9 << 20])
  func lz4FramesOfAnyLengthComeBack(byteCount: Int) throws {
    var random = SeededRandom(UInt64(byteCount))
    for isRandom in [true, false] where !isRandom || byteCount < 1 << 20 {
      let content =
        isRandom ? random.bytes(byteCount) : [UInt8](repeating: 0x61, count: byteCount)
      var frame: [UInt8] = []
      LZ4Frame.append(content.rawSpan, to: &frame, state: LZ4.State())
      #expect(try LZ4Frame.content(of: frame.rawSpan, byteCount: byteCount) == content)
      let half = try LZ4Frame.content(
        of: frame.rawSpan, byteCount: byteCount, prefix: byteCount / 2)
      #expect(half == Array(content.prefix(byteCount / 2)))
      #expect(throws: ByteReader.Malformed.self) {
        try LZ4Frame.content(of: frame.rawSpan, byteCount: byteCount + 1)
      }
    }
  }
}
