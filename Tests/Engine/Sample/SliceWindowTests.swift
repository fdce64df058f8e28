import Testing

@testable import Reel

/// Any ten milliseconds of a real recording stand by themselves: what was open at the beginning is,
/// calls nest as they do in the whole, and what is open at the end is.
@Suite struct SliceWindowTests {
  private static let width: Int64 = 10_000_000

  /// A process as it was, without the numbers that a slice gives anew.
  private struct Plain: Equatable {
    var name: String
    var stack, others: [Event?]
    var unlistedCallCount: Int

    init(_ process: ProcessMoment) {
      name = process.name
      stack = process.stack.map(Self.plain)
      others = [process.spawn, process.registration, process.state].map { $0.map(Self.plain) }
      unlistedCallCount = process.unlistedCallCount
    }

    static func plain(_ event: Event) -> Event {
      var event = event
      event.sequenceNumber = nil
      return event
    }
  }

  private func processes(_ moment: Moment) -> [Plain] {
    moment.processes.map(Plain.init).sorted { $0.name < $1.name }
  }

  /// Nodes as texts that a slice and the whole have in common.
  private func shape(_ tree: CallTree) -> [String: [String]] {
    var lanes: [String: [String]] = [:]
    for lane in tree.lanes {
      lanes[lane.process ?? ""] = lane.nodes.map {
        "\($0.depth) \($0.parent ?? -1) \($0.event.id?.description ?? "")"
          + " \($0.exit?.id?.description ?? "") \($0.isUnwound) \($0.beganBefore)"
      }
    }
    return lanes
  }

  private func check(_ whole: Recording, _ start: Int64) throws -> [Sweep.Failure] {
    var failures: [Sweep.Failure] = []
    let (from, to) = (Timestamp(nanoseconds: start), Timestamp(nanoseconds: start + Self.width - 1))
    let before = Timestamp(nanoseconds: start - 1)
    let query = Query(from: from, to: to)
    let target = MemoryFolder()
    let report = try whole.slice(query, to: target)
    let slice = try Recording(folder: target)
    if try slice.verify({ _ in }).findingCount != 0 { failures.fail("verify finds faults") }
    if try slice.count() != whole.count(query) || report.eventCount != (try slice.count()) {
      failures.fail("the events are not those of the window")
    }
    // The slice's first moment is that of the whole, and so is its last: what is open stays open.
    let opening = try slice.moment(at: before)
    if !opening.isComplete { failures.fail("the slice does not know its beginning") }
    if processes(opening) != processes(try whole.moment(at: before)) {
      failures.fail("the stacks at the start differ")
    }
    let ending = try whole.moment(at: to)
    if processes(try slice.moment(at: to)) != processes(ending) {
      failures.fail("the stacks at the end differ")
    }
    var depths: [String: Int] = [:]
    for process in opening.processes { depths[process.name] = process.stack.count }
    for name in Set(try slice.events(limit: nil).events.compactMap(\.process)).sorted().prefix(5) {
      var one = query
      one.process = name
      one.role = .process
      let tree = try slice.callTree(one, limit: nil)
      if shape(tree) != shape(try whole.callTree(one, limit: nil)) {
        failures.fail("the nesting differs", name)
      }
      let nodes = tree.lanes.first?.nodes ?? []
      if nodes.prefix(while: \.beganBefore).count < depths[name, default: 0] {
        failures.fail("open calls are not in the tree", name)
      }
      // What the end of the window leaves open has neither an exit nor a duration, and was not
      // unwound; it is what the last moment has.
      let open = nodes.filter { $0.isCall && $0.exit == nil && !$0.isUnwound }
      let left = try slice.moment(at: to, process: name).processes.first?.stack ?? []
      let isLeft =
        open.map(\.event.id) == left.map(\.id) && open.allSatisfy { $0.duration == nil }
      let alone = try whole.moment(at: to, process: name).processes
      if alone != ending.processes.filter({ $0.name == name }) {
        failures.fail("one process alone is told otherwise than among all", name)
      }
      // A process that has ended took its open calls with it.
      if !isLeft, !alone.isEmpty {
        failures.fail("what is left open is not what was not ended", name)
      }
    }
    return failures
  }

  private func check(_ path: String, count: Int, sample: Int) throws {
    try withTemporaryDirectory { folder in
      var configuration = RecorderConfiguration()
      configuration.contextRecordInterval = 1000
      _ = try record(try Sample.events(path), at: folder, configuration)
      let whole = try Recording(path: folder)
      let statistics = try whole.statistics()
      let first = try #require(statistics.oldest).nanoseconds
      let last = try #require(statistics.newest).nanoseconds
      let step = max(1, (last - first - Self.width) / Int64(count))
      var sweep = Sweep("slices of 10 ms")
      func start(_ number: Int) -> Int64 { first + Int64(number) * step }
      try sweep.run(count, sample: sample, label: { "from \(start($0))" }) {
        try check(whole, start($0))
      }
      sweep.finish(of: count)
    }
  }

  @Test func anyTenMillisecondsOfTheCutNestAsTheyDidInTheWhole() throws {
    try check(Sample.cutPath, count: 200, sample: 6)
  }

  @Test(
    .enabled(if: Sample.hasFull, "the full recording is not here; REEL_SAMPLE names it"))
  func anyTenMillisecondsOfTheFullRecordingNestAsTheyDidInTheWhole() throws {
    try check(try #require(Sample.fullPath), count: 500, sample: 5)
  }
}
