import Foundation
import Testing

@testable import Reel

/// An answer says what it cannot contain.
@Suite struct CompletenessTests {
  @Test func anAnswerOfEverythingIsComplete() throws {
    try withTemporaryDirectory { path in
      try record((1...50).map(numbered), at: path)
      let answer = try Recording(path: path).events()
      #expect(answer.completeness.isComplete)
      #expect(answer.completeness == Completeness())
    }
  }

  @Test func aLimitIsToldOnlyWhenItLeavesSomethingOut() throws {
    try withTemporaryDirectory { path in
      try record((1...50).map(numbered), at: path)
      let recording = try Recording(path: path)
      #expect(try recording.events(limit: 50).completeness.isLimited == false)
      #expect(try recording.events(limit: 49).completeness.isLimited)
      #expect(try recording.events(limit: 0).completeness.isLimited)
      #expect(try recording.events(limit: nil).completeness.isComplete)
    }
  }

  @Test func aCutIsToldWhereItHidesEvents() throws {
    try withTemporaryDirectory { path in
      let recorder = try Recorder(path: path, configuration: .tiny)
      try recorder.append(contentsOf: (1...50).map(numbered))
      #expect(try recorder.removeEvents(before: 20) == 19)
      let recording = try recorder.recording
      #expect(try recording.events(Query(from: 10)).completeness.isCut)
      #expect(try recording.events(Query(from: 20)).completeness.isComplete)
      try recorder.close()
    }
  }

  @Test func aDamagedBlockIsReportedAndTheRestIsRead() throws {
    try withTemporaryDirectory { path in
      let events = (1...600).map(numbered)
      try record(events, at: path)
      let name = try #require(try fileNames(path).first { $0.hasSuffix(".segment") })
      let snapshot = try Recording(path: path).snapshot()
      let file = try SegmentFile(
        file: try POSIXFolder(path: path, create: false).open(name, .read))
      let trailer = try #require(try file.trailer(endingAt: snapshot.segments[0].byteCount))
      let blocks = try file.directory(trailer).blocks
      try #require(blocks.count > 3)
      var content = try bytes(ofFile: path + "/" + name)
      content[blocks[1].offset + blocks[1].byteCount - 20] ^= 0xFF
      try write(content, toFile: path + "/" + name)
      let recording = try Recording(path: path)
      let answer = try recording.events(limit: nil)
      #expect(answer.completeness.damages.count == 1)
      #expect(!answer.completeness.isComplete)
      let lost = try #require(answer.completeness.damages.first?.sequenceNumbers)
      #expect(lost == blocks[1].firstSequence...blocks[1].lastSequence)
      #expect(answer.events.count < events.count)
      let found = Set(answer.events.compactMap(\.id))
      for event in try record(events, at: path + "-2").events {
        let number = try #require(event.sequenceNumber?.rawValue)
        if !lost.contains(number) { #expect(event.id.map(found.contains) == true) }
      }
      try? FileManager.default.removeItem(atPath: path + "-2")
    }
  }
}
