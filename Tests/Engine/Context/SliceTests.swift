import Testing

@testable import Reel

/// A slice stands by itself: its stacks, states and nesting are those of the whole.
@Suite struct SliceTests {
  private func makeRecording(_ folder: MemoryFolder, seed: UInt64) throws -> Recorder {
    var lives = RandomLives(seed: seed)
    let recorder = try Recorder(folder: folder, configuration: RandomLives.configuration)
    for _ in 0..<1500 { try recorder.append(lives.event()) }
    try recorder.setDocument("plan", Array("one".utf8))
    try recorder.setDocument("plan", Array("two".utf8))
    return recorder
  }

  /// Processes without what differs between a recording and a slice of it.
  private func plain(_ moment: Moment) -> [ProcessMoment] {
    func plain(_ event: Event?) -> Event? {
      var event = event
      event?.sequenceNumber = nil
      return event
    }
    return moment.processes.map {
      ProcessMoment(
        name: $0.name, spawn: plain($0.spawn), registration: plain($0.registration),
        state: plain($0.state), stack: $0.stack.compactMap(plain),
        unlistedCallCount: $0.unlistedCallCount)
    }.sorted { $0.name < $1.name }
  }

  @Test func aMomentInASliceIsThatOfTheWhole() throws {
    for seed in seeds(5) {
      let folder = MemoryFolder()
      let recorder = try makeRecording(folder, seed: seed)
      let whole = try recorder.recording
      var random = SeededRandom(seed)
      for _ in 0..<4 {
        let from = 1100 + Int64(random.below(1000))
        let to = from + Int64(random.below(300))
        let query = Query(
          from: Timestamp(nanoseconds: from), to: Timestamp(nanoseconds: to))
        let target = MemoryFolder()
        let report = try whole.slice(query, to: target)
        let slice = try Recording(folder: target)
        #expect(try slice.verify { _ in }.findingCount == 0, "seed \(seed)")
        let events = try whole.events(query, limit: nil).events
        let kept = try slice.events(limit: nil).events
        #expect(kept.map(\.id) == events.map(\.id), "seed \(seed), \(from) to \(to)")
        #expect(report.eventCount == events.count && report.documentCount == 2)
        #expect(try slice.document("plan", version: 1).bytes == Array("one".utf8))
        for time in [from, (from + to) / 2, to].map(Timestamp.init(nanoseconds:)) {
          // Late events of before are not in the slice: their processes may differ.
          let late = try whole.events(Query(to: Timestamp(nanoseconds: from - 1)), limit: nil)
          guard let first = events.compactMap(\.sequenceNumber).min(),
            late.events.compactMap(\.sequenceNumber).allSatisfy({ $0 < first })
          else { continue }
          let found = plain(try slice.moment(at: time))
          #expect(found == plain(try whole.moment(at: time)), "seed \(seed), \(time)")
        }
      }
      try recorder.close()
    }
  }

  @Test func aSliceGoesOnAndIsCutAgain() throws {
    let folder = MemoryFolder()
    let recorder = try Recorder(folder: folder, configuration: RandomLives.configuration)
    for (time, name) in [(1, "outer"), (5, "inner")] {
      try recorder.append(
        Event(
          timestamp: Timestamp(nanoseconds: Int64(time)), kind: "function_entry", process: "p",
          function: Function(name: name), payload: Payload(String(repeating: "x", count: 5000))))
    }
    for number in 10...300 { try recorder.append(numbered(number)) }
    try recorder.append(
      Event(
        timestamp: 301, kind: "function_exit", process: "p", function: Function(name: "inner")))
    let first = MemoryFolder()
    try #require(try recorder.recording.slice(Query(from: 100), to: first).callCount == 2)
    try recorder.close()
    let second = MemoryFolder()
    _ = try Recording(folder: first).slice(Query(from: 200), to: second)
    for target in [first, second] {
      let slice = try Recording(folder: target)
      let process = try #require(try slice.moment(at: 250, process: "p").processes.first)
      #expect(process.stack.map(\.function?.name) == ["outer", "inner"])
      #expect(process.stack.first?.payload?.bytes.count == 5000)
      let tree = try slice.callTree(Query(from: 250), limit: nil)
      #expect(!tree.lanes.isEmpty)
      let later = try #require(try slice.moment(at: 301, process: "p").processes.first)
      #expect(later.stack.map(\.function?.name) == ["outer"])
    }
    // A run that is recorded into it begins without the processes of the slice.
    let again = try Recorder(folder: second, configuration: RandomLives.configuration)
    try again.append(Event(timestamp: 400, kind: "state_change", process: "q"))
    #expect(try again.recording.moment().processes.map(\.name) == ["q"])
    try again.close()
    #expect(try Recording(folder: second).verify { _ in }.findingCount == 0)
  }

  @Test func nothingIsOverwrittenAndAFailureLeavesNothing() throws {
    try withTemporaryDirectory { path in
      try record((1...50).map(numbered), at: path + "/r")
      let recording = try Recording(path: path + "/r")
      #expect(throws: ReelError.self) { try recording.slice(Query(), to: path + "/r") }
      #expect(try recording.slice(Query(from: 10, to: 19), to: path + "/s").eventCount == 10)
      #expect(throws: ReelError.self) { try recording.slice(Query(), to: path + "/s") }
      #expect(try fileNames(path) == ["r", "s"])
    }
  }
}
