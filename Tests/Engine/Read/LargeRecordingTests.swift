import Testing

@testable import Reel

/// What a recording needs whose indexes do not fit into the cache: they are asked in the files.
@Suite struct LargeRecordingTests {
  /// Many segments of about a thousand events, each with a correlation of its own and an id that
  /// every hundredth event repeats.
  private static func withSegments(_ body: (String, ModelStore) throws -> Void) throws {
    try withTemporaryDirectory { path in
      var configuration = RecorderConfiguration()
      configuration.segmentByteCount = 64 << 10
      configuration.blockByteCount = 16 << 10
      var random = SeededRandom(1)
      let events = (1...12_000).map { number in
        var event = numbered(number)
        event.correlationID = "c-\(number)"
        event.payload = Payload(random.bytes(60), encoding: .bytes)
        if number % 100 == 0 { event.id = EventID("repeated-\(number % 700)") }
        return event
      }
      let model = try record(events, at: path, configuration)
      try body(path, model)
    }
  }

  /// A count leaves blocks in memory of which it decompressed no more than it looked at.
  @Test func eventsAreFoundInBlocksThatWereCounted() throws {
    try Self.withSegments { path, model in
      let recording = try Recording(path: path)
      var query = Query()
      query.kinds = ["numbered"]
      query.process = "<0.3.0>"
      #expect(try recording.count(query) == model.events(query).count)
      query = Query()
      for number in stride(from: 1, through: 12_000, by: 397) {
        let event = model.events[number - 1]
        let id = try #require(event.id)
        let sequence = try #require(event.sequenceNumber)
        #expect(try recording.event(sequence) == event, "\(number)")
        #expect(try recording.event(id: id) == model.event(id: id), "\(number)")
        query.correlationID = event.correlationID
        #expect(try recording.events(query).events == [event], "\(number)")
      }
    }
  }

  /// What a segment's indexes are made of is in memory until it is sealed.
  @Test func aSegmentEndsAfterSoManyEventsHoweverFewBytesTheyTake() throws {
    try withTemporaryDirectory { path in
      var configuration = RecorderConfiguration()
      configuration.segmentEventCount = 5000
      configuration.blockByteCount = 16 << 10
      for first in [1, 10_001] {
        let recorder = try Recorder(path: path, configuration: configuration)
        for number in first..<(first + 10_000) {
          try recorder.append(Event(id: EventID("\(number)"), timestamp: 7, kind: "k"))
        }
        try recorder.close()
      }
      let recording = try Recording(path: path)
      let statistics = try recording.statistics()
      #expect(statistics.eventCount == 20_000)
      #expect((4...8).contains(statistics.segmentCount), "\(statistics.segmentCount)")
      #expect(try recording.event(id: EventID("13333"))?.kind == "k")
    }
  }

  @Test(arguments: [0, 20 << 10, 400 << 10, 32 << 20])
  func idsAreFoundWithACacheOfAnySize(cacheByteCount: Int) throws {
    try Self.withSegments { path, model in
      var configuration = RecordingConfiguration()
      configuration.cacheByteCount = cacheByteCount
      configuration.openFileCount = 2
      let recording = try Recording(path: path, configuration: configuration)
      #expect(try recording.statistics().segmentCount > 8)
      for number in stride(from: 1, through: 12_000, by: cacheByteCount == 0 ? 1999 : 231) {
        let id = try #require(model.events[number - 1].id)
        #expect(try recording.event(id: id) == model.event(id: id), "\(number)")
        #expect(try recording.event(id: EventID("nobody-\(number)")) == nil)
      }
      #expect(try recording.statistics().cacheByteCount <= cacheByteCount)
    }
  }

  @Test func aKeyOfOneSegmentIsFoundAmongManyAgainAndAgain() throws {
    try Self.withSegments { path, model in
      var configuration = RecordingConfiguration()
      configuration.cacheByteCount = 600 << 10
      let recording = try Recording(path: path, configuration: configuration)
      for _ in 0..<2 {
        for number in stride(from: 1, through: 12_000, by: 611) {
          var query = Query()
          query.correlationID = "c-\(number)"
          let found = try recording.events(query).events
          #expect(difference(found, [model.events[number - 1]]) == nil, "\(number)")
          query.correlationID = "nobody-\(number)"
          #expect(try recording.count(query) == 0)
        }
      }
      // What no segment has is told by the filters, and nothing is read for it.
      var nobody = Query()
      nobody.correlationID = "nobody-1"
      #expect(try recording.tally(nobody).cost.bytesRead == 0)
    }
  }

  @Test func filesAreGivenBackWhenTheProcessMayOpenNoMore() throws {
    try Self.withSegments { path, model in
      let folder = HangingFolder(try POSIXFolder(path: path, create: false))
      folder.limitSegments(to: 3)
      let recording = try Recording(folder: folder)
      for number in stride(from: 1, through: 12_000, by: 487) {
        let id = try #require(model.events[number - 1].id)
        #expect(try recording.event(id: id) == model.event(id: id), "\(number)")
      }
      #expect(folder.refusedCount > 0)
    }
  }

  @Test(arguments: [1, 50, 511, 5000])
  func aFilterLacksNoKeyAndHasFewOthers(count: Int) throws {
    var builder = PostingIndexBuilder(seed: 1)
    for number in 0..<count {
      let key = Array("key-\(number)".utf8)
      builder.add(key.rawSpan, block: 0, count: 1)
    }
    let raw = builder.encode()
    let index = try PostingIndex(decoding: raw, blockCount: 1)
    let filter = KeyFilter(index)
    var others = 0
    for number in 0..<20_000 {
      let key = Array("key-\(number)".utf8)
      let mayHave = filter.mayHave(keyHash(key.rawSpan))
      if number < count { #expect(mayHave) } else if mayHave { others += 1 }
    }
    #expect(others < 100)
    #expect(filter.byteCount <= 2 * count + 64)
  }
}
