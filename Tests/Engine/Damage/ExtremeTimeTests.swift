import Testing

@testable import Reel

/// Timestamps at the ends of what there is, equal and out of order, wherever the events lie.
@Suite struct ExtremeTimeTests {
  private static let moments: [Int64] = [.min, .min + 1, -1, 0, 1, .max - 1, .max]

  /// The same in the buffer, in the active segment and in sealed ones.
  @Test(arguments: ["buffer", "block", "sealed"])
  func everyRangeBetweenTwoMomentsIsAnsweredExactly(place: String) throws {
    let folder = MemoryFolder()
    var random = SeededRandom(seeds(1)[0])
    var configuration = DamageRecipe.configuration
    configuration.bufferByteCount = 64 << 10
    if place == "buffer" { configuration.blockByteCount = 64 << 10 }
    let recorder = try Recorder(folder: folder, configuration: configuration)
    var model = ModelStore()
    let events = (0..<(place == "sealed" ? 210 : 42)).map { number in
      Event(
        id: EventID("event-\(number)"),
        timestamp: Timestamp(nanoseconds: random.pick(Self.moments)),
        kind: "k\(number % 2)", payload: Payload(random.bytes(40)))
    }
    try recorder.append(events, to: &model)
    if place != "buffer" { try recorder.flush() }
    var queryCount = 0
    for from in Self.moments {
      for to in Self.moments {
        for order in [Query.Order.ascending, .descending] {
          let query = Query(
            from: Timestamp(nanoseconds: from), to: Timestamp(nanoseconds: to), order: order)
          let wanted = model.events(query)
          let found = try recorder.recording.events(query, limit: nil)
          #expect(difference(found.events, wanted) == nil, "\(from) to \(to) \(order)")
          #expect(try recorder.recording.count(query) == wanted.count, "\(from) to \(to)")
          #expect(try pages(recorder.recording, query) == wanted.count, "\(from) to \(to)")
          queryCount += 3
        }
      }
    }
    #expect(queryCount == 294)
    try recorder.close()
  }

  /// Reads page by page.
  private func pages(_ recording: Recording, _ query: Query) throws -> Int {
    var query = query
    var count = 0
    while true {
      let answer = try recording.events(query, limit: 17)
      count += answer.events.count
      guard answer.completeness.isLimited, let last = answer.last else { return count }
      query.after = last
    }
  }

  @Test(arguments: ExtremeTimeTests.moments)
  func aRemovalAtAnyMomentIsExact(moment: Int64) throws {
    let folder = MemoryFolder()
    let recorder = try Recorder(folder: folder, configuration: DamageRecipe.configuration)
    var model = ModelStore()
    let events = Self.moments.flatMap { time in
      (0..<3).map { Event(id: EventID("\(time) \($0)"), timestamp: Timestamp(nanoseconds: time)) }
    }
    try recorder.append(events, to: &model)
    let wanted = model.removeEvents(before: Timestamp(nanoseconds: moment))
    #expect(try recorder.removeEvents(before: Timestamp(nanoseconds: moment)) == wanted)
    #expect(difference(try recorder.recording.events().events, model.events(Query())) == nil)
    try recorder.close()
    let after = try Recording(folder: folder).events()
    #expect(difference(after.events, model.events(Query())) == nil)
  }
}
