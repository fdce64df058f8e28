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
    #expect(state.isRemoved(timestamp: .max, sequence: 8))
    #expect(!state.isRemoved(timestamp: .min, sequence: 9))
  }
}
