import Testing

@testable import Reel
@testable import ReelTool

/// What keys and the time do to the player, without a terminal.
@Suite struct PlayerModelTests {
  let recorder: Recorder
  let recording: Recording
  private static let start: Int64 = 1_795_223_980_000_000_000
  private static let milli: Int64 = 1_000_000
  private static let kinds = [
    "function_entry", "function_entry", "message_send", "function_exit", "function_exit",
  ]
  private static let outer = Function(module: "M", name: "outer", arity: 1)
  private static let inner = Function(module: "M", name: "inner", arity: 0)
  private static let functions: [Function?] = [outer, inner, nil, inner, outer]

  init() throws {
    recorder = try Recorder(folder: MemoryFolder(path: "somewhere/trace"), configuration: .tiny)
    // A call within a call, again and again, a millisecond from event to event.
    for number in 0..<200 {
      let place = number % 5
      var event = Event(
        timestamp: Timestamp(nanoseconds: Self.start + Int64(number) * Self.milli),
        kind: Self.kinds[place], process: "<0.\(number / 5 % 2).0>",
        correlationID: "req-\(number / 10)")
      event.function = Self.functions[place]
      event.payload = Payload(#"{"n":\#(number)}"#, encoding: .json)
      if number == 150 { event.payload = Payload("a Needle here") }
      try recorder.append(event)
    }
    recording = try recorder.recording
  }

  private func model(clock: Int64 = 0) throws -> PlayerModel {
    try PlayerModel(recording, clock: clock)
  }

  /// Where the blocks of a segment lie.
  private func blocks(of name: String, in folder: MemoryFolder) throws -> [Range<Int>] {
    let segment = try SegmentInspection(file: try folder.open(name, .read))
    return segment.parts.compactMap {
      guard case .block = $0.content else { return nil }
      return $0.offset..<($0.offset + $0.byteCount)
    }
  }

  @Test func whatIsDamagedHasItsTimeAndWhatWasRemovedIsAtTheBeginning() throws {
    #expect(try model().lacks.isEmpty)
    let folder = MemoryFolder()
    var configuration = RecorderConfiguration.tiny
    configuration.maximumEventCount = 150
    let recorder = try Recorder(folder: folder, configuration: configuration)
    for number in 0..<400 {
      try recorder.append(
        Event(timestamp: Timestamp(nanoseconds: Int64(number)), kind: "k", process: "p"))
    }
    try recorder.close()
    let whole = try Recording(folder: folder)
    let removed = try PlayerModel(whole, clock: 0)
    let range = try #require(removed.density?.range)
    #expect(removed.lacks.map(\.range) == [range.lowerBound...range.lowerBound])
    #expect(removed.lacks[0].text.hasSuffix("events removed before"))
    var image = folder.image
    let names = image.keys.filter { $0.hasSuffix(FileName.segmentSuffix) }.sorted()
    let name = names[names.count / 2]
    let block = try #require(try blocks(of: name, in: folder).first)
    image[name]?[block.upperBound - 1] ^= 1
    let damaged = try Recording(folder: MemoryFolder(image))
    let lacks = try PlayerModel(damaged, clock: 0).lacks
    let left = Set(try damaged.events(limit: nil).events.compactMap(\.timestamp))
    let lost = try whole.events(limit: nil).events.compactMap(\.timestamp).filter {
      !left.contains($0)
    }
    #expect(!lost.isEmpty)
    let place = try #require(lacks.first { $0.text.hasSuffix("damaged") }?.range)
    #expect(lost.allSatisfy { place.contains($0) })
    let last = try #require(lost.last).nanoseconds
    #expect(!place.contains(Timestamp(nanoseconds: last + 8)))
  }

  @Test func damageThatStepsMeetIsMarkedAndTold() throws {
    let folder = MemoryFolder()
    var configuration = RecorderConfiguration.tiny
    configuration.segmentByteCount = 1 << 20
    let recorder = try Recorder(folder: folder, configuration: configuration)
    for number in 1...600 { try recorder.append(numbered(number)) }
    try recorder.close()
    var image = folder.image
    let name = try #require(image.keys.first { $0.hasSuffix(FileName.segmentSuffix) })
    let blocks = try blocks(of: name, in: folder)
    let block = try #require(blocks.count > 4 ? blocks[blocks.count / 2] : nil)
    image[name]?[block.upperBound - 1] ^= 1
    let model = try PlayerModel(Recording(folder: MemoryFolder(image)), clock: 0)
    #expect(model.lacks.isEmpty)
    var told: [String] = []
    for _ in 0..<600 {
      model.handle(.right, at: 0)
      if model.message.contains("damaged") { told.append(model.message) }
    }
    #expect(told.count == 1)
    #expect(model.navigator.current?.sequenceNumber == SequenceNumber(rawValue: 601))
    #expect(model.lacks.map { $0.text.hasSuffix("damaged") } == [true])
  }

  /// The number of the event at the place.
  private func place(_ model: PlayerModel) -> Int? {
    model.navigator.current?.timestamp.map {
      Int(($0.nanoseconds - Self.start) / Self.milli)
    }
  }

  private func press(_ text: String, _ model: PlayerModel, clock: Int64 = 0) {
    for character in text {
      model.handle(character == "\n" ? .enter : .character(character), at: clock)
    }
  }

  @Test func keysStepForwardsAndBackwards() throws {
    let model = try model()
    #expect(place(model) == 0 && model.eventCount == 200)
    let steps: [(Key, Int)] = [
      (.right, 1), (.character("l"), 2), (.down, 3), (.left, 2), (.pageDown, 12), (.up, 11),
      (.pageUp, 1), (.end, 199), (.right, 199), (.home, 0), (.left, 0), (.character("p"), 1),
      (.character("p"), 2), (.character("p"), 3), (.character("p"), 4), (.character("p"), 10),
      (.character("P"), 4), (.character("F"), 0), (.character("f"), 4), (.character("k"), 8),
      (.character("K"), 4), (.character("c"), 5), (.character("C"), 4),
    ]
    for (key, wanted) in steps {
      model.handle(key, at: 0)
      #expect(place(model) == wanted, "\(key)")
      #expect(model.head == model.navigator.current?.timestamp)
    }
    model.handle(.end, at: 0)
    model.handle(.right, at: 0)
    #expect(model.message == "no event after this one")
  }

  @Test func keysStepByCalls() throws {
    let model = try model()
    let steps: [(String, Int)] = [
      ("o", 4), ("O", 0), ("i", 1), ("o", 3), ("I", 3), ("O", 1), ("u", 4), ("U", 4), ("I", 3),
    ]
    for (key, wanted) in steps {
      press(key, model)
      #expect(place(model) == wanted, "\(key)")
    }
  }

  @Test(arguments: [
    ("g50%\n", 99), ("g#12\n", nil), ("g+5ms\n", 5), ("g-1s\n", 0), ("gend\n", 199),
    ("gend\ngstart\n", 0), ("g1795223980100000000\n", 100), ("g01:19:40.0425\n", 43),
    ("g2026-11-21T01:19:40.1Z\n", 100), ("g+900s\n", 199), ("gnonsense\n", 0), ("g\n", 0),
  ])
  func aPlaceIsGoneTo(keys: String, wanted: Int?) throws {
    let model = try model()
    press(keys, model)
    #expect(model.prompt == nil)
    if let wanted {
      #expect(
        abs((place(model) ?? -9) - wanted) <= (keys.contains("%") ? 1 : 0), "\(model.message)")
    } else {
      #expect(model.navigator.current?.sequenceNumber?.rawValue == 12)
    }
    #expect(model.message.isEmpty == !keys.contains("nonsense"))
  }

  @Test func aPromptIsEditedAndGivenUp() throws {
    let model = try model()
    press("gxy", model)
    model.handle(.backspace, at: 0)
    #expect(model.prompt?.text == "x")
    model.handle(.control("u"), at: 0)
    #expect(model.prompt?.text == "")
    // What is a command elsewhere is text here.
    press("q?", model)
    #expect(model.prompt?.text == "q?" && !model.isDone)
    model.handle(.escape, at: 0)
    #expect(model.prompt == nil && !model.isDone)
  }

  @Test func playingGoesAtTheSpeedOfTheRecordingTimesTheFactor() throws {
    let model = try model()
    let second: Int64 = 1_000_000_000
    press(" ", model, clock: 10 * second)
    #expect(model.isPlaying)
    model.advance(to: 10 * second + 7 * Self.milli)
    #expect(place(model) == 7)
    model.advance(to: 10 * second + 7 * Self.milli + 300_000)
    #expect(place(model) == 7)
    #expect(model.head.nanoseconds == Self.start + 7 * Self.milli + 300_000)
    press("-", model, clock: 10 * second + 8 * Self.milli)
    #expect(model.speed == 0.5)
    press("--", model, clock: 10 * second + 8 * Self.milli)
    #expect((model.speed * 10).rounded() == 1)
    model.advance(to: 10 * second + 38 * Self.milli)
    // At the last advance it was at 7.3; thirty milliseconds at a tenth are three.
    #expect(place(model) == 10)
    press("+++", model, clock: 10 * second + 38 * Self.milli)
    #expect((model.speed - 1).magnitude < 1e-9)
    press(" ", model, clock: 10 * second + 38 * Self.milli)
    #expect(!model.isPlaying)
    model.advance(to: 99 * second)
    #expect(place(model) == 10)
    press(" ", model, clock: 100 * second)
    model.advance(to: 110 * second)
    #expect(place(model) == 199 && !model.isPlaying && model.message == "the end")
  }

  @Test func theDeadlineIsTheNextEventButNeitherTooSoonNorTooLate() throws {
    let model = try model()
    press(" ", model, clock: 1000)
    #expect(model.deadline(after: 1000) == 1000 + 33_000_000)
    press("-------", model, clock: 1000)
    #expect((model.speed * 200).rounded() == 1)
    #expect(model.deadline(after: 1000) == 1000 + 100_000_000)
    // After 160 of its 200 milliseconds.
    model.advance(to: 1000 + 160_000_000)
    #expect(abs(model.deadline(after: 160_001_000) - 200_001_000) <= 1000)
  }

  @Test func aSearchGoesBothWays() throws {
    let model = try model()
    press("/nEEdle\n", model)
    #expect(model.searching != nil)
    model.advance(to: 0)
    #expect(place(model) == 150 && model.searching == nil)
    press("n", model)
    model.advance(to: 0)
    #expect(place(model) == 150 && model.message.contains("in no event after"))
    press("/inner\n", model)
    model.advance(to: 0)
    #expect(place(model) == 151)
    press("N", model)
    model.advance(to: 0)
    #expect(place(model) == 148)
    press("/\n", model)
    #expect(model.search?.text == "inner")
  }

  @Test func aFilterIsSetRefusedAndTakenAway() throws {
    let model = try model()
    press("ekind=message_send process=<0.1.0>\n", model)
    #expect(model.filterText == "kind=message_send process=<0.1.0>", "\(model.message)")
    #expect(model.eventCount == 20 && place(model) == 7)
    model.handle(.right, at: 0)
    #expect(place(model) == 17)
    for wrong in ["e nonsense\n", "e nothing=1\n", "e arity=x\n"] {
      press(wrong, model)
      #expect(!model.message.isEmpty && model.eventCount == 20, "\(wrong)")
      #expect(!model.message.contains("\n"))
    }
    press("e", model)
    model.handle(.control("u"), at: 0)
    press("kind=none\n", model)
    #expect(model.message.contains("stays") && model.eventCount == 20)
    press("e", model)
    model.handle(.control("u"), at: 0)
    press("\n", model)
    #expect(model.filterText == "" && model.eventCount == 200 && place(model) == 17)
  }

  @Test func helpIsShownAndQuitQuits() throws {
    let model = try model()
    press("?", model)
    #expect(model.showsHelp)
    press("l", model)
    #expect(!model.showsHelp && place(model) == 0)
    press("q", model)
    #expect(model.isDone)
    let other = try self.model()
    other.handle(.control("c"), at: 0)
    #expect(other.isDone)
  }

  @Test func whatIsRecordedMeanwhileIsPlayedAndCounted() throws {
    let model = try model()
    model.handle(.end, at: 0)
    let time = Self.start + 500 * Self.milli
    try recorder.append(Event(timestamp: Timestamp(nanoseconds: time), kind: "late"))
    model.handle(.right, at: 0)
    #expect(model.navigator.current?.kind == "late")
    model.advance(to: 3_600_000_000_000)
    #expect(model.eventCount == 201)
  }

  @Test func aRecordingWithoutEventsIsNoFailure() throws {
    let empty = try Recorder(folder: MemoryFolder(), configuration: .tiny)
    let model = try PlayerModel(try empty.recording, clock: 0)
    for key in [Key.right, .left, .end, .home, .character(" "), .character("n"), .character("u")] {
      model.handle(key, at: 0)
      model.advance(to: 0)
    }
    press("g10%\n/x\ni", model)
    #expect(model.navigator.current == nil && !model.isPlaying)
    let screen = PlayerScreen(columnCount: 80, rowCount: 24)
    #expect(screen.rows(try PlayerView(model, neighbourCount: 5)).count == 24)
    try empty.close()
  }

  @Test(
    arguments: [
      ([0x61], [Key.character("a")]), ([0x1B, 0x5B, 0x43], [.right]),
      ([0x1B, 0x4F, 0x41], [.up]), ([0x1B, 0x5B, 0x35, 0x7E], [.pageUp]),
      ([0x1B, 0x5B, 0x31, 0x3B, 0x35, 0x43], [.right]),
      ([0x1B, 0x71], [.escape, .character("q")]),
      ([0xC3, 0xA4, 0x0D], [.character("ä"), .enter]),
      ([0x03, 0x7F], [.control("c"), .backspace]),
      ([0xFF, 0x61], [.unknown, .character("a")]), ([0x1B], [.escape]), ([0x1B, 0x5B], [.escape]),
      ([0xE2, 0x82], [.unknown]), ([0x1B, 0x5B, 0x39, 0x39, 0x7E], [.unknown]),
    ] as [([UInt8], [Key])])
  func bytesAreKeys(bytes: [UInt8], wanted: [Key]) {
    // However they are cut into pieces.
    for cut in 0...bytes.count {
      var decoder = KeyDecoder()
      var found: [Key] = []
      decoder.take(Array(bytes[..<cut]))
      while let key = decoder.next() { found.append(key) }
      decoder.take(Array(bytes[cut...]))
      while let key = decoder.next() { found.append(key) }
      while let key = decoder.next(isLate: true) { found.append(key) }
      #expect(found == wanted, "cut at \(cut)")
      #expect(!decoder.isPending)
    }
  }

  @Test func anyBytesEndInKeys() {
    for seed in seeds(20) {
      var random = SeededRandom(seed)
      var decoder = KeyDecoder()
      for _ in 0..<200 {
        decoder.take(
          (0..<random.below(12)).map { _ in
            random.chance(4) ? 0x1B : UInt8.random(in: 0...255, using: &random)
          })
        while decoder.next() != nil {}
      }
      while decoder.next(isLate: true) != nil {}
      #expect(!decoder.isPending, "seed \(seed)")
    }
  }
}
