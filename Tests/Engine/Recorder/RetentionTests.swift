import Foundation
import Testing

@testable import Reel

/// Retention keeps to its limits by whole segments; cuts are exact at once and for good.
@Suite struct RetentionTests {
  @Test func afterACutNoBlockIsDecodedThatItCoversWhole() throws {
    try withTemporaryDirectory { path in
      let recorder = try Recorder(path: path, configuration: .tiny)
      for number in 1...3000 { try recorder.append(numbered(number)) }
      try recorder.flush()
      let recording = try recorder.recording
      #expect(try recorder.removeEvents(before: Timestamp(nanoseconds: 2000)) == 1999)
      let cursor = try recording.cursor(Query(), limit: 1)
      #expect(try cursor.next()?.timestamp.nanoseconds == 2000)
      #expect(cursor.cost.blocksDecoded <= 2)
      let tally = try recording.tally(Query())
      #expect(tally.count == 1001)
      #expect(tally.cost.blocksDecoded <= 2)
      try recorder.close()
    }
  }

  /// Found by reading: while a batch was in blocks in part, its buffer went on naming the segment
  /// that its first blocks had filled, also when that was gone.
  @Test func whatIsDeclaredIsKnownAfterTheSegmentBeforeABegunBatchIsDropped() throws {
    try withTemporaryDirectory { path in
      var configuration = RecorderConfiguration.tiny
      configuration.attributes = [AttributeDeclaration(name: "size", type: .integer)]
      let recorder = try Recorder(path: path, configuration: configuration)
      var random = SeededRandom(5)
      func event(_ number: Int) -> Event {
        var event = numbered(number)
        event.attributes = ["size": .integer(Int64(number))]
        event.payload = Payload((0..<900).map { _ in UInt8(truncatingIfNeeded: random.next()) })
        return event
      }
      for number in 1...68 { try recorder.append(event(number)) }
      try recorder.flush()
      try #require(try fileNames(path).filter { $0.hasSuffix(".segment") }.count == 1)
      try recorder.append(contentsOf: (69...95).map(event))
      // The flusher comes to the batch before it answers.
      while try recorder.keepNewest(bytes: 0).segmentCount == 0 {}
      let recording = try recorder.recording
      #expect(try recording.statistics().runs.count == 1)
      var query = Query()
      query.attributes = ["size": .integer(90)]
      #expect(try recording.count(query) == 1)
      #expect(try recording.count() == 27)
      try recorder.close()
    }
  }

  @Test func cutsAreExactAndHoldAcrossRestarts() throws {
    try withTemporaryDirectory { path in
      for seed in seeds(2) {
        let path = path + "/\(seed)"
        var random = RandomEvents(seed: seed)
        var configuration = RecorderConfiguration.tiny
        configuration.attributes = RandomEvents.declarations
        var model = ModelStore()
        for _ in 0..<4 {
          let recorder = try Recorder(path: path, configuration: configuration)
          try recorder.append(random.events(150), to: &model)
          let moment = Timestamp(nanoseconds: Int64(random.random.below(300)) - 100)
          #expect(
            try recorder.recording.eventCount(before: moment)
              == model.events.filter { $0.timestamp ?? 0 < moment }.count)
          let removed = try recorder.removeEvents(before: moment)
          #expect(removed == model.removeEvents(before: moment), "seed \(seed)")
          try recorder.append(random.events(20), to: &model)
          let kept = random.random.below(250)
          #expect(
            try recorder.keepNewest(events: kept) == model.keepNewest(events: kept), "seed \(seed)")
          let live = try recorder.recording.events(limit: nil).events
          #expect(difference(live, model.events(Query())) == nil, "seed \(seed)")
          #expect(try recorder.recording.count() == model.events.count, "seed \(seed)")
          try expectFacets(of: recorder.recording, model, "seed \(seed)")
          if random.random.chance(2) { try recorder.close() }
        }
        let found = try Recording(path: path).events(limit: nil).events
        #expect(difference(found, model.events(Query())) == nil, "seed \(seed)")
        try expectFacets(of: Recording(path: path), model, "seed \(seed)")
      }
    }
  }

  /// Blocks that a cut goes through are counted row by row, the others through their indexes.
  private func expectFacets(
    of recording: Recording, _ model: ModelStore, _ comment: Comment
  ) throws {
    for facet in [Facet.kind, .function, .peerProcess] {
      let found = try recording.facets(of: facet)
      let pairs = Dictionary(uniqueKeysWithValues: found.map { ($0.value, $0.count) })
      #expect(pairs == model.facets(of: facet, Query()), comment)
    }
  }

  /// Segments are unlinked after a removal has returned: queries must not look for them.
  @Test func queriesRightAfterARemovalMeetNoFileThatGoes() throws {
    try withTemporaryDirectory { path in
      let recorder = try Recorder(path: path, configuration: .tiny)
      let recording = try recorder.recording
      for round in 0..<8 {
        let first = round * 4000
        for number in first..<(first + 4000) { try recorder.append(numbered(number)) }
        try recorder.flush()
        try recorder.removeEvents(before: Timestamp(nanoseconds: Int64(first + 3990)))
        for _ in 0..<20 {
          let answer = try recording.events(limit: nil)
          #expect(answer.events.count == 10)
          #expect(answer.completeness.damages.isEmpty, "round \(round)")
          #expect(try recording.event(id: EventID("event-\(first)")) == nil)
          #expect(try recording.facets(of: .kind).map(\.count) == [10])
        }
      }
      let segments = try recording.statistics().segmentCount
      try recorder.close()
      #expect(try Recording(path: path).statistics().segmentCount <= segments)
      #expect(try POSIXFolder(path: path, create: false).list().count < 8)
    }
  }

  @Test func keepingNoneRemovesAllAndRecordingGoesOn() throws {
    try withTemporaryDirectory { path in
      let recorder = try Recorder(path: path, configuration: .tiny)
      for number in 1...1500 { try recorder.append(numbered(number)) }
      #expect(try recorder.keepNewest(events: 0) == 1500)
      #expect(try recorder.recording.count() == 0)
      #expect(throws: ReelError.self) { try recorder.keepNewest(events: -1) }
      #expect(throws: ReelError.self) { try recorder.keepNewest(bytes: -1) }
      try recorder.append(numbered(1501))
      #expect(try recorder.recording.events().events.map(\.id) == ["event-1501"])
      try recorder.close()
      #expect(try Recording(path: path).count() == 1)
    }
  }

  @Test(arguments: [8, 100, 400], [RecorderConfiguration.tiny, RecorderConfiguration()])
  func aMaximumOfEventsHoldsToWithinASegmentWhileRecording(
    maximum: Int, configuration: RecorderConfiguration
  ) throws {
    try withTemporaryDirectory { path in
      var configuration = configuration
      configuration.maximumEventCount = maximum
      let recorder = try Recorder(path: path, configuration: configuration)
      for number in 1...3000 {
        try recorder.append(numbered(number))
        if number % 500 == 0 {
          try recorder.flush()
          // A segment holds an eighth.
          let count = try recorder.recording.count()
          #expect(count <= maximum + maximum / 8)
        }
      }
      try recorder.close()
      let recording = try Recording(path: path)
      let events = try recording.events(limit: nil).events
      #expect(events.last?.id == "event-3000")
      #expect(
        events.map(\.timestamp)
          == (3001 - events.count...3000).map { Timestamp(nanoseconds: Int64($0)) })
      let statistics = try recording.statistics()
      #expect(statistics.removedEventCount == 3000 - events.count)
      #expect(try recording.events().completeness.removedEventCount > 0)
    }
  }

  @Test func aMaximumOfEventsKeepsAtLeastSevenEighthsHoweverFastTheyCome() throws {
    try withTemporaryDirectory { path in
      var configuration = RecorderConfiguration()
      configuration.maximumEventCount = 4000
      let recorder = try Recorder(path: path, configuration: configuration)
      for number in 1...30_000 { try recorder.append(numbered(number)) }
      try recorder.close()
      // Blocks wait for the block writer; their events count for the segment that they will be in.
      let count = try Recording(path: path).count()
      #expect((3500...4000).contains(count), "\(count) are kept")
    }
  }

  @Test func aMaximumOfBytesHoldsToWithinASegmentWhileRecording() throws {
    try withTemporaryDirectory { path in
      var configuration = RecorderConfiguration.tiny
      configuration.maximumByteCount = (64 << 10) + (1 << 20)
      var random = SeededRandom(3)
      let recorder = try Recorder(path: path, configuration: configuration)
      for number in 1...1500 {
        try recorder.append(
          Event(id: EventID("\(number)"), timestamp: 1, payload: Payload(random.bytes(2000))))
      }
      try recorder.flush()
      let statistics = try recorder.recording.statistics()
      #expect(statistics.segmentByteCount + (64 << 10) <= (64 << 10) + (1 << 20) + (1 << 18))
      #expect(statistics.segmentByteCount > 1 << 19)
      try recorder.close()
    }
  }

  @Test func keepingBytesUnlinksTheOldestAndRewritesNothing() throws {
    try withTemporaryDirectory { path in
      let recorder = try Recorder(path: path, configuration: .tiny)
      var random = SeededRandom(3)
      for _ in 1...300 {
        try recorder.append(Event(timestamp: 1, payload: Payload(random.bytes(2000))))
      }
      try recorder.flush()
      let before = try fileNames(path).filter { $0.hasSuffix(".segment") }
      let contents = try before.map { try bytes(ofFile: path + "/" + $0) }
      let total = try recorder.recording.statistics().segmentByteCount
      let report = try recorder.keepNewest(bytes: total / 2)
      #expect(report.segmentCount > 0)
      let after = try fileNames(path).filter { $0.hasSuffix(".segment") }
      #expect(after == Array(before.suffix(before.count - report.segmentCount)))
      for (name, content) in zip(before, contents).dropFirst(report.segmentCount).dropLast() {
        #expect(try bytes(ofFile: path + "/" + name) == content)
      }
      #expect(try recorder.recording.count() == 300 - report.eventCount)
      try recorder.close()
    }
  }

  /// A recorder of events that are kept for an hour.
  private func aging(_ path: String, _ clock: ManualClock) throws -> Recorder {
    var configuration = RecorderConfiguration.tiny
    configuration.clock = clock
    configuration.maximumAge = .seconds(3600)
    configuration.retentionInterval = .zero
    return try Recorder(path: path, configuration: configuration)
  }

  @Test func whatIsOlderThanTheAgeGoesByTheClock() throws {
    try withTemporaryDirectory { path in
      let clock = ManualClock()
      let recorder = try aging(path, clock)
      for hour in 0..<4 {
        for number in 1...100 { try recorder.append(numbered(100 * hour + number)) }
        try recorder.flush()
        clock.advance(by: .seconds(1800))
      }
      try recorder.append(numbered(401))
      try recorder.flush()
      try recorder.enforceRetention()
      let events = try recorder.recording.events(limit: nil).events
      #expect(events.last?.id == "event-401")
      // Two hours have passed: the first two hundred are older than one, to within an eighth.
      #expect(events.count <= 301)
      #expect(events.count >= 201)
      try recorder.close()
    }
  }

  @Test(arguments: [1000, -1000])
  func aJumpOfTheWallClockDropsNothing(days: Int) throws {
    try withTemporaryDirectory { path in
      let clock = ManualClock()
      let recorder = try aging(path, clock)
      for number in 1...200 { try recorder.append(numbered(number)) }
      try recorder.flush()
      clock.jumpWall(by: .seconds(days * 86_400))
      for number in 201...400 { try recorder.append(numbered(number)) }
      try recorder.flush()
      try recorder.enforceRetention()
      #expect(try recorder.recording.count() == 400)
      try recorder.close()
    }
  }

  @Test func aRunBeginningWithAWrongClockDropsNoEventsOfTheLastHour() throws {
    try withTemporaryDirectory { path in
      let clock = ManualClock()
      let recorder = try aging(path, clock)
      for number in 1...200 { try recorder.append(numbered(number)) }
      try recorder.close()
      clock.jumpWall(by: .seconds(-86_400))
      let next = try aging(path, clock)
      try next.enforceRetention()
      #expect(try next.recording.count() == 200)
      try next.close()
    }
  }

  @Test func segmentsThatAreDroppedAreNotKeptOpenUntilTheNextSync() throws {
    let openFiles = Counter()
    var configuration = RecorderConfiguration.tiny
    configuration.maximumEventCount = 80
    configuration.syncInterval = .zero
    let recorder = try Recorder(
      folder: MemoryFolder(openFiles: openFiles), configuration: configuration)
    for number in 1...2000 {
      try recorder.append(numbered(number))
      if number % 10 == 0 { try recorder.flush() }
      // Eight segments and the active one, the buffer and the lock.
      #expect(openFiles.value <= 16, "event \(number)")
    }
    try recorder.close()
  }
}
