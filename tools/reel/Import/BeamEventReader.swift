import Reel

/// Makes events of the terms that OTP's tracer writes.
///
/// https://www.erlang.org/doc/apps/kernel/trace.html lists them. The tag of a trace message becomes
/// the kind, as it is. What a message carries (arguments, the message sent, the value returned)
/// becomes the payload as the very bytes of its term; where there is more than a message of this
/// tag usually has, the payload is a tuple of all that. A term that is no trace message at all is
/// an event of kind `term`.
struct BeamEventReader {
  /// What a trace message says of the time.
  enum Time: Equatable {
    /// No timestamp.
    case none
    /// Nanoseconds since 1970.
    case wall(Int64)
    /// Nanoseconds of the runtime's monotonic clock.
    case monotonic(Int64)
  }

  /// What a record comes to.
  enum Result: Equatable {
    case event(Time)
    /// That so many messages were lost before this one.
    case dropped(Int)
  }

  /// The attribute that names whom a message was sent to by a registered name.
  static let receiverAttribute = AttributeDeclaration(name: "to", type: .text)

  /// Where the elements of the message begin, and behind them where it ends.
  private var places: [Int] = []
  private var text: [UInt8] = []
  private var payload: [UInt8] = []
  /// The node of the process that the message is of.
  private var node: [UInt8] = []

  /// Makes `encoder` the event in `record`, the bytes of a term; all but the timestamp.
  ///
  /// - Throws: ``TermFault`` when the bytes are not one term, or no trace message that can be.
  mutating func read(
    _ record: RawSpan, into encoder: inout EventEncoder
  ) throws(TermFault) -> Result {
    encoder.clear()
    var reader = ExternalTermReader(record)
    try reader.skipVersion()
    let start = reader.offset
    guard let count = try reader.tuple(), count >= 2, count <= 255 else {
      try reader.skipTerm(from: start)
      return try other(record, &reader, start, &encoder)
    }
    places.removeAll(keepingCapacity: true)
    for _ in 0..<count {
      places.append(reader.offset)
      try reader.skipTerm()
    }
    places.append(reader.offset)
    guard reader.left == 0 else { throw reader.fault("bytes follow the term") }
    switch name(record, 0) {
    case "trace" where count >= 3:
      try message(record, last: count, &encoder)
      return .event(.none)
    case "trace_ts" where count >= 4:
      let time = try time(record, places[count - 1], &encoder)
      try message(record, last: count - 1, &encoder)
      return .event(time)
    case "seq_trace" where count == 3:
      try sequential(record, &encoder)
      return .event(.none)
    case "seq_trace" where count == 4:
      let time = try time(record, places[3], &encoder)
      try sequential(record, &encoder)
      return .event(time)
    case "drop" where count == 2:
      reader = ExternalTermReader(record, from: places[1])
      if let number = try reader.integer(), number >= 0 { return .dropped(Int(number)) }
    default: break
    }
    return try other(record, &reader, start, &encoder)
  }

  /// A term that is no trace message.
  private mutating func other(
    _ record: RawSpan, _ reader: inout ExternalTermReader, _ start: Int,
    _ encoder: inout EventEncoder
  ) throws(TermFault) -> Result {
    set(.kind, "term", &encoder)
    encoder.setPayload(record, encoding: .externalTerm)
    return .event(.none)
  }

  // MARK: Trace messages

  /// How messages of a tag are made up.
  private enum Form {
    /// The payload, then the receiver.
    case send
    /// The payload.
    case value
    /// The function, its arguments the payload where they are given.
    case call
    /// The function alone.
    case place
    /// The function, then the payload.
    case result
    /// The other process, then the function it begins with, its arguments the payload.
    case spawn
    /// The other process.
    case link
    /// The other process, then the payload.
    case open
  }

  private static let forms: [String: Form] = [
    "send": .send, "send_to_non_existing_process": .send, "receive": .value, "call": .call,
    "return_to": .place, "return_from": .result, "exception_from": .result, "spawn": .spawn,
    "spawned": .spawn, "exit": .value, "register": .value, "unregister": .value, "link": .link,
    "unlink": .link, "getting_linked": .link, "getting_unlinked": .link, "open": .open,
    "closed": .value, "in": .place, "out": .place, "in_exiting": .place, "out_exiting": .place,
    "out_exited": .place, "exiting": .place, "gc_start": .value, "gc_end": .value,
    "gc_minor_start": .value, "gc_minor_end": .value, "gc_major_start": .value,
    "gc_major_end": .value,
  ]

  /// Takes the elements of a trace message from the process on, up to `last`.
  private mutating func message(
    _ record: RawSpan, last: Int, _ encoder: inout EventEncoder
  ) throws(TermFault) {
    guard let tag = name(record, 2) else {
      throw TermFault("expected an atom, the tag of a trace message", at: places[2])
    }
    node.removeAll(keepingCapacity: true)
    text.removeAll(keepingCapacity: true)
    guard try appendProcess(record, 1, setsNode: true) else {
      throw TermFault("expected a process or a port", at: places[1])
    }
    encoder.set(.process, text.byteSpan)
    if !node.isEmpty { encoder.set(.node, node.byteSpan) }
    set(.kind, tag, &encoder)
    var taken: Int?
    if let form = Self.forms[tag] { taken = try take(form, record, last: last, &encoder) }
    guard let taken else {
      // None of the usual forms: all of it.
      return setTuple(record, nil, 3..<last, &encoder)
    }
    if 3 + taken < last {
      setTuple(record, interest, (3 + taken)..<last, &encoder)
    } else if let interest {
      setPayload(record, interest, &encoder)
    }
  }

  /// The bytes of the term that becomes the payload.
  private var interest: Range<Int>?

  /// - Returns: How many elements after the tag are taken care of; nothing when they are not what
  ///   the form asks for.
  private mutating func take(
    _ form: Form, _ record: RawSpan, last: Int, _ encoder: inout EventEncoder
  ) throws(TermFault) -> Int? {
    interest = nil
    let count = last - 3
    switch form {
    case .value:
      guard count >= 1 else { return nil }
      interest = element(3)
      return 1
    case .send:
      guard count >= 2 else { return nil }
      interest = element(3)
      try setReceiver(record, 4, &encoder)
      return 2
    case .call, .place:
      guard count >= 1, try setFunction(record, 3, &encoder) else { return nil }
      return 1
    case .result:
      guard count >= 2, try setFunction(record, 3, &encoder) else { return nil }
      interest = element(4)
      return 2
    case .spawn:
      guard count >= 2, try setPeer(record, 3, &encoder), try setFunction(record, 4, &encoder)
      else { return nil }
      return 2
    case .link:
      guard count >= 1, try setPeer(record, 3, &encoder) else { return nil }
      return 1
    case .open:
      guard count >= 2, try setPeer(record, 3, &encoder) else { return nil }
      interest = element(4)
      return 2
    }
  }

  /// Takes `{seq_trace, Label, {Kind, Serial, From, To, Message}}`.
  private mutating func sequential(
    _ record: RawSpan, _ encoder: inout EventEncoder
  ) throws(TermFault) {
    set(.kind, "seq_trace", &encoder)
    let label = try ExternalTermPrinter.text(
      prefixed(record, element(1)).byteSpan, limit: 255)
    encoder.set(.correlationID, label.byteSpan)
    setPayload(record, element(2), &encoder)
    var reader = ExternalTermReader(record, from: places[2])
    guard try reader.tuple() == 5 else { return }
    var inner: [Int] = []
    for _ in 0..<5 {
      inner.append(reader.offset)
      try reader.skipTerm()
    }
    var atom = ExternalTermReader(record, from: inner[0])
    let isReceipt = (try? atom.atom()).map { record.text($0.text) } == "receive"
    node.removeAll(keepingCapacity: true)
    for (field, place) in [
      (EventEncoder.Field.process, inner[isReceipt ? 3 : 2]),
      (EventEncoder.Field.peerProcess, inner[isReceipt ? 2 : 3]),
    ] {
      text.removeAll(keepingCapacity: true)
      var reader = ExternalTermReader(record, from: place)
      if try appendProcess(&reader, setsNode: field == .process) {
        encoder.set(field, text.byteSpan)
      }
    }
  }

  // MARK: Elements

  private func element(_ index: Int) -> Range<Int> { places[index]..<places[index + 1] }

  /// The atom at `index` in text, or nothing for another term.
  private func name(_ record: RawSpan, _ index: Int) -> String? {
    var reader = ExternalTermReader(record, from: places[index])
    do throws(TermFault) {
      let atom = try reader.atom()
      if atom.isUTF8 { return record.text(atom.text) }
      var text: [UInt8] = []
      text.append(atom: atom, of: record)
      return String(decoding: text, as: UTF8.self)
    } catch {
      return nil
    }
  }

  private func set(
    _ field: EventEncoder.Field, _ value: String, _ encoder: inout EventEncoder
  ) {
    // Safe: the bytes of a UTF-8 view are initialized, and the span ends with this call.
    encoder.set(field, unsafe value.utf8Span.span.bytes)
  }

  /// Appends the process or port at `index` to ``text``.
  private mutating func appendProcess(
    _ record: RawSpan, _ index: Int, setsNode: Bool = false
  ) throws(TermFault) -> Bool {
    var reader = ExternalTermReader(record, from: places[index])
    return try appendProcess(&reader, setsNode: setsNode)
  }

  /// Appends the next term to ``text``, a process or port.
  ///
  /// Its node becomes ``node``, for which others have a 0, where `setsNode` says so.
  /// - Returns: False for another term.
  private mutating func appendProcess(
    _ reader: inout ExternalTermReader, setsNode: Bool
  ) throws(TermFault) -> Bool {
    let tag = try reader.peek()
    let isPort = tag == TermTag.port || tag == TermTag.newPort || tag == TermTag.v4Port
    guard isPort || tag == TermTag.pid || tag == TermTag.newPID else { return false }
    _ = try reader.byte()
    let name = try reader.atom()
    let bytes = reader.bytes.extracting(name.text)
    if setsNode, !NodeName.isNone(bytes) { node.append(atom: name, of: reader.bytes) }
    if isPort { text.append(literal: "#Port<") } else { text.append(UInt8(ascii: "<")) }
    if NodeName.isNone(bytes) || bytes.hasSameBytes(as: node.byteSpan) {
      text.append(UInt8(ascii: "0"))
    } else {
      text.append(atom: name, of: reader.bytes)
    }
    text.append(UInt8(ascii: "."))
    var number = UInt64(try reader.long())
    if tag == TermTag.v4Port { number = number << 32 | UInt64(try reader.long()) }
    text.append(decimal: number, isQuoted: false)
    if !isPort {
      text.append(UInt8(ascii: "."))
      text.append(decimal: try reader.long(), isQuoted: false)
    }
    text.append(UInt8(ascii: ">"))
    return true
  }

  private mutating func setPeer(
    _ record: RawSpan, _ index: Int, _ encoder: inout EventEncoder
  ) throws(TermFault) -> Bool {
    text.removeAll(keepingCapacity: true)
    guard try appendProcess(record, index) else { return false }
    encoder.set(.peerProcess, text.byteSpan)
    return true
  }

  /// The receiver of a message: a process, or a name, which is an attribute.
  private mutating func setReceiver(
    _ record: RawSpan, _ index: Int, _ encoder: inout EventEncoder
  ) throws(TermFault) {
    guard !(try setPeer(record, index, &encoder)) else { return }
    let name = try ExternalTermPrinter.text(
      prefixed(record, element(index)).byteSpan, node: node, limit: 1024)
    encoder.attributes[Self.receiverAttribute.name] = .text(String(decoding: name, as: UTF8.self))
  }

  /// Takes `{Module, Name, ArgumentsOrArity}`; the arguments become the ``interest``.
  /// - Returns: False for another term.
  private mutating func setFunction(
    _ record: RawSpan, _ index: Int, _ encoder: inout EventEncoder
  ) throws(TermFault) -> Bool {
    var reader = ExternalTermReader(record, from: places[index])
    guard try reader.tuple() == 3, Self.isAtom(try reader.peek()) else { return false }
    let module = try reader.atom()
    guard Self.isAtom(try reader.peek()) else { return false }
    let function = try reader.atom()
    let last = reader.offset..<places[index + 1]
    let arity: Int
    switch try reader.peek() {
    case TermTag.empty: arity = 0
    case TermTag.list, TermTag.string:
      let isString = try reader.byte() == TermTag.string
      arity = isString ? try reader.short() : try reader.long()
    default:
      guard let number = try reader.integer(), let value = Int(exactly: number) else {
        return false
      }
      arity = value
    }
    guard let arity = UInt16(exactly: arity), arity < 65_535 else { return false }
    set(.module, module, record, &encoder)
    set(.function, function, record, &encoder)
    encoder.arity = arity
    let tag = record.loadByte(at: last.lowerBound)
    let isList = tag == TermTag.empty || tag == TermTag.list || tag == TermTag.string
    interest = isList ? last : nil
    return true
  }

  private static func isAtom(_ tag: UInt8) -> Bool {
    tag == TermTag.smallAtomUTF8 || tag == TermTag.atomUTF8 || tag == TermTag.atom
      || tag == TermTag.smallAtom
  }

  private mutating func set(
    _ field: EventEncoder.Field, _ atom: (text: Range<Int>, isUTF8: Bool), _ record: RawSpan,
    _ encoder: inout EventEncoder
  ) {
    if atom.isUTF8 { return encoder.set(field, record.extracting(atom.text)) }
    text.removeAll(keepingCapacity: true)
    text.append(atom: atom, of: record)
    encoder.set(field, text.byteSpan)
  }

  // MARK: Payloads

  private func prefixed(_ record: RawSpan, _ range: Range<Int>) -> [UInt8] {
    [ExternalTermReader.version] + record.array(range)
  }

  private mutating func setPayload(
    _ record: RawSpan, _ range: Range<Int>, _ encoder: inout EventEncoder
  ) {
    payload.removeAll(keepingCapacity: true)
    payload.append(ExternalTermReader.version)
    payload.append(bytesOf: record, range)
    encoder.setPayload(payload.byteSpan, encoding: .externalTerm)
  }

  /// Makes the payload a tuple of `first` and the elements at `indexes`.
  private mutating func setTuple(
    _ record: RawSpan, _ first: Range<Int>?, _ indexes: Range<Int>,
    _ encoder: inout EventEncoder
  ) {
    payload.removeAll(keepingCapacity: true)
    payload.append(ExternalTermReader.version)
    payload.append(TermTag.smallTuple)
    payload.append(UInt8(indexes.count + (first == nil ? 0 : 1)))
    if let first { payload.append(bytesOf: record, first) }
    payload.append(bytesOf: record, places[indexes.lowerBound]..<places[indexes.upperBound])
    encoder.setPayload(payload.byteSpan, encoding: .externalTerm)
  }

  // MARK: Time

  /// The timestamp in the term at `place`: of the wall clock, the monotonic one, or the latter with
  /// a number that tells apart what it does not, which becomes the second clock.
  private func time(
    _ record: RawSpan, _ place: Int, _ encoder: inout EventEncoder
  ) throws(TermFault) -> Time {
    var reader = ExternalTermReader(record, from: place)
    if let number = try reader.integer() { return .monotonic(number) }
    var parts: [Int64] = []
    if let count = try reader.tuple(), count == 2 || count == 3 {
      for _ in 0..<count {
        guard let part = try reader.integer() else { break }
        parts.append(part)
      }
      if count == 2, parts.count == 2 {
        encoder.secondClock = parts[1]
        return .monotonic(parts[0])
      }
      if parts.count == 3, let time = Self.nanoseconds(parts) { return .wall(time) }
    }
    throw TermFault("expected a timestamp of the wall clock or the monotonic clock", at: place)
  }

  /// `{MegaSeconds, Seconds, MicroSeconds}` in nanoseconds.
  private static func nanoseconds(_ parts: [Int64]) -> Int64? {
    let (mega, first) = parts[0].multipliedReportingOverflow(by: 1_000_000)
    let (seconds, second) = mega.addingReportingOverflow(parts[1])
    let (micro, third) = seconds.multipliedReportingOverflow(by: 1_000_000)
    let (sum, fourth) = micro.addingReportingOverflow(parts[2])
    let (nanoseconds, fifth) = sum.multipliedReportingOverflow(by: 1000)
    return first || second || third || fourth || fifth ? nil : nanoseconds
  }
}
