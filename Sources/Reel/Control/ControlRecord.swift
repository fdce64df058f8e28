/// A record that is not an event but tells how the log came about.
///
/// It lies in the log like an event, with a sequence number of its own, its body where an event has
/// its payload. Normative: format-spec.md, "Control records".
enum ControlRecord: Hashable, Sendable {
  /// A recorder opened the recording.
  case runStart(Run)
  /// The recorder closed it.
  case runEnd(wall: Int64, monotonic: Int64)
  /// Events were offered and not recorded.
  case gap(Gap)
  /// Events older than a moment no longer count.
  case cut(Cut)
  /// Retention unlinked segments.
  case drop(Drop)
  /// Everything up to a sequence number is durable.
  case syncMark(watermark: UInt64)
  /// The declared attributes.
  case configuration([AttributeDeclaration])
  /// What events of some kinds mean.
  case roles(KindRoles)

  static let runStartType: UInt8 = 1

  /// The value in a record's type field; 0 is an event.
  var type: UInt8 {
    switch self {
    case .runStart: Self.runStartType
    case .runEnd: 2
    case .gap: 3
    case .cut: 4
    case .drop: 5
    case .syncMark: 6
    case .configuration: 7
    case .roles: 8
    }
  }

  /// The body of the record.
  func encode() -> [UInt8] {
    var body: [UInt8] = []
    switch self {
    case .runStart(let run): run.encode(to: &body)
    case .runEnd(let wall, let monotonic):
      body.append(littleEndian: wall)
      body.append(littleEndian: monotonic)
    case .gap(let gap): gap.encode(to: &body)
    case .cut(let cut): cut.encode(to: &body)
    case .drop(let drop): drop.encode(to: &body)
    case .syncMark(let watermark): body.append(varint: watermark)
    case .configuration(let declarations): declarations.encode(to: &body)
    case .roles(let roles): roles.encode(to: &body)
    }
    return body
  }

  /// The whole record, as it lies in a buffer.
  func record(timestamp: Int64) -> [UInt8] {
    let body = encode()
    let region = Region(byteCount: Record.headerByteCount + body.count)
    var writer = RecordWriter(
      region: region, start: 0, byteCount: region.byteCount, timestamp: timestamp)
    writer.setType(type)
    writer.appendPayload(body.rawSpan, encoding: Payload.Encoding.bytes.rawValue)
    return region.bytes(0..<region.byteCount).copied()
  }

  /// Decodes the body of a record of `type`; nothing when the type is a later version's.
  init?(type: UInt8, body: RawSpan) throws(ByteReader.Malformed) {
    var reader = ByteReader(body)
    switch type {
    case Self.runStartType: self = .runStart(try Run(reading: &reader))
    case 2:
      self = .runEnd(
        wall: try reader.integer(Int64.self, "the wall clock"),
        monotonic: try reader.integer(Int64.self, "the monotonic clock"))
    case 3: self = .gap(try Gap(reading: &reader))
    case 4: self = .cut(try Cut(reading: &reader))
    case 5: self = .drop(try Drop(reading: &reader))
    case 6: self = .syncMark(watermark: try reader.varint("the watermark"))
    case 7: self = .configuration(try [AttributeDeclaration](reading: &reader))
    case 8: self = .roles(try KindRoles(reading: &reader))
    default: return nil
    }
    try reader.finish("a control record")
  }
}

/// One opening of a recording for writing, from open to close or crash.
public struct Run: Hashable, Sendable {
  /// How a run ended.
  public enum End: UInt8, Sendable {
    /// It has not, as far as the recording tells: it is going on, or nobody has opened the
    /// recording for writing since the program died.
    case open = 0
    /// The recorder was closed.
    case closed = 1
    /// The program died; the next run found what was left.
    case crashed = 2
  }

  /// 48 bits of milliseconds since the Unix epoch and 16 random bits.
  public internal(set) var id: UInt64
  /// The first sequence number it gave.
  public internal(set) var firstSequence: SequenceNumber
  /// The last sequence number it gave; nothing while it is open.
  public internal(set) var lastSequence: SequenceNumber?
  /// The wall clock at the start, in nanoseconds since the Unix epoch.
  public internal(set) var startWall: Int64
  /// The monotonic clock at the same moment.
  public internal(set) var startMonotonic: Int64
  /// The wall clock at the end; nothing unless it was closed.
  public internal(set) var endWall: Int64?
  /// How it ended.
  public internal(set) var end: End
  /// The id of the recording process.
  public internal(set) var processID: Int32
  /// The name of the machine.
  public internal(set) var host: String

  func encode(to body: inout [UInt8]) {
    body.append(littleEndian: id)
    body.append(varint: firstSequence.rawValue)
    body.append(varint: lastSequence?.rawValue ?? 0)
    body.append(littleEndian: startWall)
    body.append(littleEndian: startMonotonic)
    body.append(littleEndian: endWall ?? 0)
    body.append(end.rawValue)
    body.append(littleEndian: processID)
    body.append(lengthPrefixed: host)
  }

  init(reading reader: inout ByteReader) throws(ByteReader.Malformed) {
    id = try reader.integer(UInt64.self, "a run's id")
    firstSequence = SequenceNumber(rawValue: try reader.sequence("a run's first sequence number"))
    let last = try reader.sequence("a run's last sequence number")
    lastSequence = last == 0 ? nil : SequenceNumber(rawValue: last)
    startWall = try reader.integer(Int64.self, "a run's wall clock")
    startMonotonic = try reader.integer(Int64.self, "a run's monotonic clock")
    let endWall = try reader.integer(Int64.self, "a run's end")
    let endValue = try reader.integer(UInt8.self, "how a run ended")
    processID = try reader.integer(Int32.self, "a run's process")
    host = try reader.text("a run's host", limit: 255)
    guard let end = End(rawValue: endValue) else {
      throw ByteReader.Malformed("how a run ended", "is unknown", found: endValue)
    }
    self.end = end
    self.endWall = end == .closed ? endWall : nil
  }

  init(
    id: UInt64, firstSequence: UInt64, startWall: Int64, startMonotonic: Int64, processID: Int32,
    host: String
  ) {
    self.id = id
    self.firstSequence = SequenceNumber(rawValue: firstSequence)
    self.startWall = startWall
    self.startMonotonic = startMonotonic
    end = .open
    self.processID = processID
    // At most 63 bytes, so that the state of many runs stays within its limit.
    self.host = String(decoding: host.utf8.prefix(63), as: UTF8.self)
  }
}

extension Run {
  /// The run of this process that begins now.
  init(firstSequence: UInt64, clock: any Clock) {
    let wall = clock.wall()
    let milliseconds = UInt64(max(wall, 0) / 1_000_000) & 0xFFFF_FFFF_FFFF
    self.init(
      id: milliseconds << 16 | clock.random() & 0xFFFF, firstSequence: firstSequence,
      startWall: wall, startMonotonic: clock.monotonic(), processID: currentProcessID(),
      host: hostName())
  }
}

/// Events that were offered to the recorder and not recorded.
public struct Gap: Hashable, Sendable {
  /// How many.
  public internal(set) var eventCount: UInt64
  /// The wall clock when the first was refused, in nanoseconds since the Unix epoch.
  public internal(set) var from: Int64
  /// The wall clock when the last was refused.
  public internal(set) var to: Int64

  func encode(to body: inout [UInt8]) {
    body.append(varint: eventCount)
    body.append(littleEndian: from)
    body.append(littleEndian: to)
  }

  init(eventCount: UInt64, from: Int64, to: Int64) {
    self.eventCount = eventCount
    self.from = from
    self.to = to
  }

  init(reading reader: inout ByteReader) throws(ByteReader.Malformed) {
    eventCount = try reader.varint("a gap's events")
    from = try reader.integer(Int64.self, "a gap's start")
    to = try reader.integer(Int64.self, "a gap's end")
  }
}

/// The removal of all events before a moment that had arrived by then.
struct Cut: Hashable, Sendable {
  /// Events with a lesser timestamp are gone; nothing means whatever their timestamp.
  var before: Int64?
  /// Only those with a lesser sequence number.
  var sequence: UInt64

  func covers(timestamp: Int64, sequence: UInt64) -> Bool {
    sequence < self.sequence && before.map { timestamp < $0 } ?? true
  }

  /// Whether every event that `other` covers is covered by this one.
  func includes(_ other: Cut) -> Bool {
    guard other.sequence <= sequence else { return false }
    guard let before else { return true }
    return other.before.map { $0 <= before } ?? false
  }

  func encode(to body: inout [UInt8]) {
    body.append(before == nil ? 1 : 0)
    body.append(littleEndian: before ?? 0)
    body.append(varint: sequence)
  }

  init(before: Int64?, sequence: UInt64) {
    self.before = before
    self.sequence = sequence
  }

  init(reading reader: inout ByteReader) throws(ByteReader.Malformed) {
    let isAll = try reader.integer(UInt8.self, "a cut's form")
    let before = try reader.integer(Int64.self, "a cut's moment")
    sequence = try reader.sequence("a cut's sequence number")
    self.before = isAll == 1 ? nil : before
  }
}

/// Segments that retention unlinked.
struct Drop: Hashable, Sendable {
  /// Every sequence number below is gone.
  var below: UInt64
  /// The events that were in the segments.
  var eventCount: UInt64

  func encode(to body: inout [UInt8]) {
    body.append(varint: below)
    body.append(varint: eventCount)
  }

  init(below: UInt64, eventCount: UInt64) {
    self.below = below
    self.eventCount = eventCount
  }

  init(reading reader: inout ByteReader) throws(ByteReader.Malformed) {
    below = try reader.sequence("a drop's end")
    eventCount = try reader.varint("a drop's events")
  }
}

extension [AttributeDeclaration] {
  func encode(to body: inout [UInt8]) {
    body.append(varint: UInt64(count))
    for declaration in self {
      body.append(lengthPrefixed: declaration.name)
      body.append(declaration.type.rawValue)
      body.append(declaration.isIndexed ? 1 : 0)
    }
  }

  init(reading reader: inout ByteReader) throws(ByteReader.Malformed) {
    self = []
    let count = try reader.count("the number of attributes", limit: Limits.attributeCount)
    for _ in 0..<count {
      let name = try reader.text("an attribute's name", limit: Limits.attributeNameByteCount)
      let type = try reader.integer(UInt8.self, "an attribute's type")
      let isIndexed = try reader.integer(UInt8.self, "an attribute's index")
      guard let type = AttributeDeclaration.ValueType(rawValue: type) else {
        throw ByteReader.Malformed("an attribute's type", "is unknown", found: type)
      }
      append(AttributeDeclaration(name: name, type: type, isIndexed: isIndexed == 1))
    }
  }
}
