import Foundation
import Testing

@testable import Reel

/// A repair saves every event that can be read, and says of all others that they are lost.
@Suite struct RepairTests {
  /// A recording of several segments and runs with cuts, documents and, if `isKilled`, a buffer.
  private func makeRecording(
    at path: String, seed: UInt64, isKilled: Bool
  ) throws -> ModelStore {
    var random = RandomEvents(seed: seed)
    var configuration = RecorderConfiguration.tiny
    configuration.attributes = RandomEvents.declarations
    var model = ModelStore()
    let first = try Recorder(path: path, configuration: configuration)
    try first.append(random.events(250), to: &model)
    try first.setDocument("plan", Array("one".utf8))
    try first.setDocument("plan", Array("two".utf8))
    try first.close()
    let live = isKilled ? path + "-live" : path
    if isKilled { try copyFolder(path, to: live) }
    let second = try Recorder(path: live, configuration: configuration)
    try second.append(random.events(200), to: &model)
    let moment = Timestamp(nanoseconds: 40)
    #expect(try second.removeEvents(before: moment) == model.removeEvents(before: moment))
    try second.append(random.events(50), to: &model)
    if isKilled {
      // What is unlinked while the folder is copied would be missing, and its drop record with it.
      try second.enforceRetention()
      try FileManager.default.removeItem(atPath: path)
      try copyLiveFolder(live, to: path)
    }
    try second.close()
    if isKilled { try FileManager.default.removeItem(atPath: live) }
    return model
  }

  /// The bytes of all files of a folder.
  private func contents(_ path: String) throws -> [String: Data] {
    var contents: [String: Data] = [:]
    for name in try FileManager.default.subpathsOfDirectory(atPath: path) {
      contents[name] = FileManager.default.contents(atPath: path + "/" + name)
    }
    return contents
  }

  @Test(arguments: [false, true])
  func aSoundRecordingIsCarriedOverWhole(isKilled: Bool) throws {
    try withTemporaryDirectory { path in
      for seed in seeds(3) {
        let source = path + "/\(seed)"
        let model = try makeRecording(at: source, seed: seed, isKilled: isKilled)
        let before = try contents(source)
        let report = try Recording.repair(source, to: path + "/\(seed)-repaired")
        #expect(report.isComplete && report.damages.isEmpty, "seed \(seed): \(report.damages)")
        #expect(report.documentCount == 2)
        #expect(try contents(source) == before)
        let old = try Recording(path: source)
        let new = try Recording(path: path + "/\(seed)-repaired")
        let events = try new.events(limit: nil).events
        #expect(difference(events, model.events(Query())) == nil, "seed \(seed)")
        // A run that was killed is followed by the repair, as by any other run.
        let runs = try new.statistics().runs.map(\.id)
        let earlier = try old.statistics().runs.map(\.id)
        #expect(runs.starts(with: earlier) && runs.count == earlier.count + (isKilled ? 1 : 0))
        #expect(try new.statistics().attributes == old.statistics().attributes)
        #expect(try new.document("plan").bytes == Array("two".utf8))
        #expect(try new.verify { _ in }.findingCount == 0)
        // Recording goes on in it.
        let recorder = try Recorder(path: path + "/\(seed)-repaired")
        try recorder.append(Event(id: "later", timestamp: 1_000_000))
        try recorder.close()
        #expect(try new.count() == model.events.count + 1)
      }
    }
  }

  /// Harms a file as rot, a careless copy or a bad sector would.
  private func harm(_ file: String, _ random: inout SeededRandom) throws {
    var bytes = try bytes(ofFile: file)
    guard !bytes.isEmpty else { return }
    switch random.below(4) {
    case 0: bytes[random.below(bytes.count)] ^= UInt8(1 << random.below(8))
    case 1:
      let start = random.below(bytes.count)
      for index in start..<min(bytes.count, start + 1 + random.below(3000)) { bytes[index] = 0 }
    case 2: bytes.removeLast(random.below(bytes.count))
    default: return try FileManager.default.removeItem(atPath: file)
    }
    try Data(bytes).write(to: URL(fileURLWithPath: file))
  }

  @Test(arguments: [false, true])
  func allThatCanBeReadIsSavedAndTheRestIsListed(isKilled: Bool) throws {
    try withTemporaryDirectory { path in
      for seed in seeds(25) {
        let source = path + "/\(seed)"
        let model = try makeRecording(at: source, seed: seed, isKilled: isKilled)
        var random = SeededRandom(seed)
        let files = try fileNames(source).filter {
          $0.hasSuffix(".segment") || $0.hasSuffix(".buffer")
        }
        for _ in 0...random.below(3) {
          let file = source + "/" + files[random.below(files.count)]
          if FileManager.default.fileExists(atPath: file) { try harm(file, &random) }
        }
        if random.chance(3), let first = files.first {
          // A renamed segment is found by what is in it.
          try? FileManager.default.moveItem(
            atPath: source + "/" + first, toPath: source + "/renamed")
        }
        try expectRepair(of: source, to: path + "/\(seed)-repaired", model, "seed \(seed)")
      }
    }
  }

  private func expectRepair(
    of source: String, to path: String, _ model: ModelStore, _ comment: Comment
  ) throws {
    let before = try contents(source)
    let readable = (try? Recording(path: source).events(limit: nil).events) ?? []
    let start = SystemClock().wall()
    let report = try Recording.repair(source, to: path)
    #expect(try contents(source) == before, comment)
    guard report.hasSavedAnything else {
      #expect(readable.isEmpty && !FileManager.default.fileExists(atPath: path), comment)
      return
    }
    let recording = try Recording(path: path)
    let saved = try recording.events(limit: nil).events
    let numbers = Set(saved.compactMap { $0.sequenceNumber })
    var wanted: [SequenceNumber: Event] = [:]
    for event in model.events { if let number = event.sequenceNumber { wanted[number] = event } }
    for event in saved {
      // Events that were removed may come back where the removal was noted in what is lost.
      if let number = event.sequenceNumber, let known = wanted[number] {
        var expected = known
        if report.hasLostAttributes { expected.attributes = event.attributes }
        #expect(event == expected, comment)
      }
    }
    for event in readable where wanted[event.sequenceNumber ?? SequenceNumber(rawValue: 0)] != nil {
      #expect(event.sequenceNumber.map(numbers.contains) == true, comment)
    }
    // Where the last run had no end, the repair has noted a run of its own: beyond, nobody knows.
    let statistics = try recording.statistics()
    let end =
      statistics.runs.first { $0.startWall >= start }?.firstSequence
      ?? statistics.nextSequenceNumber
    for number in wanted.keys where !numbers.contains(number) && number < end {
      #expect(
        report.lostSequenceNumbers.contains { $0.contains(number.rawValue) }, comment)
    }
    #expect(try recording.verify { _ in }.isSound, comment)
  }

  @Test func nothingIsOverwrittenAndNoLiveRecordingIsTouched() throws {
    try withTemporaryDirectory { path in
      let recorder = try Recorder(path: path + "/live")
      try recorder.append(Event(id: "a", timestamp: 1))
      #expect(throws: ReelError.self) { try Recording.repair(path + "/live", to: path + "/new") }
      try recorder.close()
      try FileManager.default.createDirectory(
        atPath: path + "/full/inside", withIntermediateDirectories: true)
      for target in ["/full", "/live", "/live/writer.lock"] {
        #expect(throws: ReelError.self) { try Recording.repair(path + "/live", to: path + target) }
      }
      #expect(throws: ReelError.self) { try Recording.repair(path + "/none", to: path + "/new") }
      #expect(throws: ReelError.self) { try Recording.repair(path + "/full", to: path + "/new") }
      #expect(try fileNames(path) == ["full", "live"])
      #expect(try Recording.repair(path + "/live", to: path + "/new").eventCount == 1)
    }
  }

  @Test(arguments: [false, true])
  func aFailedReadIsNoDamageToARepair(isClosed: Bool) throws {
    let recipe = try DamageRecipe(isClosed: isClosed)
    let plain = FaultyFolder(MemoryFolder(recipe.image))
    let wanted = try Recording.repair(plain, to: MemoryFolder()) { _ in }
    #expect(wanted.isComplete && wanted.hasSavedAnything)
    for call in [Call.open, .read, .list, .byteCount, .folder, .lock, .modificationTime] {
      for index in 0..<plain.counts[call, default: 0] {
        let fault = Fault(call: call, index: index, code: ErrorNumber.inputOutput)
        let source = FaultyFolder(MemoryFolder(recipe.image), fault)
        do throws(ReelError) {
          let report = try Recording.repair(source, to: MemoryFolder()) { _ in }
          #expect(report == wanted, "\(fault)")
        } catch {
          guard case .io(let failure) = error else {
            Issue.record("\(fault): \(error)")
            continue
          }
          #expect(failure.code == fault.code, "\(fault)")
        }
      }
    }
  }

  @Test func whatABlockHeldThatIsCutShortIsListedAsLost() throws {
    let recipe = try DamageRecipe(isClosed: true)
    let last = try #require(
      recipe.blocks.max { $0.sequences.upperBound < $1.sequences.upperBound })
    var image = recipe.image
    image[last.file]?.removeSubrange((last.bytes.upperBound - 1)...)
    let report = try Recording.repair(MemoryFolder(image), to: MemoryFolder()) { _ in }
    #expect(report.lostSequenceNumbers == [last.sequences])
    #expect(!report.isComplete)
  }

  @Test(arguments: [0, 100])
  func ofASegmentThatCannotBeReadTheFirstNumberIsListedAsLost(byteCount: Int) throws {
    let recipe = try DamageRecipe(isClosed: true)
    let name = try #require(recipe.segments.last)
    let first = try #require(FileName.firstSequence(ofSegment: name))
    var image = recipe.image
    image[name] = [UInt8](repeating: 0, count: byteCount)
    let report = try Recording.repair(MemoryFolder(image), to: MemoryFolder()) { _ in }
    #expect(report.lostSequenceNumbers == [first...first])
  }

  @Test func theEndOfABufferThatIsZeroedIsALoss() throws {
    let recipe = try DamageRecipe(isClosed: false)
    let last = try #require(recipe.frames.last)
    var image = recipe.image
    for offset in last.bytes { image[last.file]?[offset] = 0 }
    let report = try Recording.repair(MemoryFolder(image), to: MemoryFolder()) { _ in }
    // The frame's first number was given, the header says; how many it had nobody can tell.
    let first = last.sequences.lowerBound
    #expect(report.lostSequenceNumbers == [first...first])
    #expect(report.damages.map(\.bytes.lowerBound) == [last.bytes.lowerBound])
  }
}
