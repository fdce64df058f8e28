import Benchmark
import Reel

/// Adds the benchmarks of reading a recording of 100,000 events.
func registerQueries() {
  registerScans()
  registerGets()
  registerAnswers()
}

/// What reads everything.
private func registerScans() {
  register("Replay, everything in the cache", fixture: ReadFixture.warm) { benchmark, fixture in
    try benchmark.measure { try fixture.replay() }
  }
  // Where nothing is kept, every block is decoded anew: the nearest to decoding blocks alone.
  register(
    "Replay, no cache, every block decoded", fixture: { try ReadFixture(cacheByteCount: 0) }
  ) { benchmark, fixture in
    try benchmark.measure { try fixture.replay() }
  }
  register("Count by function", fixture: ReadFixture.warm) { benchmark, fixture in
    var total = 0
    try benchmark.measure {
      total = try fixture.recording.facets(of: .function).reduce(0) { $0 + $1.count }
    }
    guard total == Events.all.count else { throw WrongAnswer(description: "counted \(total)") }
  }
}

private func registerGets() {
  register(
    "Get by id, everything in the cache", scale: .kilo, warmup: 10, fixture: ReadFixture.warm
  ) { benchmark, fixture in
    try fixture.get(benchmark)
  }
  register(
    "Get by id, cache of 8 MiB", scale: .kilo, warmup: 2,
    fixture: { try ReadFixture(cacheByteCount: 8 << 20) }
  ) { benchmark, fixture in
    try fixture.get(benchmark)
  }
}

/// Questions about events picked at random, everything in the cache.
private func registerAnswers() {
  register("1,000 events by time, ascending", warmup: 100, fixture: ReadFixture.warm) {
    benchmark, fixture in
    let event = fixture.pick()
    let query = Query(from: event.timestamp ?? .min)
    try benchmark.measure { _ = try fixture.read(query, limit: 1000) }
  }
  register("1,000 events by time, descending", warmup: 100, fixture: ReadFixture.warm) {
    benchmark, fixture in
    let event = fixture.pick()
    let query = Query(to: event.timestamp ?? .max, order: .descending)
    try benchmark.measure { _ = try fixture.read(query, limit: 1000) }
  }
  register("All events of a correlation", scale: .kilo, warmup: 2, fixture: ReadFixture.warm) {
    benchmark, fixture in
    let queries = benchmark.scaledIterations.map { _ in
      var query = Query()
      query.correlationID = fixture.pick().correlationID
      return query
    }
    try benchmark.measure {
      for query in queries {
        guard try fixture.read(query) > 0 else { throw WrongAnswer(description: "no events") }
      }
    }
  }
  register("1,000 events of a process", warmup: 100, fixture: ReadFixture.warm) {
    benchmark, fixture in
    var query = Query()
    query.process = fixture.pick().process
    query.role = .process
    try benchmark.measure { _ = try fixture.read(query, limit: 1000) }
  }
  register("1,000 events of a function", warmup: 100, fixture: ReadFixture.warm) {
    benchmark, fixture in
    let function = fixture.pick().function
    var query = Query()
    query.module = function?.module
    query.function = function?.name
    query.arity = function?.arity
    try benchmark.measure { _ = try fixture.read(query, limit: 1000) }
  }
}
