import Foundation
import Testing

@testable import Reel

/// What a loss of power leaves of a mapped buffer: pages in any order, with holes between them.
@Suite struct PowerLossTests {
  /// A copy of a recording whose buffer holds three batches, and its frames.
  private func withThreeBatches(
    _ durability: Durability = .process,
    _ body: (_ path: String, _ buffer: String, _ frames: [BufferInspection.Frame]) throws -> Void
  ) throws {
    try withTemporaryDirectory { path in
      var configuration = RecorderConfiguration()
      configuration.durability = durability
      let recorder = try Recorder(path: path + "/live", configuration: configuration)
      for batch in 0..<3 {
        try recorder.append(
          contentsOf: (0..<5).map {
            Event(id: EventID("\(batch)-\($0)"), timestamp: 1, payload: Payload("x"))
          })
      }
      let copy = path + "/copy"
      try copyFolder(path + "/live", to: copy)
      try recorder.close()
      let name = try #require(try fileNames(copy).first { $0.hasSuffix(".buffer") })
      let buffer = copy + "/" + name
      let frames = try BufferInspection(path: buffer).frames.filter { $0.recordCount == 5 }
      try #require(frames.count == 3)
      try body(copy, buffer, frames)
    }
  }

  /// Overwrites bytes of a file with zeros, as where a page never reached the disk.
  private func lose(_ bytes: Range<Int>, of path: String) throws {
    let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    try file.seek(toOffset: UInt64(bytes.lowerBound))
    try file.write(contentsOf: Data(count: bytes.count))
    try file.close()
  }

  /// Opens the recording as a system does that has started anew a day later, or that never stopped.
  private func reopen(_ path: String, afterStart: Bool) throws -> Recorder {
    var configuration = RecorderConfiguration()
    if afterStart {
      let tomorrow = SystemClock().wall() + 86_400_000_000_000
      configuration.clock = ManualClock(wall: tomorrow, monotonic: 5_000_000_000)
    }
    return try Recorder(path: path, configuration: configuration)
  }

  @Test(arguments: [0, 10, 4096, 70_000])
  func aBufferOfWhichOnlyTheNameReachedTheDiskKeepsNobodyFromTheRest(byteCount: Int) throws {
    try withTemporaryDirectory { path in
      try record((1...50).map(numbered), at: path)
      let name = FileName.buffer(
        firstSequence:
          try Recording(path: path).statistics().nextSequenceNumber.rawValue)
      try write([UInt8](repeating: 0, count: byteCount), toFile: path + "/" + name)
      let recording = try Recording(path: path)
      let answer = try recording.events(limit: nil)
      #expect(answer.events.count == 50)
      #expect(answer.completeness.damages.map(\.path) == [path + "/" + name])
      #expect(try recording.statistics().damages.count == 1)
      #expect(try recording.verify { _ in }.damageCount == 1)
      let recorder = try Recorder(path: path, configuration: .tiny)
      #expect(recorder.recovery.damages.count == 1)
      for number in 51...70 { try recorder.append(numbered(number)) }
      #expect(try recorder.recording.count() == 70)
      #expect(try recording.count() == 70)
      try recorder.close()
      #expect(try recording.count() == 70)
    }
  }

  /// A copy of a recording that was killed with some events in segments and some in the buffer.
  private func withCrashedCopy(
    _ durability: Durability, flushed: Int, buffered: Int, _ body: (_ path: String) throws -> Void
  ) throws {
    try withTemporaryDirectory { path in
      var configuration = RecorderConfiguration.tiny
      configuration.durability = durability
      if flushed > 0 { try record((1...flushed).map(numbered), at: path + "/live", configuration) }
      let recorder = try Recorder(path: path + "/live", configuration: configuration)
      for number in (flushed + 1)...(flushed + buffered) { try recorder.append(numbered(number)) }
      try copyFolder(path + "/live", to: path + "/copy")
      try recorder.close()
      try body(path + "/copy")
    }
  }

  @Test(arguments: [Durability.disk, .process], [0, 1, 101, 4096])
  func aSegmentOfWhichOnlyTheNameReachedTheDiskCostsNoEvent(
    durability: Durability, byteCount: Int
  ) throws {
    for flushed in [0, 30] {
      try withCrashedCopy(durability, flushed: flushed, buffered: 5) { path in
        let buffer = try #require(try fileNames(path).first { $0.hasSuffix(".buffer") })
        // The records of the buffer were about to go into a segment of their own.
        let name = buffer.replacing(".buffer", with: ".segment")
        try write([UInt8](repeating: 0, count: byteCount), toFile: path + "/" + name)
        let recorder = try Recorder(path: path, configuration: .tiny)
        #expect(recorder.recovery.damages.isEmpty)
        #expect(recorder.recovery.truncated.map(\.path) == [path + "/" + name])
        try recorder.append(numbered(flushed + 6))
        try recorder.close()
        let recording = try Recording(path: path)
        let events = try recording.events(limit: nil).events
        #expect(events.map(\.id) == (1...(flushed + 6)).map { EventID("event-\($0)") })
        #expect(try recording.verify { _ in }.findingCount == 0)
      }
    }
  }

  @Test func aSegmentThatCannotBeReadCostsNoEventOfTheBuffer() throws {
    try withCrashedCopy(.process, flushed: 30, buffered: 5) { path in
      let name = try #require(try fileNames(path).first { $0.hasSuffix(".segment") })
      try lose(0..<40, of: path + "/" + name)
      let recorder = try Recorder(path: path, configuration: .tiny)
      #expect(recorder.recovery.damages.count == 1)
      try recorder.close()
      let events = try Recording(path: path).events(limit: nil).events
      #expect(events.map(\.id) == (31...35).map { EventID("event-\($0)") })
      #expect(try fileNames(path).contains(name))
    }
  }

  @Test func whatLiesBehindAHoleIsKeptAndTheHoleReported() throws {
    try withThreeBatches { path, buffer, frames in
      try lose(frames[1].bytes, of: buffer)
      let first = frames[1].firstSequenceNumber.rawValue
      let recorder = try reopen(path, afterStart: true)
      let damage = try #require(recorder.recovery.damages.first)
      #expect(recorder.recovery.damages.count == 1)
      #expect(damage.sequenceNumbers == first...(first + 4))
      #expect(damage.bytes == frames[1].fileOffset..<frames[2].fileOffset)
      try recorder.append(Event(id: "after", timestamp: 2))
      try recorder.close()
      let answer = try Recording(path: path).events()
      let wanted = [0, 2].flatMap { batch in (0..<5).map { EventID("\(batch)-\($0)") } }
      #expect(answer.events.map(\.id) == wanted + ["after"])
      #expect(answer.completeness.missing == [first...(first + 4)])
      var found: [Corruption] = []
      let report = try Recording(path: path).verify { found.append($0.corruption) }
      #expect(found.map(\.sequenceNumbers) == [first...(first + 4)] && report.eventCount == 11)
    }
  }

  @Test func aLossAtTheEndIsAnEndAndNoHole() throws {
    try withThreeBatches { path, buffer, frames in
      try lose(frames[2].bytes, of: buffer)
      let recorder = try reopen(path, afterStart: true)
      #expect(recorder.recovery.damages.isEmpty)
      try recorder.close()
      #expect(try Recording(path: path).count() == 10)
    }
  }

  /// With durability `disk` the commit of a batch says that those before it were synced.
  @Test(arguments: [0, 1], [true, false])
  func whatWasDurableBeforeTheLastCommitIsNeverPutDownToALossOfPower(
    lost: Int, afterStart: Bool
  ) throws {
    try withThreeBatches(.disk) { path, buffer, frames in
      try lose(frames[lost].bytes, of: buffer)
      let first = frames[lost].firstSequenceNumber.rawValue
      let recorder = try reopen(path, afterStart: afterStart)
      #expect(recorder.recovery.damages.map(\.sequenceNumbers) == [first...(first + 4)])
      let after = try #require(try recorder.append(Event(id: "after", timestamp: 2)))
      // Numbers are never used again.
      #expect(after.rawValue > frames[2].nextSequence)
      try recorder.close()
      let answer = try Recording(path: path).events()
      let kept = [0, 1, 2].filter { $0 != lost }
      let wanted = kept.flatMap { batch in (0..<5).map { EventID("\(batch)-\($0)") } }
      #expect(answer.events.map(\.id) == wanted + ["after"])
      #expect(answer.completeness.missing == [first...(first + 4)])
      #expect(try fileNames(path).contains { $0.hasSuffix(".buffer.damaged") })
    }
  }

  @Test func theLastCommitMayBeTornByALossOfPower() throws {
    try withThreeBatches(.disk) { path, buffer, frames in
      try lose(frames[2].bytes, of: buffer)
      let recorder = try reopen(path, afterStart: true)
      #expect(recorder.recovery.damages.isEmpty)
      try recorder.close()
      #expect(try Recording(path: path).count() == 10)
    }
  }

  /// As an older writer leaves it: then nobody can know what a loss of power has torn, and readers
  /// do not give what an opening may leave out.
  @Test func ofABufferThatDoesNotTellWhatWasDurableOnlyTheBeginningIsSure() throws {
    try withThreeBatches(.disk) { path, buffer, frames in
      let page = try bytes(ofFile: buffer)
      #expect(BufferReader.durable(page) == frames[2].offset)
      try lose(BufferHeader.durableOffset..<(BufferHeader.durableOffset + 8), of: buffer)
      try lose(frames[1].bytes, of: buffer)
      let answer = try Recording(path: path).events()
      #expect(answer.events.count == 5 && answer.completeness.damages.count == 1)
      let recorder = try reopen(path, afterStart: true)
      #expect(recorder.recovery.damages.isEmpty)
      try recorder.close()
      #expect(try Recording(path: path).count() == 5)
    }
  }

  /// A clock that stands still while the system is suspended knows nothing of when it was started.
  @Test(arguments: [true, false])
  func damageIsNotPutDownToALossOfPowerForASuspend(isSuspended: Bool) throws {
    try withThreeBatches { path, buffer, frames in
      try lose(frames[1].bytes, of: buffer)
      let clock = ManualClock(wall: SystemClock().wall(), monotonic: 3_600_000_000_000)
      if isSuspended {
        clock.suspend(for: .seconds(86_400))
      } else {
        clock.jumpWall(by: .seconds(86_400))
      }
      var configuration = RecorderConfiguration()
      configuration.clock = clock
      let recorder = try Recorder(path: path, configuration: configuration)
      #expect(recorder.recovery.damages.count == 1)
      try recorder.close()
      let isKept = try fileNames(path).contains { $0.hasSuffix(".buffer.damaged") }
      #expect(isKept == isSuspended)
    }
  }

  @Test func theSystemsClocksAgreeAboutWhenItWasStarted() {
    let clock = SystemClock()
    #expect(clock.sinceBoot() >= clock.monotonic() - 1_000_000_000)
    #expect(clock.wall() > clock.sinceBoot())
  }

  @Test(arguments: [1, 2])
  func framesThatRotAreReportedTheRestIsKeptAndTheBufferToo(lost: Int) throws {
    try withThreeBatches { path, buffer, frames in
      try lose(frames[lost].bytes, of: buffer)
      let recording = try Recording(path: path)
      #expect(try recording.events().completeness.damages.count == 1)
      #expect(try recording.verify { _ in }.damageCount == 1)
      let recorder = try reopen(path, afterStart: false)
      #expect(recorder.recovery.damages.count == 1)
      try recorder.close()
      #expect(try Recording(path: path).count() == 10)
      #expect(try fileNames(path).contains { $0.hasSuffix(".buffer.damaged") })
    }
  }
}
