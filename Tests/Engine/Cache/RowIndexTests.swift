import Foundation
import Testing

@testable import Reel

/// Rows that are found by the index of a column which is in memory are those that blocks give.
@Suite struct RowIndexTests {
  /// A closed recording of several small segments, all of which the cache has room for.
  private static func with(
    seed: UInt64, narrowTime: Bool = true, removing: Timestamp? = nil,
    _ body: (Recording, ModelStore) throws -> Void
  ) throws {
    try withTemporaryDirectory { path in
      var random = RandomEvents(seed: seed)
      random.narrowTime = narrowTime
      random.repeatsIDs = true
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
      reading.cacheByteCount = 64 << 20
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

  /// Segments that questions for any column come to, as the last one may be too small for.
  private static func askedSegments(of recording: Recording) throws -> [ReadableSegment] {
    let segments = try recording.snapshot().segments.filter { $0.summary.eventCount >= 100 }
    try #require(segments.count > 1)
    return segments
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
      let segments = try Self.askedSegments(of: recording)
      for column in [ColumnID.kind, .process, .correlationID, .astNodeID, .node, .function] {
        let indexed = segments.filter { recording.cache.rowIndex(column, of: $0) != nil }
        #expect(indexed.count == segments.count, "\(column)")
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

  @Test(arguments: seeds(2), [Query.Order.ascending, .descending])
  func anIndexMayOutliveTheRecordsThatItLeadsTo(seed: UInt64, order: Query.Order) throws {
    try Self.with(seed: seed) { recording, model in
      try Self.askOften(recording, seed)
      let segments = try recording.snapshot().segments
      var random = SeededRandom(seed)
      for limit in [nil, 1, 7, 40, nil] {
        // Another cache, that has the indexes and the records of some blocks alone.
        let other = try Recording(path: recording.path)
        for segment in try Self.askedSegments(of: recording) {
          let index = try #require(recording.cache.rowIndex(.kind, of: segment))
          other.cache.keep(index, .kind, of: segment)
        }
        for _ in 0..<3 { _ = try other.events(Query(order: order), limit: 50) }
        var query = Query(order: order)
        query.kinds = [random.pick(RandomEvents.kinds)]
        let answer = try other.events(query, limit: limit)
        let expected = model.events(query, limit: limit)
        #expect(difference(answer.events, expected) == nil, "seed \(seed): \(query)")
        guard limit == nil else { continue }
        // Some segment's answer was by its index, and some blocks had to be read.
        #expect(answer.cost.segmentsOpened < segments.count, "seed \(seed)")
        #expect(answer.cost.blocksDecoded > 0, "seed \(seed)")
      }
    }
  }

  @Test(arguments: seeds(2), [Query.Order.ascending, .descending])
  func damageThatAnIndexDoesNotKnowOfIsFoundAllTheSame(seed: UInt64, order: Query.Order) throws {
    try Self.with(seed: seed) { recording, _ in
      try Self.askOften(recording, seed)
      let segment = try #require(try recording.snapshot().segments.first)
      let index = try #require(recording.cache.rowIndex(.kind, of: segment))
      // Payloads lie last in a block.
      let block = index.directory.blocks[index.directory.blocks.count / 2]
      let path = recording.path + "/" + segment.name
      var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
      bytes[block.offset + block.byteCount - 20] ^= 0x55
      try bytes.write(to: URL(fileURLWithPath: path))
      let (plain, indexed) = (
        try Recording(path: recording.path), try Recording(path: recording.path)
      )
      try indexed.forEach { _ in }
      indexed.cache.keep(index, .kind, of: segment)
      for kind in RandomEvents.kinds {
        var query = Query(order: order)
        query.kinds = [kind]
        let wanted = try plain.events(query, limit: nil)
        let answer = try indexed.events(query, limit: nil)
        #expect(difference(answer.events, wanted.events) == nil, "seed \(seed): \(kind)")
        #expect(answer.completeness.damages == wanted.completeness.damages, "seed \(seed)")
      }
      #expect(try !plain.events(Query(), limit: nil).completeness.damages.isEmpty)
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

  @Test(arguments: seeds(2), [nil, Timestamp(nanoseconds: 100)])
  func idsAreFoundByTheirRecordsToo(seed: UInt64, removing: Timestamp?) throws {
    try Self.with(seed: seed, removing: removing) { recording, model in
      try recording.forEach { _ in }
      let snapshot = try recording.snapshot()
      var cost = QueryCost()
      var indexedCount = 0
      let wanted = snapshot.segments.count { $0.summary.eventCount > 0 }
      // Every so many look-ups one more segment is taken in of the group that is asked just then:
      // at times it is one that has all of its own.
      let lookUpCount = snapshot.segments.count * IDIndexes.lookUpCount
      for _ in 0..<(4 * (lookUpCount / model.events.count + 2))
      where indexedCount < (removing == nil ? wanted : 1) {
        for event in model.events {
          let id = try #require(event.id)
          let found = try recording.event(id: id)
          #expect(found == model.event(id: id), "seed \(seed): \(id)")
        }
        #expect(try recording.event(id: "nobody's") == nil)
        let groups = snapshot.groups + [snapshot.lastGroup].compactMap { $0 }
        indexedCount = groups.reduce(0) { count, group in
          let indexes = recording.cache.ids(group, eventCount: model.events.count, cost: &cost)
          return count + indexes.segmentsByRecords
        }
      }
      // A segment of which all is removed has no records in memory.
      #expect(removing == nil ? indexedCount == wanted : indexedCount > 0)
    }
  }
}
