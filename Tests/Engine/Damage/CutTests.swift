import Testing

@testable import Reel

/// Files that are too short or too long.
@Suite struct CutTests {
  @Test(arguments: [false, true])
  func aFileCutAtAnyLengthLosesNoWholeBlockAndTellsWhatItLoses(isClosed: Bool) throws {
    let recipe = try DamageRecipe(isClosed: isClosed)
    let places = recipe.files.flatMap { file in
      (0..<(recipe.image[file]?.count ?? 0)).map { (file: file, length: $0) }
    }
    var sweep = Sweep("files cut, \(isClosed ? "closed" : "crashed")")
    sweep.run(
      places.count, sample: 30, label: { "\(places[$0])" },
      { number in
        var harmed = recipe.image
        harmed[places[number].file] = harmed[places[number].file].map {
          Array($0.prefix(places[number].length))
        }
        return DamageCheck(recipe, harmed).run()
      })
    sweep.finish(of: places.count)
  }

  /// Where a segment ends between two blocks nothing is torn, and yet something is lost.
  @Test(arguments: [false, true])
  func aSegmentCutBetweenTwoBlocksIsToldToBeShort(isClosed: Bool) throws {
    let recipe = try DamageRecipe(isClosed: isClosed)
    var sweep = Sweep("segments cut between blocks, \(isClosed ? "closed" : "crashed")")
    sweep.run(
      recipe.blocks.count, sample: recipe.blocks.count, label: { "\(recipe.blocks[$0])" },
      { number in
        let block = recipe.blocks[number]
        var harmed = recipe.image
        harmed[block.file] = harmed[block.file].map { Array($0.prefix(block.bytes.lowerBound)) }
        return DamageCheck(recipe, harmed).run()
      })
    sweep.finish(of: recipe.blocks.count)
  }

  @Test(arguments: [false, true])
  func aFileWithBytesBehindItLosesNothing(isClosed: Bool) throws {
    let recipe = try DamageRecipe(isClosed: isClosed)
    let files = recipe.files
    let count = files.count * 4096 * 3
    var sweep = Sweep("files extended, \(isClosed ? "closed" : "crashed")")
    sweep.run(
      count, sample: 20,
      label: { "\(files[$0 / 3 / 4096]), \($0 / 3 % 4096 + 1) bytes, kind \($0 % 3)" },
      { number in
        let file = files[number / 3 / 4096]
        var random = SeededRandom(UInt64(number))
        let length = number / 3 % 4096 + 1
        var harmed = recipe.image
        let tail =
          number % 3 == 2
          ? random.bytes(length) : [UInt8](repeating: number % 3 == 0 ? 0 : 0xFF, count: length)
        harmed[file]? += tail
        return DamageCheck(recipe, harmed).run()
      })
    sweep.finish(of: count)
  }
}
