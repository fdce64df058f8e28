import Testing

@testable import Reel
@testable import ReelTestSupport

/// Where blocks overlap too much to be merged at once, passes give the same answer.
@Suite struct PassMergeTests {
  /// A cursor with so little room that it has to make passes.
  private func cursor(
    _ recording: Recording, _ query: Query, limit: Int? = nil
  ) throws -> EventCursor {
    try EventCursor(
      query, limit: limit, snapshot: try recording.snapshot(), cache: recording.cache,
      bounds: EventCursor.Bounds(openByteCount: 1, passRowCount: 97))
  }

  private func events(_ cursor: EventCursor) throws -> [Event] {
    var events: [Event] = []
    while let view = try cursor.next() { events.append(view.event) }
    return events
  }

  @Test(arguments: seeds(2), [Query.Order.ascending, .descending])
  func shuffledEventsComeInTheModelsOrder(seed: UInt64, order: Query.Order) throws {
    try withTemporaryDirectory { path in
      var random = RandomEvents(seed: seed)
      var configuration = RecorderConfiguration.tiny
      configuration.attributes = RandomEvents.declarations
      var shuffled = random.events(300)
      shuffled.shuffle(using: &random.random)
      let model = try record(shuffled, at: path, configuration)
      let recording = try Recording(path: path)
      var filtered = Query(order: order)
      filtered.process = RandomEvents.processes[0]
      for query in [Query(order: order), Query(from: -50, to: 200, order: order), filtered] {
        let wanted = model.events(query)
        let whole = try cursor(recording, query)
        #expect(difference(try events(whole), wanted) == nil, "seed \(seed): \(query)")
        #expect(whole.cost.passCount > 1, "seed \(seed): no passes were made")
        for limit in [0, 1, 96, 97, 98] {
          let limited = try cursor(recording, query, limit: limit)
          #expect(try events(limited) == Array(wanted.prefix(limit)), "seed \(seed): \(limit)")
          #expect(limited.completeness.isLimited == (wanted.count > limit))
        }
        var rest = query
        rest.after = wanted.dropFirst(wanted.count / 2).first.map(model.position)
        #expect(try events(cursor(recording, rest)) == model.events(rest), "seed \(seed)")
      }
    }
  }
}
