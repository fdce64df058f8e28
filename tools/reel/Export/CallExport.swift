import Reel

/// Exports events in a format that shows calls within calls.
struct CallExport {
  let source: Recording
  let query: Query
  /// Whether the query has all events of the processes that it asks about.
  let isWhole: Bool
  let splitSize: Int?
  var status: AnswerStatus

  /// What the export begins with.
  private struct Start {
    var base: Int64 = 0
    var moment: Moment?
  }

  /// - Returns: How many events were written.
  mutating func run(
    _ format: ExportFormat, counts: Bool, _ output: consuming ExportOutput
  ) throws -> Int {
    let start = try start()
    let attributes = try source.attributes
    switch format {
    case .perfetto:
      let packets = PerfettoPackets(
        title: source.path, base: start.base, attributes: attributes)
      return try perfetto(packets, start, output)
    case .folded: return try folded(FoldedExport(counts: counts), start, output)
    default:
      let sink = ChromeExport(title: source.path, base: start.base, attributes: attributes)
      return try chrome(sink, start, output)
    }
  }

  /// Where times begin, and what calls were open then.
  private mutating func start() throws -> Start {
    var first = query
    first.after = nil
    guard let event = try source.cursor(first, limit: 1).next() else { return Start() }
    var start = Start(base: event.timestamp.nanoseconds)
    guard isWhole, query.from > .min else { return start }
    let before = Timestamp(nanoseconds: query.from.nanoseconds - 1)
    let process = query.role == .peer ? nil : query.process
    if query.process != nil, process == nil { return start }
    let moment = try source.moment(at: before, process: process)
    guard moment.processes.contains(where: { !$0.stack.isEmpty }) else { return start }
    start.base = query.from.nanoseconds
    start.moment = moment
    if !moment.isComplete {
      Console.note("incomplete: not all calls are known that were open at --from")
    }
    status.take(moment.damages)
    return start
  }

  private func trace<Sink: CallSink>(
    _ sink: Sink, linksMessages: Bool, _ start: Start
  ) throws -> CallTrace<Sink> {
    var trace = CallTrace(
      sink, roles: try source.roles,
      runs: try source.statistics().runs.map(\.firstSequence.rawValue),
      linksMessages: linksMessages)
    if let moment = start.moment { trace.resume(moment, at: start.base) }
    return trace
  }

  private mutating func finish<Sink: CallSink>(_ trace: CallTrace<Sink>, _ cursor: EventCursor) {
    status.take(cursor.completeness, cursor.cost)
    if trace.clampedCount > 0 {
      Console.note(
        "\(Wording.count(trace.clampedCount, "event")) recorded behind later ones of the same"
          + " process: shown at the time of those")
    }
    if trace.disorderedCount > 0 {
      Console.note(
        "\(Wording.count(trace.disorderedCount, "event")) recorded so late that they are shown out"
          + " of order")
    }
    if trace.unlistedCount > 0 {
      Console.note(
        "\(Wording.count(trace.unlistedCount, "call")) too deep to be nested: shown as instants")
    }
  }

  /// Takes all events, and calls `write` after each.
  /// - Returns: How many there are.
  private mutating func takeAll<Sink: CallSink>(
    _ trace: inout CallTrace<Sink>, _ output: inout ExportOutput,
    write: (inout CallTrace<Sink>, inout ExportOutput) throws -> Void
  ) throws -> Int {
    let cursor = try source.cursor(query)
    var total = 0
    while let batch = try cursor.nextBatch() {
      for view in batch {
        trace.take(view)
        try write(&trace, &output)
      }
      total += batch.count
    }
    while trace.takeHeldBack() { try write(&trace, &output) }
    trace.finish()
    finish(trace, cursor)
    return total
  }

  // MARK: Formats

  private mutating func chrome(
    _ sink: ChromeExport, _ start: Start, _ output: consuming ExportOutput
  ) throws -> Int {
    var sink = sink
    sink.begin()
    var trace = try trace(sink, linksMessages: true, start)
    let splitSize = splitSize
    let total = try takeAll(&trace, &output) { try Self.write(&$0, &$1, splitSize) }
    trace.sink.end()
    output.finish(&trace.sink.output)
    if output.files.count > 1 {
      Console.note("\(output.files.count) files: \(output.files.joined(separator: ", "))")
    }
    return total
  }

  /// Writes out what there is, and begins another file where this one has its size.
  private static func write(
    _ trace: inout CallTrace<ChromeExport>, _ output: inout ExportOutput, _ splitSize: Int?
  ) throws {
    output.writeIfFull(&trace.sink.output)
    guard let splitSize, output.byteCount + trace.sink.output.count >= splitSize else { return }
    try trace.interrupt { sink in
      sink.end()
      try output.beginNext(&sink.output)
      sink.begin()
    } _: { sink, frame, lane in
      sink.reopen(frame, in: lane)
    }
  }

  private mutating func perfetto(
    _ packets: PerfettoPackets, _ start: Start, _ output: consuming ExportOutput
  ) throws -> Int {
    let encoder = PacketEncoder(packets)
    defer { encoder.stop() }
    var bytes: [UInt8] = []
    var trace = try trace(PerfettoExport(encoder), linksMessages: true, start)
    let total = try takeAll(&trace, &output) { trace, output in
      guard trace.sink.hasHandedOver else { return }
      trace.sink.hasHandedOver = false
      encoder.move(to: &bytes, waitsForAll: false)
      output.writeIfFull(&bytes)
    }
    trace.sink.finish()
    encoder.move(to: &bytes, waitsForAll: true)
    output.finish(&bytes)
    if start.base < 0 {
      Console.note("times before 1970 do not fit this format: they count from the first event")
    }
    return total
  }

  private mutating func folded(
    _ sink: FoldedExport, _ start: Start, _ output: consuming ExportOutput
  ) throws -> Int {
    var trace = try trace(sink, linksMessages: false, start)
    let total = try takeAll(&trace, &output) { _, _ in }
    var lines: [UInt8] = []
    trace.sink.append(linesTo: &lines) { output.writeIfFull(&$0) }
    output.finish(&lines)
    if trace.unwoundCount > 0 {
      Console.note(
        "\(Wording.count(trace.unwoundCount, "call")) without an exit of their own are not counted")
    }
    if trace.sink.mergedCount > 0 {
      Console.note(
        "\(Wording.count(trace.sink.mergedCount, "call")) beyond"
          + " \(Wording.grouped(FoldedExport.stackLimit)) distinct stacks count for their callers")
    }
    return total
  }
}
