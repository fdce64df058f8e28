import Testing

@testable import Reel

/// What a program was at a moment is the same whether all its events are gone over or the contexts
/// of segments are used.
@Suite struct MomentTests {
  /// A recording of a few runs, with the events of each as they are read.
  private func makeRecording(
    _ folder: MemoryFolder, seed: UInt64, _ configuration: RecorderConfiguration,
    counts: [Int] = [700, 40, 900]
  ) throws -> (runs: [[Event]], recorder: Recorder) {
    var lives = RandomLives(seed: seed)
    var runs: [[Event]] = []
    for (index, count) in counts.enumerated() {
      let recorder = try Recorder(folder: folder, configuration: configuration)
      var events: [Event] = []
      for _ in 0..<count {
        var event = lives.event()
        event.sequenceNumber = try recorder.append(event)
        events.append(event)
      }
      let id = try recorder.recording.statistics().runs.last?.id ?? 0
      for place in events.indices {
        guard let number = events[place].sequenceNumber else { continue }
        events[place].id = EventID.generated(runID: id, sequenceNumber: number.rawValue)
      }
      runs.append(events)
      // The last run is still in the buffer, in part.
      guard index == counts.count - 1 else {
        try recorder.close()
        continue
      }
      return (runs, recorder)
    }
    throw ReelError.closed
  }

  private func expectModel(
    _ recording: Recording, _ runs: [[Event]], _ seed: UInt64, count: Int = 60
  ) throws {
    let roles = KindRoles(RandomLives.roles)
    var random = SeededRandom(seed)
    for _ in 0..<count {
      let time = Timestamp(nanoseconds: Int64(980 + random.below(2200)))
      let model = MomentModel(runs: runs, at: time, roles: roles)
      let moment = try recording.moment(at: time)
      #expect(moment.isComplete, "seed \(seed), \(time)")
      #expect(model.difference(from: moment) == nil, "seed \(seed), \(time)")
      let name = "p\(random.below(9))"
      let one = try recording.moment(at: time, process: name)
      let whole = moment.processes.filter { $0.name == name }
      #expect(one.processes == whole, "seed \(seed), \(time), \(name)")
      #expect(one.latched == moment.latched, "seed \(seed), \(time), \(name)")
    }
  }

  @Test func aMomentIsThatOfAllEventsUpToIt() throws {
    for seed in seeds(6) {
      let folder = MemoryFolder()
      let (runs, recorder) = try makeRecording(folder, seed: seed, RandomLives.configuration)
      let recording = try Recording(folder: folder)
      try expectModel(recording, runs, seed)
      try recorder.close()
      try expectModel(try Recording(folder: folder), runs, seed, count: 20)
    }
  }

  /// Where it is damaged, and where the recording says later that kinds mean something else.
  @Test func withoutContextsAMomentIsReadFromFurtherBack() throws {
    for seed in seeds(3) {
      let folder = MemoryFolder()
      let (runs, recorder) = try makeRecording(folder, seed: seed, RandomLives.configuration)
      try recorder.close()
      var image = folder.image
      var count = 0
      for (name, bytes) in image where name.hasSuffix(FileName.segmentSuffix) {
        let segment = try SegmentInspection(file: try MemoryFolder(image).open(name, .read))
        for part in segment.parts {
          guard case .context = part.content else { continue }
          image[name]?[part.offset + 24] ^= 1
          count += 1
        }
        #expect(bytes.count == image[name]?.count)
      }
      #expect(count > 10)
      try expectModel(try Recording(folder: MemoryFolder(image)), runs, seed, count: 20)
    }
  }

  /// The property that the format promises: a context is what all records before it come to.
  @Test func everyContextIsWhatTheRecordsBeforeItComeTo() throws {
    for seed in seeds(4) {
      let folder = MemoryFolder()
      try makeRecording(folder, seed: seed, RandomLives.configuration).recorder.close()
      var findings: [VerificationFinding] = []
      let report = try Recording(folder: folder).verify { findings.append($0) }
      #expect(findings.isEmpty, "seed \(seed)")
      #expect(report.contextCount > 10, "seed \(seed)")
      #expect(report.segmentCount > 2, "seed \(seed)")
    }
  }

  @Test func aSegmentAloneKnowsWhatWasBeforeIt() throws {
    try withTemporaryDirectory { path in
      var configuration = RandomLives.configuration
      configuration.roles = [:]
      let recorder = try Recorder(path: path + "/r", configuration: configuration)
      try recorder.append(
        Event(
          timestamp: 1, kind: "function_entry", process: "p", function: Function(name: "outer"),
          payload: Payload("the arguments")))
      try recorder.append(Event(timestamp: 2, kind: "state_change", process: "p"))
      for number in 3...2000 { try recorder.append(numbered(number)) }
      try recorder.close()
      let last = try #require(try fileNames(path + "/r").last { $0.hasSuffix(".segment") })
      let moment = try Recording(path: path + "/r/" + last).moment(at: 2000, process: "p")
      let process = try #require(moment.processes.first)
      #expect(process.stack.map(\.function?.name) == ["outer"])
      #expect(process.stack.first?.payload == Payload("the arguments"))
      #expect(process.state?.timestamp == 2)
      #expect(moment.cost.rowsExamined < 600)
    }
  }

  @Test func whatWasRemovedDoesNotComeBack() throws {
    let folder = MemoryFolder()
    let recorder = try Recorder(folder: folder, configuration: RandomLives.configuration)
    for (time, name) in [(10, "early"), (20, "late")] {
      try recorder.append(
        Event(
          timestamp: Timestamp(nanoseconds: Int64(time)), kind: "function_entry", process: "p",
          function: Function(name: name)))
    }
    for number in 30...2000 { try recorder.append(numbered(number)) }
    try recorder.removeEvents(before: 15)
    let moment = try recorder.recording.moment(process: "p")
    #expect(moment.processes.first?.stack.map(\.function?.name) == ["late"])
    try recorder.close()
  }

  @Test func whatIsTooMuchIsCountedAndSaid() throws {
    let folder = MemoryFolder()
    let recorder = try Recorder(folder: folder, configuration: RandomLives.configuration)
    for number in 1...1100 {
      try recorder.append(
        Event(
          timestamp: Timestamp(nanoseconds: Int64(number)), kind: "function_entry", process: "deep",
          function: Function(name: "again")))
    }
    for number in 1...40 {
      try recorder.append(
        Event(
          timestamp: Timestamp(nanoseconds: Int64(1100 + number)), kind: "function_exit",
          process: "deep", function: Function(name: "again")))
    }
    let deep = try #require(try recorder.recording.moment(at: 1100).processes.first)
    #expect(deep.stack.count == 1024)
    #expect(deep.unlistedCallCount == 76)
    let later = try #require(try recorder.recording.moment(at: 1140).processes.first)
    #expect(later.stack.count == 1024)
    #expect(later.unlistedCallCount == 36)
    // More processes than a context has room for.
    let name = String(repeating: "x", count: 3000)
    for number in 0..<800 {
      try recorder.append(
        Event(timestamp: 2000, kind: "function_entry", process: "\(number)" + name))
    }
    for number in 3000...5000 { try recorder.append(numbered(number)) }
    try recorder.close()
    let recording = try Recording(folder: folder)
    #expect(try !recording.moment(at: 5000).isComplete)
    // Of one process it goes back until it is found.
    let one = try recording.moment(at: 5000, process: "799" + name)
    #expect(one.processes.first?.stack.count == 1)
    #expect(try recording.verify { _ in }.findingCount == 0)
  }

  /// Of the real recording: what was alive, called and known at random moments.
  @Test func momentsOfTheSampleAreThoseOfAPlainReplay() throws {
    try withTemporaryDirectory { path in
      let recorder = try Recorder(path: path + "/r")
      for event in try Sample.events(Sample.hasFull ? Sample.fullPath ?? "" : Sample.cutPath) {
        try recorder.append(event)
      }
      try recorder.close()
      let recording = try Recording(path: path + "/r")
      let first = try #require(try recording.events(limit: 1).events.first?.timestamp)
      let newest = try recording.events(Query(order: .descending), limit: 1).events.first
      let last = try #require(newest?.timestamp)
      let span = Int(last.nanoseconds - first.nanoseconds)
      var random = SeededRandom(7)
      let count = environment("REEL_SWEEP") == "all" ? 1000 : 16
      var times = (0..<count).map { _ in
        Timestamp(nanoseconds: first.nanoseconds + Int64(random.below(span)))
      }
      times.sort(by: >)
      var model = MomentModel()
      func check(_ time: Timestamp) throws {
        let moment = try recording.moment(at: time)
        #expect(model.difference(from: moment) == nil, "\(time)")
        #expect(moment.isComplete)
      }
      try recording.forEach { view throws(ReelError) in
        while let time = times.last, time < view.timestamp {
          do { try check(time) } catch let error as ReelError { throw error } catch {}
          times.removeLast()
        }
        model.take(view.event, KindRoles()[view.kind ?? ""])
      }
      #expect(times.isEmpty)
    }
  }
}
