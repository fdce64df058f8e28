import Testing

@testable import Reel

/// Every query gives what a plain array gives: random events in several small recordings, in
/// blocks, in segments and in the buffer at once, and random queries of up to three conditions.
@Suite struct QueryModelTests {
  @Test(arguments: [Query.Order.ascending, .descending], [nil, "numbered"])
  func aLongAnswerReadsEachBlockOnceAlsoAheadOfTime(order: Query.Order, kind: String?) throws {
    try withTemporaryDirectory { path in
      let events = (1...3000).map(numbered)
      try record(events, at: path)
      let recording = try Recording(path: path)
      let statistics = try recording.statistics()
      try #require(statistics.blockCount > 20)
      var query = Query(order: order)
      query.kinds = kind.map { [$0] } ?? []
      for isAgain in [false, true] {
        let cursor = try recording.cursor(query)
        var count = 0
        while let event = try cursor.next()?.event {
          let wanted = order == .ascending ? events[count] : events[events.count - 1 - count]
          #expect(event.id == wanted.id && event.payload == wanted.payload)
          count += 1
        }
        #expect(count == events.count)
        // No byte of the files is fetched twice, and most are fetched once.
        let bytesRead = isAgain ? 0 : statistics.segmentByteCount
        #expect(cursor.cost.bytesRead <= bytesRead)
        #expect(cursor.cost.bytesRead >= bytesRead / 2)
      }
    }
  }

  /// A recording with tiny blocks, whose newest events are still in the buffer, and its model.
  private static func with(
    seed: UInt64, count: Int, _ body: (Recording, ModelStore) throws -> Void
  ) throws {
    try withTemporaryDirectory { path in
      var random = RandomEvents(seed: seed)
      random.narrowTime = seed % 2 == 0
      random.repeatsIDs = true
      var configuration = RecorderConfiguration.tiny
      configuration.attributes = RandomEvents.declarations
      var model = ModelStore()
      for part in 0..<2 {
        let recorder = try Recorder(path: path, configuration: configuration)
        try recorder.append(random.events(count), to: &model)
        if part == 0 {
          try recorder.close()
          continue
        }
        try recorder.flush()
        try recorder.append(random.events(count / 10), to: &model)
        try body(try recorder.recording, model)
        try body(try Recording(path: path), model)
        try recorder.close()
        try body(try Recording(path: path), model)
      }
    }
  }

  private static func queries(_ seed: UInt64, _ count: Int) -> [Query] {
    var random = RandomEvents(seed: seed ^ 0xFFFF)
    return [Query(), Query(order: .descending)] + (0..<count).map { _ in random.query() }
  }

  @Test(arguments: seeds(4))
  func answersAreTheModels(seed: UInt64) throws {
    try Self.with(seed: seed, count: 300) { recording, model in
      for query in Self.queries(seed, 40) {
        let wanted = model.events(query)
        let answer = try recording.events(query, limit: nil)
        #expect(difference(answer.events, wanted) == nil, "seed \(seed): \(query)")
        #expect(answer.completeness.isComplete, "seed \(seed)")
        #expect(try recording.count(query) == wanted.count, "seed \(seed): \(query)")
      }
    }
  }

  @Test(arguments: seeds(3))
  func batchesAndSingleEventsMixAtWill(seed: UInt64) throws {
    try Self.with(seed: seed, count: 300) { recording, model in
      var random = SeededRandom(seed)
      for query in Self.queries(seed, 15) {
        let wanted = model.events(query)
        for limit in [nil, 0, 1, wanted.count / 2, wanted.count, wanted.count + 1] {
          let cursor = try recording.cursor(query, limit: limit)
          var found: [Event] = []
          while true {
            if Bool.random(using: &random) {
              guard let batch = try cursor.nextBatch() else { break }
              #expect(batch.count == Array(batch).count && batch.count > 0, "seed \(seed)")
              if Bool.random(using: &random) {
                batch.forEach { found.append($0.event) }
              } else {
                found += batch.map(\.event)
              }
            } else {
              guard let view = try cursor.next() else { break }
              found.append(view.event)
            }
            let last = try #require(found.last)
            #expect(cursor.position == model.position(last), "seed \(seed): \(query)")
          }
          let expected = Array(wanted.prefix(limit ?? .max))
          #expect(difference(found, expected) == nil, "seed \(seed): \(query), \(limit ?? -1)")
          #expect(cursor.completeness.isLimited == (wanted.count > limit ?? .max))
        }
      }
    }
  }

  @Test(arguments: seeds(2))
  func descendingIsTheReverseOfAscending(seed: UInt64) throws {
    try Self.with(seed: seed, count: 200) { recording, _ in
      for var query in Self.queries(seed, 15) {
        query.order = .ascending
        let ascending = try recording.events(query, limit: nil).events
        query.order = .descending
        let descending = try recording.events(query, limit: nil).events
        #expect(difference(descending, ascending.reversed()) == nil, "seed \(seed): \(query)")
      }
    }
  }

  @Test(arguments: seeds(2))
  func limitsAndPagesAddUpToTheWholeAnswer(seed: UInt64) throws {
    try Self.with(seed: seed, count: 200) { recording, model in
      var random = SeededRandom(seed)
      for query in Self.queries(seed, 12) {
        let wanted = model.events(query)
        let limit = 1 + random.below(60)
        var page = query
        var pages: [Event] = []
        while true {
          let answer = try recording.events(page, limit: limit)
          let slice = model.events(page, limit: limit)
          #expect(difference(answer.events, slice) == nil, "seed \(seed): \(page)")
          pages += answer.events
          guard let last = answer.last else { break }
          page.after = Query.Position(last.description)
          #expect(page.after == last)
        }
        #expect(difference(pages, wanted) == nil, "seed \(seed): \(query)")
      }
    }
  }

  @Test(arguments: seeds(2))
  func facetsAreTheModels(seed: UInt64) throws {
    let facets: [Facet] =
      [
        .kind, .process, .peerProcess, .module, .function, .correlationID, .astNodeID, .node,
      ] + RandomEvents.declarations.map { .attribute($0.name) }
    try Self.with(seed: seed, count: 200) { recording, model in
      for query in Self.queries(seed, 5) {
        for facet in facets {
          let found = try recording.facets(of: facet, query)
          let wanted = model.facets(of: facet, query)
          let pairs = Dictionary(uniqueKeysWithValues: found.map { ($0.value, $0.count) })
          #expect(pairs == wanted, "seed \(seed): \(facet) of \(query)")
          #expect(found.map(\.count) == found.map(\.count).sorted(by: >))
        }
      }
    }
  }

  @Test(arguments: seeds(2))
  func lookupsByIDAndBySequenceNumberAreTheModels(seed: UInt64) throws {
    try Self.with(seed: seed, count: 200) { recording, model in
      for event in model.events {
        let id = try #require(event.id)
        let latest = model.event(id: id)
        #expect(try recording.event(id: id) == latest, "seed \(seed): \(id)")
        let number = try #require(event.sequenceNumber)
        #expect(try recording.event(number) == event, "seed \(seed): \(number)")
      }
      #expect(try recording.event(id: "nobody's") == nil)
      #expect(try !recording.contains(id: EventID([UInt8](repeating: 0x30, count: 32))))
      // The first record of a run is no event.
      #expect(try recording.event(SequenceNumber(rawValue: 1)) == nil)
    }
  }

  @Test(arguments: seeds(1))
  func queriesByIDFindEveryEventWithIt(seed: UInt64) throws {
    try Self.with(seed: seed, count: 200) { recording, model in
      for number in 0..<5 {
        var query = Query()
        query.id = EventID("repeated-\(number)")
        let answer = try recording.events(query)
        #expect(difference(answer.events, model.events(query)) == nil, "seed \(seed)")
      }
    }
  }
}
