import Foundation
import Testing

@testable import Reel

/// Runs, opening, and what stands in the way of it.
@Suite struct RunTests {
  @Test func runsTellHowTheyEnded() throws {
    try withTemporaryDirectory { path in
      try record([numbered(1)], at: path)
      do {
        let crashed = try Recorder(path: path, configuration: .tiny)
        try crashed.append(numbered(2))
        // Never closed.
      }
      let recorder = try Recorder(path: path, configuration: .tiny)
      #expect(recorder.recovery.recoveredRecordCount > 0)
      var runs = try recorder.recording.statistics().runs
      #expect(runs.map(\.end) == [.closed, .crashed, .open])
      #expect(runs.allSatisfy { $0.processID == currentProcessID() && $0.host == hostName() })
      #expect(runs[0].endWall != nil && runs[1].endWall == nil)
      #expect(Set(runs.map(\.id)).count == 3)
      try recorder.close()
      runs = try Recording(path: path).statistics().runs
      #expect(runs.map(\.end) == [.closed, .crashed, .closed])
      for (earlier, later) in zip(runs, runs.dropFirst()) {
        let last = try #require(earlier.lastSequence)
        #expect(last.rawValue + 1 == later.firstSequence.rawValue)
      }
    }
  }

  @Test func givenIDsTellTheirRunAndNumber() throws {
    try withTemporaryDirectory { path in
      for _ in 0..<3 { try record([Event(timestamp: 1), Event(timestamp: 1)], at: path) }
      let recording = try Recording(path: path)
      let runs = try recording.statistics().runs.map(\.id)
      let events = try recording.events().events
      for (number, event) in events.enumerated() {
        let parts = try #require(event.id?.generatedParts)
        #expect(parts.runID == runs[number / 2])
        #expect(parts.sequenceNumber == event.sequenceNumber?.rawValue)
      }
      // Another run's id with a number of this one is nobody's.
      let first = try #require(events.first?.sequenceNumber?.rawValue)
      let foreign = EventID.generated(runID: runs[2], sequenceNumber: first)
      #expect(try recording.event(id: foreign) == nil)
    }
  }

  @Test func aSecondWriterIsRefusedAndToldWhoHoldsIt() throws {
    try withTemporaryDirectory { path in
      let recorder = try Recorder(path: path, configuration: .tiny)
      try recorder.append(numbered(1))
      do {
        _ = try Recorder(path: path, configuration: .tiny)
        Issue.record("a second writer was let in")
      } catch ReelError.locked(let place, let holder) {
        #expect(place == path)
        #expect(holder.contains("\(currentProcessID())"))
      }
      try recorder.append(numbered(2))
      try recorder.close()
      let next = try Recorder(path: path, configuration: .tiny)
      #expect(try next.recording.count() == 2)
      try next.close()
    }
  }

  @Test func aFolderOfOtherFilesIsRefusedAndLeftAlone() throws {
    try withTemporaryDirectory { path in
      try write([1, 2, 3], toFile: path + "/letter.txt")
      #expect(throws: ReelError.self) { try Recorder(path: path) }
      #expect(throws: ReelError.notFound(path: path)) { try Recording(path: path) }
      #expect(try fileNames(path) == ["letter.txt"])
      #expect(throws: ReelError.self) { try Recorder(path: path + "/letter.txt") }
      #expect(throws: ReelError.self) { try Recording(path: path + "/letter.txt") }
      #expect(throws: ReelError.notFound(path: path + "/none")) {
        try Recording(path: path + "/none")
      }
      #expect(try bytes(ofFile: path + "/letter.txt") == [1, 2, 3])
    }
  }

  @Test func anEmptyRecordingAnswersEverythingWithNothing() throws {
    try withTemporaryDirectory { path in
      try Recorder(path: path, configuration: .tiny).close()
      let recording = try Recording(path: path)
      #expect(try recording.events().events.isEmpty)
      #expect(try recording.count() == 0)
      #expect(try recording.facets(of: .kind).isEmpty)
      #expect(try recording.event(id: "x") == nil)
      let statistics = try recording.statistics()
      #expect(statistics.oldest == nil && statistics.newest == nil)
      #expect(statistics.runs.map(\.end) == [.closed])
    }
  }

  @Test func severalStoresInOneProcessKeepApart() throws {
    try withTemporaryDirectory { path in
      let recorders = try (0..<4).map {
        try Recorder(path: "\(path)/\($0)", configuration: .tiny)
      }
      for number in 1...100 {
        for (index, recorder) in recorders.enumerated() where number % (index + 1) == 0 {
          try recorder.append(numbered(number))
        }
      }
      for (index, recorder) in recorders.enumerated() {
        #expect(try recorder.recording.count() == 100 / (index + 1))
        try recorder.close()
      }
    }
  }

  @Test func manyRunsGoOnInOneSegmentAndLoseNothing() throws {
    try withTemporaryDirectory { path in
      var model = ModelStore()
      for run in 0..<40 {
        let recorder = try Recorder(path: path, configuration: .tiny)
        try recorder.append([numbered(2 * run), numbered(2 * run + 1)], to: &model)
        if run % 3 != 0 { try recorder.close() }
      }
      let recording = try Recording(path: path)
      #expect(difference(try recording.events().events, model.events(Query())) == nil)
      #expect(try recording.statistics().segmentCount <= 4)
      for number in 0..<80 { #expect(try recording.contains(id: EventID("event-\(number)"))) }
    }
  }

  @Test func aLoneSegmentFileOpensByItself() throws {
    try withTemporaryDirectory { path in
      let model = try record((1...300).map(numbered), at: path + "/r")
      let name = try #require(try fileNames(path + "/r").first { $0.hasSuffix(".segment") })
      try FileManager.default.copyItem(
        atPath: path + "/r/" + name, toPath: path + "/lone.segment")
      let recording = try Recording(path: path + "/lone.segment")
      #expect(difference(try recording.events(limit: nil).events, model.events(Query())) == nil)
    }
  }

  @Test func theLockIsFreeAfterACloseWhileChildrenAreBeingStarted() throws {
    try withTemporaryDirectory { path in
      let isDone = Counter()
      // A child has a copy of every descriptor between its fork and its exec.
      Thread.detachNewThread {
        while isDone.value == 0 { run("true", []) }
        isDone.value = 2
      }
      for number in 0..<100 {
        let recorder = try Recorder(path: path, configuration: .tiny)
        try recorder.append(numbered(number))
        try recorder.close()
      }
      isDone.value = 1
      while isDone.value != 2 { Thread.sleep(forTimeInterval: 0.001) }
    }
  }
}
