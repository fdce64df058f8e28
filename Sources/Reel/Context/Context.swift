/// What ``ProcessLives`` come to before the first record of a block, as it lies in a segment.
///
/// Derived: a reader without it reads further back. Normative: format-spec.md, "Contexts".
///
/// | offset | size | field            | meaning                                                  |
/// | -----: | ---: | :--------------- | :------------------------------------------------------- |
/// |      0 |    1 | flags            | bit 0: some processes that live are not listed           |
/// |      1 |    8 | runID            | the run whose processes are listed                       |
/// |      9 |    8 | firstSequence    | of the block that follows                                |
/// |     17 |    8 | maximumTimestamp | of all events before that                                |
/// |     25 |    8 | roles            | XXH3-64 of the recording's declared roles                |
/// |     33 |      | lives            | compressed                                               |
struct ContextHeader: Hashable, Sendable {
  static let byteCount = 33

  var isOverfull: Bool
  var runID: UInt64
  var firstSequence: UInt64
  var maximumTimestamp: Int64
  var roles: UInt64

  func encode() -> [UInt8] {
    var bytes: [UInt8] = [isOverfull ? 1 : 0]
    bytes.append(littleEndian: runID)
    bytes.append(littleEndian: firstSequence)
    bytes.append(littleEndian: maximumTimestamp)
    bytes.append(littleEndian: roles)
    return bytes
  }

  init(
    isOverfull: Bool, runID: UInt64, firstSequence: UInt64, maximumTimestamp: Int64, roles: UInt64
  ) {
    self.isOverfull = isOverfull
    self.runID = runID
    self.firstSequence = firstSequence
    self.maximumTimestamp = maximumTimestamp
    self.roles = roles
  }

  init(decoding content: RawSpan) throws(ByteReader.Malformed) {
    var reader = ByteReader(content)
    isOverfull = try reader.integer(UInt8.self, "a context's flags") & 1 != 0
    runID = try reader.integer(UInt64.self, "a context's run")
    firstSequence = try reader.integer(UInt64.self, "a context's first sequence number")
    maximumTimestamp = try reader.integer(Int64.self, "a context's greatest timestamp")
    roles = try reader.integer(UInt64.self, "a context's roles")
    guard firstSequence >= 1, firstSequence <= Limits.sequenceNumber else {
      throw ByteReader.Malformed(
        "a context's first sequence number", "cannot be", found: firstSequence)
    }
  }
}

/// Where a context lies in its segment; the block that it is ahead of comes right behind.
struct ContextPlace: Hashable, Sendable {
  /// Of its frame.
  var offset: Int
  var byteCount: Int
  /// Of all events before it.
  var maximumTimestamp: Int64

  var end: Int { offset + byteCount }
}

/// A context that was read.
struct Context {
  let header: ContextHeader
  private(set) var lives: [ProcessLives.Life] = []
  private(set) var latched: [(kind: String, item: ProcessLives.Item)] = []

  /// Raw bytes of the largest context, and of one that a reader accepts.
  static let maximumByteCount = 1 << 20

  init(
    header: ContextHeader, lives: [ProcessLives.Life],
    latched: [(kind: String, item: ProcessLives.Item)]
  ) {
    self.header = header
    self.lives = lives
    self.latched = latched
  }

  init(decoding content: RawSpan) throws(ByteReader.Malformed) {
    header = try ContextHeader(decoding: content)
    let raw = try CompressedContent.decode(
      content.extracting(ContextHeader.byteCount..<content.byteCount),
      limit: Self.maximumByteCount)
    var reader = ByteReader(raw.rawSpan)
    for _ in 0..<(try reader.count("the number of latched kinds", limit: reader.remaining)) {
      let item = try Self.item(&reader)
      let record = try RecordView(item.record.rawSpan)
      let kind = String(decoding: record.bytes.extracting(record.range(of: .kind)))
      latched.append((kind, item))
    }
    while reader.remaining > 0 {
      // A process takes four bytes at least, and hundreds in memory.
      guard lives.count < ProcessLives.maximumLifeCount else {
        throw ByteReader.Malformed("a context", "has too many processes", found: lives.count)
      }
      lives.append(try Self.life(&reader))
    }
  }

  private static func life(
    _ reader: inout ByteReader
  ) throws(ByteReader.Malformed) -> ProcessLives.Life {
    let flags = try reader.integer(UInt8.self, "a process's flags")
    let byteCount = try reader.count("a process's name", limit: Limits.textByteCount)
    var life = ProcessLives.Life(name: try reader.span(byteCount, "a process's name").copied())
    if flags & 1 != 0 { life.spawn = try item(&reader) }
    if flags & 2 != 0 { life.registration = try item(&reader) }
    if flags & 4 != 0 { life.state = try item(&reader) }
    life.unlistedCallCount = try reader.count(
      "the number of unlisted calls", limit: Limits.unlistedCallCount)
    let count = try reader.count(
      "the number of open calls", limit: ProcessLives.maximumCallCount)
    for _ in 0..<count {
      let item = try item(&reader)
      let record = try RecordView(item.record.rawSpan)
      life.records.append(record.bytes)
      life.calls.append(
        ProcessLives.Call(
          sequence: item.sequence, key: CallKey(record), end: life.records.count,
          lacksPayload: item.lacksPayload))
    }
    return life
  }

  private static func item(
    _ reader: inout ByteReader
  ) throws(ByteReader.Malformed) -> ProcessLives.Item {
    let flags = try reader.integer(UInt8.self, "an item's flags")
    let sequence = try reader.sequence("an item's sequence number")
    let byteCount = try reader.count("an item's length", limit: reader.remaining)
    let bytes = try reader.span(byteCount, "an item")
    let record = try RecordView(bytes)
    guard record.byteCount == byteCount, record.type == 0 else {
      throw ByteReader.Malformed("an item", "is not an event", found: byteCount)
    }
    return ProcessLives.Item(
      sequence: sequence, record: bytes.copied(), lacksPayload: flags & 1 != 0)
  }
}

extension ProcessLives {
  /// The content of a context frame ahead of a block that begins with `firstSequence`.
  ///
  /// What does not fit is left out: first all payloads, then processes.
  func encodeContext(firstSequence: UInt64, state: LZ4.State) -> [UInt8] {
    var raw: [UInt8] = []
    raw.reserveCapacity(byteCount + byteCount / 8 + 64)
    var isWhole = encode(payloadLimit: Self.payloadByteCount, to: &raw)
    if !isWhole {
      raw.removeAll(keepingCapacity: true)
      isWhole = encode(payloadLimit: -1, to: &raw)
    }
    let header = ContextHeader(
      isOverfull: isOverfull || !isWhole, runID: runID, firstSequence: firstSequence,
      maximumTimestamp: maximumTimestamp, roles: roles.fingerprint)
    return header.encode() + CompressedContent.encode(raw, state: state)
  }

  /// - Returns: Whether all fitted.
  private func encode(payloadLimit: Int, to output: inout [UInt8]) -> Bool {
    var items: [UInt8] = []
    var itemCount: UInt64 = 0
    for (_, item) in latched.sorted(by: { $0.key < $1.key }) {
      let start = items.count
      Self.append(item, payloadLimit, to: &items)
      guard items.count <= Context.maximumByteCount / 2 else {
        items.removeLast(items.count - start)
        break
      }
      itemCount += 1
    }
    output.append(varint: itemCount)
    output.append(items.rawSpan)
    guard itemCount == UInt64(latched.count) else { return false }
    for life in lives where life.isLive {
      let start = output.count
      Self.append(life, payloadLimit, to: &output)
      guard output.count <= Context.maximumByteCount else {
        output.removeLast(output.count - start)
        return false
      }
    }
    return true
  }

  private static func append(_ life: Life, _ payloadLimit: Int, to output: inout [UInt8]) {
    let items = [life.spawn, life.registration, life.state]
    var flags: UInt8 = 0
    for (bit, item) in items.enumerated() where item != nil { flags |= 1 << UInt8(bit) }
    output.append(flags)
    output.append(lengthPrefixed: life.name.rawSpan)
    for case let item? in items { append(item, payloadLimit, to: &output) }
    output.append(varint: UInt64(min(life.unlistedCallCount, Limits.unlistedCallCount)))
    output.append(varint: UInt64(life.calls.count))
    var start = 0
    for call in life.calls {
      append(
        life.records.rawSpan.extracting(start..<call.end), sequence: call.sequence,
        lacksPayload: call.lacksPayload, payloadLimit, to: &output)
      start = call.end
    }
  }

  private static func append(_ item: Item, _ payloadLimit: Int, to output: inout [UInt8]) {
    append(
      item.record.rawSpan, sequence: item.sequence, lacksPayload: item.lacksPayload, payloadLimit,
      to: &output)
  }

  private static func append(
    _ bytes: RawSpan, sequence: UInt64, lacksPayload: Bool, _ payloadLimit: Int,
    to output: inout [UInt8]
  ) {
    guard payloadLimit < 0, let record = try? RecordView(bytes), record.hasPayload else {
      output.append(lacksPayload ? 1 : 0)
      output.append(varint: sequence)
      return output.append(lengthPrefixed: bytes)
    }
    var short: [UInt8] = []
    _ = append(record, to: &short, limit: payloadLimit)
    output.append(1)
    output.append(varint: sequence)
    output.append(lengthPrefixed: short.rawSpan)
  }
}
