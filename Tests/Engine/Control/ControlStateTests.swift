import Testing

@testable import Reel

/// Control records come back, and what they come to follows the rules of the page.
@Suite struct ControlStateTests {
  private static let run = Run(
    id: 9, firstSequence: 1, startWall: -1, startMonotonic: .max, processID: 3, host: "host-ü")

  private static let records: [ControlRecord] = [
    .runStart(run), .runEnd(wall: .min, monotonic: .max),
    .gap(Gap(eventCount: 300, from: 1, to: 2)), .cut(Cut(before: -5, sequence: 7)),
    .cut(Cut(before: nil, sequence: 8)), .drop(Drop(below: 4, eventCount: 3)),
    .syncMark(watermark: 12), .configuration(RandomEvents.declarations),
  ]

  @Test func recordsComeBackAndPartsOfThemThrow() throws {
    for record in Self.records {
      let body = record.encode()
      #expect(try ControlRecord(type: record.type, body: body.rawSpan) == record)
      for length in 0..<body.count {
        let part = Array(body[..<length])
        #expect(throws: ByteReader.Malformed.self) {
          try ControlRecord(type: record.type, body: part.rawSpan)
        }
      }
    }
    let none: [UInt8] = []
    #expect(try ControlRecord(type: 99, body: none.rawSpan) == nil)
  }

  @Test func theStateComesBackAfterEveryRecord() throws {
    var state = ControlState()
    for (index, record) in (Self.records + Self.records).enumerated() {
      state.apply(record, sequence: UInt64(index) + 20)
      let body = state.encode()
      #expect(try ControlState(decoding: body.rawSpan) == state)
    }
  }

  @Test func listsStayWithinTheirBounds() throws {
    var state = ControlState()
    for number in 1...UInt64(600) {
      var run = Self.run
      run.id = number
      state.apply(.runStart(run), sequence: number)
      state.apply(.gap(Gap(eventCount: 1, from: 0, to: 0)), sequence: number)
    }
    #expect(state.runs.count == ControlState.maximumRunCount)
    #expect(state.forgottenRunCount == 600 - UInt64(ControlState.maximumRunCount))
    #expect(state.gaps.count == ControlState.maximumGapCount)
    #expect(state.droppedEventCount == 600)
    #expect(state.gaps.reduce(0) { $0 + $1.eventCount } == 600)
    #expect(state.runs.dropLast().allSatisfy { $0.end == .crashed })
    #expect(state.encode().count <= Limits.stateByteCount)
  }

  /// R38: it is damage of that record alone.
  @Test func controlRecordsBehindAMalformedOneAreApplied() throws {
    let folder = MemoryFolder()
    let recorder = try Recorder(folder: folder, configuration: .tiny)
    for number in 1...10 { try recorder.append(numbered(number)) }
    try recorder.close()
    let name = try #require(try folder.list().first { $0.hasSuffix(".segment") })
    let whole = try SegmentFile(file: try folder.open(name, .read))
    let trailer = try #require(
      try whole.trailer(endingAt: try whole.file.byteCount()))
    let entry = try #require(try whole.directory(trailer).blocks.first)
    var types: [UInt8] = []
    try whole.controlRecords(entry) { record, _ in types.append(record.type) }
    try #require(types.first == 1 && types.last == 2)
    var builder = BlockBuilder(seed: 1)
    for (row, type) in [UInt8(3), 6, 2].enumerated() {
      // The body of a sync mark, too short for a gap and for the end of a run.
      try RecordView.with(Event(timestamp: 1, payload: Payload([3] as [UInt8])), type: type) {
        builder.append($0, sequence: UInt64(row) + 9, runID: 7)
      }
    }
    let block = CompressedBlock(builder.finish(frameByteCount: 4096), state: LZ4.State())
    let header = SegmentHeader(
      binding: FileBinding(recording: RecordingID(low: 1, high: 2), salt: 3), firstSequence: 9,
      created: 0)
    let (segment, end) = try SegmentWriter.createFile(
      in: folder, header: header, controlState: ControlState(), isDurable: false)
    var writer = SegmentWriter(
      segment: segment, directory: Directory(), summary: SegmentSummary(firstSequence: 9), end: end,
      indexes: IndexBuilder(firstBlock: 0, attributes: AttributeSchema(), seed: 1),
      state: LZ4.State())
    try writer.append(writer.encode(block))
    let forged = try #require(writer.directory.blocks.first)
    var found: [ControlRecord] = []
    #expect(throws: ReelError.self) {
      try segment.controlRecords(forged) { record, _ in found.append(record) }
    }
    #expect(found == [.syncMark(watermark: 3)])
  }

  @Test func aCutThatIncludesAnotherReplacesIt() {
    var state = ControlState()
    state.apply(.cut(Cut(before: 10, sequence: 5)), sequence: 5)
    state.apply(.cut(Cut(before: 8, sequence: 4)), sequence: 6)
    #expect(state.cuts == [Cut(before: 10, sequence: 5)])
    state.apply(.cut(Cut(before: 8, sequence: 9)), sequence: 9)
    #expect(state.cuts.count == 2)
    state.apply(.cut(Cut(before: nil, sequence: 9)), sequence: 10)
    #expect(state.cuts == [Cut(before: nil, sequence: 9)])
    state.apply(.drop(Drop(below: 9, eventCount: 8)), sequence: 11)
    #expect(state.cuts.isEmpty)
    #expect(state.removals.isRemoved(timestamp: .max, sequence: 8))
    #expect(!state.removals.isRemoved(timestamp: .min, sequence: 9))
  }
}
