import PerfettoTrace
import Reel
import SwiftProtobuf

/// Makes the packets of a trace.
///
/// Each name is written once, and a number for it afterwards: in memory that is bounded, since all
/// are forgotten and told anew when there are many. Messages are those of tools/perfetto, which
/// swift-protobuf writes.
struct PerfettoPackets: Sendable {
  /// Where the bytes are.
  var writer = PacketWriter()
  private static let sequence: UInt32 = 1
  private static let processTrack: UInt64 = 1

  /// The number of the name of each role.
  private let categories = (0...UInt64(UInt8.max)).map { [$0 + 1] }
  /// The time that times count from.
  private let shift: Int64
  private let attributes: [AttributeDeclaration]
  private let nameLimit: Int
  private var eventNames = SymbolTable(seed: .random(in: .min ... .max))
  private var newNames: [PerfettoEventName] = []
  private var scratch: [UInt8] = []
  /// Whether the next packet begins with no names known.
  private var isCleared = true

  /// Begins with the track of the whole recording.
  ///
  /// - Parameters:
  ///   - title: Its name.
  ///   - base: The first time of all.
  ///   - attributes: What events may have.
  ///   - nameLimit: Distinct names of events after which all names are forgotten.
  init(
    title: String, base: Int64, attributes: [AttributeDeclaration], nameLimit: Int = 1 << 16
  ) {
    self.attributes = attributes
    self.nameLimit = nameLimit
    shift = min(base, 0)
    var track = PerfettoTrackDescriptor()
    track.uuid = Self.processTrack
    track.process.pid = 1
    track.process.processName = title
    add(track)
  }

  /// Adds the packets of a step.
  mutating func add(_ step: PerfettoStep) {
    switch step.kind {
    case .thread(let process): begin(process, step)
    case .enter(let view):
      let name = name { EventParts.appendName(view, to: &$0) }
      annotate(view)
      add(event(.sliceBegin, .entry, name), step)
    case .resume(let entry): resume(entry, step)
    case .leave(let view):
      if let view {
        annotate(.exitEvent, .stringValue(Self.id(view)))
        annotatePayload(view, .exitData, .exitDataBase64, .exitDataEncoding)
      }
      var event = PerfettoTrackEvent()
      event.type = .sliceEnd
      add(event, step)
    case .happen(let view, let role, let flow): happen(view, role, flow, step)
    }
  }

  private mutating func begin(_ process: String?, _ step: PerfettoStep) {
    var track = PerfettoTrackDescriptor()
    track.uuid = Self.track(step)
    track.parentUuid = Self.processTrack
    track.thread.pid = 1
    track.thread.tid = Int32(truncatingIfNeeded: step.lane)
    track.thread.threadName = EventParts.name(process)
    add(track)
  }

  private mutating func resume(_ entry: Event, _ step: PerfettoStep) {
    let text = entry.function?.description ?? entry.kind ?? ""
    let name = name { $0.append(contentsOf: text.utf8) }
    annotate(.beganTime, .intValue(entry.timestamp?.nanoseconds ?? 0))
    if let number = entry.sequenceNumber {
      annotate(.event, .stringValue("#\(number.rawValue)"))
    }
    add(event(.sliceBegin, .entry, name), step)
  }

  private mutating func happen(
    _ view: EventView, _ role: EventRole, _ flow: MessageFlow, _ step: PerfettoStep
  ) {
    let name = name { text in
      view.withBytes(of: .kind) { span in
        if let span {
          text.append(bytesOf: span, 0..<span.byteCount)
        } else {
          text.append(literal: "event")
        }
      }
    }
    scratch.removeAll(keepingCapacity: true)
    if EventParts.appendFunction(view, to: &scratch) {
      annotate(.function, .stringValue(String(decoding: scratch, as: UTF8.self)))
    }
    annotate(view)
    var event = event(.instant, role, name)
    switch flow {
    case .none: break
    case .send(let number): event.flowIds = [number]
    case .receive(let number): event.terminatingFlowIds = [number]
    }
    add(event, step)
  }

  // MARK: Packets

  private static func track(_ step: PerfettoStep) -> UInt64 { processTrack + UInt64(step.lane) }

  private func event(
    _ type: PerfettoTrackEvent.TypeEnum, _ role: EventRole, _ name: UInt64
  ) -> PerfettoTrackEvent {
    var event = PerfettoTrackEvent()
    event.type = type
    event.categoryIids = categories[Int(role.rawValue)]
    event.nameIid = name
    return event
  }

  /// Adds the packet of an event, with the names that are new in it.
  private mutating func add(_ event: consuming PerfettoTrackEvent, _ step: PerfettoStep) {
    var packet = Self.packet()
    packet.timestamp = UInt64(bitPattern: step.time &- shift)
    typealias Flags = PerfettoTracePacket.SequenceFlags
    let cleared = isCleared ? Flags.seqIncrementalStateCleared.rawValue : 0
    packet.sequenceFlags = UInt32(Flags.seqNeedsIncrementalState.rawValue | cleared)
    if isCleared || !newNames.isEmpty {
      packet.internedData = internedData()
      newNames.removeAll(keepingCapacity: true)
      isCleared = false
    }
    event.trackUuid = Self.track(step)
    writer.add(packet, event)
  }

  private mutating func add(_ track: PerfettoTrackDescriptor) {
    var packet = Self.packet()
    packet.data = .trackDescriptor(track)
    writer.add(packet)
  }

  private static func packet() -> PerfettoTracePacket {
    var packet = PerfettoTracePacket()
    packet.trustedPacketSequenceID = sequence
    return packet
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
    if eventNames.count >= nameLimit {
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

  // MARK: Annotations of the event to come

  private typealias Value = PerfettoDebugAnnotation.OneOf_Value

  private mutating func annotate(_ view: EventView) {
    annotate(.event, .stringValue(Self.id(view)))
    annotate(.peerProcess, view.peerProcess)
    annotate(.correlationID, view.correlationID)
    annotate(.astNodeID, view.astNodeID)
    annotate(.node, view.node)
    annotate(.callID, view.callID)
    annotate(.parent, view.parentID?.description)
    if let clock = view.secondClock { annotate(.secondClock, .intValue(clock)) }
    if !attributes.isEmpty { annotate(view.attributes) }
    annotatePayload(view, .data, .dataBase64, .dataEncoding)
  }

  private static func id(_ view: EventView) -> String {
    let text: String? = view.withIDBytes { value in
      guard let value, value.endOfPlainText(from: 0) == value.byteCount else { return nil }
      return value.text(0..<value.byteCount)
    }
    if let text { return text }
    return view.hasGeneratedID ? "#\(view.sequenceNumber.rawValue)" : view.id.description
  }

  private mutating func annotate(_ values: [String: AttributeValue]) {
    for (index, attribute) in attributes.enumerated() {
      guard let value = values[attribute.name] else { continue }
      let number = UInt64(Annotation.allCases.count + index) + 1
      switch value {
      case .text(let text): annotate(number, .stringValue(text))
      case .integer(let integer): annotate(number, .intValue(integer))
      case .boolean(let flag): annotate(number, .boolValue(flag))
      case .double(let double): annotate(number, .doubleValue(double))
      case .bytes, .many:
        var json: [UInt8] = []
        EventWriter.append(value, asStrings: true, to: &json)
        annotate(number, .legacyJsonValue(String(decoding: json, as: UTF8.self)))
      }
    }
  }

  private mutating func annotate(_ annotation: Annotation, _ value: Value) {
    annotate(annotation.rawValue, value)
  }

  /// Tells a text unless it is absent.
  private mutating func annotate(_ annotation: Annotation, _ text: String?) {
    if let text { annotate(annotation.rawValue, .stringValue(text)) }
  }

  private mutating func annotate(_ number: UInt64, _ value: Value) {
    var annotation = PerfettoDebugAnnotation()
    annotation.nameIid = number
    annotation.value = value
    writer.add(annotation)
  }

  private mutating func annotatePayload(
    _ view: EventView, _ name: Annotation, _ base64: Annotation, _ encodingName: Annotation
  ) {
    guard let encoding = view.payloadEncoding else { return }
    view.withPayloadBytes { value in
      func text() -> String { value.text(0..<value.byteCount) }
      switch PayloadForm(value, encoding, depth: 1, node: view.node) {
      case .json: annotate(name, .legacyJsonValue(text()))
      case .members: annotate(name, .legacyJsonValue("{\(text())}"))
      case .text: annotate(name, .stringValue(text()))
      case .term(let term): annotate(name, .stringValue(String(decoding: term, as: UTF8.self)))
      case .base64:
        var text: [UInt8] = []
        BinaryText.appendBase64(value.array(0..<value.byteCount), to: &text)
        annotate(base64, .stringValue(String(decoding: text, as: UTF8.self)))
        annotate(encodingName, .stringValue(encoding.name))
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
