import Testing

@testable import Reel

/// Every step from every event leads where a sorted array says.
@Suite struct NavigatorTests {
  private static var configuration: RecorderConfiguration {
    var configuration = RecorderConfiguration.tiny
    configuration.roles = RandomLives.roles
    configuration.attributes = RandomEvents.declarations
    configuration.contextRecordInterval = 100
    configuration.contextByteRatio = 1
    return configuration
  }

  /// A recorder that is still open, half of whose events are in segments, and the model.
  private func record(
    _ events: [Event], in folder: MemoryFolder
  ) throws -> (recorder: Recorder, model: ModelStore) {
    var model = ModelStore()
    let recorder = try Recorder(folder: folder, configuration: Self.configuration)
    try recorder.append(Array(events.prefix(events.count / 2)), to: &model)
    try recorder.flush()
    try recorder.append(Array(events.dropFirst(events.count / 2)), to: &model)
    return (recorder, model)
  }

  @Test func everyStepFromEveryEventOnEveryTrackLeadsWhereTheArraySays() throws {
    for seed in seeds(2) {
      var random = RandomEvents(seed: seed)
      let (recorder, store) = try record(random.events(150), in: MemoryFolder())
      let model = NavigatorModel(store.events(Query()))
      let recording = try recorder.recording
      for filter in [Query()] + (0..<4).map({ _ in random.query() }) {
        let navigator = Navigator(recording, filter: filter)
        var all = filter
        all.order = .ascending
        let matching = Set(store.events(all).compactMap(\.sequenceNumber))
        for (place, event) in model.events.enumerated() {
          for track in Navigator.Track.allCases {
            for direction in Navigator.Direction.allCases {
              navigator.seek(to: event)
              let found = try navigator.step(direction, along: track)
              let wanted = model.step(from: place, direction, track) {
                $0.sequenceNumber.map(matching.contains) ?? false
              }
              #expect(found == wanted, "seed \(seed) \(place) \(track) \(direction) \(filter)")
              #expect(navigator.current == found ?? event)
            }
          }
        }
      }
      try recorder.close()
    }
  }

  @Test func walkingTheWholeWayMeetsEveryEventOfATrack() throws {
    for seed in seeds(3) {
      var random = RandomEvents(seed: seed)
      let (recorder, store) = try record(random.events(600), in: MemoryFolder())
      for direction in Navigator.Direction.allCases {
        for track in Navigator.Track.allCases {
          let navigator = Navigator(try recorder.recording)
          var query = Query(order: direction == .forward ? .ascending : .descending)
          var found: [Event] = []
          while let event = try navigator.step(direction, along: found.isEmpty ? .all : track) {
            found.append(event)
          }
          let first = try #require(found.first)
          switch track {
          case .all: break
          case .process: (query.process, query.role) = (first.process, .process)
          case .function: continue
          case .correlation: query.correlationID = first.correlationID
          case .kind: query.kinds = first.kind.map { [$0] } ?? []
          }
          let isOnTrack =
            track == .all || track == .process && first.process != nil
            || track == .correlation && first.correlationID != nil
            || track == .kind && first.kind != nil
          let wanted = isOnTrack ? store.events(query) : [first]
          #expect(difference(found, wanted) == nil, "seed \(seed) \(track) \(direction)")
        }
      }
      try recorder.close()
    }
  }

  @Test func seekingGoesToTheNearestEventOfATime() throws {
    var random = RandomEvents(seed: 5)
    let (recorder, store) = try record(random.events(200), in: MemoryFolder())
    let events = store.events(Query())
    let navigator = Navigator(try recorder.recording)
    for time in Int64(-120)...320 {
      let moment = Timestamp(nanoseconds: time)
      let after = events.first { $0.timestamp ?? .min >= moment }
      #expect(try navigator.seek(to: moment) == after)
      let before = events.last { $0.timestamp ?? .min <= moment }
      #expect(try navigator.seek(to: moment, .backward) == before)
    }
    for event in events {
      #expect(try navigator.seek(to: try #require(event.sequenceNumber)) == event)
      let id = try #require(event.id)
      #expect(try navigator.seek(to: id)?.id == id)
    }
    let last = navigator.current
    #expect(try navigator.seek(to: SequenceNumber(rawValue: 999_999)) == nil)
    #expect(navigator.current == last)
    try recorder.close()
  }

  /// Lives of processes without events that come late: those are in no order that a program had.
  private func lives(_ seed: UInt64, _ count: Int) -> [Event] {
    var lives = RandomLives(seed: seed)
    var latest = Timestamp.min
    return (0..<count).map { _ in
      var event = lives.event()
      latest = max(latest, event.timestamp ?? .min)
      event.timestamp = latest
      return event
    }
  }

  @Test func stepsByCallsLeadWhereTheCallsSay() throws {
    for seed in seeds(Sweep.isFull ? 4 : 2) {
      let (recorder, store) = try record(lives(seed, 600), in: MemoryFolder())
      let recording = try recorder.recording
      let model = NavigatorModel(store.events(Query()), roles: try recording.roles)
      let processes = Set(model.events.compactMap(\.process)).sorted()
      for process in processes {
        for (place, wanted) in model.steps(ofProcess: process) {
          let found = try steps(recording, model.events[place])
          let event = model.events[place]
          #expect(
            found == wanted,
            "seed \(seed) \(process) #\(event.sequenceNumber?.rawValue ?? 0) \(event.kind ?? "-")")
        }
      }
      try recorder.close()
    }
  }

  private func steps(_ recording: Recording, _ event: Event) throws -> NavigatorModel.Steps {
    func number(_ step: (Navigator) throws -> Event?) throws -> SequenceNumber? {
      let navigator = Navigator(recording)
      navigator.seek(to: event)
      return try step(navigator)?.sequenceNumber
    }
    return NavigatorModel.Steps(
      over: try number { try $0.stepOver() }, overBack: try number { try $0.stepOver(.backward) },
      into: try number { try $0.stepInto() }, intoBack: try number { try $0.stepInto(.backward) },
      out: try number { try $0.stepOut() }, outBack: try number { try $0.stepOut(.backward) })
  }

  @Test func callsOfTheSampleAreSteppedOverAsTheTreeHasThem() throws {
    let folder = MemoryFolder()
    let recorder = try Recorder(folder: folder, configuration: RecorderConfiguration())
    for event in try Sample.events(Sample.cutPath).prefix(4000) { try recorder.append(event) }
    let recording = try recorder.recording
    let navigator = Navigator(recording)
    var count = 0
    for lane in try recording.callTree(Query()).lanes.prefix(8) {
      for node in lane.nodes where node.isCall && !node.beganBefore {
        guard let exit = node.exit else { continue }
        navigator.seek(to: node.event)
        #expect(try navigator.stepOver() == exit)
        #expect(try navigator.stepOver(.backward) == node.event)
        let parent = node.parent.map { lane.nodes[$0].event }
        #expect(try navigator.stepOut(.backward) == parent)
        count += 1
      }
    }
    #expect(count > 50)
    try recorder.close()
  }

  @Test func aCallDoesNotGoOnInTheNextRun() throws {
    let folder = MemoryFolder()
    var entry = Event(timestamp: 1, kind: "function_entry", process: "p")
    entry.function = Function(name: "f")
    var exit = Event(timestamp: 9, kind: "function_exit", process: "p")
    exit.function = Function(name: "f")
    let first = try Recorder(folder: folder, configuration: .tiny)
    let number = try #require(try first.append(entry))
    try first.close()
    let second = try Recorder(folder: folder, configuration: .tiny)
    try second.append(exit)
    let navigator = Navigator(try second.recording)
    try navigator.seek(to: number)
    #expect(try navigator.stepOver() == nil)
    #expect(navigator.current?.sequenceNumber == number)
    try second.close()
  }

  @Test func stepsSeeWhatHasComeMeanwhileAlsoBetweenTwoEvents() throws {
    let recorder = try Recorder(folder: MemoryFolder(), configuration: .tiny)
    let navigator = Navigator(try recorder.recording)
    #expect(try navigator.step() == nil)
    for number in [10, 20, 40] { try recorder.append(numbered(number)) }
    #expect(try navigator.step()?.timestamp == 10)
    #expect(try navigator.step()?.timestamp == 20)
    // It comes late, right behind the place.
    try recorder.append(numbered(30))
    #expect(try navigator.step()?.timestamp == 30)
    #expect(try navigator.step()?.timestamp == 40)
    #expect(try navigator.step() == nil)
    try recorder.append(numbered(50))
    #expect(try navigator.step()?.timestamp == 50)
    try recorder.removeEvents(before: 35)
    #expect(try navigator.step(.backward)?.timestamp == 40)
    #expect(try navigator.step(.backward) == nil)
    try recorder.close()
  }

  @Test func densityCountsEveryEventInItsStretch() throws {
    for seed in seeds(3) {
      var random = RandomEvents(seed: seed)
      random.narrowTime = seed % 2 == 0
      let (recorder, store) = try record(random.events(500), in: MemoryFolder())
      for query in [Query()] + (0..<6).map({ _ in random.query() }) {
        for count in [1, 7, 80] {
          var all = query
          all.order = .ascending
          let events = store.events(all)
          let density = try recorder.recording.density(query, stretchCount: count)
          #expect(density?.counts.reduce(0, +) ?? 0 == events.count, "seed \(seed) \(query)")
          guard let density else { continue }
          var wanted = [Int](repeating: 0, count: count)
          for event in events {
            let time = event.timestamp ?? .min
            let stretch = (0..<count).last { density.start(of: $0) <= time } ?? 0
            wanted[stretch] += 1
          }
          #expect(density.counts == wanted, "seed \(seed) \(query)")
        }
      }
      try recorder.close()
    }
  }
}
