import Testing

@testable import Reel

/// Calls are nested as they were made, whatever is missing of them.
@Suite struct CallTreeTests {
  private func event(
    _ time: Int64, _ kind: String, _ name: String? = nil, process: String = "p"
  ) -> Event {
    Event(
      timestamp: Timestamp(nanoseconds: time), kind: kind, process: process,
      function: name.map { Function(name: $0) })
  }

  private func recording(_ events: [Event]) throws -> Recording {
    let folder = MemoryFolder()
    let recorder = try Recorder(folder: folder, configuration: .tiny)
    for event in events { try recorder.append(event) }
    try recorder.close()
    return try Recording(folder: folder)
  }

  private func lines(_ tree: CallTree) -> [String] {
    tree.lanes.flatMap { lane in
      lane.nodes.map { node in
        let name = node.event.function?.name ?? node.event.kind ?? ""
        let times = node.duration.map { " \($0)/\(node.selfTime ?? 0)" } ?? ""
        let marks = (node.beganBefore ? "<" : "") + (node.isUnwound ? "!" : "")
        return String(repeating: ".", count: node.depth) + name + times + marks
      }
    }
  }

  @Test func callsAreNestedWithTheirOwnTimes() throws {
    let recording = try recording([
      event(10, "call", "a"), event(20, "call", "b"), event(25, "message_send"),
      event(30, "return", "b"), event(40, "call", "c"), event(60, "return", "c"),
      event(100, "return", "a"), event(110, "error"),
    ])
    let tree = try recording.callTree(Query())
    #expect(
      lines(tree) == ["a 90/60", ".b 10/10", "..message_send", ".c 20/20", "error"])
    #expect(tree.lanes[0].nodes.map(\.parent) == [nil, 0, 1, 0, nil])
    #expect(tree.completeness.isComplete)
  }

  @Test func whatIsMissingOfACallIsTold() throws {
    let recording = try recording([
      event(1, "call", "root"), event(2, "call", "early"), event(10, "return", "early"),
      event(11, "call", "thrown"), event(12, "call", "deep"), event(20, "return", "root"),
      event(30, "return", "unknown"), event(40, "call", "open"),
    ])
    let whole = try recording.callTree(Query())
    #expect(
      lines(whole)
        == ["root 19/11", ".early 8/8", ".thrown!", "..deep!", "unknown<", "open"])
    // From the middle on the calls that were open come first, where one process is asked for.
    var query = Query(from: 5)
    query.process = "p"
    #expect(
      lines(try recording.callTree(query))
        == ["root 19/11<", ".early 8/8<", ".thrown!", "..deep!", "unknown<", "open"])
    // Of a query that asks for no process nothing is known of before.
    #expect(
      lines(try recording.callTree(Query(from: 5)))
        == ["early<", "thrown", ".deep", "..root<", "..unknown<", "..open"])
    let cut = try recording.callTree(Query(), limit: 3)
    #expect(cut.completeness.isLimited && lines(cut) == ["root", ".early 8/8"])
  }

  /// Of random events: each entry and exit is in the tree once, a call lies within the one around
  /// it, and the open calls at the end are those of the moment.
  @Test func everyEventIsInTheTreeOnceAndWithinItsCall() throws {
    for seed in seeds(6) {
      var lives = RandomLives(seed: seed)
      let events = (0..<600).map { _ in
        var event = lives.event()
        if ["process_exit", "process_spawned"].contains(event.kind) { event.kind = "anything" }
        return event
      }
      let recording = try recording(events)
      let tree = try recording.callTree(Query(), limit: nil)
      var found: [SequenceNumber] = []
      for lane in tree.lanes {
        for (place, node) in lane.nodes.enumerated() {
          if let number = node.event.sequenceNumber { found.append(number) }
          if let number = node.exit?.sequenceNumber, number != node.event.sequenceNumber {
            found.append(number)
          }
          guard let parent = node.parent else {
            #expect(node.depth == 0, "seed \(seed)")
            continue
          }
          #expect(parent < place && lane.nodes[parent].depth == node.depth - 1, "seed \(seed)")
          let end = lane.nodes[parent].exit?.sequenceNumber ?? SequenceNumber(rawValue: .max)
          #expect((node.exit ?? node.event).sequenceNumber ?? end < end, "seed \(seed)")
        }
      }
      let all = try recording.events(limit: nil).events.compactMap(\.sequenceNumber)
      #expect(found.sorted() == all.sorted(), "seed \(seed)")
      let moment = try recording.moment()
      for process in moment.processes {
        let lane = tree.lanes.first { $0.process == process.name }
        let open = lane?.nodes.filter { $0.isCall && $0.exit == nil && !$0.isUnwound } ?? []
        #expect(
          open.map(\.event.sequenceNumber) == process.stack.map(\.sequenceNumber),
          "seed \(seed), \(process.name)")
      }
    }
  }
}
