import Foundation
import Testing

@testable import Reel

/// A reader in this process beside a recorder in another one, which seals segments and drops them.
@Suite struct LiveReaderTests {
  @Test(arguments: seeds(2))
  func whatAnotherProcessHasAcknowledgedIsSeen(seed: UInt64) throws {
    let folder = try TemporaryFolder()
    let trace = folder.path("trace")
    var random = SeededRandom(seed)
    let feed = try RecorderFeed(trace, ["--max-events", "2000"])
    var recording: Recording?
    var total = 0
    for step in 0..<120 {
      let next = total + Int.random(in: 1...200, using: &random)
      try feed.write(Lines.simple(total..<next))
      var last = 0
      while last < next {
        guard let number = feed.acknowledged().last else { break }
        last = number
      }
      try #require(last == next, "seed \(seed), step \(step): the recorder ended")
      total = next
      if recording == nil { recording = try Recording(path: trace) }
      guard let recording else { return }
      let newest = try recording.events(Query(order: .descending), limit: 20)
      let wanted = (max(0, total - 20)..<total).reversed().map { "e\($0)" }
      #expect(newest.events.map { $0.id?.description } == wanted, "seed \(seed), step \(step)")
      #expect(newest.completeness.damages.isEmpty, "seed \(seed), step \(step)")
      let middle = EventID("e\(total - Int.random(in: 1...min(total, 1500), using: &random))")
      #expect(try recording.event(id: middle)?.id == middle, "seed \(seed), step \(step)")
      #expect(try recording.count() >= min(total, 1750), "seed \(seed), step \(step)")
      // However far the recorder's thread lags behind, what has left the buffer exceeds the limit
      // by no more than the segment that is to be dropped next.
      let segments = try recording.snapshot().segments
      let inSegments = segments.reduce(0) { $0 + $1.summary.eventCount }
      #expect(inSegments <= 2000 + 250, "seed \(seed), step \(step)")
    }
    try feed.end()
    #expect((1750...2000).contains(try Recording(path: trace).count()), "seed \(seed)")
    #expect(try #require(recording).statistics().removedEventCount > 0, "seed \(seed)")
    #expect(
      try Recording(path: trace).events(Query(order: .descending), limit: 1).events.first?.id
        == EventID("e\(total - 1)"))
  }
}
