import Reel

/// Perfetto's trace format: packets of `TrackEvent`, with names written once.
///
/// https://perfetto.dev/docs/reference/synthetic-track-event. A process of the recording is a
/// thread, whose track has its calls as slices and the rest as instants; messages are flows. Times
/// are those of the recording in nanoseconds, or count from the first event where that is before
/// 1970. The numbers of fields are those of `perfetto/trace/trace_packet.proto` and its neighbours.
/// The few that are needed are written straight into the output: messages generated for
/// swift-protobuf would be a dependency and thousands of lines more, and a copy of every event.
struct PerfettoExport: CallSink {
  private(set) var shift: Int64 = 0
  var writer = ProtobufWriter()

  private static let sequence: UInt64 = 1
  private static let processTrack: UInt64 = 1
  /// Distinct names of events after which all names are forgotten and told anew.
  private static let nameLimit = 1 << 16

  private enum Kind: UInt64 { case begin = 1, end, instant }

  /// The annotations that every recording may have, in the order of their numbers from 1 on.
  private static let annotationNames = [
    "event", "function", "peer_process", "correlation_id", "ast_node_id", "node", "call_id",
    "parent", "second_clock", "data", "data_base64", "data_encoding", "began_ns", "exit_event",
    "exit_data", "exit_data_base64", "exit_data_encoding",
  ]
  private enum Annotation: UInt64 {
    case event = 1, function, peerProcess, correlationID, astNodeID, node, callID, parent
    case secondClock, data, dataBase64, dataEncoding, beganTime, exitEvent, exitData
    case exitDataBase64, exitDataEncoding
  }

  private let title: String
  private let attributes: [AttributeDeclaration]
  private var eventNames: [[UInt8]: UInt64] = [:]
  private var newNames: [(number: UInt64, name: [UInt8])] = []
  private var scratch: [UInt8] = []
  /// Whether the next packet begins with no names known.
  private var isCleared = true

  init(title: String, base: Int64, attributes: [AttributeDeclaration]) {
    self.title = title
    self.attributes = attributes
    if base < 0 { shift = base }
  }

  /// Writes the track of the whole recording.
  mutating func begin() {
    let packet = writer.begin(1)
    let track = writer.begin(60)
    writer.field(1, Self.processTrack)
    let process = writer.begin(3)
    writer.field(1, 1)
    writer.field(6, title)
    writer.end(process)
    writer.end(track)
    writer.field(10, Self.sequence)
    writer.end(packet)
  }

  // MARK: Events

  mutating func enter(_ view: EventView, _ frame: inout CallFrame, in lane: CallLane) {
    let packet = start(lane, lane.time)
    let event = writer.begin(11)
    head(.begin, lane, .entry)
    let name = name { EventParts.appendName(view, to: &$0) }
    writer.field(10, name)
    annotate(view)
    writer.end(event)
    end(packet)
  }

  mutating func resume(_ entry: Event, _ frame: inout CallFrame, in lane: CallLane) {
    let packet = start(lane, frame.start)
    let event = writer.begin(11)
    head(.begin, lane, .entry)
    let text = entry.function?.description ?? entry.kind ?? ""
    let name = name { $0.append(contentsOf: text.utf8) }
    writer.field(10, name)
    integer(.beganTime, entry.timestamp?.nanoseconds ?? 0)
    if let number = entry.sequenceNumber { string(.event, "#\(number.rawValue)") }
    writer.end(event)
    end(packet)
  }

  mutating func leave(
    _ view: EventView?, _ frame: CallFrame, in lane: CallLane, at time: Int64
  ) {
    let packet = start(lane, time)
    let event = writer.begin(11)
    writer.field(9, Kind.end.rawValue)
    writer.field(11, track(lane))
    if let view {
      eventID(view, .exitEvent)
      payload(view, .exitData, .exitDataBase64, .exitDataEncoding)
    }
    writer.end(event)
    end(packet)
  }

  mutating func happen(
    _ view: EventView, _ role: EventRole, _ flow: MessageFlow, in lane: CallLane
  ) {
    let packet = start(lane, lane.time)
    let event = writer.begin(11)
    head(.instant, lane, role)
    let name = name { text in
      view.withBytes(of: .kind) { span in
        if let span {
          text.append(bytesOf: span, 0..<span.byteCount)
        } else {
          text.append(literal: "event")
        }
      }
    }
    writer.field(10, name)
    switch flow {
    case .none: break
    case .send(let number): writer.fixed(47, number)
    case .receive(let number): writer.fixed(48, number)
    }
    var function: [UInt8] = []
    if EventParts.appendFunction(view, to: &function) { span(.function, function.byteSpan) }
    annotate(view)
    writer.end(event)
    end(packet)
  }

  // MARK: Packets

  private func track(_ lane: CallLane) -> UInt64 { Self.processTrack + UInt64(lane.number) }

  /// Begins the packet of an event, after one that tells of its track where none has.
  private mutating func start(_ lane: CallLane, _ time: Int64) -> Int {
    if lane.mark == 0 {
      lane.mark = 1
      let packet = writer.begin(1)
      let descriptor = writer.begin(60)
      writer.field(1, track(lane))
      writer.field(5, Self.processTrack)
      let thread = writer.begin(4)
      writer.field(1, 1)
      writer.field(2, UInt64(lane.number))
      writer.field(5, EventParts.name(lane.process))
      writer.end(thread)
      writer.end(descriptor)
      writer.field(10, Self.sequence)
      writer.end(packet)
    }
    let packet = writer.begin(1)
    writer.field(8, UInt64(bitPattern: time &- shift))
    writer.field(10, Self.sequence)
    if eventNames.count >= Self.nameLimit {
      eventNames.removeAll(keepingCapacity: true)
      isCleared = true
    }
    // State is cleared, or needed.
    writer.field(13, isCleared ? 3 : 2)
    return packet
  }

  /// Ends a packet, with the names that were new in it.
  private mutating func end(_ packet: Int) {
    if isCleared || !newNames.isEmpty {
      let interned = writer.begin(12)
      if isCleared { internFixed() }
      for (number, name) in newNames { intern(2, number, name.byteSpan) }
      writer.end(interned)
      newNames.removeAll(keepingCapacity: true)
      isCleared = false
    }
    writer.end(packet)
  }

  private mutating func internFixed() {
    for role in EventRole.allCases {
      intern(1, UInt64(role.rawValue) + 1, Array(role.name.utf8).byteSpan)
    }
    let names = Self.annotationNames + attributes.map(\.name)
    for (index, name) in names.enumerated() {
      intern(3, UInt64(index) + 1, Array(name.utf8).byteSpan)
    }
  }

  private mutating func intern(_ field: UInt64, _ number: UInt64, _ name: RawSpan) {
    let entry = writer.begin(field)
    writer.field(1, number)
    writer.field(2, name)
    writer.end(entry)
  }

  private mutating func head(_ kind: Kind, _ lane: CallLane, _ role: EventRole) {
    writer.field(3, UInt64(role.rawValue) + 1)
    writer.field(9, kind.rawValue)
    writer.field(11, track(lane))
  }

  /// The number of the name that `body` appends.
  private mutating func name(_ body: (inout [UInt8]) -> Void) -> UInt64 {
    scratch.removeAll(keepingCapacity: true)
    body(&scratch)
    if let number = eventNames[scratch] { return number }
    let number = UInt64(eventNames.count) + 1
    eventNames[scratch] = number
    newNames.append((number, scratch))
    return number
  }

  // MARK: Annotations

  private mutating func annotate(_ view: EventView) {
    eventID(view, .event)
    text(.peerProcess, .peerProcess, view)
    text(.correlationID, .correlationID, view)
    text(.astNodeID, .astNodeID, view)
    text(.node, .node, view)
    text(.callID, .callID, view)
    if let parent = view.parentID { string(.parent, parent.description) }
    if let clock = view.secondClock { integer(.secondClock, clock) }
    if !attributes.isEmpty { append(view.attributes) }
    payload(view, .data, .dataBase64, .dataEncoding)
  }

  private mutating func span(_ name: Annotation, _ value: RawSpan) {
    let start = writer.begin(4)
    writer.field(1, name.rawValue)
    writer.field(6, value)
    writer.end(start)
  }

  private mutating func string(_ name: Annotation, _ value: String) {
    // Safe: the bytes of a UTF-8 view are initialized, and the span ends with this call.
    span(name, unsafe value.utf8Span.span.bytes)
  }

  private mutating func integer(_ name: Annotation, _ value: Int64) {
    let start = writer.begin(4)
    writer.field(1, name.rawValue)
    writer.field(4, UInt64(bitPattern: value))
    writer.end(start)
  }

  private mutating func text(
    _ name: Annotation, _ field: EventView.TextField, _ view: EventView
  ) {
    view.withBytes(of: field) { value in
      if let value { span(name, value) }
    }
  }

  private mutating func eventID(_ view: EventView, _ name: Annotation) {
    let hasID = view.withIDBytes { value in
      guard let value, value.endOfPlainText(from: 0) == value.byteCount else { return false }
      span(name, value)
      return true
    }
    if hasID { return }
    string(name, view.hasGeneratedID ? "#\(view.sequenceNumber.rawValue)" : view.id.description)
  }

  private mutating func append(_ values: [String: AttributeValue]) {
    for (index, attribute) in attributes.enumerated() {
      guard let value = values[attribute.name] else { continue }
      let start = writer.begin(4)
      writer.field(1, UInt64(Self.annotationNames.count + index) + 1)
      switch value {
      case .text(let text): writer.field(6, text)
      case .integer(let number): writer.field(4, UInt64(bitPattern: number))
      case .boolean(let flag): writer.field(2, flag ? 1 : 0)
      case .double(let number): writer.fixed(5, number.bitPattern)
      case .bytes, .many:
        var json: [UInt8] = []
        EventWriter.append(value, asStrings: true, to: &json)
        writer.field(9, json.byteSpan)
      }
      writer.end(start)
    }
  }

  private mutating func payload(
    _ view: EventView, _ name: Annotation, _ base64: Annotation, _ encodingName: Annotation
  ) {
    guard let encoding = view.payloadEncoding else { return }
    view.withPayloadBytes { value in
      switch PayloadForm(value, encoding, depth: 1, node: view.node) {
      case .json:
        let start = writer.begin(4)
        writer.field(1, name.rawValue)
        writer.field(9, value)
        writer.end(start)
      case .members:
        var object = [UInt8(ascii: "{")]
        object.append(bytesOf: value, 0..<value.byteCount)
        object.append(UInt8(ascii: "}"))
        let start = writer.begin(4)
        writer.field(1, name.rawValue)
        writer.field(9, object.byteSpan)
        writer.end(start)
      case .text: span(name, value)
      case .term(let text): span(name, text.byteSpan)
      case .base64:
        var text: [UInt8] = []
        BinaryText.appendBase64(value.array(0..<value.byteCount), to: &text)
        span(base64, text.byteSpan)
        string(encodingName, encoding.name)
      }
    }
  }
}
