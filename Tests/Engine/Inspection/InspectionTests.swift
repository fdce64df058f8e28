import Foundation

import Testing

@testable import Reel

/// Taking files apart and verifying them, whole and with any byte changed or cut off.
@Suite struct InspectionTests {
  /// A closed recording of one small segment, its path and its events' sequence numbers.
  private func withSegment(_ body: (String, String, [Event]) throws -> Void) throws {
    try withTemporaryDirectory { path in
      var configuration = RecorderConfiguration()
      configuration.blockByteCount = 4 << 10
      let recorder = try Recorder(path: path + "/trace", configuration: configuration)
      for number in 0..<60 {
        let payload = Payload(String(repeating: "payload \(number) ", count: 12))
        try recorder.append(
          Event(
            id: EventID("id-\(number)"), timestamp: Timestamp(nanoseconds: Int64(number)),
            kind: "kind-\(number % 3)", process: "p\(number % 7)", payload: payload))
      }
      try recorder.close()
      let events = try Recording(path: path + "/trace").events(limit: nil).events
      try body(path + "/trace", path + "/trace/00000000000000000001.segment", events)
    }
  }

  @Test func aWholeSegmentIsTakenApartWithoutFindings() throws {
    try withSegment { path, segment, events in
      let inspection = try SegmentInspection(path: segment)
      #expect(inspection.damages.isEmpty)
      #expect(inspection.ending == .checkpoint)
      #expect(inspection.blocks.reduce(0) { $0 + $1.eventCount } == events.count)
      var found: [Event] = []
      for block in inspection.blocks {
        for case .event(let event) in try inspection.records(of: block).map(\.content) {
          found.append(event)
        }
      }
      #expect(found == events)
      var findings = 0
      let report = try Recording(path: path).verify { _ in findings += 1 }
      #expect(report.isSound && findings == 0 && report.eventCount == events.count)
    }
  }

  /// Whoever makes a file can make its checksums right: then only the rows tell.
  @Test func verifyAndInspectionAgreeAboutABlockThatLiesAboutItsTimes() throws {
    try withSegment { _, segment, _ in
      var harmed = try bytes(ofFile: segment)
      let block = try #require(try SegmentInspection(path: segment).blocks.first)
      // The least timestamp, behind the frame's and the header's first fields.
      harmed.overwrite(Int64(-7), at: block.entry.offset + ReelFrame.overhead + 16)
      ChecksumMending.segment(&harmed)
      try write(harmed, toFile: segment)
      #expect(try SegmentInspection(path: segment).damages.count == 1)
      #expect(try Recording(path: segment).verify { _ in }.damageCount == 1)
    }
  }

  @Test func aChangedByteIsFoundOrHarmlessAndNeverMakesAWrongEvent() throws {
    try withSegment { path, segment, events in
      let whole = try Data(contentsOf: URL(fileURLWithPath: segment))
      let known = Dictionary(uniqueKeysWithValues: events.map { ($0.id, $0) })
      for offset in stride(from: 0, to: whole.count, by: 7) {
        var bytes = whole
        bytes[offset] ^= UInt8(1 << (offset % 8))
        try bytes.write(to: URL(fileURLWithPath: segment))
        _ = try? SegmentInspection(path: segment)
        let recording = try Recording(path: path)
        let answer = try recording.events(limit: nil)
        for event in answer.events where known[event.id] != event {
          Issue.record("a wrong event after a change of byte \(offset)")
        }
        let isTold =
          try !answer.completeness.isComplete || recording.verify { _ in }.findingCount > 0
        #expect(answer.events.count == events.count || isTold, "byte \(offset)")
      }
    }
  }

  @Test func aFileCutAnywhereIsTakenApartAndReadUpToTheCut() throws {
    try withSegment { path, segment, events in
      let whole = try Data(contentsOf: URL(fileURLWithPath: segment))
      for length in stride(from: 0, to: whole.count, by: 11) {
        try whole.prefix(length).write(to: URL(fileURLWithPath: segment))
        _ = try? SegmentInspection(path: segment)
        let found = try Recording(path: path).events(limit: nil).events
        #expect(found == Array(events.prefix(found.count)), "length \(length)")
      }
    }
  }

  @Test func aBufferIsTakenApartWhileItIsWritten() throws {
    try withTemporaryDirectory { path in
      let recorder = try Recorder(path: path)
      for number in 0..<10 { try recorder.append(Event(kind: "k\(number)")) }
      let buffer = try BufferInspection(path: path + "/00000000000000000001.buffer")
      #expect(buffer.damages.isEmpty)
      // Ten events and the record of the run's start.
      #expect(buffer.frames.reduce(0) { $0 + $1.recordCount } == 11)
      try recorder.close()
    }
  }

  @Test func verifyingWhileWritingSealingAndDroppingFindsNothing() throws {
    try withTemporaryDirectory { path in
      var configuration = RecorderConfiguration()
      configuration.bufferByteCount = 64 << 10
      configuration.segmentByteCount = 64 << 10
      configuration.blockByteCount = 4 << 10
      configuration.maximumEventCount = 4000
      let recorder = try Recorder(path: path, configuration: configuration)
      let recording = try recorder.recording
      for round in 0..<30 {
        for number in 0..<400 {
          try recorder.append(Event(kind: "k\(number % 5)", payload: Payload("p\(round * number)")))
        }
        let report = try recording.verify { Issue.record("a false alarm: \($0)") }
        #expect(report.isSound)
      }
      try recorder.close()
    }
  }
}
