@testable import Reel

/// Contexts: what processes were doing, ahead of a block.
///
/// The input is: whether the rest behind the header is compressed already (u8, bit 0), the header,
/// and the lives.
enum ContextFuzz {
  static func run(_ input: [UInt8], _ faults: inout FuzzFaults) {
    guard let mode = input.first else { return }
    var content = Array(input.dropFirst().prefix(ContextHeader.byteCount))
    let rest = Array(input.dropFirst(1 + ContextHeader.byteCount))
    if mode & 1 == 0 { content.append(littleEndian: UInt32(rest.count)) }
    content += rest
    guard let context = try? Context(decoding: content.rawSpan) else { return }
    let lives = context.lives
    faults.expect(lives.count <= ProcessLives.maximumLifeCount, "\(lives.count) processes")
    let calls = lives.reduce(0) { max($0, $1.calls.count) }
    faults.expect(calls <= ProcessLives.maximumCallCount, "\(calls) calls")
    let byteCount = lives.reduce(0) { $0 + $1.records.count }
    faults.expect(byteCount <= Context.maximumByteCount, "\(byteCount) bytes of calls")
    goOn(context, &faults)
  }

  /// Loads it, writes it again, and takes a few events as if they came next.
  private static func goOn(_ context: Context, _ faults: inout FuzzFaults) {
    var lives = ProcessLives(roles: KindRoles())
    lives.load(context)
    let first = context.header.firstSequence
    let content = lives.encodeContext(firstSequence: first, state: LZ4.State())
    guard let again = try? Context(decoding: content.rawSpan) else {
      return faults.expect(false, "a context that was written is refused")
    }
    if !again.header.isOverfull, Set(context.lives.map(\.name)).count == context.lives.count {
      faults.expect(again.lives.count == context.lives.count, "another number of processes")
      for (a, b) in zip(context.lives, again.lives) {
        let isSame = a.calls.map(\.key) == b.calls.map(\.key) && a.name == b.name
        faults.expect(isSame, "another process comes back")
      }
    }
    for (number, kind) in ["call", "return_from", "spawn", "exit", "register"].enumerated() {
      for (process, life) in context.lives.prefix(4).enumerated() {
        take(kind, life, UInt64(number), UInt32(process), &lives, context.header.runID)
      }
    }
    _ = lives.encodeContext(firstSequence: first, state: LZ4.State())
  }

  private static func take(
    _ kind: String, _ life: ProcessLives.Life, _ number: UInt64, _ process: UInt32,
    _ lives: inout ProcessLives, _ runID: UInt64
  ) {
    let name = String(decoding: life.name, as: UTF8.self)
    guard name.utf8.elementsEqual(life.name) else { return }
    let event = Event(timestamp: 1, kind: kind, process: name, peerProcess: name)
    let rules = RecordRules(maximumPayloadByteCount: 0, attributes: AttributeSchema())
    guard let byteCount = try? event.measure(rules) else { return }
    let region = Region(byteCount: byteCount)
    var writer = RecordWriter(region: region, start: 0, byteCount: byteCount, timestamp: 1)
    event.write(to: &writer, rules: rules)
    guard let record = try? RecordView(region.bytes(0..<byteCount)) else { return }
    lives.take(
      record, sequence: 1 << 40 + number, runID: runID, kind: UInt32(number), process: process,
      generation: 1)
  }

  /// A context of a few processes, its lives not compressed.
  static func recipe() throws -> [String: [UInt8]] {
    var lives = ProcessLives(roles: KindRoles(["setting": .latched]))
    lives.begin(runID: 7, generation: 1)
    let kinds = ["call", "spawn", "call", "state_change", "setting", "register", "call"]
    for (number, kind) in kinds.enumerated() {
      for process in 0..<3 {
        let event = Event(
          timestamp: Timestamp(nanoseconds: Int64(number)), kind: kind, process: "<0.\(process).0>",
          peerProcess: "<0.9.0>", function: Function(module: "Shop", name: "buy", arity: 2),
          payload: Payload("payload \(number)"))
        let rules = RecordRules(maximumPayloadByteCount: 1 << 20, attributes: AttributeSchema())
        let byteCount = try event.measure(rules)
        let region = Region(byteCount: byteCount)
        var writer = RecordWriter(
          region: region, start: 0, byteCount: byteCount, timestamp: Int64(number))
        event.write(to: &writer, rules: rules)
        let record = try RecordView(region.bytes(0..<byteCount))
        lives.take(
          record, sequence: UInt64(10 + 3 * number + process), runID: 7, kind: UInt32(number),
          process: UInt32(process), generation: 1)
      }
    }
    let content = lives.encodeContext(firstSequence: 99, state: LZ4.State())
    let compressed = content.rawSpan.extracting(ContextHeader.byteCount..<content.count)
    let raw = try CompressedContent.decode(compressed)
    return [
      "lives": [0] + content.prefix(ContextHeader.byteCount) + raw, "compressed": [1] + content,
    ]
  }
}
