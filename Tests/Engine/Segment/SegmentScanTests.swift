import Foundation
import Testing

@testable import Reel

/// A segment that is cut or damaged anywhere gives a part of what was in it, never anything else.
@Suite struct SegmentScanTests {
  private static let hasLZ4 = runs(
    if: findProgram("lz4") != nil, otherwise: "the lz4 tool is not installed")

  /// The bytes of a small segment with several blocks, and its events.
  private func small(_ path: String) throws -> (bytes: [UInt8], model: ModelStore, name: String) {
    let model = try record((1...120).map(numbered), at: path)
    let name = FileName.segment(firstSequence: 1)
    return (try bytes(ofFile: path + "/" + name), model, name)
  }

  /// Opens `content` as a lone segment and checks that it holds nothing but events of the model.
  private func check(_ content: [UInt8], _ path: String, _ model: ModelStore, _ what: String) throws
  {
    try write(content, toFile: path)
    let recording: Recording
    do {
      recording = try Recording(path: path)
    } catch {
      // Without a whole header it is no segment.
      return
    }
    let answer = try recording.events(limit: nil)
    let wanted = Dictionary(uniqueKeysWithValues: model.events.map { ($0.sequenceNumber, $0) })
    let isRight = answer.events.allSatisfy { wanted[$0.sequenceNumber] == $0 }
    #expect(isRight, "\(what)")
    if answer.events.count < model.events.count {
      let numbers = answer.events.compactMap { $0.sequenceNumber?.rawValue }
      let isTail = numbers == Array(2..<2 + UInt64(numbers.count))
      #expect(isTail || !answer.completeness.isComplete, "\(what): a loss that nobody reports")
    }
  }

  @Test func aSegmentCutAnywhereGivesABeginning() throws {
    try withTemporaryDirectory { path in
      let (whole, model, _) = try small(path + "/r")
      for length in stride(from: 0, through: whole.count, by: 41) {
        try check(Array(whole[..<length]), path + "/cut", model, "cut at \(length)")
      }
    }
  }

  @Test func aFlippedByteIsDetectedOrHarmless() throws {
    try withTemporaryDirectory { path in
      let (whole, model, _) = try small(path + "/r")
      for offset in stride(from: 0, to: whole.count, by: 29) {
        var content = whole
        content[offset] ^= 1 << UInt8(offset & 7)
        try check(content, path + "/flipped", model, "flipped at \(offset)")
      }
    }
  }

  @Test func theWalkFindsTheBlocksThatTheDirectoryNames() throws {
    try withTemporaryDirectory { path in
      let (whole, _, name) = try small(path)
      let folder = try POSIXFolder(path: path, create: false)
      let segment = try SegmentFile(file: try folder.open(name, .read))
      let trailer = try #require(try segment.trailer(endingAt: whole.count))
      let directory = try segment.directory(trailer)
      let walk = try SegmentScanner(segment, byteCount: whole.count, check: .everything).scan()
      #expect(walk.blocks == directory.blocks)
      #expect(walk.summary == trailer.summary)
      #expect(walk.end == whole.count)
      #expect(walk.damages.isEmpty)
      #expect(walk.ending == .clean)
    }
  }

  @Test func aTornTailIsCutAwayWhenWritingGoesOn() throws {
    try withTemporaryDirectory { path in
      let (whole, model, name) = try small(path)
      try write(whole + [0x5E, 0x2A, 0x4D, 0x18, 1, 2, 3], toFile: path + "/" + name)
      let recorder = try Recorder(path: path, configuration: .tiny)
      #expect(recorder.recovery.truncated.count == 1)
      #expect(recorder.recovery.damages.isEmpty)
      try recorder.append(Event(id: "after", timestamp: .max))
      try recorder.close()
      let events = try Recording(path: path).events(limit: nil).events
      #expect(difference(events.dropLast(), model.events(Query())) == nil)
      #expect(events.last?.id == "after")
    }
  }

  @Test(.enabled(if: hasLZ4, "the lz4 tool is not installed"))
  func theStockToolAcceptsEverySegment() throws {
    try withTemporaryDirectory { path in
      var random = RandomEvents(seed: 8)
      var configuration = RecorderConfiguration.tiny
      configuration.attributes = RandomEvents.declarations
      try record(random.events(1200), at: path, configuration)
      let names = try fileNames(path).filter { $0.hasSuffix(".segment") }
      try #require(names.count > 1)
      for name in names {
        let result = try #require(run("lz4", ["-t", path + "/" + name]))
        #expect(result.status == 0, "\(name)")
      }
    }
  }
}
