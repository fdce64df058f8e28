import Testing

@testable import Reel

/// Whose recording a folder holds, when another one's files have come into it.
@Suite struct IdentityTests {
  private func numbers(_ answer: Answer) -> Set<UInt64> {
    Set(answer.events.compactMap { $0.sequenceNumber?.rawValue })
  }

  @Test(arguments: [false, true])
  func aForeignFirstSegmentGivesNoEventsAndHidesNone(isClosed: Bool) throws {
    let recipe = try DamageRecipe(isClosed: isClosed)
    let other = try DamageRecipe(isClosed: true, seed: 2)
    var image = recipe.image
    image[recipe.segments[0]] = other.image[other.segments[0]]
    let failures = DamageCheck(recipe, image).run()
    #expect(failures.isEmpty, "\(failures)")
    let answer = try Recording(folder: MemoryFolder(image)).events(limit: nil)
    #expect(
      numbers(answer).isSuperset(
        of: recipe.readable(in: image).intersection(
          recipe.events.compactMap { $0.sequenceNumber?.rawValue })))
    #expect(answer.completeness.missing.first?.lowerBound == 1)
    #expect(answer.completeness.damages.contains { $0.path.hasSuffix(recipe.segments[0]) })
  }

  /// The reader, the opening and the repair decide alike.
  @Test func allDecideAlikeWhoseRecordingItIs() throws {
    let own = try DamageRecipe(isClosed: true)
    let other = try DamageRecipe(isClosed: true, seed: 2)
    for set in 0..<(1 << own.segments.count) {
      var image = own.image
      for (index, name) in own.segments.enumerated() where set >> index & 1 == 1 {
        image[name] = other.image[name] ?? other.image[other.segments[0]]
      }
      let folder = MemoryFolder(image)
      let reader = try Recording(folder: folder).snapshot().recording
      let target = MemoryFolder()
      _ = try Recording.repair(folder, to: target) { _ in }
      let repaired = try Recording(folder: target).snapshot().recording
      let recorder = try Recorder(folder: folder, configuration: DamageRecipe.configuration)
      #expect(recorder.recordingID == reader, "set \(set)")
      #expect(repaired == reader, "set \(set)")
      try recorder.close()
    }
  }

  @Test func aForeignBufferHidesNoBufferBeforeIt() throws {
    let recipe = try DamageRecipe(isClosed: false)
    let other = try DamageRecipe(isClosed: false, seed: 2)
    var image = recipe.image
    let name = "00000000000000005000.buffer"
    let buffer = try #require(other.buffer)
    var page = try #require(other.image[buffer])
    page.replaceSubrange(48..<56, with: [0x88, 0x13, 0, 0, 0, 0, 0, 0])
    let fields = Array(page[0..<64])
    var checksum: [UInt8] = []
    checksum.append(littleEndian: Checksum.xxh3(fields.rawSpan))
    page.replaceSubrange(64..<72, with: checksum)
    image[name] = page
    let answer = try Recording(folder: MemoryFolder(image)).events(limit: nil)
    #expect(Set(answer.events) == Set(recipe.events))
    #expect(answer.completeness.damages.contains { $0.path.hasSuffix(name) })
  }

  /// After a loss of power that took the segments and the buffer, which nothing had made durable.
  @Test func documentsKeepTheRecordingTheirs() throws {
    let recipe = try DamageRecipe(isClosed: true)
    let image = recipe.image.filter { $0.key.hasPrefix(FileName.documents) }
    try #require(image.count == 2)
    let folder = MemoryFolder(image)
    let recorder = try Recorder(folder: folder, configuration: DamageRecipe.configuration)
    #expect(try recorder.recording.document("plan").bytes == DamageRecipe.documents[1])
    #expect(try recorder.recording.documents().first?.newerDamages == [])
    try recorder.close()
    #expect(try Recording(folder: folder).document("plan").bytes == DamageRecipe.documents[1])
  }
}
