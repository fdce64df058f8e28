import Testing

@testable import Reel

/// Rows that are found by the index of a column which is in memory are those that blocks give.
@Suite struct RowIndexTests {
  /// A closed recording of several small segments, read with a cache of so many bytes.
  private static func with(
    seed: UInt64, cacheByteCount: Int = 64 << 20, narrowTime: Bool = true,
    removing: Timestamp? = nil, _ body: (Recording, ModelStore) throws -> Void
  ) throws {
    try withTemporaryDirectory { path in
      var random = RandomEvents(seed: seed)
      random.narrowTime = narrowTime
      var configuration = RecorderConfiguration.tiny
      configuration.attributes = RandomEvents.declarations
      var model = ModelStore()
      let recorder = try Recorder(path: path, configuration: configuration)
      try recorder.append(random.events(1200), to: &model)
      if let removing {
        try recorder.removeEvents(before: removing)
        _ = model.removeEvents(before: removing)
      }
      try recorder.close()
      var reading = RecordingConfiguration()
      reading.cacheByteCount = cacheByteCount
      let recording = try Recording(path: path, configuration: reading)
      try #require(try recording.snapshot().segments.count > 2)
      try body(recording, model)
    }
  }

  /// Questions for one key, of which those of a column make it be indexed.
  private static func questions(_ random: inout SeededRandom) -> [Query] {
    func query(_ set: (inout Query) -> Void) -> Query {
      var query = Query(order: random.chance(2) ? .ascending : .descending)
      set(&query)
      return query
    }
    return [
      query { $0.kinds = [random.pick(RandomEvents.kinds)] },
      query {
        $0.process = random.pick(RandomEvents.processes)
        $0.role = random.pick(Query.Role.allCases)
      },
      query { $0.correlationID = random.pick(RandomEvents.correlations + ["none"]) },
      query { $0.astNodeID = random.pick(RandomEvents.nodes) },
      query { $0.node = random.pick(["a@host", "c@host"]) },
      query {
        $0.module = random.pick(RandomEvents.modules)
        $0.function = random.pick(RandomEvents.names)
        $0.arity = random.pick([0, 1, 2, 65_534])
      },
    ]
  }

  /// The segments of which a column is indexed, and those of them of which a block's records are
  /// not in memory any more.
  private static func indexed(
    _ column: ColumnID, of recording: Recording
  ) throws -> (all: Int, withoutRecords: Int) {
    var cost = QueryCost()
    var counts = (all: 0, withoutRecords: 0)
    for segment in try recording.snapshot().segments {
      guard let index = try recording.cache.rows(column, of: segment, cost: &cost) else { continue }
      counts.all += 1
      if recording.cache.wholeBlocks(index.directory, of: segment, with: column) == nil {
        counts.withoutRecords += 1
      }
    }
    return counts
  }

  private static func askOften(_ recording: Recording, _ seed: UInt64) throws {
    try recording.forEach { _ in }
    var random = SeededRandom(seed)
    for _ in 0..<(4 * RowIndex.questionCount) {
      for query in questions(&random) { _ = try recording.events(query, limit: nil) }
    }
  }

  @Test(arguments: seeds(3), [true, false])
  func answersAreTheModels(seed: UInt64, narrowTime: Bool) throws {
    try Self.with(seed: seed, narrowTime: narrowTime) { recording, model in
      try Self.askOften(recording, seed)
      let segmentCount = try recording.snapshot().segments.count
      for column in [ColumnID.kind, .process, .correlationID, .astNodeID, .node, .function] {
        #expect(try Self.indexed(column, of: recording).all == segmentCount, "\(column)")
      }
      var random = SeededRandom(seed)
      for _ in 0..<20 {
        for var query in Self.questions(&random) {
          if random.chance(3) {
            query.from = Timestamp(nanoseconds: random.pick([.min, -50, 17, 150, .max]))
            query.to = Timestamp(nanoseconds: random.pick([-50, 17, 150, 290, .max]))
          }
          let wanted = model.events(query)
          if random.chance(3), let last = wanted.isEmpty ? nil : random.pick(wanted) {
            query.after = model.position(last)
          }
          let limit = random.chance(2) ? nil : 1 + random.below(40)
          let answer = try recording.events(query, limit: limit)
          let expected = model.events(query, limit: limit)
          #expect(difference(answer.events, expected) == nil, "seed \(seed): \(query)")
          #expect(answer.completeness.isLimited == (model.events(query).count > limit ?? .max))
          #expect(answer.completeness.damages.isEmpty)
        }
      }
    }
  }

  @Test(arguments: [Query.Order.ascending, .descending])
  func anIndexOutlivesTheRecordsThatItLeadsTo(order: Query.Order) throws {
    try withTemporaryDirectory { path in
      var configuration = RecorderConfiguration.tiny
      configuration.segmentEventCount = 300
      let model = try record((1...3000).map(numbered), at: path, configuration)
      let whole = try Recording(path: path)
      try whole.forEach { _ in }
      let statistics = try whole.statistics()
      try #require(statistics.segmentCount > 4)
      var withoutRecords = 0
      for tenth in 2...5 {
        var reading = RecordingConfiguration()
        reading.cacheByteCount = tenth * statistics.cacheByteCount / 10
        let recording = try Recording(path: path, configuration: reading)
        for segment in try recording.snapshot().segments {
          var query = Query(order: order)
          query.from = Timestamp(nanoseconds: segment.summary.minimumTimestamp)
          query.to = Timestamp(nanoseconds: segment.summary.maximumTimestamp)
          for number in 0..<(2 * RowIndex.questionCount) {
            if number % 4 == 0 { try recording.forEach(query) { _ in } }
            var question = query
            question.process = "<0.\(number % 7).0>"
            question.role = .process
            let answer = try recording.events(question, limit: nil)
            #expect(difference(answer.events, model.events(question)) == nil)
            // What is not there is asked of indexes alone, which so outlive the records.
            question = Query(order: order)
            question.process = "nobody"
            question.role = .process
            #expect(try recording.events(question).events.isEmpty)
          }
          withoutRecords += try Self.indexed(.process, of: recording).withoutRecords
          query = Query(order: order)
          query.process = "<0.3.0>"
          query.role = .process
          let answer = try recording.events(query, limit: nil)
          #expect(difference(answer.events, model.events(query)) == nil)
          #expect(try recording.statistics().cacheByteCount <= reading.cacheByteCount)
        }
      }
      #expect(withoutRecords > 0)
    }
  }

  @Test(arguments: seeds(2))
  func removedEventsStayRemoved(seed: UInt64) throws {
    let moment = Timestamp(nanoseconds: 100)
    try Self.with(seed: seed, removing: moment) { recording, model in
      try Self.askOften(recording, seed)
      var random = SeededRandom(seed)
      for query in Self.questions(&random) {
        let answer = try recording.events(query, limit: nil)
        #expect(difference(answer.events, model.events(query)) == nil, "seed \(seed): \(query)")
      }
    }
  }
}
