import Testing

@testable import Reel

/// Opening what a crash has left for writing, with every call failing in turn.
@Suite struct OpenFaultTests {
  /// Whether every segment still begins with the bytes it had, and every buffer is there.
  private func isKept(_ before: FolderImage, _ after: FolderImage, tornFrom: [String: Int]) -> Bool
  {
    before.allSatisfy { name, bytes in
      guard name.hasSuffix(FileName.segmentSuffix) || name.hasSuffix(FileName.bufferSuffix) else {
        return true
      }
      return after[name]?.starts(with: bytes.prefix(tornFrom[name] ?? bytes.count)) ?? false
    }
  }

  private func check(
    _ fault: Fault, _ recipe: DamageRecipe, _ image: FolderImage, _ tornFrom: [String: Int],
    _ readable: Set<UInt64>
  ) -> [Sweep.Failure] {
    var failures: [Sweep.Failure] = []
    let memory = MemoryFolder(image)
    let folder = FaultyFolder(memory, fault)
    do throws(ReelError) {
      try Recorder(folder: folder, configuration: DamageRecipe.configuration).close()
    } catch {
      if !FaultCase.tells(error, fault) {
        failures.fail("opening fails with another error: \(error.kind)", error.description)
      }
      if folder.counts[.map] == nil, !isKept(image, memory.image, tornFrom: tornFrom) {
        failures.fail("a failed opening has destroyed bytes")
      }
    }
    folder.set(nil)
    do throws(ReelError) {
      try Recorder(folder: memory, configuration: DamageRecipe.configuration).close()
      let answer = try Recording(folder: memory).events(limit: nil)
      let known = Dictionary(
        uniqueKeysWithValues: recipe.events.map { ($0.sequenceNumber?.rawValue ?? 0, $0) })
      var found: Set<UInt64> = []
      for event in answer.events {
        let number = event.sequenceNumber?.rawValue ?? 0
        found.insert(number)
        if known[number] != event { failures.fail("a wrong event or a removed one", "\(event)") }
      }
      let lost = readable.intersection(known.keys).subtracting(found)
      if !lost.isEmpty { failures.fail("events are lost", "\(lost.sorted())") }
      if known.count > found.count, answer.completeness.tellsNothing {
        failures.fail("silent loss")
      }
    } catch {
      failures.fail("opening fails without a fault: \(error.kind)", error.description)
    }
    if memory.openFiles.value != 0 { failures.fail("files are left open") }
    return failures
  }

  private func sweep(
    _ name: String, _ recipe: DamageRecipe, _ image: FolderImage, tornFrom: [String: Int] = [:]
  ) throws {
    let readable = recipe.readable(in: image)
    let plain = FaultyFolder(MemoryFolder(image))
    try Recorder(folder: plain, configuration: DamageRecipe.configuration).close()
    let cases = FaultCase.all(plain.counts)
    var sweep = Sweep("faults while opening, \(name)")
    sweep.run(
      cases.count, sample: 30, label: { "\(cases[$0])" },
      { number in check(cases[number], recipe, image, tornFrom, readable) })
    sweep.finish(of: cases.count)
  }

  @Test func ofACrashedRecordingWithLeftovers() throws {
    let recipe = try DamageRecipe(isClosed: false)
    var image = recipe.image
    image["00000000000000000077.segment.tmp"] = [1, 2, 3]
    image["00000000000000000078.buffer.tmp"] = []
    try sweep("crashed", recipe, image)
  }

  @Test func ofARecordingWithATornTail() throws {
    let recipe = try DamageRecipe(isClosed: false)
    let last = try #require(recipe.segments.last)
    var image = recipe.image
    image[last]? += [UInt8](repeating: 0, count: 100)
    try sweep("torn", recipe, image, tornFrom: [last: try #require(recipe.image[last]).count])
  }

  /// A disk that rots seldom does so in one place only: while a damaged segment is gone through,
  /// bytes behind the damage cannot be read at the moment, and are not torn for that.
  @Test func ofADamagedRecording() throws {
    for isClosed in [false, true] {
      let recipe = try DamageRecipe(isClosed: isClosed)
      let last = try #require(recipe.segments.last)
      let block = try #require(recipe.blocks.first { $0.file == last })
      var image = recipe.image
      image[last]?[block.bytes.lowerBound + 30] ^= 1
      try sweep("damaged, \(isClosed ? "closed" : "crashed")", recipe, image)
    }
  }
}
