import Testing

@testable import Reel

/// Following begins with the same few calls however many segments there are.
@Suite struct FollowStartTests {
  /// A recording of at least so many segments, of a few events each, that is still written to.
  private static func record(
    segmentCount: Int, in folder: MemoryFolder
  ) throws -> (recorder: Recorder, count: Int) {
    var configuration = RecorderConfiguration.tiny
    // Less than a caller may ask for: each block fills a segment.
    configuration.segmentByteCount = 1
    configuration.blockByteCount = 400
    configuration.syncInterval = .zero
    let recorder = try Recorder(folder: folder, configuration: configuration)
    var number = 0
    while try folder.list().count < segmentCount {
      for _ in 0..<200 {
        number += 1
        try recorder.append(numbered(number))
      }
      try recorder.flush()
    }
    return (recorder, number)
  }

  /// The calls that beginning to follow makes, and then one look for what has come.
  private func calls(
    _ folder: MemoryFolder, after cursor: SequenceNumber?
  ) throws -> (start: [Call: Int], batch: FollowedBatch) {
    let counted = FaultyFolder(folder)
    let recording = try Recording(folder: counted, floor: Follower.floor(cursor))
    let follower = try Follower(recording, Query(), after: cursor)
    let start = counted.counts
    return (start, try follower.next())
  }

  private func check(segmentCount: Int) throws {
    var known: [[Call: Int]] = []
    for count in [3, segmentCount] {
      let folder = MemoryFolder()
      let (recorder, eventCount) = try Self.record(segmentCount: count, in: folder)
      // Merged indexes come on a thread of their own: each is a name that is to be listed.
      _ = folder.imageAtRest
      let files = try folder.list().count
      #expect(files >= count)
      let fromNow = try calls(folder, after: nil)
      #expect(fromNow.batch.isEmpty)
      let last = try #require(
        try recorder.recording.events(Query(order: .descending), limit: 1)
          .events.first?.sequenceNumber)
      let resumed = try calls(folder, after: SequenceNumber(rawValue: last.rawValue - 1))
      #expect(resumed.batch.events.map(\.timestamp) == [Timestamp(nanoseconds: Int64(eventCount))])
      known += [fromNow.start, resumed.start]
      print("FOLLOW: \(files) files: \(fromNow.start)")
      try recorder.close()
    }
    for start in known {
      #expect(start == known[0])
      // The newest segment and the buffer.
      #expect(start[.open, default: 0] <= 4)
      #expect(start[.list] == 1)
    }
  }

  @Test func beginningCostsTheSameWithManySegments() throws { try check(segmentCount: 600) }

  @Test(
    .enabled(
      if: runs(
        if: Sweep.isFull, otherwise: "10,000 segments take a minute to write; REEL_SWEEP=all does"))
  )
  func beginningCostsTheSameWithTenThousandSegments() throws { try check(segmentCount: 10_000) }
}
