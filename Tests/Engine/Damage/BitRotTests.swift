import Testing

@testable import Reel

/// Every bit of a small recording flipped, one after the other: nothing wrong is ever returned,
/// what is whole is still read, and what is lost is told.
@Suite struct BitRotTests {
  @Test func everyFlippedBitIsHarmlessOrReported() throws {
    let recipe = try DamageRecipe(isClosed: false)
    let places = recipe.files.flatMap { file in
      (0..<(recipe.image[file]?.count ?? 0)).map { (file: file, offset: $0) }
    }
    var sweep = Sweep("bits flipped")
    sweep.run(
      places.count * 8, sample: 60, label: { "\(places[$0 / 8]) bit \($0 % 8)" },
      { number in
        let place = places[number / 8]
        var harmed = recipe.image
        harmed[place.file]?[place.offset] ^= 1 << UInt8(number % 8)
        return DamageCheck(recipe, harmed).run()
      })
    sweep.finish(of: places.count * 8)
  }

  @Test func theRecipeItselfIsSound() throws {
    for isClosed in [false, true] {
      let recipe = try DamageRecipe(isClosed: isClosed)
      let failures = DamageCheck(recipe, recipe.image).run()
      #expect(failures.isEmpty, "\(failures)")
      #expect(recipe.segments.count >= 2 && recipe.byteCount < 40 << 10)
      #expect(recipe.frames.isEmpty == isClosed)
      let numbers = recipe.events.compactMap { $0.sequenceNumber?.rawValue }
      #expect(recipe.readable(in: recipe.image).isSuperset(of: numbers))
    }
  }
}
