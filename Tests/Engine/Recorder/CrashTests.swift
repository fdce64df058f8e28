import Foundation
import Testing

@testable import Reel

/// The writer dies in every way that a test can make it: what had been acknowledged is there.
@Suite struct CrashTests {
  @Test(arguments: [Durability.process, .disk], seeds(2))
  func aRecorderThatIsNeverClosedLosesNothing(durability: Durability, seed: UInt64) throws {
    try withTemporaryDirectory { path in
      var random = RandomEvents(seed: seed)
      var configuration = RecorderConfiguration.tiny
      configuration.attributes = RandomEvents.declarations
      configuration.durability = durability
      var model = ModelStore()
      for _ in 0..<5 {
        let recorder = try Recorder(path: path, configuration: configuration)
        #expect(recorder.recovery.damages.isEmpty, "seed \(seed)")
        try recorder.append(random.events(1 + random.random.below(120)), to: &model)
        if random.random.chance(2) { try recorder.flush() }
        let live = try recorder.recording.events(limit: nil).events
        #expect(difference(live, model.events(Query())) == nil, "seed \(seed)")
      }
      let left = try Recording(path: path).events(limit: nil).events
      #expect(difference(left, model.events(Query())) == nil, "seed \(seed)")
    }
  }

  @Test func aPlainCopyOfALiveFolderOpensForReadingAndForWriting() throws {
    try withTemporaryDirectory { path in
      let recorder = try Recorder(path: path + "/live", configuration: .tiny)
      var model = ModelStore()
      for part in 0..<6 {
        try recorder.append((1...150).map { numbered(150 * part + $0) }, to: &model)
        let copy = path + "/copy-\(part)"
        // At rest every other time: then the copy is whole.
        if part % 2 == 0 { try recorder.flush() }
        try copyFolder(path + "/live", to: copy)
        let wanted = model.events(Query())
        let whole = path + "/whole-\(part)"
        try copyLiveFolder(path + "/live", to: whole)
        #expect(difference(try Recording(path: whole).events(limit: nil).events, wanted) == nil)
        let read = try Recording(path: copy).events(limit: nil)
        #expect(read.completeness.damages.isEmpty)
        // A segment that began after the listing is not in the copy, which says so.
        guard read.completeness.missing.isEmpty else {
          #expect(part % 2 == 1 && read.events.count < wanted.count)
          continue
        }
        #expect(difference(read.events, wanted) == nil)
        let next = try Recorder(path: copy, configuration: .tiny)
        try next.append(Event(id: "after", timestamp: .max))
        try next.close()
        let events = try Recording(path: copy).events(limit: nil).events
        #expect(difference(events.dropLast(), wanted) == nil)
        #expect(events.last?.id == "after")
      }
      try recorder.close()
    }
  }

  @Test func aBatchIsThereWholeOrNotAtAllAfterACrash() throws {
    try withTemporaryDirectory { path in
      for cut in stride(from: 0, to: 3000, by: 97) {
        let folder = path + "/\(cut)"
        do {
          let recorder = try Recorder(path: folder + "/r", configuration: .tiny)
          try recorder.append(numbered(1))
          try recorder.append(contentsOf: (2...11).map(numbered))
          try copyFolder(folder + "/r", to: folder + "/copy")
          try recorder.close()
        }
        // Zeros from somewhere in the batch on, as a loss of power may leave them.
        let name = try #require(
          try fileNames(folder + "/copy").first { $0.hasSuffix(".buffer") })
        var content = try bytes(ofFile: folder + "/copy/" + name)
        let start = 4096 + cut
        content.replaceSubrange(start..., with: repeatElement(0, count: content.count - start))
        try write(content, toFile: folder + "/copy/" + name)
        let count = try Recording(path: folder + "/copy").count()
        #expect([0, 1, 11].contains(count), "cut at \(cut)")
        let recorder = try Recorder(path: folder + "/copy", configuration: .tiny)
        #expect(try recorder.recording.count() == count)
        try recorder.close()
      }
    }
  }

  /// What the child of an exit test appends: number by number, so that what is there can be judged.
  static func appendUntilKilled(_ path: String, _ seed: UInt64, _ durability: Durability) throws {
    var random = SeededRandom(seed)
    var configuration = RecorderConfiguration.tiny
    configuration.durability = durability
    let recorder = try Recorder(path: path + "/r", configuration: configuration)
    var number = try recorder.recording.count()
    _ = FileManager.default.createFile(atPath: path + "/acknowledged", contents: nil)
    let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path + "/acknowledged"))
    let delay = UInt32(random.below(30_000))
    Thread.detachNewThread {
      usleep(delay)
      kill(getpid(), SIGKILL)
    }
    while true {
      if random.chance(10) {
        let count = 1 + random.below(20)
        try recorder.append(contentsOf: (number + 1...number + count).map(numbered))
        number += count
      } else {
        number += 1
        try recorder.append(numbered(number))
      }
      try file.seek(toOffset: 0)
      try file.write(contentsOf: Data("\(number)\n".utf8))
    }
  }

  private func check(_ path: String, _ round: Int) throws {
    let content = try String(contentsOfFile: path + "/acknowledged", encoding: .utf8)
    // The number itself may be torn, not the line end before which it stands.
    let acknowledged = Int(content.split(separator: "\n").first ?? "") ?? 0
    let recording = try Recording(path: path + "/r")
    let count = try recording.count()
    #expect(count >= acknowledged, "round \(round)")
    var number = 0
    try recording.forEach { view in
      number += 1
      var wanted = numbered(number)
      wanted.sequenceNumber = view.sequenceNumber
      if view.event != wanted { number = -1_000_000 }
    }
    #expect(number == count, "round \(round)")
  }

  @Test func aProcessKilledAtRandomMomentsLosesNothingThatWasAcknowledged() async throws {
    try await withTemporaryDirectory { path in
      for round in 0..<10 {
        try? FileManager.default.removeItem(atPath: path + "/acknowledged")
        let seed = UInt64(round) &+ seeds(1)[0]
        await #expect(processExitsWith: .signal(SIGKILL)) {
          [path = path as String, seed = seed as UInt64] in
          try CrashTests.appendUntilKilled(path, seed, .process)
        }
        if FileManager.default.fileExists(atPath: path + "/acknowledged") {
          try check(path, round)
        }
      }
    }
  }

  @Test func aProcessKilledWithDurabilityDiskLosesNothingThatWasAcknowledged() async throws {
    try await withTemporaryDirectory { path in
      for round in 0..<4 {
        try? FileManager.default.removeItem(atPath: path + "/acknowledged")
        let seed = UInt64(round) &+ seeds(2)[seeds(2).count - 1]
        await #expect(processExitsWith: .signal(SIGKILL)) {
          [path = path as String, seed = seed as UInt64] in
          try CrashTests.appendUntilKilled(path, seed, .disk)
        }
        if FileManager.default.fileExists(atPath: path + "/acknowledged") {
          try check(path, round)
        }
      }
    }
  }
}
