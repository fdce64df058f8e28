import Testing

@testable import Reel

/// Whole files that are missing, exchanged, foreign or stale.
@Suite struct MisplacedFileTests {
  @Test(arguments: [false, true])
  func anySetOfFilesMayBeMissing(isClosed: Bool) throws {
    let recipe = try DamageRecipe(isClosed: isClosed)
    let files = recipe.files
    try #require(files.count <= 7)
    let names = { (set: Int) in files.indices.filter { set >> $0 & 1 == 1 }.map { files[$0] } }
    var sweep = Sweep("files missing, \(isClosed ? "closed" : "crashed")")
    sweep.run(
      1 << files.count, sample: 16, label: { "\(names($0))" },
      { number in
        var harmed = recipe.image
        for name in names(number) { harmed[name] = nil }
        let failures = DamageCheck(recipe, harmed).run()
        // Without any file of a recording there is none, and an empty one tells of nothing.
        let isNone = !harmed.keys.contains { !$0.hasPrefix(FileName.documents) }
        let isEmpty = harmed.keys.allSatisfy { $0 == FileName.lock }
        return failures.filter { failure in
          !(isNone && failure.kind.contains("not found"))
            && !(isEmpty && failure.kind.contains("silent"))
            && !(isEmpty && failure.kind.contains("a wrong moment"))
        }
      })
    sweep.finish(of: 1 << files.count)
  }

  @Test func anyTwoFilesMayBeExchanged() throws {
    let recipe = try DamageRecipe(isClosed: false)
    let files = recipe.files
    let pairs = files.indices.flatMap { a in files.indices.map { (files[a], files[$0]) } }
      .filter { $0.0 < $0.1 }
    var sweep = Sweep("files exchanged")
    sweep.run(
      pairs.count, sample: pairs.count, label: { "\(pairs[$0])" },
      { number in
        var harmed = recipe.image
        harmed[pairs[number].0] = recipe.image[pairs[number].1]
        harmed[pairs[number].1] = recipe.image[pairs[number].0]
        return DamageCheck(recipe, harmed).run()
      })
    sweep.finish(of: pairs.count)
  }

  /// The last file of another recording made by the same recipe, in place of each file and beside
  /// them under every name that there might be.
  @Test(arguments: [false, true])
  func aFileOfAnotherRecordingGivesNoEvents(isClosed: Bool) throws {
    let recipe = try DamageRecipe(isClosed: isClosed)
    let other = try DamageRecipe(isClosed: false, seed: 2)
    var cases: [(source: String, target: String)] = []
    for source in other.files {
      let suffix = source.split(separator: ".").last.map { "." + $0 } ?? ""
      for target in recipe.files where target.hasSuffix(suffix) { cases.append((source, target)) }
      guard suffix == FileName.segmentSuffix || suffix == FileName.bufferSuffix else { continue }
      for number in [2, 50, 101, 5000] {
        let digits = String(repeating: "0", count: 20 - "\(number)".count) + "\(number)"
        cases.append((source, digits + suffix))
      }
    }
    let all = cases
    var sweep = Sweep("foreign files, \(isClosed ? "closed" : "crashed")")
    sweep.run(
      all.count, sample: all.count, label: { "\(all[$0])" },
      { number in
        var harmed = recipe.image
        harmed[all[number].target] = other.image[all[number].source]
        return DamageCheck(recipe, harmed).run()
      })
    sweep.finish(of: all.count)
  }

  @Test(arguments: [false, true])
  func aFilePutBackAsItWasGivesNothingWrong(isClosed: Bool) throws {
    let recipe = try DamageRecipe(isClosed: isClosed)
    let files = recipe.stale.keys.sorted()
    var sweep = Sweep("stale files, \(isClosed ? "closed" : "crashed")")
    sweep.run(
      files.count, sample: files.count, label: { files[$0] },
      { number in
        var harmed = recipe.image
        harmed[files[number]] = recipe.stale[files[number]]
        return DamageCheck(recipe, harmed).run()
      })
    sweep.finish(of: files.count)
  }
}
