import Foundation
import Testing

@testable import Reel

/// From an event back to what led to it.
@Suite struct CausesTests {
  private func event(
    _ time: Int64, _ kind: String, _ process: String, _ text: String? = nil,
    peer: String? = nil, parent: EventID? = nil
  ) -> Event {
    Event(
      id: EventID("e\(time)"), timestamp: Timestamp(nanoseconds: time), kind: kind,
      process: process, peerProcess: peer, function: kind == "call" ? Function(name: text) : nil,
      parentID: parent, payload: kind == "call" ? nil : text.map { Payload($0) })
  }

  private func recording(_ events: [Event]) throws -> Recording {
    let folder = MemoryFolder()
    let recorder = try Recorder(folder: folder, configuration: .tiny)
    for event in events { try recorder.append(event) }
    try recorder.close()
    return try Recording(folder: folder)
  }

  private func chain(_ recording: Recording, _ id: EventID, limit: Int = 32) throws -> [String] {
    let number = try #require(try recording.event(id: id)?.sequenceNumber)
    let causes = try #require(try recording.causes(of: number, limit: limit))
    return causes.links.map { "\($0.reason.rawValue) \($0.event.id?.description ?? "")" }
  }

  @Test func aReplyLeadsBackToTheSpawn() throws {
    let recording = try recording([
      event(1, "call", "parent", "start"), event(2, "spawn", "parent", peer: "child"),
      event(3, "spawned", "child", peer: "parent"),
      event(4, "send", "parent", "ping", peer: "child"),
      event(5, "send", "parent", "ping", peer: "other"), event(6, "receive", "child", "ping"),
      event(7, "call", "child", "handle"), event(8, "call", "child", "deep"),
      event(9, "error", "child", "boom"), event(10, "error", "other", "linked", parent: "e9"),
    ])
    #expect(
      try chain(recording, "e9")
        == ["call e8", "call e7", "receive e6", "send e4", "call e1"])
    #expect(try chain(recording, "e10").first == "parent e9")
    #expect(try chain(recording, "e3") == ["spawn e2", "call e1"])
    #expect(try chain(recording, "e9", limit: 2) == ["call e8", "call e7"])
    #expect(try recording.causes(of: SequenceNumber(rawValue: 9999)) == nil)
    let last = try #require(try recording.event(id: "e1")?.sequenceNumber)
    #expect(try recording.causes(of: last)?.isLimited == false)
  }

  @Test func whatCannotBeReadOnTheWayIsTold() throws {
    let folder = MemoryFolder()
    let recorder = try Recorder(folder: folder, configuration: .tiny)
    try recorder.append(event(1, "error", "p", "first"))
    try recorder.flush()
    try recorder.append(event(2, "error", "q", "second", parent: "e1"))
    try recorder.close()
    let recording = try Recording(folder: folder)
    let second = try #require(try recording.event(id: "e2")?.sequenceNumber)
    let whole = try #require(try recording.causes(of: second))
    #expect(whole.damages.isEmpty && whole.links.map(\.reason) == [.parent])
    var image = folder.image
    let name = try #require(image.keys.first { $0.hasSuffix(FileName.segmentSuffix) })
    let segment = try SegmentFile(file: try MemoryFolder(image).open(name, .read))
    let scan = try SegmentScanner(segment, byteCount: image[name]?.count ?? 0, check: .everything)
      .scan()
    let first = try #require(scan.blocks.first)
    try #require(scan.blocks.count == 2)
    for offset in first.offset..<(first.offset + first.byteCount) { image[name]?[offset] = 0 }
    let harmed = try #require(
      try Recording(folder: MemoryFolder(image)).causes(of: second))
    #expect(!harmed.damages.isEmpty && harmed.links.isEmpty)
  }

  /// Ids that name each other are no endless chain.
  @Test func aCircleOfParentsEnds() throws {
    let recording = try recording([
      event(1, "error", "p", "a", parent: "e2"), event(2, "error", "p", "b", parent: "e1"),
    ])
    #expect(try chain(recording, "e2") == ["parent e1"])
  }

  @Test func ofEqualMessagesTheFirstSentIsTheFirstReceived() throws {
    var events: [Event] = []
    for time in 1...4 { events.append(event(Int64(time), "send", "a", "tick", peer: "b")) }
    for time in 5...8 { events.append(event(Int64(time), "receive", "b", "tick")) }
    events.append(event(9, "receive", "b", "tick"))
    let recording = try recording(events)
    for time in 5...8 {
      #expect(try chain(recording, EventID("e\(time)")).first == "send e\(time - 4)")
    }
    #expect(try chain(recording, "e9").isEmpty == false)
    #expect(try chain(recording, "e9").first != "send e4")
  }

  /// Of the real recording every receive whose message was sent to it before is linked to a send of
  /// the same content to the same process.
  @Test func everyReceiveOfTheSampleThatHasASendIsLinkedToIt() throws {
    let path = Sample.hasFull ? Sample.fullPath ?? Sample.cutPath : Sample.cutPath
    var flows = MessageFlows()
    var sent: [String: Int] = [:]
    var linked = 0
    var received = 0
    let events = try Sample.events(path).sorted {
      ($0.timestamp ?? .min) < ($1.timestamp ?? .min)
    }
    for (place, event) in events.enumerated() {
      guard let payload = event.payload else { continue }
      let text = String(decoding: payload.bytes, as: UTF8.self)
      switch event.kind {
      case "message_send":
        flows.send(event, as: SequenceNumber(rawValue: UInt64(place)))
        guard let (message, receiver) = Self.parts(text), let receiver else { continue }
        sent["\(receiver) \(message)", default: 0] += 1
      case "message_receive":
        received += 1
        let send = flows.receive(event).map { events[Int($0.rawValue)] }
        guard let (message, _) = Self.parts(text) else { continue }
        let key = "\(event.process ?? "") \(message)"
        let wasSent = sent[key, default: 0] > 0
        if wasSent { sent[key, default: 0] -= 1 }
        #expect(!wasSent || send != nil, "\(event)")
        guard let send else { continue }
        linked += 1
        let other = Self.parts(String(decoding: send.payload?.bytes ?? [], as: UTF8.self))
        #expect(other?.message == message)
        if let to = other?.to { #expect(to == event.process) }
      default: break
      }
    }
    print("LINKED: \(linked) of \(received) receives")
    #expect(linked * 2 > received)
  }

  /// The message and the receiving process of a line of the sample, found by other means than the
  /// engine's: `{"message":"…","to":"#PID<…>"}`.
  private static func parts(_ text: String) -> (message: String, to: String?)? {
    guard let start = text.range(of: "\"message\":\"")?.upperBound else { return nil }
    let rest = text[start...]
    guard let end = rest.range(of: "\",\"to\":\"") else {
      guard let last = rest.lastIndex(of: "\"") else { return nil }
      return (String(rest[..<last]), nil)
    }
    let to = rest[end.upperBound...].prefix { $0 != "\"" }
    return (
      String(rest[..<end.lowerBound]),
      to.hasPrefix("#PID") ? String(to.dropFirst(4)) : nil
    )
  }
}
