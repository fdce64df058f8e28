import Foundation
import Testing

@testable import Reel

/// A follower gives every event once, in order of arrival, whatever happens to the recording
/// meanwhile, and tells what it could not give.
@Suite struct FollowerTests {
  /// What a follower has been given.
  struct Given {
    var events: [Event] = []
    var notices: [FollowNotice] = []
    var cursor = SequenceNumber(rawValue: 0)

    mutating func take(_ batch: FollowedBatch) {
      events += batch.events.map(\.event)
      notices += batch.notices
      cursor = batch.cursor
    }

    /// Takes all there is.
    mutating func take(allOf follower: Follower, limit: Int = 1000) throws {
      while true {
        let batch = try follower.next(limit: limit)
        take(batch)
        if batch.isAtEnd { return }
      }
    }

    var missed: [ClosedRange<UInt64>] {
      notices.compactMap { if case .missed(let range, _) = $0.content { range } else { nil } }
    }

    var numbers: [UInt64] { events.compactMap { $0.sequenceNumber?.rawValue } }
  }

  private static let start = SequenceNumber(rawValue: 0)

  /// What the model says is to come, in order of arrival.
  private func wanted(
    _ model: ModelStore, _ query: Query = Query(), after: SequenceNumber = start
  ) -> [Event] {
    let matching = Set(model.events(query).compactMap(\.sequenceNumber))
    return model.events.filter { event in
      event.sequenceNumber.map { $0 > after && matching.contains($0) } ?? false
    }
  }

  @Test func whatIsThereComesInOrderOfArrivalInBatchesOfAnySize() throws {
    for seed in seeds(3) {
      try withTemporaryDirectory { path in
        var random = RandomEvents(seed: seed)
        var configuration = RecorderConfiguration.tiny
        configuration.attributes = RandomEvents.declarations
        var model = ModelStore()
        let recorder = try Recorder(path: path, configuration: configuration)
        try recorder.append(random.events(700), to: &model)
        for limit in [1, 7, 1000] {
          for query in [Query()] + (0..<8).map({ _ in random.query() }) {
            var given = Given()
            try given.take(
              allOf: Follower(path: path, query: query, after: Self.start), limit: limit)
            #expect(difference(given.events, wanted(model, query)) == nil, "seed \(seed) \(query)")
            #expect(given.missed.isEmpty, "seed \(seed)")
            #expect(given.cursor.rawValue + 1 == recorder.status.nextSequenceNumber.rawValue)
          }
        }
        try recorder.close()
        var given = Given()
        try given.take(allOf: Follower(path: path, after: Self.start))
        #expect(difference(given.events, wanted(model)) == nil, "seed \(seed)")
        #expect(given.notices.map(\.content).last == .closed)
      }
    }
  }

  /// Looks come at random moments: between appends, seals, closings and crashes.
  @Test func nothingIsLostOrDoubledAcrossSealsAndRestarts() throws {
    for seed in seeds(4) {
      try withTemporaryDirectory { path in
        var random = RandomEvents(seed: seed)
        var model = ModelStore()
        var query = Query()
        if seed % 2 == 0 { query.kinds = ["message_send", "error"] }
        var configuration = RecorderConfiguration.tiny
        configuration.attributes = RandomEvents.declarations
        try Recorder(path: path, configuration: configuration).close()
        var follower = try Follower(path: path, query: query)
        let beginning = follower.cursor
        var given = Given()
        for _ in 0..<5 {
          let recorder = try Recorder(path: path, configuration: configuration)
          for _ in 0..<(2 + random.random.below(12)) {
            try recorder.append(random.events(1 + random.random.below(90)), to: &model)
            if random.random.chance(5) { try recorder.flush() }
            if random.random.chance(2) {
              given.take(try follower.next(limit: 1 + random.random.below(300)))
            }
            if random.random.chance(6) {
              // Whoever begins anew with the cursor goes on exactly there.
              follower = try Follower(path: path, query: query, after: follower.cursor)
            }
          }
          // Where it is not closed, what is in the buffer is recovered by the next.
          if random.random.chance(2) { try recorder.close() }
        }
        try given.take(allOf: follower)
        let all = wanted(model, query, after: beginning)
        #expect(difference(given.events, all) == nil, "seed \(seed)")
        #expect(given.missed.isEmpty, "seed \(seed)")
        let runs = given.notices.filter { if case .opened = $0.content { true } else { false } }
        #expect(runs.count == 5, "seed \(seed)")
      }
    }
  }

  /// In the same process: it knows without a look at files that nothing has come.
  @Test func besideARecorderEveryAppendIsSeenAtOnce() throws {
    let folder = MemoryFolder()
    let recorder = try Recorder(folder: folder, configuration: .tiny)
    let follower = try Follower(
      recorder.recording.reader(from: .max), Query(), after: nil)
    for number in 1...1500 {
      try recorder.append(numbered(number))
      let batch = try follower.next()
      #expect(batch.events.map(\.id) == [EventID("event-\(number)")])
      #expect(try follower.next().isEmpty)
    }
    try recorder.close()
    #expect(try follower.next().notices.map(\.content) == [.closed])
  }

  @Test func fromNowMeansAfterTheLastEventThatIsThere() throws {
    try withTemporaryDirectory { path in
      let recorder = try Recorder(path: path, configuration: .tiny)
      for number in 1...900 { try recorder.append(numbered(number)) }
      let follower = try Follower(path: path)
      #expect(try follower.next().isEmpty)
      try recorder.append(numbered(901))
      #expect(try follower.next().events.map(\.timestamp) == [901])
      try recorder.close()
    }
  }

  @Test func whatRetentionRemovedBeforeItWasReadIsToldOnce() throws {
    for seed in seeds(3) {
      try withTemporaryDirectory { path in
        var random = SeededRandom(seed)
        var configuration = RecorderConfiguration.tiny
        configuration.maximumEventCount = 400
        let recorder = try Recorder(path: path, configuration: configuration)
        let follower = try Follower(path: path, after: Self.start)
        var given = Given()
        var number = 0
        var appended: [UInt64: Int64] = [:]
        for _ in 0..<40 {
          for _ in 0..<(1 + random.below(300)) {
            number += 1
            let sequence = try recorder.append(numbered(number))
            appended[sequence?.rawValue ?? 0] = Int64(number)
          }
          if random.chance(2) { try recorder.flush() }
          if random.chance(2) { given.take(try follower.next(limit: 1 + random.below(200))) }
        }
        try recorder.close()
        try given.take(allOf: follower)
        #expect(!given.missed.isEmpty, "seed \(seed)")
        #expect(given.numbers == given.numbers.sorted(), "seed \(seed)")
        #expect(Set(given.numbers).count == given.numbers.count, "seed \(seed)")
        var left = Set(appended.keys).subtracting(given.numbers)
        var last: UInt64 = 0
        for range in given.missed {
          #expect(range.lowerBound > last, "told twice, seed \(seed)")
          last = range.upperBound
          #expect(!given.numbers.contains { range.contains($0) }, "seed \(seed)")
          left = left.filter { !range.contains($0) }
        }
        #expect(left.isEmpty, "neither given nor told, seed \(seed)")
        for notice in given.notices {
          if case .missed(_, let loss) = notice.content { #expect(loss == .removed) }
        }
      }
    }
  }

  @Test func whatACutRemovesIsNotGiven() throws {
    let folder = MemoryFolder()
    let recorder = try Recorder(folder: folder, configuration: .tiny)
    for number in 1...100 { try recorder.append(numbered(number)) }
    let follower = try Follower(Recording(folder: folder), Query(), after: Self.start)
    var given = Given()
    given.take(try follower.next(limit: 10))
    try recorder.removeEvents(before: 51)
    try given.take(allOf: follower)
    #expect(given.events.map { $0.timestamp?.nanoseconds } == Array(1...10) + Array(51...100))
    try recorder.close()
  }

  @Test func whatTheRecorderHadToDropIsToldWhereItWasDropped() throws {
    let folder = MemoryFolder()
    var configuration = RecorderConfiguration.tiny
    configuration.backpressure = .drop
    let recorder = try Recorder(folder: folder, configuration: configuration)
    let follower = try Follower(Recording(folder: folder), Query(), after: Self.start)
    let payload = Payload([UInt8](repeating: 7, count: 8000), encoding: .bytes)
    var dropped = 0
    var given = Given()
    for number in 1...400 {
      var event = numbered(number)
      event.payload = payload
      if try recorder.append(event) == nil { dropped += 1 }
    }
    try recorder.close()
    try given.take(allOf: follower)
    var told = 0
    for notice in given.notices {
      if case .dropped(let gap) = notice.content { told += Int(gap.eventCount) }
    }
    #expect(told == dropped)
    #expect(given.events.count == 400 - dropped)
    #expect(given.missed.isEmpty)
  }

  @Test func aDamagedBlockIsToldAndTheRestGiven() throws {
    let folder = MemoryFolder()
    let recorder = try Recorder(folder: folder, configuration: .tiny)
    for number in 1...900 { try recorder.append(numbered(number)) }
    try recorder.close()
    var image = folder.image
    let name = try #require(image.keys.filter { $0.hasSuffix(FileName.segmentSuffix) }.min())
    let segment = try SegmentFile(file: folder.open(name, .read))
    let trailer = try #require(try segment.trailer(endingAt: image[name]?.count ?? 0))
    let blocks = try segment.directory(trailer).blocks
    let block = try #require(blocks.dropFirst().first)
    image[name]?[block.offset + block.byteCount - 10] ^= 0x55
    for limit in [3, 1000] {
      var given = Given()
      let damaged = try Recording(folder: MemoryFolder(image))
      try given.take(allOf: Follower(damaged, Query(), after: Self.start), limit: limit)
      let lost = given.missed.reduce(0) { $0 + $1.count }
      #expect((1...Int(block.recordCount)).contains(lost))
      #expect(given.missed.allSatisfy { $0.lowerBound >= block.firstSequence })
      #expect(given.missed.allSatisfy { $0.upperBound <= block.lastSequence })
      #expect(given.events.count == 900 - lost)
    }
  }

  @Test func aSegmentThatNoFileHoldsIsToldAsMissing() throws {
    let folder = MemoryFolder()
    let recorder = try Recorder(folder: folder, configuration: .tiny)
    var random = SeededRandom(3)
    for number in 1...3000 {
      var event = numbered(number)
      event.payload = Payload(random.bytes(100), encoding: .bytes)
      try recorder.append(event)
    }
    try recorder.close()
    var image = folder.image
    let names = image.keys.filter { $0.hasSuffix(FileName.segmentSuffix) }.sorted()
    try #require(names.count > 3)
    image[names[1]] = nil
    let first = try #require(FileName.firstSequence(ofSegment: names[1]))
    let next = try #require(FileName.firstSequence(ofSegment: names[2]))
    var given = Given()
    let follower = try Follower(
      Recording(folder: MemoryFolder(image)), Query(), after: Self.start)
    try given.take(allOf: follower, limit: 64)
    #expect(given.missed == [first...(next - 1)])
    let losses = given.notices.compactMap { notice -> FollowNotice.Loss? in
      if case .missed(_, let loss) = notice.content { loss } else { nil }
    }
    #expect(losses == [.missing])
    #expect(given.events.count == 3000 - Int(next - first))
  }

  @Test func aCursorBehindTheEndIsRefused() throws {
    let folder = MemoryFolder()
    let recorder = try Recorder(folder: folder, configuration: .tiny)
    let last = try #require(try recorder.append(numbered(1)))
    let behind = SequenceNumber(rawValue: last.rawValue + 1)
    #expect(throws: ReelError.self) {
      _ = try Follower(Recording(folder: folder), Query(), after: behind)
    }
    #expect(throws: ReelError.self) { _ = try recorder.recording.follow(after: behind) }
    #expect(try Follower(Recording(folder: folder), Query(), after: last).next().isEmpty)
    try recorder.close()
  }

  @Test func aLoneSegmentIsFollowedToItsEnd() async throws {
    try await withTemporaryDirectory { path in
      try record((1...50).map(numbered), at: path + "/r")
      let name = try #require(try fileNames(path + "/r").first { $0.hasSuffix(".segment") })
      let recording = try Recording(path: path + "/r/" + name)
      var count = 0
      for try await batch in try recording.follow(after: Self.start) { count += batch.events.count }
      #expect(count == 50)
    }
  }

  @Test func theSequenceGoesOnWhileARecorderIsOpenedAnewAndEndsWithItsTask() async throws {
    try await withTemporaryDirectory { path in
      try record([numbered(1)], at: path + "/r")
      let recording = try Recording(path: path + "/r")
      var query = Query()
      query.kinds = ["numbered"]
      let sequence = try recording.follow(query)
      let seen = Counter()
      let task = Task {
        var numbers: [Int64] = []
        for try await batch in sequence {
          numbers += batch.events.map(\.timestamp.nanoseconds)
          seen.value = numbers.count
        }
        return numbers
      }
      // Not for ever: what ends the task early is thrown below.
      let deadline = ContinuousClock.now + .seconds(60)
      for round in 0..<3 {
        let recorder = try Recorder(path: path + "/r", configuration: .tiny)
        for number in 1...200 { try recorder.append(numbered(2 + round * 200 + number)) }
        if round != 1 { try recorder.close() }
      }
      while seen.value < 600, ContinuousClock.now < deadline {
        try await Task.sleep(for: .milliseconds(1))
      }
      task.cancel()
      #expect(try await task.value == (3...602).map { Int64($0) })
    }
  }

  @Test func aProcessKilledAndOpenedAnewIsFollowedThroughout() async throws {
    try await withTemporaryDirectory { path in
      var follower: Follower?
      var given = Given()
      for round in 0..<4 {
        try? FileManager.default.removeItem(atPath: path + "/acknowledged")
        let seed = UInt64(round) &+ seeds(1)[0]
        await #expect(processExitsWith: .signal(SIGKILL)) {
          [path = path as String, seed = seed as UInt64] in
          try CrashTests.appendUntilKilled(path, seed, .process)
        }
        guard FileManager.default.fileExists(atPath: path + "/r") else { continue }
        if follower == nil { follower = try Follower(path: path + "/r", after: Self.start) }
        try given.take(allOf: try #require(follower), limit: 100)
        let count = try Recording(path: path + "/r").count()
        let numbers = given.events.map { $0.timestamp?.nanoseconds }
        #expect(numbers == (0..<count).map { Int64($0) + 1 }, "round \(round)")
      }
      #expect(given.missed.isEmpty)
    }
  }
}
