import Foundation
import ReelServiceLifecycle
import Testing

@testable import Reel

/// The rows of the temporal storage and of what was planned around it.
@Suite struct SeedTemporalStorageTests {
  @Test func d12ClosingEndsUseAndTheFilesStay() throws {
    try withTemporaryDirectory { path in
      let recorder = try Recorder(path: path, configuration: .tiny)
      try recorder.append(numbered(1))
      try recorder.close()
      try recorder.close()
      #expect(throws: ReelError.closed) { try recorder.append(numbered(2)) }
      #expect(throws: ReelError.closed) { try recorder.append(contentsOf: [numbered(2)]) }
      #expect(throws: ReelError.closed) { try recorder.flush() }
      #expect(throws: ReelError.closed) { try recorder.sync() }
      #expect(throws: ReelError.closed) { try recorder.removeEvents(before: .max) }
      #expect(throws: ReelError.closed) { try recorder.enforceRetention() }
      #expect(try Recording(path: path).count() == 1)
    }
  }

  @Test func d13EventsSinceAMomentAreInclusiveAndReachIntoTheFuture() throws {
    try withTemporaryDirectory { path in
      let recorder = try Recorder(path: path, configuration: .tiny)
      for number in 1...20 { try recorder.append(numbered(number)) }
      try recorder.append(Event(id: "future", timestamp: .max))
      let since = try recorder.recording.events(Query(from: 11), limit: 10_000).events
      #expect(since.count == 11)
      #expect(since.last?.id == "future")
      try recorder.close()
    }
  }

  @Test func d14ContainsTellsWhetherAnIDIsThere() throws {
    try withTemporaryDirectory { path in
      let recorder = try Recorder(path: path, configuration: .tiny)
      try recorder.append(numbered(1))
      #expect(try recorder.recording.contains(id: "event-1"))
      #expect(try !recorder.recording.contains(id: "event-2"))
      try recorder.close()
      #expect(try Recording(path: path).contains(id: "event-1"))
    }
  }

  @Test func t1RetentionByTimerKeepsToTheAgeAndZeroTurnsItOff() async throws {
    #expect(RecorderConfiguration().retentionInterval == .seconds(60))
    for interval in [Duration.seconds(60), .zero] {
      try await withTemporaryDirectory { path in
        let clock = ManualClock()
        var configuration = RecorderConfiguration.tiny
        configuration.clock = clock
        configuration.maximumAge = .seconds(600)
        configuration.retentionInterval = interval
        let recorder = try Recorder(path: path, configuration: configuration)
        for number in 1...100 { try recorder.append(numbered(number)) }
        try recorder.flush()
        clock.advance(by: .seconds(3600))
        // The next block begins a new segment, so that the old one may go.
        for number in 101...103 { try recorder.append(numbered(number)) }
        try recorder.flush()
        clock.advance(by: .seconds(61))
        if interval > .zero {
          while try recorder.recording.count() > 3 { await Task.yield() }
        } else {
          try recorder.sync()
          #expect(try recorder.recording.count() == 103)
          try recorder.enforceRetention()
        }
        #expect(try recorder.recording.count() == 3)
        try recorder.close()
      }
    }
  }

  @Test func t2ARecorderRunsAsAService() throws {
    try withTemporaryDirectory { path in
      let recorder = try Recorder(path: path, configuration: .tiny)
      let service = ReelService(recorder)
      #expect(service.retentionInterval == .seconds(60))
      #expect(service.closeDeadline == .seconds(10))
      try recorder.close()
    }
  }

  @Test func t3MissingIDAndTimestampAreGivenAndEqualTimestampsLoseNothing() throws {
    try withTemporaryDirectory { path in
      let clock = ManualClock(wall: 42)
      var configuration = RecorderConfiguration.tiny
      configuration.clock = clock
      let recorder = try Recorder(path: path, configuration: configuration)
      for _ in 0..<10 { try recorder.append(Event(kind: "k")) }
      let events = try recorder.recording.events().events
      #expect(events.count == 10)
      #expect(events.allSatisfy { $0.timestamp == 42 })
      let ids = events.compactMap(\.id?.text)
      #expect(Set(ids).count == 10)
      #expect(ids == ids.sorted())
      #expect(ids.allSatisfy { $0.utf8.count == 32 })
      #expect(events.allSatisfy { $0.payload == nil })
      for event in events {
        #expect(try recorder.recording.event(id: event.id ?? "") == event)
      }
      try recorder.close()
    }
  }

  @Test func t4ARangeTakesNegativeTimestampsAndNoLimit() throws {
    try withTemporaryDirectory { path in
      try record(
        (0..<1500).map { Event(timestamp: Timestamp(nanoseconds: Int64($0) - 1400)) }, at: path)
      let recording = try Recording(path: path)
      let events = try recording.events(Query(from: -1400, to: 0), limit: nil).events
      #expect(events.count == 1401)
      #expect(events.first?.timestamp == -1400)
      #expect(try recording.events(Query(from: 5, to: -5), limit: nil).events.isEmpty)
    }
  }

  @Test func t5AnASTNodeIsFoundChronologically() throws {
    try withTemporaryDirectory { path in
      let recorder = try Recorder(path: path, configuration: .tiny)
      for number in 0..<30 {
        try recorder.append(
          Event(
            timestamp: Timestamp(nanoseconds: Int64(30 - number)),
            astNodeID: number % 3 == 0 ? "A:b:1" : nil))
      }
      var query = Query()
      query.astNodeID = "A:b:1"
      let times = try recorder.recording.events(query, limit: nil).events.compactMap(\.timestamp)
      #expect(times.count == 10)
      #expect(times == times.sorted())
      query.astNodeID = "unknown"
      #expect(try recorder.recording.count(query) == 0)
      try recorder.close()
    }
  }

  @Test func t6ACorrelationIsFoundChronologicallyAndWithoutALimit() throws {
    try withTemporaryDirectory { path in
      try record(
        (0..<1200).map {
          Event(timestamp: Timestamp(nanoseconds: -Int64($0)), correlationID: "c")
        }, at: path)
      var query = Query()
      query.correlationID = "c"
      let times = try Recording(path: path).events(query, limit: nil).events.compactMap(\.timestamp)
      #expect(times.count == 1200)
      #expect(times == times.sorted())
    }
  }

  @Test func t7AllEventsStreamInOrder() async throws {
    try await withTemporaryDirectory { path in
      let model = try record((1...700).map(numbered).reversed(), at: path)
      let recording = try Recording(path: path)
      var streamed: [Event] = []
      for try await event in try recording.stream() { streamed.append(event) }
      #expect(streamed == model.events(Query()))
      var visited: [Event] = []
      try recording.forEach { view in visited.append(view.event) }
      #expect(visited == streamed)
    }
  }

  @Test func t8StatisticsAreInBytesAndCountEveryEventOnce() throws {
    try withTemporaryDirectory { path in
      let recorder = try Recorder(path: path, configuration: .tiny)
      for _ in 0..<100 { try recorder.append(Event(id: "same", timestamp: 1)) }
      let statistics = try recorder.recording.statistics()
      #expect(statistics.eventCount == 100)
      #expect(statistics.bufferByteCount >= 64 << 10)
      #expect(statistics.cacheByteCount >= 0)
      try recorder.close()
      let files = try fileNames(path).filter { $0.hasSuffix(".segment") }
      let byteCount = try files.reduce(0) { try $0 + bytes(ofFile: path + "/" + $1).count }
      #expect(try Recording(path: path).statistics().segmentByteCount == byteCount)
    }
  }

  @Test func k1EveryConditionCombines() throws {
    try withTemporaryDirectory { path in
      let wanted = Event(
        timestamp: 5, kind: "call", process: "p",
        function: Function(module: "M", name: "f", arity: 2),
        correlationID: "c", astNodeID: "M:f:2")
      var events: [Event] = []
      for change in 0..<7 {
        var event = wanted
        switch change {
        case 1: event.kind = "return"
        case 2: event.process = "q"
        case 3: event.function?.arity = 3
        case 4: event.correlationID = nil
        case 5: event.astNodeID = "other"
        case 6: event.timestamp = 6
        default: break
        }
        events.append(event)
      }
      try record(events, at: path)
      var query = Query(from: 5, to: 5, order: .descending)
      query.kinds = ["call", "cast"]
      query.process = "p"
      query.module = "M"
      query.function = "f"
      query.arity = 2
      query.correlationID = "c"
      query.astNodeID = "M:f:2"
      let answer = try Recording(path: path).events(query)
      #expect(answer.events.count == 1)
      #expect(answer.events.first?.sequenceNumber?.rawValue == 2)
    }
  }

  @Test func k2TheConfiguredLimitsAreTaken() throws {
    try withTemporaryDirectory { path in
      var configuration = RecorderConfiguration()
      configuration.maximumEventCount = 1_000_000
      configuration.maximumAge = .seconds(3600)
      configuration.maximumByteCount = 1000 << 20
      configuration.retentionInterval = .milliseconds(60_000)
      let recorder = try Recorder(path: path, configuration: configuration)
      try recorder.append(numbered(1))
      try recorder.close()
    }
  }

  @Test func k3ThePastIsFoldedTracedAndItsNodesListed() throws {
    try withTemporaryDirectory { path in
      let recorder = try Recorder(path: path, configuration: .tiny)
      for number in 1...90 {
        try recorder.append(
          Event(
            timestamp: Timestamp(nanoseconds: Int64(number)), kind: "state",
            correlationID: "c\(number % 2)", astNodeID: "node-\(number % 3)",
            payload: Payload("\(number)")))
      }
      let recording = try recorder.recording
      var state = ""
      try recording.forEach(Query(to: 45)) { view in
        state = String(decoding: view.payload?.bytes ?? [], as: UTF8.self)
      }
      #expect(state == "45")
      var trace = Query()
      trace.correlationID = "c1"
      #expect(try recording.events(trace).events.count == 45)
      let nodes = try recording.facets(of: .astNodeID, Query(from: 1, to: 2))
      #expect(nodes.map(\.value) == ["node-1", "node-2"])
      try recorder.close()
    }
  }
}
