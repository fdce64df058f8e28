import Foundation
import PerfettoTrace
import SwiftProtobuf
import Testing

@testable import Reel
@testable import ReelTool

/// The packets of `reel export --format perfetto`, read by swift-protobuf.
@Suite struct PerfettoPacketTests {
  private let exported: ExportedTrace

  init() throws { exported = try ExportedTrace() }

  /// Calls of one process, each left right away.
  private static func steps(_ names: [String]) -> [PerfettoStep] {
    var steps = [PerfettoStep(kind: .thread("p"), lane: 1, time: 0)]
    for (number, name) in names.enumerated() {
      let call = Event(function: Function(module: "M", name: name, arity: 0))
      steps.append(PerfettoStep(kind: .resume(call), lane: 1, time: Int64(2 * number)))
      steps.append(PerfettoStep(kind: .leave(nil), lane: 1, time: Int64(2 * number + 1)))
    }
    return steps
  }

  @Test func piecesAreWhatOneMessageWouldBe() throws {
    var random = SeededRandom(11)
    var writer = PacketWriter()
    var whole: [PerfettoTracePacket] = []
    for number in 0..<3000 {
      // Lengths of one, two and three bytes, and around what needs no memory of its own.
      let count = random.pick([0, 3, 100, 130, 245 + random.below(20), 20_000])
      let text = String(repeating: "x", count: random.chance(50) ? count : count % 300)
      var packet = PerfettoTracePacket()
      packet.timestamp = UInt64(number)
      if random.chance(3) {
        packet.trackDescriptor.process.processName = text
        writer.add(packet)
      } else {
        var event = PerfettoTrackEvent()
        event.type = .instant
        event.flowIds = (0..<random.below(40)).map { UInt64($0) }
        let annotations = (0..<random.below(4)).map { name in
          PerfettoDebugAnnotation.with {
            $0.nameIid = UInt64(name)
            $0.stringValue = text
          }
        }
        for annotation in annotations { writer.add(annotation) }
        writer.add(packet, event)
        event.debugAnnotations = annotations
        packet.trackEvent = event
      }
      whole.append(packet)
    }
    #expect(try PerfettoTrace(serializedBytes: writer.output).packet == whole)
  }

  @Test func batchesAreOneTraceInTheirOrder() throws {
    let steps = Self.steps((0..<3000).map { "f\($0 % 700)" })
    var random = SeededRandom(12)
    let encoder = PacketEncoder(PerfettoPackets(title: "t", base: 0, attributes: []))
    defer { encoder.stop() }
    var bytes: [UInt8] = []
    var next = 0
    while next < steps.count {
      let end = min(steps.count, next + random.below(PacketEncoder.batchCount))
      encoder.add(Array(steps[next..<end]))
      encoder.move(to: &bytes, waitsForAll: false)
      next = end
    }
    encoder.move(to: &bytes, waitsForAll: true)
    var packets = PerfettoPackets(title: "t", base: 0, attributes: [])
    for step in steps { packets.add(step) }
    #expect(bytes == packets.writer.output)
  }

  @Test func namesAreToldAnewWhenThereAreManyAndStayKnown() throws {
    var random = SeededRandom(13)
    let names = (0..<2000).map { _ in "f\(random.below(20))" }
    var packets = PerfettoPackets(title: "t", base: 0, attributes: [], nameLimit: 8)
    for step in Self.steps(names) { packets.add(step) }
    let trace = try PerfettoTrace(serializedBytes: packets.writer.output)
    var (known, found, clearedCount): ([UInt64: String], [String], Int) = ([:], [], 0)
    for packet in trace.packet {
      if packet.sequenceFlags & 1 != 0 {
        known = [:]
        clearedCount += 1
      }
      for name in packet.internedData.eventNames { known[name.iid] = name.name }
      #expect(known.count <= 8)
      let event = packet.trackEvent
      if event.type == .sliceBegin { found.append(try #require(known[event.nameIid])) }
    }
    #expect(found == names.map { "M.\($0)/0" })
    #expect(clearedCount > 100)
    if TraceExportTests.hasPerfetto {
      let path = exported.folder.path("trace.pftrace")
      try Data(packets.writer.output).write(to: URL(fileURLWithPath: path))
      #expect(
        try TraceExportTests.checkPerfetto(path)
          == "4000 events: 2000 begin, 2000 end, 0 instants, 0 flows\n")
    }
  }

  @Test func anEventHasAllItsFields() throws {
    try exported.record(Self.fullEvents)
    let recording = try Recording(path: exported.path)
    defer { recording.close() }
    let events = try recording.events(Query(), limit: nil).events
    let sent = try #require(events[2].sequenceNumber)
    let path = exported.folder.path("trace.pftrace")
    #expect(try ToolRun("export", exported.path, "--format", "perfetto", "-o", path).status == 0)
    let trace = try PerfettoTrace(serializedBytes: bytes(ofFile: path))
    var (names, categories, labels): ([UInt64: String], [UInt64: String], [UInt64: String]) =
      ([:], [:], [:])
    var found: [String] = []
    for packet in trace.packet where packet.hasSequenceFlags {
      let data = packet.internedData
      for name in data.eventNames { names[name.iid] = name.name }
      for category in data.eventCategories { categories[category.iid] = category.name }
      for label in data.debugAnnotationNames { labels[label.iid] = label.name }
      let event = packet.trackEvent
      let category = event.categoryIids.map { categories[$0] ?? "?" }.joined(separator: ",")
      found.append(
        "\(packet.timestamp) \(event.type) \(category) \(names[event.nameIid] ?? "-")"
          + " track \(event.trackUuid) flows \(event.flowIds) \(event.terminatingFlowIds)")
      for annotation in event.debugAnnotations {
        let value = try #require(annotation.value)
        found.append("  \(labels[annotation.nameIid] ?? "?") \(value)")
      }
    }
    #expect(found.joined(separator: "\n") == Self.fullText(sent.rawValue))
  }

  /// Events that together have everything that is exported.
  private static var fullEvents: [Event] {
    let function = Function(module: "M", name: "f", arity: 2)
    var entry = Event(
      id: EventID("e-1"), timestamp: Timestamp(nanoseconds: 5), kind: "function_entry",
      process: "p", peerProcess: "q", function: function, correlationID: "req-1",
      parentID: EventID("e-0"), callID: "call-1", astNodeID: "M:f:2", node: "a@host",
      secondClock: -17, payload: Payload(#"{"args":[1]}"#, encoding: .json))
    entry.attributes = [
      "tenant": .text("t"), "size": .integer(-4), "ratio": .double(1.5), "flag": .boolean(true),
      "key": .bytes([0xFF]),
    ]
    let exit = Event(
      id: EventID("e-2"), timestamp: Timestamp(nanoseconds: 9), kind: "function_exit",
      process: "p", function: function, callID: "call-1",
      payload: Payload(#""return":2"#, encoding: .jsonMembers))
    let sent = Event(
      timestamp: Timestamp(nanoseconds: 10), kind: "message_send", process: "p", peerProcess: "q",
      payload: Payload("hello"))
    let received = Event(
      timestamp: Timestamp(nanoseconds: 11), kind: "message_receive", process: "q",
      payload: Payload("hello"))
    let note = Event(
      timestamp: Timestamp(nanoseconds: 12), kind: "note", process: "q", function: function,
      payload: Payload([0xFF, 0]))
    return [entry, exit, sent, received, note]
  }

  /// What the trace has of them; the message has the number `sent`.
  private static func fullText(_ sent: UInt64) -> String {
    #"""
    5 sliceBegin entry M.f/2 track 2 flows [] []
      event stringValue("e-1")
      peer_process stringValue("q")
      correlation_id stringValue("req-1")
      ast_node_id stringValue("M:f:2")
      node stringValue("a@host")
      call_id stringValue("call-1")
      parent stringValue("e-0")
      second_clock intValue(-17)
      tenant stringValue("t")
      size intValue(-4)
      ratio doubleValue(1.5)
      flag boolValue(true)
      key legacyJsonValue("\"/w==\"")
      data legacyJsonValue("{\"args\":[1]}")
    9 sliceEnd  - track 2 flows [] []
      exit_event stringValue("e-2")
      exit_data legacyJsonValue("{\"return\":2}")
    10 instant send message_send track 2 flows [\#(sent)] []
      event stringValue("#\#(sent)")
      peer_process stringValue("q")
      data stringValue("hello")
    11 instant receive message_receive track 3 flows [] [\#(sent)]
      event stringValue("#\#(sent + 1)")
      data stringValue("hello")
    12 instant other note track 3 flows [] []
      function stringValue("M.f/2")
      event stringValue("#\#(sent + 2)")
      data_base64 stringValue("/wA=")
      data_encoding stringValue("bytes")
    """#
  }
}
