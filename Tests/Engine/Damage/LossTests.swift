import Testing

@testable import Reel

/// What is gone with whole files is told, once as damage and from then on as known.
@Suite struct LossTests {
  private func findings(
    _ folder: MemoryFolder, _ severity: VerificationFinding.Severity
  ) throws -> [Corruption] {
    var found: [Corruption] = []
    _ = try Recording(folder: folder).verify {
      if $0.severity == severity { found.append($0.corruption) }
    }
    return found
  }

  private func goOn(_ folder: MemoryFolder) throws -> RecoveryReport {
    let recorder = try Recorder(folder: folder, configuration: DamageRecipe.configuration)
    try recorder.append(Event(id: "later", timestamp: .max))
    try recorder.close()
    return recorder.recovery
  }

  /// Holds what is told of a loss before, at and after an opening against each other.
  private func check(
    _ image: FolderImage, missing: (ClosedRange<UInt64>) -> Bool, _ name: String
  ) throws {
    let folder = MemoryFolder(image)
    #expect(try !findings(folder, .damage).isEmpty, "\(name)")
    let first = try goOn(folder)
    #expect(!first.damages.isEmpty, "\(name)")
    let answer = try Recording(folder: folder).events(limit: nil)
    let isTold = answer.completeness.missing.contains(where: missing)
    #expect(isTold, "\(name): \(answer.completeness.missing)")
    #expect(try findings(folder, .damage).isEmpty, "\(name)")
    #expect(try !findings(folder, .note).isEmpty, "\(name)")
    #expect(try goOn(folder).damages.isEmpty, "\(name)")
    let again = try Recording(folder: folder).events(limit: nil)
    #expect(again.completeness.missing == answer.completeness.missing, "\(name)")
  }

  @Test(arguments: [false, true])
  func theOldestSegmentIsMissed(isClosed: Bool) throws {
    let recipe = try DamageRecipe(isClosed: isClosed)
    var image = recipe.image
    image[recipe.segments[0]] = nil
    let next = try #require(FileName.firstSequence(ofSegment: recipe.segments[1]))
    try check(image, missing: { $0 == 1...(next - 1) }, "\(isClosed)")
  }

  @Test func theNewestSegmentAndTheBufferAreMissed() throws {
    let recipe = try DamageRecipe(isClosed: false)
    for name in [try #require(recipe.segments.last), try #require(recipe.buffer)] {
      var image = recipe.image
      image[name] = nil
      if name != recipe.buffer { image[try #require(recipe.buffer)] = nil }
      try check(image, missing: { _ in true }, name)
    }
  }

  /// Of a run all of whose records were in files that are gone nothing can tell: what is left is what
  /// an earlier close has left, to the byte.
  @Test func aRunAllOfWhoseFilesAreGoneWasNeverThere() throws {
    let folder = MemoryFolder()
    var configuration = DamageRecipe.configuration
    let first = try Recorder(folder: folder, configuration: configuration)
    for number in 1...90 { try first.append(numbered(number)) }
    try first.close()
    let before = folder.image
    // So full that the next run begins a segment.
    configuration.segmentByteCount = 1 << 8
    let second = try Recorder(folder: folder, configuration: configuration)
    for number in 91...99 { try second.append(numbered(number)) }
    try second.close()
    var image = folder.image
    for name in image.keys where before[name] == nil { image[name] = nil }
    try #require(image.keys.sorted() == before.keys.sorted())
    for (name, bytes) in before { #expect(image[name]?.starts(with: bytes) == true) }
    #expect(try findings(MemoryFolder(image), .damage).isEmpty)
    #expect(try Recording(folder: MemoryFolder(image)).count() == 90)
  }

  /// A segment is made when its first record is there.
  @Test func aNewestSegmentWithoutAnyBlockIsMissingItsEnd() throws {
    let recipe = try DamageRecipe(isClosed: true)
    let name = try #require(recipe.segments.last)
    let block = try #require(recipe.blocks.first { $0.file == name })
    var image = recipe.image
    image[name] = image[name].map { Array($0.prefix(block.bytes.lowerBound)) }
    try check(image, missing: { $0.contains(block.sequences.lowerBound) }, name)
  }

  @Test func aClosedRecordingCutBetweenBlocksIsMissingItsEnd() throws {
    let recipe = try DamageRecipe(isClosed: true)
    let last = try #require(recipe.segments.last)
    let blocks = recipe.blocks.filter { $0.file == last }
    for block in blocks {
      var image = recipe.image
      image[last] = image[last].map { Array($0.prefix(block.bytes.lowerBound)) }
      try check(image, missing: { $0.contains(block.sequences.lowerBound) }, "\(block)")
    }
  }

  /// Of a recording whose segments are gone the buffer knows no declarations.
  @Test func attributesWhoseDeclarationsAreLostAreTold() throws {
    let recipe = try DamageRecipe(isClosed: false)
    var image = recipe.image
    for name in recipe.segments { image[name] = nil }
    let recording = try Recording(folder: MemoryFolder(image))
    let answer = try recording.events(limit: nil)
    try #require(!answer.events.isEmpty)
    let isTold = { (damage: Corruption) in damage.reason == AttributeSchema.lostReason }
    #expect(answer.events.contains { !$0.attributes.isEmpty } == false)
    #expect(answer.completeness.damages.filter(isTold).count == 1)
    #expect(try findings(MemoryFolder(image), .damage).contains(where: isTold))
  }

  private func droppingConfiguration(_ durability: Durability) -> RecorderConfiguration {
    var configuration = RecorderConfiguration.minute
    configuration.durability = durability
    configuration.maximumEventCount = 16
    configuration.clock = ManualClock()
    return configuration
  }

  /// At every moment of a run that drops segments, and after each.
  @Test(arguments: Durability.allCases)
  func whatRetentionHasDroppedIsNotMissed(durability: Durability) throws {
    let configuration = droppingConfiguration(durability)
    let folder = MemoryFolder()
    let recorder = try Recorder(folder: folder, configuration: configuration)
    for number in 1...60 {
      try recorder.append(numbered(number))
      let copy = try Recording(folder: folder)
      #expect(try copy.events(limit: nil).completeness.missing.isEmpty, "\(number)")
      guard number % 5 == 0 else { continue }
      try recorder.flush()
      let image = folder.image
      #expect(try Recording(folder: MemoryFolder(image)).verify { _ in }.isSound, "\(number)")
      let killed = try Recorder(folder: MemoryFolder(image), configuration: configuration)
      #expect(killed.recovery == RecoveryReport(killed.recovery.recoveredRecordCount))
      #expect(try killed.recording.verify { _ in }.isSound, "\(number)")
      try killed.close()
    }
    try recorder.close()
  }

  @Test(arguments: [ErrorNumber.noSpace, ErrorNumber.inputOutput])
  func aSegmentThatCannotBeUnlinkedIsCountedOnce(code: Int32) throws {
    let memory = MemoryFolder()
    let configuration = droppingConfiguration(.process)
    let folder = FaultyFolder(memory)
    var count = 0
    do {
      let recorder = try Recorder(folder: folder, configuration: configuration)
      for number in 1...60 {
        if number == 20 {
          folder.set(Fault(call: .unlink, index: 0, code: code, isSticky: true))
        } else if number == 26 {
          folder.set(nil)
        }
        guard (try? recorder.append(numbered(number))) != nil else { break }
        count += 1
        try? recorder.flush()
      }
      try? recorder.close()
    }
    #expect(!folder.failed.isEmpty)
    folder.set(nil)
    try Recorder(folder: memory, configuration: configuration).close()
    let answer = try Recording(folder: memory).events(limit: nil)
    #expect(answer.completeness.missing.isEmpty)
    #expect(Int(answer.completeness.removedEventCount) + answer.events.count == count)
    let files = RecordingFiles(try memory.list())
    let first = try #require(answer.events.first?.sequenceNumber?.rawValue)
    #expect(files.segments[1...].allSatisfy { $0 > first })
  }
}

extension RecoveryReport {
  /// Of a recovery that found nothing wrong.
  fileprivate init(_ recoveredRecordCount: UInt64) {
    self.init()
    self.recoveredRecordCount = recoveredRecordCount
  }
}
