import Foundation
import Testing

@testable import Reel

/// The rows of the data-access module that this engine follows: what each of its functions does
/// here.
///
/// Names begin with the row.
@Suite struct SeedDataAccessTests {
  @Test func d1OpeningMakesARecordingThatHoldsItsMaximumOfEvents() throws {
    try withTemporaryDirectory { path in
      var configuration = RecorderConfiguration.tiny
      configuration.maximumEventCount = 800
      let recorder = try Recorder(path: path + "/new/folder", configuration: configuration)
      for number in 1...4000 { try recorder.append(numbered(number)) }
      try recorder.flush()
      let report = try recorder.enforceRetention()
      let count = try recorder.recording.count()
      #expect(count <= 800)
      #expect(count > 800 - 800 / 4)
      #expect(report.eventCount >= 0)
      try recorder.close()
    }
  }

  @Test func d2EveryKindOfEventIsTakenAndASecondOneWithAnIDIsStoredLikeAnyOther() throws {
    try withTemporaryDirectory { path in
      let recorder = try Recorder(path: path, configuration: .tiny)
      let kinds = [
        "function_execution", "process_event", "message_event", "state_change", "error",
      ]
      for (number, kind) in kinds.enumerated() {
        try recorder.append(
          Event(id: "same", timestamp: Timestamp(nanoseconds: Int64(number)), kind: kind))
      }
      let recording = try recorder.recording
      #expect(try recording.events().events.map(\.kind) == kinds)
      #expect(try recording.event(id: "same")?.kind == "error")
      #expect(try recording.count(Query(from: 3, to: 4)) == 2)
      try recorder.close()
    }
  }

  @Test func d2UniqueIDsRefuseASecondEventWithAnID() throws {
    try withTemporaryDirectory { path in
      var configuration = RecorderConfiguration.tiny
      configuration.uniqueIDs = true
      let recorder = try Recorder(path: path, configuration: configuration)
      try recorder.append(Event(id: "one"))
      #expect(throws: ReelError.duplicateID("one")) { try recorder.append(Event(id: "one")) }
      #expect(throws: ReelError.duplicateID("two")) {
        try recorder.append(contentsOf: [Event(id: "two"), Event(id: "two")])
      }
      var encoder = EventEncoder()
      let id = Array("one".utf8)
      encoder.set(.id, id.rawSpan)
      #expect(throws: ReelError.duplicateID("one")) { try recorder.append(encoder) }
      try recorder.append(Event())
      try recorder.append(Event())
      #expect(try recorder.recording.count() == 3)
      try recorder.close()
      let again = try Recorder(path: path, configuration: configuration)
      #expect(throws: ReelError.duplicateID("one")) { try again.append(Event(id: "one")) }
      try again.close()
    }
  }

  @Test func d3ABatchTellsItsCountAndIsAllOrNothing() throws {
    try withTemporaryDirectory { path in
      let recorder = try Recorder(path: path, configuration: .tiny)
      #expect(try recorder.append(contentsOf: []) == 0)
      #expect(try recorder.append(contentsOf: (1...10).map(numbered)) == 10)
      let bad = Event(kind: String(repeating: "k", count: 5000))
      #expect(throws: ReelError.self) {
        try recorder.append(contentsOf: [numbered(11), bad, numbered(12)])
      }
      #expect(try recorder.recording.count() == 10)
      try recorder.close()
    }
  }

  @Test func d5AnEventIsFoundByItsIDAndAClosedRecordingSaysSo() throws {
    try withTemporaryDirectory { path in
      try record((1...300).map(numbered), at: path)
      let recording = try Recording(path: path)
      #expect(try recording.event(id: "event-17")?.payload == numbered(17).payload)
      #expect(try recording.event(id: "event-0") == nil)
      recording.close()
      #expect(throws: ReelError.closed) { try recording.event(id: "event-17") }
    }
  }

  @Test func d6ATimeRangeIsInclusiveOrderedByArrivalAmongEqualsAndReversible() throws {
    try withTemporaryDirectory { path in
      let recorder = try Recorder(path: path, configuration: .tiny)
      for number in 0..<40 {
        try recorder.append(
          Event(id: EventID("\(number)"), timestamp: Timestamp(nanoseconds: Int64(number / 10))))
      }
      let recording = try recorder.recording
      let middle = try recording.events(Query(from: 1, to: 2)).events
      #expect(middle.compactMap(\.id?.text) == (10..<30).map { "\($0)" })
      let reversed = try recording.events(Query(from: 1, to: 2, order: .descending)).events
      #expect(reversed == middle.reversed())
      #expect(try recording.events(Query(from: 2, to: 1)).events.isEmpty)
      #expect(try recording.events(limit: 0).events.isEmpty)
      #expect(throws: ReelError.self) { try recording.events(limit: -1) }
      #expect(Recording.defaultLimit == 1000)
      try recorder.close()
    }
  }

  /// Events whose timestamps are shuffled, one in every way to ask for it.
  private func filtered(
    _ query: Query, _ wanted: (Event) -> Bool, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    try withTemporaryDirectory { path in
      var random = RandomEvents(seed: 77)
      var configuration = RecorderConfiguration.tiny
      configuration.attributes = RandomEvents.declarations
      let model = try record(random.events(300), at: path, configuration)
      let recording = try Recording(path: path)
      let events = model.events(Query()).filter(wanted)
      try #require(!events.isEmpty, sourceLocation: sourceLocation)
      let found = try recording.events(query, limit: nil).events
      #expect(difference(found, events) == nil, sourceLocation: sourceLocation)
      var descending = query
      descending.order = .descending
      let back = try recording.events(descending, limit: 5).events
      #expect(back == Array(events.reversed().prefix(5)), sourceLocation: sourceLocation)
    }
  }

  @Test func d7AProcessIsFoundInOrderOfTime() throws {
    var query = Query()
    query.process = "<0.1.0>"
    query.role = .process
    try filtered(query) { $0.process == "<0.1.0>" }
  }

  @Test func d8AFunctionIsFoundWithOrWithoutItsArity() throws {
    var query = Query()
    query.module = "Desk"
    query.function = "handle"
    try filtered(query) { $0.function?.module == "Desk" && $0.function?.name == "handle" }
    query.arity = 1
    try filtered(query) { $0.function == Function(module: "Desk", name: "handle", arity: 1) }
  }

  @Test func d9ACorrelationIsFoundOnEventsOfAnyKind() throws {
    var query = Query()
    query.correlationID = "req-3"
    try filtered(query) { $0.correlationID == "req-3" }
  }

  @Test func d10StatisticsAreExactAndFollowARemoval() throws {
    try withTemporaryDirectory { path in
      let recorder = try Recorder(path: path, configuration: .tiny)
      for number in (1...500).reversed() { try recorder.append(numbered(number)) }
      let recording = try recorder.recording
      var statistics = try recording.statistics()
      #expect(statistics.eventCount == 500)
      #expect(statistics.oldest == 1)
      #expect(statistics.newest == 500)
      try recorder.removeEvents(before: 101)
      statistics = try recording.statistics()
      #expect(statistics.eventCount == 400)
      #expect(statistics.oldest == 101)
      #expect(statistics.hiddenEventCount + statistics.removedEventCount == 100)
      try recorder.close()
      let closed = try Recording(path: path).statistics()
      #expect(closed.eventCount == 400)
      #expect(closed.bufferByteCount == 0)
      #expect(closed.segmentByteCount > 0)
      #expect(closed.indexByteCount > 0)
      #expect(closed.segmentCount >= 1)
    }
  }

  @Test func d11ACleanUpIsExactToldAndKept() throws {
    try withTemporaryDirectory { path in
      let recorder = try Recorder(path: path, configuration: .tiny)
      for number in 1...300 { try recorder.append(numbered(number)) }
      #expect(try recorder.removeEvents(before: 100) == 99)
      #expect(try recorder.removeEvents(before: 100) == 0)
      try recorder.append(Event(id: "late", timestamp: 50))
      #expect(try recorder.recording.events().events.first?.id == "late")
      try recorder.close()
      #expect(try Recording(path: path).count() == 202)
    }
  }
}
