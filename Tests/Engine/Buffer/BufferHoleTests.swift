import Foundation
import Testing

@testable import Reel

/// Damaged frames of a write-ahead buffer: what lies behind them is read, by readers and by the
/// next opening, and what they had is told.
@Suite struct BufferHoleTests {
  /// A recording as a killed program leaves it, before or after its buffer's room was released: the
  /// frames of a single event, of a batch of ten, and of a single event again.
  private struct Crashed {
    let path: String
    let buffer: String
    let frames: [BufferInspection.Frame]
    /// The last number that a block holds.
    var held: UInt64

    /// Flips a bit of a frame's payload: its head stays as it is.
    func rot(_ frame: Int) throws {
      var content = try bytes(ofFile: buffer)
      content[frames[frame].bytes.upperBound - 1] ^= 1
      try write(content, toFile: buffer)
    }

    /// Overwrites a frame with zeros.
    func zero(_ frame: Int) throws {
      var content = try bytes(ofFile: buffer)
      for place in frames[frame].bytes { content[place] = 0 }
      try write(content, toFile: buffer)
    }

    func numbers(_ frame: Int) -> [UInt64] {
      Array(frames[frame].firstSequenceNumber.rawValue..<frames[frame].nextSequence)
    }
  }

  /// How much of the buffer has gone into blocks, of which its header page does not know.
  enum Written: CaseIterable {
    case nothing, partOfTheBatch, everything
  }

  private func withCrash(_ written: Written, _ body: (Crashed) throws -> Void) throws {
    try withTemporaryDirectory { path in
      let live = path + "/live"
      let folder = HangingFolder(try POSIXFolder(path: live, create: true))
      let recorder = try Recorder(folder: folder, configuration: .tiny)
      for number in 1...5 { try recorder.append(numbered(number)) }
      try recorder.flush()
      folder.fill(true)
      try recorder.append(numbered(6))
      let batch = (7...16).map { number in
        var event = numbered(number)
        event.payload = Payload([UInt8](repeating: UInt8(number), count: 900))
        return event
      }
      try recorder.append(contentsOf: batch)
      try recorder.append(numbered(17))
      try copyFolder(live, to: path + "/copy")
      folder.fill(false)
      try flush(recorder)
      let names = try fileNames(path + "/copy")
      let segment = try #require(names.first { $0.hasSuffix(".segment") })
      let buffer = path + "/copy/" + (try #require(names.first { $0.hasSuffix(".buffer") }))
      let all = try BufferInspection(path: buffer).frames
      let place = try #require(all.firstIndex { $0.recordCount == 10 })
      let frames = Array(all[(place - 1)...(place + 1)])
      var crashed = Crashed(
        path: path + "/copy", buffer: buffer, frames: frames,
        held: frames[0].firstSequenceNumber.rawValue - 1)
      if written != .nothing {
        var content = try bytes(ofFile: live + "/" + segment)
        crashed.held = frames[2].nextSequence - 1
        if written == .partOfTheBatch {
          let file = try POSIXFolder(path: live, create: false).open(segment, .read)
          let scan = try SegmentScanner(
            try SegmentFile(file: file), byteCount: content.count, check: .headers
          ).scan()
          let inBatch = try #require(
            scan.blocks.first { crashed.numbers(1).dropLast().contains($0.lastSequence) })
          content = Array(content[..<(inBatch.offset + inBatch.byteCount)])
          crashed.held = inBatch.lastSequence
        }
        try write(content, toFile: path + "/copy/" + segment)
      }
      try recorder.close()
      try body(crashed)
    }
  }

  /// Flushes once the recorder has seen that there is room again.
  private func flush(_ recorder: Recorder) throws {
    while true {
      do {
        return try recorder.flush()
      } catch ReelError.io(let failure) where failure.isOutOfSpace {
        usleep(1_000)
      }
    }
  }

  @Test(arguments: Written.allCases, [0, 1])
  func readersGoOnBehindAFrameThatRots(written: Written, lost: Int) throws {
    try withCrash(written) { crashed in
      try crashed.rot(lost)
      let recording = try Recording(path: crashed.path)
      let answer = try recording.events(limit: nil)
      let numbers = crashed.numbers(lost)
      let ids = Set((1...17).map { EventID("event-\($0)") })
      let missing = Set(lost == 0 ? [EventID("event-6")] : (7...16).map { EventID("event-\($0)") })
      #expect(Set(answer.events.compactMap(\.id)) == ids.subtracting(missing))
      let range = numbers[0]...numbers[numbers.count - 1]
      #expect(answer.completeness.damages.map(\.sequenceNumbers) == [range])
      #expect(answer.completeness.missing.isEmpty)
      #expect(try recording.verify { _ in }.damageCount == 1)
      #expect(try recording.event(SequenceNumber(rawValue: numbers[0])) == nil)
      #expect(try recording.event(id: "event-17") != nil)
      #expect(try !recording.moment().isComplete)
    }
  }

  @Test(arguments: Written.allCases, [0, 1, 2])
  func anOpeningTakesAllThatIsBehindAFrameThatRots(written: Written, lost: Int) throws {
    try withCrash(written) { crashed in
      try crashed.rot(lost)
      let recorder = try Recorder(path: crashed.path, configuration: .tiny)
      let gone = crashed.numbers(lost).filter { $0 > crashed.held }
      #expect(
        recorder.recovery.damages.map(\.sequenceNumbers)
          == [gone.first.map { $0...gone[gone.count - 1] }])
      let after = try #require(try recorder.append(numbered(18)))
      #expect(after.rawValue > crashed.frames[2].nextSequence)
      try recorder.close()
      let recording = try Recording(path: crashed.path)
      let answer = try recording.events(limit: nil)
      #expect(answer.events.count == 18 - gone.count)
      #expect(answer.completeness.missing == (gone.first.map { [$0...gone[gone.count - 1]] } ?? []))
      #expect(try fileNames(crashed.path).contains { $0.hasSuffix(".buffer.damaged") })
      #expect(try recording.verify { _ in }.damageCount == 0)
    }
  }

  @Test(arguments: Written.allCases, [0, 1, 2])
  func aRepairSavesAllThatIsBehindAFrameThatRots(written: Written, lost: Int) throws {
    try withCrash(written) { crashed in
      try crashed.rot(lost)
      let report = try Recording.repair(crashed.path, to: crashed.path + "-repaired") { _ in }
      let gone = crashed.numbers(lost).filter { $0 > crashed.held }
      #expect(report.eventCount == 17 - gone.count)
      #expect(report.damages.count == 1)
      #expect(
        report.lostSequenceNumbers == (gone.first.map { [$0...gone[gone.count - 1]] } ?? []))
      #expect(try Recording(path: crashed.path + "-repaired").count() == 17 - gone.count)
    }
  }

  /// A live recorder with durability `disk` has in memory what rots in the file.
  @Test func whatRotsBesideALiveRecorderIsGivenOnceItIsInABlock() throws {
    try withTemporaryDirectory { path in
      let folder = HangingFolder(try POSIXFolder(path: path, create: true))
      var configuration = RecorderConfiguration.tiny
      configuration.durability = .disk
      let recorder = try Recorder(folder: folder, configuration: configuration)
      for number in 1...5 { try recorder.append(numbered(number)) }
      try recorder.flush()
      folder.fill(true)
      for number in 6...9 { try recorder.append(numbered(number)) }
      let name = try #require(try fileNames(path).first { $0.hasSuffix(".buffer") })
      let frame = try #require(try BufferInspection(path: path + "/" + name).frames.dropLast().last)
      let file = try FileHandle(forUpdating: URL(fileURLWithPath: path + "/" + name))
      try file.seek(toOffset: UInt64(frame.bytes.upperBound - 1))
      try file.write(contentsOf: Data([0xFF]))
      try file.close()
      let recording = try Recording(path: path)
      let follower = try Follower(path: path, after: SequenceNumber(rawValue: 0))
      func ids(_ numbers: [Int]) -> [EventID] { numbers.map { EventID("event-\($0)") } }
      let answer = try recording.events(limit: nil)
      #expect(answer.events.map(\.id) == ids([1, 2, 3, 4, 5, 6, 7, 9]))
      #expect(answer.completeness.damages.count == 1)
      var given = FollowerTests.Given()
      try given.take(allOf: follower)
      #expect(given.events.map(\.id) == ids(Array(1...7)))
      #expect(given.missed.isEmpty)
      // What comes behind it is there at once, and the follower still waits.
      try recorder.append(numbered(10))
      #expect(try recording.count() == 9)
      try given.take(allOf: follower)
      #expect(given.events.count == 7 && given.missed.isEmpty)
      folder.fill(false)
      try flush(recorder)
      // The next commit says in the file what is in blocks.
      try recorder.append(numbered(11))
      let whole = try recording.events(limit: nil)
      #expect(whole.events.map(\.id) == ids(Array(1...11)))
      #expect(whole.completeness.damages.isEmpty)
      try given.take(allOf: follower)
      #expect(given.events.map(\.id) == ids(Array(1...11)) && given.missed.isEmpty)
      try recorder.close()
    }
  }
}
