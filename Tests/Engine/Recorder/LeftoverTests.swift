import Foundation
import Testing

@testable import Reel

/// Blocks that a dead run left without an index, and the run that goes on in their segment.
@Suite struct LeftoverTests {
  /// A copy of a recording as a crash leaves it: some blocks, made durable, without an index.
  private func withCrashedCopy(_ body: (_ path: String, _ segment: String) throws -> Void) throws {
    try withTemporaryDirectory { path in
      let recorder = try Recorder(path: path + "/live", configuration: .tiny)
      for number in 1...400 { try recorder.append(numbered(number)) }
      try recorder.flush()
      try recorder.sync()
      let copy = path + "/copy"
      try copyFolder(path + "/live", to: copy)
      try recorder.close()
      let name = try #require(try fileNames(copy).first { $0.hasSuffix(".segment") })
      try body(copy, copy + "/" + name)
    }
  }

  private func goOn(_ path: String) throws {
    let recorder = try Recorder(path: path, configuration: .tiny)
    for number in 401...450 { try recorder.append(numbered(number)) }
    try recorder.close()
  }

  @Test func theyAreIndexedWithTheNextCheckpoint() throws {
    try withCrashedCopy { path, _ in
      try goOn(path)
      let recording = try Recording(path: path)
      #expect(try recording.verify { _ in }.findingCount == 0)
      let answer = try recording.events(
        {
          var query = Query()
          query.correlationID = "req-3"
          return query
        }())
      #expect(answer.events.map(\.id) == (30...39).map { EventID("event-\($0)") })
      #expect(answer.cost.blocksDecoded < answer.cost.blockCount / 2)
    }
  }

  @Test func aDamagedOneHidesNoneOfTheOthers() throws {
    try withCrashedCopy { path, segment in
      let frames = try SegmentInspection(path: segment).blocks.compactMap { $0.frames.first }
      try #require(frames.count > 4)
      let file = try FileHandle(forUpdating: URL(fileURLWithPath: segment))
      // In the compressed attributes, behind the block's header.
      let place = UInt64(frames[2].offset + frames[2].byteCount / 2)
      try file.seek(toOffset: place)
      let byte = try #require(try file.read(upToCount: 1)?.first)
      try file.seek(toOffset: place)
      try file.write(contentsOf: Data([byte ^ 0xFF]))
      try file.close()
      try goOn(path)
      let recording = try Recording(path: path)
      let all = try recording.events(limit: nil)
      #expect(all.events.count < 450 && all.events.count > 300)
      #expect(!all.completeness.damages.isEmpty)
      for event in all.events {
        let id = try #require(event.id)
        #expect(try recording.event(id: id)?.id == id)
      }
    }
  }
}
