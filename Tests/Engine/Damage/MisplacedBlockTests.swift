import Testing

@testable import Reel

/// Whole blocks in places where they do not belong: of this recording, of another one, and as
/// payloads of events whose own block is then harmed.
@Suite struct MisplacedBlockTests {
  /// Puts the bytes of a block at a place; the file grows where it must.
  private func put(_ bytes: ArraySlice<UInt8>, at offset: Int, of file: inout [UInt8]) {
    let end = offset + bytes.count
    if file.count < end { file += [UInt8](repeating: 0, count: end - file.count) }
    file.replaceSubrange(offset..<end, with: bytes)
  }

  @Test func aBlockWrittenOverAnotherIsNeverTakenForIt() throws {
    let recipe = try DamageRecipe(isClosed: false)
    let places = recipe.blocks + recipe.frames
    let count = places.count * places.count
    var sweep = Sweep("blocks over blocks")
    try sweep.run(
      count, sample: 40,
      label: { "\(places[$0 / places.count]) over \(places[$0 % places.count])" },
      { number in
        let source = places[number / places.count]
        let target = places[number % places.count]
        var harmed = recipe.image
        let bytes = try #require(recipe.image[source.file])[source.bytes]
        put(bytes, at: target.bytes.lowerBound, of: &harmed[target.file, default: []])
        return DamageCheck(recipe, harmed).run()
      })
    sweep.finish(of: count)
  }

  /// Payloads that are the blocks and whole files of another recording and of one like this.
  @Test(arguments: [1, 2] as [UInt64])
  func whatAPayloadCarriesIsNeverTakenForABlock(seed: UInt64) throws {
    let carried = try DamageRecipe(isClosed: false, seed: seed)
    var contents = carried.files.compactMap { carried.image[$0] }
    contents += (carried.blocks + carried.frames).compactMap { place in
      carried.image[place.file].map { Array($0[place.bytes]) }
    }
    var configuration = DamageRecipe.configuration
    configuration.bufferByteCount = 64 << 10
    configuration.segmentByteCount = 32 << 10
    // So that nothing is compressed out of sight, payloads do not repeat.
    let recipe = try DamageRecipe(isClosed: false, configuration: configuration) { number in
      number % 4 == 0 ? contents[number / 4 % contents.count] : []
    }
    let places = recipe.blocks + recipe.frames
    let count = places.count * 8
    var sweep = Sweep("records in payloads, seed \(seed)")
    sweep.run(
      count, sample: 24, label: { "\(places[$0 / 8]) harm \($0 % 8)" },
      { number in
        let place = places[number / 8]
        var random = SeededRandom(UInt64(number))
        var harmed = recipe.image
        let start = place.bytes.lowerBound + (number % 8 < 4 ? 0 : random.below(place.bytes.count))
        let end = min(place.bytes.upperBound, start + [1, 12, 60, 200][number % 4])
        for offset in start..<end { harmed[place.file]?[offset] ^= 1 + UInt8(random.below(255)) }
        return DamageCheck(recipe, harmed).run()
      })
    sweep.finish(of: count)
  }
}
