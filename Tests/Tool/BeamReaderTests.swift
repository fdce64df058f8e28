import Foundation
import Testing

@testable import Reel
@testable import ReelTool

/// Trace files of OTP read in this process: what records become, and damaged files.
@Suite struct BeamReaderTests {
  /// What a file came to.
  private struct Found: Equatable {
    var events = 0
    var refused = 0
    var lost = 0
    var damagedByteCount = 0
    var isCutOff = false
    /// Where the last record began that was an event.
    var lastOffset = -1
  }

  /// Reads the file at `path` to its end.
  private static func read(
    _ path: String, recordByteLimit: Int = BeamFileReader.recordByteLimit
  ) throws -> Found {
    let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
    defer { try? file.close() }
    var records = BeamFileReader(
      descriptor: file.fileDescriptor, recordByteLimit: recordByteLimit)
    var reader = BeamEventReader()
    var encoder = EventEncoder()
    var found = Found()
    while true {
      switch records.next() {
      case .record(let range):
        do throws(TermFault) {
          switch try reader.read(records.buffer.byteSpan.extracting(range), into: &encoder) {
          case .event: found.events += 1
          case .dropped(let count): found.lost += count
          }
          found.lastOffset = records.recordOffset
        } catch {
          found.refused += 1
          _ = records.reject()
        }
      case .dropped(let count): found.lost += count
      case .damage(let count): found.damagedByteCount += count
      case .cutOff: found.isCutOff = true
      case .end: return found
      case .stopped, .failed: throw TestFailure("reading failed")
      }
    }
  }

  private struct TestFailure: Error {
    var text: String
    init(_ text: String) { self.text = text }
  }

  /// The event that a term becomes.
  private static func event(_ term: Term) throws -> (event: Event, time: BeamEventReader.Time) {
    var reader = BeamEventReader()
    var encoder = EventEncoder()
    guard case .event(let time) = try reader.read(term.bytes.byteSpan, into: &encoder) else {
      throw TestFailure("no event")
    }
    let folder = try TemporaryFolder()
    var configuration = RecorderConfiguration()
    configuration.attributes = [BeamEventReader.receiverAttribute]
    let recorder = try Recorder(path: folder.path("trace"), configuration: configuration)
    let number = try #require(try recorder.append(encoder))
    let event = try #require(try recorder.recording.event(number))
    try recorder.close()
    return (event, time)
  }

  private static let mfa = Term.tuple([
    .atom("Elixir.Shop"), .atom("buy"), .list([.integer(1), .atom("two")]),
  ])
  private static let arguments = Payload(
    Term.list([.integer(1), .atom("two")]).bytes, encoding: .externalTerm)

  // MARK: Messages

  @Test func aCallHasItsFunctionAndItsArguments() throws {
    let (event, time) = try Self.event(.message(.atom("call"), Self.mfa))
    #expect(event.kind == "call" && event.process == "<0.50.0>" && event.peerProcess == nil)
    #expect(event.function == Function(module: "Elixir.Shop", name: "buy", arity: 2))
    #expect(event.payload == Self.arguments && event.node == nil)
    #expect(time == .wall(1_795_289_613_000_007_000))
    let bare = Term.tuple([.atom("m"), .atom("f"), .integer(3)])
    let other = try Self.event(.message(.atom("call"), bare)).event
    #expect(other.function == Function(module: "m", name: "f", arity: 3) && other.payload == nil)
  }

  @Test func aReturnHasItsValueAndAnExceptionItsReason() throws {
    let function = Term.tuple([.atom("m"), .atom("f"), .integer(3)])
    for tag in ["return_from", "exception_from"] {
      let value = Term.tuple([.atom("ok"), .me])
      let event = try Self.event(.message(.atom(tag), function, value)).event
      #expect(event.kind == tag && event.function?.arity == 3)
      #expect(event.payload == Payload(value.bytes, encoding: .externalTerm))
    }
  }

  @Test func aMessageGoesToAProcessOrToAName() throws {
    let message = Term.binary([1, 2])
    let payload = Payload(message.bytes, encoding: .externalTerm)
    let sent = try Self.event(.message(.atom("send"), message, .you)).event
    #expect(sent.peerProcess == "<0.51.2>" && sent.payload == payload && sent.attributes == [:])
    let named = try Self.event(.message(.atom("send"), message, .atom("stock"))).event
    #expect(named.peerProcess == nil && named.payload == payload)
    #expect(named.attributes == ["to": .text("stock")])
    let away = Term.tuple([.atom("stock"), .atom("far@away")])
    let far = try Self.event(.message(.atom("send"), message, away)).event
    #expect(far.attributes == ["to": .text("{stock,far@away}")])
    let received = try Self.event(.message(.atom("receive"), message)).event
    #expect(received.payload == payload && received.peerProcess == nil)
  }

  @Test func aSpawnHasTheOtherProcessAndWhatItBeginsWith() throws {
    for tag in ["spawn", "spawned"] {
      let event = try Self.event(.message(.atom(tag), .you, Self.mfa)).event
      #expect(event.kind == tag && event.peerProcess == "<0.51.2>")
      #expect(event.function?.name == "buy" && event.payload == Self.arguments)
    }
    for tag in ["link", "unlink", "getting_linked", "getting_unlinked"] {
      let event = try Self.event(.message(.atom(tag), .you)).event
      #expect(event.peerProcess == "<0.51.2>" && event.payload == nil)
    }
  }

  @Test func theNodeIsThatOfTheProcessAndOthersAreNamed() throws {
    let time = Term.tuple([.integer(0), .integer(1), .integer(0)])
    let term = Term.tuple([
      .atom("trace_ts"), .pid("desk@here", 7, 0), .atom("link"), .pid("far@away", 9, 1), time,
    ])
    let event = try Self.event(term).event
    #expect(event.node == "desk@here" && event.process == "<0.7.0>")
    #expect(event.peerProcess == "<far@away.9.1>")
  }

  @Test func whatIsMoreThanUsualIsInATuple() throws {
    let extra = try Self.event(.message(.atom("call"), Self.mfa, .atom("caller"))).event
    let both = Term.tuple([.list([.integer(1), .atom("two")]), .atom("caller")])
    #expect(extra.payload == Payload(both.bytes, encoding: .externalTerm))
    let unknown = try Self.event(.message(.atom("sang"), .integer(1), .integer(2))).event
    #expect(unknown.kind == "sang")
    let all = Term.tuple([.integer(1), .integer(2)])
    #expect(unknown.payload == Payload(all.bytes, encoding: .externalTerm))
    let odd = try Self.event(.message(.atom("call"), .atom("nothing"))).event
    #expect(odd.payload == Payload(Term.tuple([.atom("nothing")]).bytes, encoding: .externalTerm))
  }

  @Test func aTermThatIsNoTraceMessageIsKeptWhole() throws {
    let terms = [
      Term.integer(5), .tuple([.atom("hello"), .integer(1), .integer(2)]), .atom("trace"),
      .list([]),
    ]
    for term in terms {
      let (event, time) = try Self.event(term)
      #expect(event.kind == "term" && time == .none && event.process == nil)
      #expect(event.payload == Payload(term.bytes, encoding: .externalTerm))
    }
  }

  @Test func sequentialTracesHaveTheirLabelAndBothEnds() throws {
    let serial = Term.tuple([.integer(1), .integer(2)])
    let info = Term.tuple([.atom("send"), serial, .me, .you, .atom("hi")])
    let event = try Self.event(.tuple([.atom("seq_trace"), .integer(17), info])).event
    #expect(event.kind == "seq_trace" && event.correlationID == "17")
    #expect(event.process == "<0.50.0>" && event.peerProcess == "<0.51.2>")
    #expect(event.payload == Payload(info.bytes, encoding: .externalTerm))
    let receipt = Term.tuple([.atom("receive"), serial, .me, .you, .atom("hi")])
    let other = try Self.event(.tuple([.atom("seq_trace"), .integer(17), receipt])).event
    #expect(other.process == "<0.51.2>" && other.peerProcess == "<0.50.0>")
  }

  @Test func allClocksOfTheTracerAreUnderstood() throws {
    func time(_ term: Term) throws -> (BeamEventReader.Time, Int64?) {
      let message = Term.tuple([.atom("trace_ts"), .me, .atom("exit"), .atom("normal"), term])
      let (event, time) = try Self.event(message)
      return (time, event.secondClock)
    }
    #expect(
      try time(.integer(-576_460_751_000_000_000)) == (.monotonic(-576_460_751_000_000_000), nil))
    #expect(try time(.tuple([.integer(-5), .integer(9)])) == (.monotonic(-5), 9))
    #expect(
      try time(.tuple([.integer(0), .integer(1), .integer(2)])) == (.wall(1_000_002_000), nil))
    #expect(throws: TermFault.self) { try time(.atom("now")) }
    let huge = Term.tuple([.integer(.max), .integer(0), .integer(0)])
    #expect(throws: TermFault.self) { try time(huge) }
    let message = Term.tuple([.atom("trace"), .me, .atom("exit"), .atom("normal")])
    #expect(try Self.event(message).time == .none)
  }

  // MARK: Damaged files

  /// The first records of the fixture, and where each ends.
  private static func someRecords() throws -> (bytes: [UInt8], ends: [Int]) {
    let whole = try bytes(ofFile: Erlang.fixture)
    var ends: [Int] = []
    var offset = 0
    while offset < 3000 {
      let length = whole[(offset + 1)..<(offset + 5)].reduce(0) { $0 << 8 | Int($1) }
      offset += 5 + length
      ends.append(offset)
    }
    return (Array(whole[..<offset]), ends)
  }

  @Test func aFileCutAnywhereGivesTheRecordsBeforeTheCut() throws {
    let (whole, ends) = try Self.someRecords()
    let folder = try TemporaryFolder()
    let path = folder.path("cut")
    try Data(whole).write(to: folder.url("cut"))
    for count in (0..<whole.count).reversed() {
      #expect(unsafe truncate(path, count) == 0)
      let found = try Self.read(path)
      #expect(found.events == ends.count { $0 <= count }, "cut at \(count)")
      #expect(found.isCutOff == (count > 0 && !ends.contains(count)), "cut at \(count)")
      #expect(found.damagedByteCount == 0 && found.refused == 0, "cut at \(count)")
    }
  }

  @Test func aFlippedBitCostsARecordOrTwo() throws {
    let (whole, ends) = try Self.someRecords()
    let folder = try TemporaryFolder()
    var worst = 0
    // Every bit of the headers and of some of the rest; the last records show that reading goes on.
    for bit in 0..<(8 * ends[ends.count - 4]) {
      let isHeader = ends.contains { $0 <= bit / 8 && bit / 8 < $0 + 7 }
      guard isHeader || bit % 7 == 0 else { continue }
      var bytes = whole
      bytes[bit / 8] ^= 1 << UInt8(bit % 8)
      try Data(bytes).write(to: folder.url("flipped"))
      let found = try Self.read(folder.path("flipped"))
      worst = max(worst, ends.count - found.events)
      #expect(found.lastOffset == ends[ends.count - 2], "bit \(bit)")
      #expect(!found.isCutOff, "bit \(bit)")
    }
    #expect((1...2).contains(worst))
  }

  @Test func recordsBehindGarbageAreFound() throws {
    let folder = try TemporaryFolder()
    let record = Term.message(.atom("exit"), .atom("normal")).record
    for garbage in [
      [UInt8](repeating: 7, count: 1), [0], Array(0...255), [0, 0, 0, 0, 9, 131, 104],
    ] {
      try Data(record + garbage + record + record).write(to: folder.url("file"))
      let found = try Self.read(folder.path("file"))
      #expect(found.events == 3, "\(garbage)")
    }
  }

  @Test func lostMessagesAreCounted() throws {
    let folder = try TemporaryFolder()
    let record = Term.message(.atom("exit"), .atom("normal")).record
    let term = Term.tuple([.atom("drop"), .integer(3)]).record
    try Data(record + [1, 0, 0, 1, 0] + term + record).write(to: folder.url("file"))
    let found = try Self.read(folder.path("file"))
    #expect(found.events == 2 && found.lost == 259 && found.damagedByteCount == 0)
  }

  @Test func aRecordBeyondTheLimitIsPassedOver() throws {
    let folder = try TemporaryFolder()
    let record = Term.message(.atom("exit"), .atom("normal")).record
    let long = Term.message(.atom("exit"), .binary([UInt8](repeating: 0, count: 700_000))).record
    try Data(record + long + record).write(to: folder.url("file"))
    let found = try Self.read(folder.path("file"), recordByteLimit: 600_000)
    #expect(found.events == 2 && found.damagedByteCount == long.count && !found.isCutOff)
    #expect(try Self.read(folder.path("file")).events == 3)
  }
}
