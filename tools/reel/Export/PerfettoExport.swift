import PerfettoTrace
import Reel
import SwiftProtobuf

/// Perfetto's trace format: packets of `TrackEvent`, with names written once.
///
/// https://perfetto.dev/docs/reference/synthetic-track-event. A process of the recording is a
/// thread, whose track has its calls as slices and the rest as instants; messages are flows. Times
/// are those of the recording in nanoseconds, or count from the first event where that is before
/// 1970. Messages are those of tools/perfetto, which swift-protobuf writes.
struct PerfettoExport: CallSink {
  private(set) var shift: Int64 = 0
  /// Whether packets have been handed over since somebody last took note of it.
  var hasHandedOver = false
  private static let sequence: UInt32 = 1
  private static let processTrack: UInt64 = 1
  /// Distinct names of events after which all names are forgotten and told anew.
  private static let nameLimit = 1 << 16

  /// The number of the name of each role.
  private let categories = (0...UInt64(UInt8.max)).map { [$0 + 1] }
  private let title: String
  private let attributes: [AttributeDeclaration]
  private var eventNames = SymbolTable(seed: .random(in: .min ... .max))
  private var newNames: [PerfettoEventName] = []
  private var scratch: [UInt8] = []
  private let encoder: PacketEncoder
  private var packets: [PacketEncoder.Packet] = []
  /// Whether the next packet begins with no names known.
  private var isCleared = true

  /// `encoder` takes the packets.
  init(
    title: String, base: Int64, attributes: [AttributeDeclaration], encoder: PacketEncoder
  ) {
    self.title = title
    self.encoder = encoder
    self.attributes = attributes
    if base < 0 { shift = base }
  }

  /// Writes the track of the whole recording.
  mutating func begin() {
    var process = PerfettoProcessDescriptor()
    process.pid = 1
    process.processName = title
    var track = PerfettoTrackDescriptor()
    track.uuid = Self.processTrack
    track.process = process
    add(track)
  }

  /// Hands the packets that are left over.
  mutating func finish() {
    hasHandedOver = true
    encoder.add(packets)
    packets = []
  }

  // MARK: Events

  mutating func enter(_ view: EventView, _ frame: inout CallFrame, in lane: CallLane) {
    var event = event(.sliceBegin, lane, .entry)
    event.nameIid = name { EventParts.appendName(view, to: &$0) }
    annotate(view, &event)
    add(event, lane, lane.time)
  }

  mutating func resume(_ entry: Event, _ frame: inout CallFrame, in lane: CallLane) {
    var event = event(.sliceBegin, lane, .entry)
    let text = entry.function?.description ?? entry.kind ?? ""
    event.nameIid = name { $0.append(contentsOf: text.utf8) }
    event.add(.beganTime, .intValue(entry.timestamp?.nanoseconds ?? 0))
    if let number = entry.sequenceNumber {
      event.add(.event, .stringValue("#\(number.rawValue)"))
    }
    add(event, lane, frame.start)
  }

  mutating func leave(
    _ view: EventView?, _ frame: CallFrame, in lane: CallLane, at time: Int64
  ) {
    var event = PerfettoTrackEvent()
    event.type = .sliceEnd
    event.trackUuid = track(lane)
    if let view {
      event.add(.exitEvent, .stringValue(Self.id(view)))
      addPayload(view, .exitData, .exitDataBase64, .exitDataEncoding, &event)
    }
    add(event, lane, time)
  }

  mutating func happen(
    _ view: EventView, _ role: EventRole, _ flow: MessageFlow, in lane: CallLane
  ) {
    var event = event(.instant, lane, role)
    event.nameIid = name { text in
      view.withBytes(of: .kind) { span in
        if let span {
          text.append(bytesOf: span, 0..<span.byteCount)
        } else {
          text.append(literal: "event")
        }
      }
    }
    switch flow {
    case .none: break
    case .send(let number): event.flowIds = [number]
    case .receive(let number): event.terminatingFlowIds = [number]
    }
    scratch.removeAll(keepingCapacity: true)
    if EventParts.appendFunction(view, to: &scratch) {
      event.add(.function, .stringValue(String(decoding: scratch, as: UTF8.self)))
    }
    annotate(view, &event)
    add(event, lane, lane.time)
  }

  // MARK: Packets

  private func track(_ lane: CallLane) -> UInt64 { Self.processTrack + UInt64(lane.number) }

  private func event(
    _ type: PerfettoTrackEvent.TypeEnum, _ lane: CallLane, _ role: EventRole
  ) -> PerfettoTrackEvent {
    var event = PerfettoTrackEvent()
    event.type = type
    event.categoryIids = categories[Int(role.rawValue)]
    event.trackUuid = track(lane)
    return event
  }

  /// Adds the packet of an event, after one that tells of its track where none has, with the names
  /// that are new in it.
  ///
  /// Packets are consumed on their way: a copy would count a reference for each part of theirs.
  private mutating func add(
    _ event: consuming PerfettoTrackEvent, _ lane: CallLane, _ time: Int64
  ) {
    if lane.mark == 0 {
      lane.mark = 1
      var thread = PerfettoThreadDescriptor()
      thread.pid = 1
      thread.tid = Int32(truncatingIfNeeded: lane.number)
      thread.threadName = EventParts.name(lane.process)
      var descriptor = PerfettoTrackDescriptor()
      descriptor.uuid = track(lane)
      descriptor.parentUuid = Self.processTrack
      descriptor.thread = thread
      add(descriptor)
    }
    var packet = PerfettoTracePacket()
    packet.timestamp = UInt64(bitPattern: time &- shift)
    typealias Flags = PerfettoTracePacket.SequenceFlags
    let cleared = isCleared ? Flags.seqIncrementalStateCleared.rawValue : 0
    packet.sequenceFlags = UInt32(Flags.seqNeedsIncrementalState.rawValue | cleared)
    if isCleared || !newNames.isEmpty {
      packet.internedData = internedData()
      newNames.removeAll(keepingCapacity: true)
      isCleared = false
    }
    add(packet, event)
  }

  private mutating func add(_ track: PerfettoTrackDescriptor) {
    var packet = PerfettoTracePacket()
    packet.data = .trackDescriptor(track)
    add(packet)
  }

  private mutating func add(
    _ packet: consuming PerfettoTracePacket, _ event: consuming PerfettoTrackEvent? = nil
  ) {
    packet.trustedPacketSequenceID = Self.sequence
    if packets.isEmpty { packets.reserveCapacity(PacketEncoder.batchCount) }
    packets.append(PacketEncoder.Packet(frame: packet, event: event))
    if packets.count >= PacketEncoder.batchCount { finish() }
  }

  /// The names that are new, and after a clearing those that every recording has.
  private func internedData() -> PerfettoInternedData {
    var data = PerfettoInternedData()
    data.eventNames = newNames
    guard isCleared else { return data }
    data.eventCategories = EventRole.allCases.map { role in
      .with {
        $0.iid = UInt64(role.rawValue) + 1
        $0.name = role.name
      }
    }
    let names = Annotation.allCases.map(\.name) + attributes.map(\.name)
    data.debugAnnotationNames = names.enumerated().map { index, name in
      .with {
        $0.iid = UInt64(index) + 1
        $0.name = name
      }
    }
    return data
  }

  /// The number of the name that `body` appends.
  private mutating func name(_ body: (inout [UInt8]) -> Void) -> UInt64 {
    if eventNames.count >= Self.nameLimit {
      eventNames = SymbolTable(seed: .random(in: .min ... .max))
      isCleared = true
    }
    scratch.removeAll(keepingCapacity: true)
    body(&scratch)
    let text = scratch
    let count = eventNames.count
    let number = UInt64(eventNames.symbol(text.rawSpan)) + 1
    if eventNames.count > count {
      newNames.append(
        .with {
          $0.iid = number
          $0.name = String(decoding: text, as: UTF8.self)
        })
    }
    return number
  }

  // MARK: Annotations

  private func annotate(_ view: EventView, _ event: inout PerfettoTrackEvent) {
    event.debugAnnotations.reserveCapacity(8)
    event.add(.event, .stringValue(Self.id(view)))
    event.add(.peerProcess, view.peerProcess)
    event.add(.correlationID, view.correlationID)
    event.add(.astNodeID, view.astNodeID)
    event.add(.node, view.node)
    event.add(.callID, view.callID)
    event.add(.parent, view.parentID?.description)
    if let clock = view.secondClock { event.add(.secondClock, .intValue(clock)) }
    if !attributes.isEmpty { add(view.attributes, &event) }
    addPayload(view, .data, .dataBase64, .dataEncoding, &event)
  }

  private static func id(_ view: EventView) -> String {
    let text: String? = view.withIDBytes { value in
      guard let value, value.endOfPlainText(from: 0) == value.byteCount else { return nil }
      return value.text(0..<value.byteCount)
    }
    if let text { return text }
    return view.hasGeneratedID ? "#\(view.sequenceNumber.rawValue)" : view.id.description
  }

  private func add(_ values: [String: AttributeValue], _ event: inout PerfettoTrackEvent) {
    for (index, attribute) in attributes.enumerated() {
      guard let value = values[attribute.name] else { continue }
      let number = UInt64(Annotation.allCases.count + index) + 1
      switch value {
      case .text(let text): event.add(number, .stringValue(text))
      case .integer(let integer): event.add(number, .intValue(integer))
      case .boolean(let flag): event.add(number, .boolValue(flag))
      case .double(let double): event.add(number, .doubleValue(double))
      case .bytes, .many:
        var json: [UInt8] = []
        EventWriter.append(value, asStrings: true, to: &json)
        event.add(number, .legacyJsonValue(String(decoding: json, as: UTF8.self)))
      }
    }
  }

  private func addPayload(
    _ view: EventView, _ name: Annotation, _ base64: Annotation, _ encodingName: Annotation,
    _ event: inout PerfettoTrackEvent
  ) {
    guard let encoding = view.payloadEncoding else { return }
    view.withPayloadBytes { value in
      func text() -> String { value.text(0..<value.byteCount) }
      switch PayloadForm(value, encoding, depth: 1, node: view.node) {
      case .json: event.add(name, .legacyJsonValue(text()))
      case .members: event.add(name, .legacyJsonValue("{\(text())}"))
      case .text: event.add(name, .stringValue(text()))
      case .term(let term): event.add(name, .stringValue(String(decoding: term, as: UTF8.self)))
      case .base64:
        var text: [UInt8] = []
        BinaryText.appendBase64(value.array(0..<value.byteCount), to: &text)
        event.add(base64, .stringValue(String(decoding: text, as: UTF8.self)))
        event.add(encodingName, .stringValue(encoding.name))
      }
    }
  }
}

/// The annotations that every recording may have; their numbers are their places, from 1 on.
private enum Annotation: UInt64, CaseIterable {
  case event = 1, function, peerProcess, correlationID, astNodeID, node, callID, parent
  case secondClock, data, dataBase64, dataEncoding, beganTime, exitEvent, exitData
  case exitDataBase64, exitDataEncoding

  var name: String {
    switch self {
    case .event: "event"
    case .function: "function"
    case .peerProcess: "peer_process"
    case .correlationID: "correlation_id"
    case .astNodeID: "ast_node_id"
    case .node: "node"
    case .callID: "call_id"
    case .parent: "parent"
    case .secondClock: "second_clock"
    case .data: "data"
    case .dataBase64: "data_base64"
    case .dataEncoding: "data_encoding"
    case .beganTime: "began_ns"
    case .exitEvent: "exit_event"
    case .exitData: "exit_data"
    case .exitDataBase64: "exit_data_base64"
    case .exitDataEncoding: "exit_data_encoding"
    }
  }
}

extension PerfettoTrackEvent {
  fileprivate mutating func add(_ number: UInt64, _ value: PerfettoDebugAnnotation.OneOf_Value) {
    var annotation = PerfettoDebugAnnotation()
    annotation.nameIid = number
    annotation.value = value
    debugAnnotations.append(annotation)
  }

  fileprivate mutating func add(
    _ annotation: Annotation, _ value: PerfettoDebugAnnotation.OneOf_Value
  ) {
    add(annotation.rawValue, value)
  }

  /// Adds a text unless it is absent.
  fileprivate mutating func add(_ annotation: Annotation, _ text: String?) {
    if let text { add(annotation, .stringValue(text)) }
  }
}
