import Reel
import Testing

@testable import ReelTool

/// Lines to events: each field, each fault with its whole message.
@Suite struct JSONEventReaderTests {
  static let declarations = [
    AttributeDeclaration(name: "tag", type: .text),
    AttributeDeclaration(name: "size", type: .integer),
    AttributeDeclaration(name: "ratio", type: .double),
    AttributeDeclaration(name: "ok", type: .boolean),
    AttributeDeclaration(name: "hash", type: .bytes),
    AttributeDeclaration(name: "kind", type: .text),
    AttributeDeclaration(name: "attribute:kind", type: .text),
    AttributeDeclaration(name: "a name of more than sixteen bytes", type: .integer),
  ]

  static func read(_ line: String) throws -> Event {
    try EventReader(attributes: declarations).event(from: Array(line.utf8))
  }

  static func message(_ line: String) -> String {
    let bytes = Array(line.utf8)
    do throws(JSONFault) {
      _ = try EventReader(attributes: declarations).event(from: bytes)
      return "taken"
    } catch {
      return error.message(in: bytes)
    }
  }

  @Test func readsEveryField() throws {
    let line = #"""
      {"id":"e1","timestamp_ns":-5,"kind":"k","process":"p","peer_process":"q","module":"M",
      "function":"f","arity":2,"correlation_id":"c","ast_node_id":"a","node":"n","call_id":"l",
      "parent_id":"e0","second_clock":"9","tag":["x","y"],"size":"-3","ratio":1,"ok":true,
      "hash":"AQI=","attribute:kind":"z","data": {"x": 1.0}}
      """#
    let event = Event(
      id: "e1", timestamp: -5, kind: "k", process: "p", peerProcess: "q",
      function: Function(module: "M", name: "f", arity: 2), correlationID: "c", parentID: "e0",
      callID: "l", astNodeID: "a", node: "n", secondClock: 9,
      attributes: [
        "tag": .many([.text("x"), .text("y")]), "size": .integer(-3), "ratio": .double(1),
        "ok": .boolean(true), "hash": .bytes([1, 2]), "kind": .text("z"),
      ],
      payload: Payload(#"{"x": 1.0}"#, encoding: .json))
    #expect(try Self.read(line) == event)
  }

  @Test func nullMeansAbsentExceptInData() throws {
    #expect(try Self.read(#"{"id":null,"arity":null,"tag":null,"data_text":null}"#) == Event())
    #expect(try Self.read(#"{"data":null}"#).payload == Payload("null", encoding: .json))
  }

  @Test func keepsUnknownFieldsVerbatimAndInOrder() throws {
    let event = try Self.read(#"{ "b\u0062" : [1, 2], "id":"x", "data":{ } , "a" :"\/"}"#)
    let members = #""b\u0062":[1, 2],"data":{ },"a":"\/""#
    #expect(event.payload == Payload(members, encoding: .jsonMembers))
  }

  @Test func readsOtherPayloads() throws {
    #expect(try Self.read(#"{"data_text":"a\nb"}"#).payload == Payload("a\nb"))
    #expect(try Self.read(#"{"data_base64":"AP8="}"#).payload == Payload([0, 255]))
    #expect(
      try Self.read(#"{"data_encoding":200,"data_base64":""}"#).payload
        == Payload([], encoding: Payload.Encoding(rawValue: 200)))
  }

  @Test func readsKeysWithEscapesAndHexadecimalIDs() throws {
    #expect(try Self.read(#"{"\u0069d_hex":"fF00"}"#).id == EventID([255, 0]))
  }

  @Test(arguments: [
    ("9223372036854775807", Int64.max), ("-9223372036854775808", .min), ("\"-0\"", 0),
    ("\"9223372036854775807\"", .max), ("\"1970-01-01T00:00:00.000000001Z\"", 1),
  ])
  func readsTimestamp(_ text: String, _ value: Int64) throws {
    let event = try Self.read(#"{"timestamp_ns":\#(text)}"#)
    #expect(event.timestamp == Timestamp(nanoseconds: value))
  }

  @Test(arguments: [
    (#"{"kind":1}"#, "kind is 1, expected a string"),
    (#"{"arity":65535}"#, "arity is 65535, expected a whole number from 0 to 65534"),
    (#"{"arity":"-1"}"#, #"arity is "-1", expected a whole number from 0 to 65534"#),
    (
      #"{"second_clock":9223372036854775808}"#,
      "second_clock is 9223372036854775808, expected a whole number from -9223372036854775808"
        + " to 9223372036854775807"
    ),
    (
      #"{"timestamp_ns":"abc"}"#,
      #"timestamp_ns is "abc", expected a whole number from -9223372036854775808 to"#
        + " 9223372036854775807, or a time such as 2026-11-21T03:22:00.5Z"
    ),
    (#"{"id":"a","id":null}"#, "id is given twice (at byte 11)"),
    (#"{"u":1,"\u0075":2}"#, #"\u0075 is given twice (at byte 8)"#),
    (#"{"id":"a","id_hex":"00"}"#, "id_hex cannot be given besides id (at byte 11)"),
    (#"{"id_hex":"0"}"#, #"id_hex is "0", expected pairs of hexadecimal digits"#),
    (
      #"{"data":1,"data_text":"a"}"#,
      "data_text cannot be given besides another payload (at byte 11)"
    ),
    (#"{"data_encoding":1}"#, "data_encoding goes with data_base64 only (at byte 2)"),
    (#"{"data_base64":"A"}"#, #"data_base64 is "A", expected a string in base64 with padding"#),
    (
      #"{"data_base64":"","data_encoding":256}"#,
      "data_encoding is 256, expected a whole number from 0 to 255"
    ),
    (#"{"ok":[true,1]}"#, "ok is [true,1], expected true, false or an array of them"),
    (
      #"{"ratio":1e999}"#,
      "ratio is 1e999, expected a 64-bit floating-point number or an array of them"
    ),
    ("[]", "expected a JSON object (at byte 0)"),
    ("", "the line ends too early (at byte 0)"),
    ("{\"kind\":[\"\u{9B}\"]}", "kind is [\"\u{FFFD}\"], expected a string"),
  ])
  func saysWhatIsWrong(_ line: String, _ message: String) {
    #expect(Self.message(line) == message)
  }

  @Test func findsDuplicatesAmongManyUnknownFields() {
    let members = (0..<50_000).map { #""u\#($0)":0"# }.joined(separator: ",")
    #expect(Self.message("{\(members)}") == "taken")
    #expect(Self.message("{\(members),\"u7\":0}").hasPrefix("u7 is given twice"))
  }
}

/// Events to lines and back: fixed forms, random events with a printed seed, a real recording.
@Suite struct JSONEventRoundTripTests {
  let declarations = JSONEventReaderTests.declarations

  func line(_ event: Event, asStrings: Bool = false) -> [UInt8] {
    var output: [UInt8] = []
    EventWriter(attributes: declarations, asStrings: asStrings).write(event, to: &output)
    return output
  }

  @Test func writesFieldsInOrder() {
    let event = Event(
      id: EventID([255]), timestamp: 1, kind: "a\"\n\u{1}é", function: Function(arity: 0),
      secondClock: .min, attributes: ["kind": .text("z"), "size": .integer(1)],
      payload: Payload("{}", encoding: .json))
    let text = String(decoding: line(event, asStrings: true), as: UTF8.self)
    #expect(
      text == #"""
        {"id_hex":"ff","timestamp_ns":"1","kind":"a\"\n\u0001é","arity":0,\#
        "second_clock":"-9223372036854775808","size":"1","attribute:kind":"z","data":{}}

        """#)
    #expect(line(Event()) == Array("{}\n".utf8))
  }

  /// Payloads that would break the line or read back as something else go out in base64.
  @Test(arguments: [
    ("{\n}", Payload.Encoding.json), (" 1", .json), ("", .json), ("1,\"id\":2", .json),
    (String(repeating: "[", count: 512) + String(repeating: "]", count: 512), .json),
    (#""id":"x""#, .jsonMembers), (#""data":1"#, .jsonMembers), ("", .jsonMembers),
    (#""a":1, "b":2"#, .jsonMembers), (#""a":1,"#, .jsonMembers), (#""a":1}"#, .jsonMembers),
    (#""a":1,"\u0061":2"#, .jsonMembers), (#""tag":1"#, .jsonMembers),
    (#""a":1,"data":1,"data":2"#, .jsonMembers),
  ])
  func writesUnsafePayloadsInBase64(_ text: String, _ encoding: Payload.Encoding) throws {
    let event = Event(payload: Payload(text, encoding: encoding))
    let output = line(event)
    #expect(output.starts(with: Array(#"{"data_base64":"#.utf8)))
    #expect(try EventReader(attributes: declarations).event(from: output) == event)
  }

  @Test(arguments: seeds(1)) func everyEventReadsBackEqual(seed: UInt64) throws {
    var random = JSONRandomEvents(seed: seed)
    let reader = EventReader(attributes: declarations)
    for index in 0..<(Sweep.isFull ? 100_000 : 8_000) {
      let event = random.event()
      let output = line(event, asStrings: index.isMultiple(of: 2))
      let isOneLine = output.firstIndex(of: UInt8(ascii: "\n")) == output.count - 1
      #expect(isOneLine, "seed \(seed), event \(index)")
      let copy = try reader.event(from: output)
      #expect(copy == event, "seed \(seed), event \(index)")
      // Equal Strings may differ in normalization; equal lines do not.
      let again = line(copy, asStrings: index.isMultiple(of: 2))
      #expect(again == output, "seed \(seed), event \(index)")
    }
  }

  @Test(arguments: seeds(1)) func mutatedLinesNeverTrap(seed: UInt64) {
    var random = JSONRandomEvents(seed: seed)
    let reader = EventReader(attributes: declarations)
    for index in 0..<(Sweep.isFull ? 100_000 : 8_000) {
      var bytes = line(random.event())
      for _ in 0..<Int.random(in: 1...3, using: &random.generator) {
        let index = Int.random(in: 0..<bytes.count, using: &random.generator)
        bytes[index] = UInt8.random(in: 0...255, using: &random.generator)
      }
      do throws(JSONFault) {
        let event = try reader.event(from: bytes)
        let output = line(event)
        #expect(try reader.event(from: output) == event, "seed \(seed), event \(index)")
      } catch {
        #expect(!error.message(in: bytes).isEmpty)
      }
    }
  }

  @Test func theLinesOfTheCutReadBackMemberForMember() throws { try check(Sample.cutPath) }

  @Test(.enabled(if: Sample.hasFull, "the full recording is not here; REEL_SAMPLE names it"))
  func theLinesOfTheFullRecordingReadBackMemberForMember() throws {
    try check(try #require(Sample.fullPath))
  }

  private func check(_ path: String) throws {
    let reader = EventReader()
    let writer = EventWriter()
    var output: [UInt8] = []
    for line in try Sample.lines(path) {
      output.removeAll(keepingCapacity: true)
      writer.write(try reader.event(from: line), to: &output)
      output.removeLast()
      guard !output.isSame(as: line) else { continue }
      #expect(try members(output) == members(line))
    }
  }

  private func members(_ line: [UInt8]) throws -> [[UInt8]: [UInt8]] {
    var members: [[UInt8]: [UInt8]] = [:]
    for member in try JSONScannerTests.scan(line).get() {
      // Decoded, since an escape that was not needed is not written again.
      members[Array(line[member.key])] =
        member.value.kind == .string
        ? line.byteSpan.array(of: member.value) : Array(line[member.value.range])
    }
    return members
  }
}
