/// Makes events of those that are left at a moment, block by block: of blocks that were gone over,
/// and of the context.
struct MomentEvents {
  private let items: [MomentLives.Item]
  private let runID: UInt64
  private let blocks: [BlockCandidate]
  private let sources: QuerySources
  private let snapshot: Snapshot
  private let cache: ReadCache
  private let withPayloads: Bool
  /// The events, in the order in which they were asked for.
  private var events: [Event?] = []
  private var taken = 0
  private var texts = SharedTexts()
  /// Payloads that could not be read.
  private(set) var damages: [Corruption] = []

  init(
    _ lives: MomentLives, blocks: [BlockCandidate], sources: QuerySources, snapshot: Snapshot,
    cache: ReadCache, withPayloads: Bool
  ) {
    items = lives.items
    runID = lives.runID
    self.blocks = blocks
    self.sources = sources
    self.snapshot = snapshot
    self.cache = cache
    self.withPayloads = withPayloads
  }

  /// Makes the events of `mentions`, to be taken in the same order.
  mutating func make(_ mentions: [MomentLives.Mention]) throws(ReelError) {
    events = [Event?](repeating: nil, count: mentions.count)
    var inBlocks: [(place: Int, mention: MomentLives.Mention)] = []
    var lacking: [(place: Int, sequence: UInt64)] = []
    for (place, mention) in mentions.enumerated() {
      guard mention.block < 0 else {
        inBlocks.append((place, mention))
        continue
      }
      let item = items[Int(mention.row)]
      events[place] = event(item, mention.sequence)
      if item.lacksPayload, withPayloads, mention.sequence > 0, events[place] != nil {
        lacking.append((place, mention.sequence))
      }
    }
    inBlocks.sort { ($0.mention.block, $0.mention.row) < ($1.mention.block, $1.mention.row) }
    var start = 0
    while start < inBlocks.count {
      var end = start
      let block = inBlocks[start].mention.block
      while end < inBlocks.count, inBlocks[end].mention.block == block { end += 1 }
      let rows = inBlocks[start..<end].map(\.mention.row)
      try make(rows, of: blocks[Int(block)], at: inBlocks[start..<end].map(\.place))
      start = end
    }
    lacking.sort { $0.sequence < $1.sequence }
    try addPayloads(lacking)
  }

  /// The event of the next mention; nothing for one that a cut has removed.
  mutating func next() -> Event? {
    defer { taken += 1 }
    return events[taken].take()
  }

  private func isCut(_ timestamp: Int64, _ sequence: UInt64) -> Bool {
    snapshot.control.cuts.contains { $0.covers(timestamp: timestamp, sequence: sequence) }
  }

  private mutating func note(_ damage: Corruption) {
    if !damages.contains(damage) { damages.append(damage) }
  }

  // MARK: Events of blocks

  private mutating func make(
    _ rows: [Int32], of candidate: BlockCandidate, at places: [Int]
  ) throws(ReelError) {
    let block: DecodedBlock
    switch candidate {
    case .memory(let memory): block = memory
    case .stored(let origin):
      guard let stored = try sources.decode(origin, rows: rows) else { return }
      block = stored
    }
    let schema = snapshot.control.attributes
    var done = 0
    while done < rows.count {
      let rest = Array(rows[done...])
      let page = try RecordRenderer.page(
        block, rows: rest, schema: schema, withPayloads: withPayloads)
      if let damage = page.damage { note(damage) }
      for index in 0..<page.count {
        var view = page.view(index)
        if view == nil {
          // Its payload cannot be read: it has happened all the same.
          view = try RecordRenderer.page(
            block, rows: [rest[index]], schema: schema, withPayloads: false
          ).view(0)
        }
        let row = Int(rest[index])
        guard !isCut(block.timestamps[row], block.sequence(row)) else { continue }
        if let view { events[places[done + index]] = Event(view, texts: &texts) }
      }
      done += page.count
    }
  }

  // MARK: Events of the context

  private mutating func event(_ item: MomentLives.Item, _ sequence: UInt64) -> Event? {
    guard let record = try? RecordView(item.bytes.rawSpan.extracting(item.range)),
      !isCut(record.timestamp, sequence)
    else { return nil }
    return Event(
      record, sequence: sequence, runID: runID, schema: snapshot.control.attributes,
      texts: &texts)
  }

  private static let payloadColumns = ColumnSet([.recordType, .payloadEncoding, .payloadLength])

  /// Looks up payloads that the context does not have, in order of their sequence numbers.
  private mutating func addPayloads(
    _ lacking: [(place: Int, sequence: UInt64)]
  ) throws(ReelError) {
    let lookup = IDLookup(snapshot: snapshot, cache: cache)
    var start = 0
    while start < lacking.count {
      var end = start + 1
      do throws(ReelError) {
        if let found = try lookup.block(of: lacking[start].sequence, Self.payloadColumns) {
          while end < lacking.count, lacking[end].sequence <= found.header.lastSequence { end += 1 }
          try addPayloads(lacking[start..<end], of: found)
        }
      } catch .corrupted(let damage) {
        note(damage)
      }
      start = end
    }
  }

  private mutating func addPayloads(
    _ lacking: ArraySlice<(place: Int, sequence: UInt64)>, of block: DecodedBlock
  ) throws(ReelError) {
    // A frame is decompressed up to the last payload that is wanted.
    var ends: [Int: Int] = [:]
    for (_, sequence) in lacking {
      guard let (number, range) = block.payloadPlace(block.row(of: sequence)) else { continue }
      ends[number] = max(ends[number] ?? 0, range.upperBound)
    }
    var frame: (number: Int, bytes: [UInt8]) = (0, [])
    for (place, sequence) in lacking {
      let row = block.row(of: sequence)
      guard block.recordType(row) == 0, block.hasPayload(row),
        sequence >= snapshot.control.dropped.below
      else { continue }
      var bytes: [UInt8] = []
      if let (number, range) = block.payloadPlace(row) {
        if frame.number != number {
          frame = (number, try block.payloads.frame(number, prefix: ends[number]))
        }
        bytes = Array(frame.bytes[range])
      }
      events[place]?.payload = Payload(
        bytes, encoding: Payload.Encoding(rawValue: block.payloadEncoding(row)))
    }
  }
}

extension DecodedBlock {
  /// The row of a sequence number that the block has.
  fileprivate func row(of sequence: UInt64) -> Int { Int(sequence - header.firstSequence) }
}

extension MomentLives.Life {
  /// All events that tell of it, in the order in which ``ProcessMoment`` takes them.
  var mentions: [MomentLives.Mention] { [spawn, registration, state].compactMap { $0 } + stack }
}

extension ProcessMoment {
  /// A process with its events, which come next.
  init(_ life: MomentLives.Life, _ events: inout MomentEvents) {
    name = String(decoding: life.name, as: UTF8.self)
    spawn = life.spawn.flatMap { _ in events.next() }
    registration = life.registration.flatMap { _ in events.next() }
    state = life.state.flatMap { _ in events.next() }
    var stack: [Event] = []
    stack.reserveCapacity(life.callCount)
    for _ in 0..<life.callCount {
      if let event = events.next() { stack.append(event) }
    }
    self.stack = stack
    unlistedCallCount = life.unlistedCallCount
  }
}
