import Testing

@testable import Reel

/// The bytes by which a writer knows whether a context is due.
@Suite struct LivesByteTests {
  private func event(_ number: Int, _ kind: String, _ process: Int) -> Event {
    Event(
      timestamp: Timestamp(nanoseconds: Int64(number)), kind: kind, process: "p\(process)",
      peerProcess: "p\(process + 1)", payload: Payload("payload of \(number)"))
  }

  private func take(_ events: [Event], from first: UInt64, into lives: inout ProcessLives) throws {
    var builder = BlockBuilder(seed: 1)
    for (index, event) in events.enumerated() {
      try RecordView.with(event) { record in
        let sequence = first + UInt64(index)
        builder.append(record, sequence: sequence, runID: 7)
        lives.take(
          record, sequence: sequence, runID: 7, kind: builder.symbols.kind,
          process: builder.symbols.process, generation: Int(first))
      }
    }
  }

  @Test func loadedLivesTakeTheBytesThatTheyTookAndGiveThemAllBack() throws {
    let kinds = ["spawned", "call", "state_change", "register", "call", "spawn"]
    let events = (0..<60).map { event($0, kinds[$0 % 6], $0 / 6) }
    var lives = ProcessLives(roles: KindRoles())
    lives.begin(runID: 7, generation: 1)
    try take(events, from: 1, into: &lives)
    let content = lives.encodeContext(firstSequence: 99, state: LZ4.State())
    let context = try Context(decoding: content.rawSpan)
    #expect(context.lives.count == 11)
    var loaded = ProcessLives(roles: KindRoles())
    loaded.load(context)
    #expect(loaded.byteCount == lives.byteCount)
    let exits = (0...10).map { event(100 + $0, "process_exit", $0) }
    try take(exits, from: 99, into: &loaded)
    #expect(loaded.byteCount == 0)
  }
}
