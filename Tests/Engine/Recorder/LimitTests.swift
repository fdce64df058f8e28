import Foundation
import Testing

@testable import Reel

/// What is too large or cannot be is refused whole, with a message, and nothing changes.
@Suite struct LimitTests {
  /// Events at a border, each with whether it is taken.
  private static let borders: [(name: String, event: Event, isTaken: Bool)] = {
    let text = { String(repeating: "t", count: $0) }
    let id = { EventID([UInt8](repeating: 7, count: $0)) }
    return [
      ("empty id", Event(id: id(0)), false), ("id of 1", Event(id: id(1)), true),
      ("id of 255", Event(id: id(255)), true), ("id of 256", Event(id: id(256)), false),
      ("parent of 0", Event(parentID: id(0)), false),
      ("parent of 256", Event(parentID: id(256)), false),
      ("empty kind", Event(kind: ""), true), ("kind of 4096", Event(kind: text(4096)), true),
      ("kind of 4097", Event(kind: text(4097)), false),
      ("module of 4097", Event(function: Function(module: text(4097))), false),
      ("process of 4096", Event(process: text(4096)), true),
      ("call id of 4097", Event(callID: text(4097)), false),
      ("arity of 65534", Event(function: Function(arity: 65_534)), true),
      ("arity of 65535", Event(function: Function(arity: 65_535)), false),
      ("payload at the limit", Event(payload: Payload([UInt8](repeating: 1, count: 1000))), true),
      ("payload beyond", Event(payload: Payload([UInt8](repeating: 1, count: 1001))), false),
      ("undeclared attribute", Event(attributes: ["x": .integer(1)]), false),
      ("attribute of another type", Event(attributes: ["size": .text("1")]), false),
      ("mixed values", Event(attributes: ["size": .many([.integer(1), .text("")])]), false),
      ("attribute of 4096", Event(attributes: ["tenant": .text(text(4096))]), true),
      ("attribute of 4097", Event(attributes: ["tenant": .text(text(4097))]), false),
      ("extreme timestamps", Event(timestamp: .min, secondClock: .max), true),
    ]
  }()

  private var configuration: RecorderConfiguration {
    var configuration = RecorderConfiguration.tiny
    configuration.maximumPayloadByteCount = 1000
    configuration.attributes = RandomEvents.declarations
    return configuration
  }

  @Test func bordersAreTakenAndWhatLiesBeyondIsRefused() throws {
    try withTemporaryDirectory { path in
      let recorder = try Recorder(path: path, configuration: configuration)
      var model = ModelStore()
      for (name, event, isTaken) in Self.borders {
        var event = event
        event.timestamp = event.timestamp ?? 0
        if isTaken {
          try recorder.append([event], to: &model)
        } else {
          let before = try recorder.recording.statistics().nextSequenceNumber
          #expect(throws: ReelError.self, "\(name)") { try recorder.append(event) }
          #expect(throws: ReelError.self, "\(name)") {
            try recorder.append(contentsOf: [Event(), event])
          }
          #expect(try recorder.recording.statistics().nextSequenceNumber == before, "\(name)")
        }
      }
      try recorder.close()
      let found = try Recording(path: path).events(limit: nil).events
      #expect(difference(found, model.events(Query())) == nil)
    }
  }

  @Test func anEventOrBatchBeyondHalfTheBufferIsRefusedWhole() throws {
    try withTemporaryDirectory { path in
      let recorder = try Recorder(path: path, configuration: .tiny)
      let large = Event(payload: Payload([UInt8](repeating: 0, count: 33 << 10)))
      #expect(throws: ReelError.self) { try recorder.append(large) }
      let many = (1...400).map(numbered)
      #expect(throws: ReelError.self) { try recorder.append(contentsOf: many) }
      #expect(try recorder.recording.count() == 0)
      #expect(try recorder.append(contentsOf: Array(many.prefix(100))) == 100)
      try recorder.close()
    }
  }

  /// A batch keeps its room until its last record is in a block; the next may need half the buffer
  /// and wherever the ring's end is in the way, so a block must end early for it.
  @Test(.timeLimit(.minutes(5)), arguments: seeds(2))
  func batchesOfUpToHalfTheBufferAlwaysFindRoom(seed: UInt64) async throws {
    try await withTemporaryDirectory { path in
      var configuration = RecorderConfiguration.tiny
      configuration.blockByteCount = 16 << 10
      let recorder = try Recorder(path: path, configuration: configuration)
      var count = 0
      var random = SeededRandom(seed)
      for _ in 0..<150 {
        let events = (0..<(100 + random.below(80))).map { numbered(count + $0 + 1) }
        let writer = onThread { try recorder.append(contentsOf: events) }
        try await writer.value
        count += events.count
      }
      try recorder.close()
      #expect(try Recording(path: path).count() == count, "seed \(seed)")
    }
  }

  @Test func textThatIsNotUTF8IsRefusedByTheEncoder() throws {
    try withTemporaryDirectory { path in
      let recorder = try Recorder(path: path, configuration: .tiny)
      let bytes: [UInt8] = [0x61, 0xFF]
      for field in EventEncoder.Field.allCases {
        var encoder = EventEncoder()
        encoder.set(field, bytes.rawSpan)
        if field == .id || field == .parentID {
          try recorder.append(encoder)
        } else {
          #expect(throws: ReelError.self, "\(field)") { try recorder.append(encoder) }
        }
      }
      #expect(try recorder.recording.count() == 2)
      try recorder.close()
    }
  }

  @Test func anEncodedEventIsTheSameAsAnEvent() throws {
    try withTemporaryDirectory { path in
      let recorder = try Recorder(path: path, configuration: configuration)
      var encoder = EventEncoder()
      let texts: [[UInt8]] = (0..<11).map { Array("text-\($0)".utf8) }
      for (field, text) in zip(EventEncoder.Field.allCases, texts) {
        encoder.set(field, text.rawSpan)
      }
      encoder.timestamp = 9
      encoder.arity = 3
      encoder.secondClock = -1
      encoder.attributes = ["size": .integer(4)]
      let payload: [UInt8] = [1, 2, 3]
      encoder.setPayload(payload.rawSpan, encoding: .externalTerm)
      try recorder.append(encoder)
      encoder.clear()
      encoder.timestamp = 10
      try recorder.append(encoder)
      let events = try recorder.recording.events().events
      var wanted = Event(
        id: "text-0", timestamp: 9, kind: "text-1", process: "text-2", peerProcess: "text-3",
        function: Function(module: "text-4", name: "text-5", arity: 3), correlationID: "text-6",
        parentID: "text-9", callID: "text-10", astNodeID: "text-7", node: "text-8",
        secondClock: -1, attributes: ["size": .integer(4)],
        payload: Payload([1, 2, 3], encoding: .externalTerm))
      wanted.sequenceNumber = events.first?.sequenceNumber
      #expect(events.first == wanted)
      #expect(events.last?.kind == nil)
      #expect(events.last?.payload == nil)
      try recorder.close()
    }
  }

  @Test func configurationsOutOfBoundsAreRefusedBeforeAnythingIsMade() throws {
    try withTemporaryDirectory { path in
      let changes: [(inout RecorderConfiguration) -> Void] = [
        { $0.bufferByteCount = 1 }, { $0.bufferByteCount = (64 << 10) + 1 },
        { $0.bufferByteCount = 2 << 30 }, { $0.blockByteCount = 0 },
        { $0.payloadFrameByteCount = -1 }, { $0.segmentByteCount = 1 },
        { $0.maximumPayloadByteCount = -1 }, { $0.maximumPayloadByteCount = 17 << 20 },
        { $0.maximumEventCount = 7 }, { $0.maximumByteCount = 1 },
      ]
      for change in changes {
        var configuration = RecorderConfiguration()
        change(&configuration)
        let refused = configuration
        #expect(throws: ReelError.self) {
          try Recorder(path: path + "/r", configuration: refused)
        }
      }
      let made = try fileNames(path)
      #expect(made.isEmpty)
    }
  }

  @Test func attributesKeepTheirTypeForEver() throws {
    try withTemporaryDirectory { path in
      try record([Event(attributes: ["size": .integer(1)])], at: path, configuration)
      var other = RecorderConfiguration.tiny
      other.attributes = [AttributeDeclaration(name: "size", type: .text)]
      let refused = other
      #expect(throws: ReelError.self) { try Recorder(path: path, configuration: refused) }
      // Those of earlier runs need not be declared again.
      try record([Event(attributes: ["size": .integer(2)])], at: path)
      var query = Query()
      query.attributes = ["size": .integer(2)]
      #expect(try Recording(path: path).count(query) == 1)
      query.attributes = ["nobody's": .integer(2)]
      #expect(try Recording(path: path).count(query) == 0)
    }
  }
}
