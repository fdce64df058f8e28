import Foundation
import Testing

@testable import Reel

/// Where blocks overlap too much to be merged at once, passes and sorting give the same answer.
@Suite struct PassMergeTests {
  /// A cursor with so little room that it has to make passes, and to sort on several levels.
  private func cursor(
    _ recording: Recording, _ query: Query, limit: Int? = nil, openByteCount: Int = 1
  ) throws -> EventCursor {
    try EventCursor(
      query, limit: limit, snapshot: try recording.snapshot(), cache: recording.cache,
      bounds: EventMerge.Bounds(
        openByteCount: openByteCount, passRowCount: 97,
        sort: ExternalSort.Bounds(byteCount: 2000, fanIn: 3)))
  }

  private func events(_ cursor: EventCursor) throws -> [Event] {
    var events: [Event] = []
    while let view = try cursor.next() { events.append(view.event) }
    return events
  }

  @Test(arguments: seeds(2), [Query.Order.ascending, .descending])
  func shuffledEventsComeInTheModelsOrder(seed: UInt64, order: Query.Order) throws {
    try check(seed: seed, order: order, RecordingConfiguration(), sorts: true)
  }

  @Test(arguments: seeds(1), [Query.Order.ascending, .descending])
  func whereThereIsNoTemporaryFolderPassesGiveTheSame(seed: UInt64, order: Query.Order) throws {
    var configuration = RecordingConfiguration()
    configuration.temporaryFolder = "/dev/null/nowhere"
    try check(seed: seed, order: order, configuration, sorts: false)
  }

  private func check(
    seed: UInt64, order: Query.Order, _ reading: RecordingConfiguration, sorts: Bool
  ) throws {
    try withTemporaryDirectory { path in
      var random = RandomEvents(seed: seed)
      var configuration = RecorderConfiguration.tiny
      configuration.attributes = RandomEvents.declarations
      var shuffled = random.events(300)
      shuffled.shuffle(using: &random.random)
      let model = try record(shuffled, at: path, configuration)
      let recording = try Recording(path: path, configuration: reading)
      var filtered = Query(order: order)
      filtered.process = RandomEvents.processes[0]
      for query in [Query(order: order), Query(from: -50, to: 200, order: order), filtered] {
        let wanted = model.events(query)
        let whole = try cursor(recording, query)
        #expect(difference(try events(whole), wanted) == nil, "seed \(seed): \(query)")
        #expect(whole.cost.passCount > 1, "seed \(seed): no passes were made")
        if wanted.count > 97 { #expect((whole.cost.sortedByteCount > 0) == sorts, "seed \(seed)") }
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

  @Test func aLimitThatOnePassAnswersNeedsNoTemporaryFile() throws {
    try withTemporaryDirectory { path in
      var random = RandomEvents(seed: 7)
      var configuration = RecorderConfiguration.tiny
      configuration.attributes = RandomEvents.declarations
      let model = try record(random.events(300), at: path, configuration)
      let limited = try cursor(try Recording(path: path), Query(), limit: 50)
      #expect(try events(limited) == Array(model.events(Query()).prefix(50)))
      #expect(limited.cost.sortedByteCount == 0)
    }
  }

  @Test func sortingKeepsPayloadsLargerThanAFrameAndLeavesNoFileBehind() throws {
    try withTemporaryDirectory { path in
      let recorder = try Recorder(path: path + "/recording")
      var random = SeededRandom(3)
      for index in 0..<200 {
        let size = index % 7 == 0 ? SortedRun.frameByteCount + index : index
        let bytes = (0..<size).map { _ in UInt8.random(in: 0...255, using: &random) }
        try recorder.append(
          Event(
            timestamp: Timestamp(nanoseconds: Int64.random(in: 0...1000, using: &random)),
            payload: Payload(bytes)))
      }
      try recorder.close()
      var reading = RecordingConfiguration()
      reading.temporaryFolder = path
      let recording = try Recording(path: path + "/recording", configuration: reading)
      let merged = try events(try cursor(recording, Query(), openByteCount: 64 << 20))
      let sorting = try cursor(recording, Query())
      #expect(try events(sorting) == merged)
      #expect(merged.count == 200)
      #expect(sorting.cost.sortedByteCount > 0)
      #expect(try FileManager.default.contentsOfDirectory(atPath: path) == ["recording"])
    }
  }
}
