import Testing

@testable import Reel

/// What was at work in a time, and whether anybody looked.
@Suite struct ActivityTests {
  private func call(_ name: String, at time: Int64, _ kind: String = "function_entry") -> Event {
    Event(
      timestamp: Timestamp(nanoseconds: time), kind: kind, process: "p",
      function: Function(module: "Shop", name: name, arity: 1), astNodeID: "Shop:\(name):1")
  }

  @Test func whatIsOpenBeforeIsAtWorkToo() throws {
    let folder = MemoryFolder()
    let recorder = try Recorder(folder: folder, configuration: .tiny)
    for event in [
      call("outer", at: 1), call("done", at: 2), call("done", at: 3, "function_exit"),
      call("inner", at: 10), call("inner", at: 12, "function_exit"), call("late", at: 30),
    ] { try recorder.append(event) }
    let activity = try recorder.recording.activity(from: 5, to: 20)
    #expect(activity.functions.map(\.name) == ["Shop.inner/1", "Shop.outer/1"])
    #expect(activity.functions.map(\.eventCount) == [2, 0])
    #expect(activity.functions.map(\.openCallCount) == [0, 1])
    #expect(activity.astNodes.map(\.name) == ["Shop:inner:1", "Shop:outer:1"])
    #expect(activity.isComplete)
    try recorder.close()
  }

  @Test func whatCannotBeReadOfItIsTold() throws {
    let recipe = try DamageRecipe(isClosed: true)
    let (from, to) = (Timestamp(nanoseconds: 10_000), Timestamp(nanoseconds: 20_000))
    let whole = try Recording(folder: MemoryFolder(recipe.image)).activity(from: from, to: to)
    #expect(whole.completeness.damages.isEmpty)
    for block in recipe.blocks {
      var image = recipe.image
      for offset in block.bytes { image[block.file]?[offset] = 0 }
      let harmed = try Recording(folder: MemoryFolder(image)).activity(from: from, to: to)
      #expect(!harmed.completeness.damages.isEmpty && !harmed.isComplete, "\(block)")
    }
  }

  @Test func anEmptyAnswerSaysWhetherAnybodyLooked() throws {
    let clock = ManualClock()
    var configuration = RecorderConfiguration.tiny
    configuration.clock = clock
    let recorder = try Recorder(folder: MemoryFolder(), configuration: configuration)
    let recording = try recorder.recording
    var query = Query()
    (query.module, query.function, query.arity) = ("Shop", "buy", 1)
    #expect(try recording.instrumentation(query) == nil)
    let name = Recording.instrumentationDocument
    let start = clock.wall()
    try recorder.setDocument(name, Array(#"{"functions":["Shop.sell/1"]}"#.utf8))
    clock.advance(by: .seconds(10))
    try recorder.setDocument(name, Array(#"{"functions":["Shop.sell/1","Shop.buy/1"]}"#.utf8))
    clock.advance(by: .seconds(10))
    try recorder.setDocument(name, Array(#"{"modules":["Shop"]}"#.utf8))
    let all = try #require(try recording.instrumentation(query))
    #expect(all.stretches.map(\.isNamed) == [false, true, true])
    #expect(all.stretches.map(\.version) == [1, 2, 3])
    query.to = Timestamp(nanoseconds: start + 5_000_000_000)
    #expect(try recording.instrumentation(query)?.stretches.map(\.isNamed) == [false])
    query.to = Timestamp(nanoseconds: start - 1)
    #expect(try recording.instrumentation(query)?.stretches.isEmpty == true)
    // A name that is part of another one is not it.
    var part = Query()
    part.function = "buy"
    #expect(try recording.instrumentation(part)?.isNamed == false)
    #expect(try recording.instrumentation(Query()) == nil)
    try recorder.close()
  }
}
