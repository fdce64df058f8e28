import Foundation
import Testing

@testable import Reel

/// A real recording goes in and comes out again, field by field.
@Suite struct SampleTests {
  /// Records `events` as a program would, then holds everything against the model.
  private func check(
    _ events: [Event], _ configuration: RecorderConfiguration,
    _ body: (Recording, ModelStore) throws -> Void
  ) throws {
    try withTemporaryDirectory { path in
      let model = try record(events, at: path, configuration)
      let recording = try Recording(path: path)
      let wanted = model.events(Query())
      var index = 0
      var isSame = true
      try recording.forEach { view in
        isSame = isSame && index < wanted.count && view.event == wanted[index]
        index += 1
      }
      #expect(isSame)
      #expect(index == wanted.count)
      let reversed = try recording.events(Query(order: .descending), limit: nil).events
      #expect(difference(reversed, wanted.reversed()) == nil)
      try body(recording, model)
    }
  }

  @Test func theCutHasEveryKindAndWholeCorrelations() throws {
    let events = try Sample.events(Sample.cutPath)
    #expect(events.count == 12_000)
    #expect(Set(events.compactMap(\.kind)).count == 10)
    let correlations = Dictionary(grouping: events, by: \.correlationID)
    #expect(correlations.filter { $0.key != nil && $0.value.count == 40 }.count > 100)
    let byteCount = try bytes(ofFile: Sample.cutPath).count
    #expect(byteCount <= 300_000)
  }

  @Test func theCutComesOutAsItWentIn() throws {
    try check(try Sample.events(Sample.cutPath), RecorderConfiguration()) { recording, model in
      var query = Query()
      query.process = "<0.96.0>"
      let found = try recording.events(query, limit: nil).events
      #expect(difference(found, model.events(query)) == nil)
      let kinds = try recording.facets(of: .kind)
      let counted = Dictionary(uniqueKeysWithValues: kinds.map { ($0.value, $0.count) })
      #expect(counted == model.facets(of: .kind))
    }
  }

  @Test func theCutComesOutOfTinyBlocksAndSegmentsToo() throws {
    let events = Array(try Sample.events(Sample.cutPath).prefix(3000))
    try check(events, .tiny) { recording, _ in
      let statistics = try recording.statistics()
      #expect(statistics.segmentCount > 1)
    }
  }

  @Test(
    .enabled(if: Sample.hasFull, "the full recording is not here; REEL_SAMPLE names it"))
  func theFullRecordingComesOutAsItWentInAndAnswersRight() throws {
    let events = try Sample.events(try #require(Sample.fullPath))
    #expect(events.count == 294_982)
    try check(events, RecorderConfiguration()) { recording, _ in
      let statistics = try recording.statistics()
      #expect(statistics.oldest == 1_795_223_980_598_633_000)
      #expect(statistics.newest == 1_795_223_981_338_575_000)
      #expect(statistics.eventCount == 294_982)
      #expect(statistics.segmentByteCount <= 40 * 294_982)
      try answers(recording)
    }
  }

  /// The answers that come with the recording.
  private func answers(_ recording: Recording) throws {
    func count(_ change: (inout Query) -> Void) throws -> Int {
      var query = Query()
      change(&query)
      let count = try recording.count(query)
      let found = try recording.events(query, limit: nil).events.count
      #expect(found == count)
      return count
    }
    #expect(try count { $0.process = "<0.157.0>" } == 44_005)
    #expect(try count { ($0.module, $0.function) = ("String", "split") } == 32_000)
    #expect(try count { $0.correlationID = "req-1317" } == 40)
    #expect(try count { $0.astNodeID = "GenServer:call:2" } == 14_820)
    let range = try count { query in
      query.from = 1_795_223_980_700_000_000
      query.to = 1_795_223_980_800_000_000
    }
    #expect(range == 44_337)
    let kinds = try recording.facets(of: .kind)
    let counted = Dictionary(uniqueKeysWithValues: kinds.map { ($0.value ?? "", $0.count) })
    #expect(
      counted == [
        "function_entry": 87_857, "function_exit": 87_857, "message_receive": 51_336,
        "message_send": 43_926, "process_spawn": 4001, "process_spawned": 4001,
        "process_link": 4001, "process_getting_linked": 4001, "process_getting_unlinked": 4001,
        "process_exit": 4001,
      ])
  }
}
