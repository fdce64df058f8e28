@testable import Reel

#if !FUZZ
  @testable import ReelTool
#endif

/// An external term: passed over, printed, and taken for a trace message of OTP.
enum TermFuzz {
  static func run(_ input: [UInt8], _ faults: inout FuzzFaults) {
    let limit = 200
    var isTerm = false
    do throws(TermFault) {
      let text = try ExternalTermPrinter.text(input.byteSpan, limit: limit)
      // The last number, name or escape may go beyond the limit.
      faults.expect(text.count < limit + 6 * 1100, "a text of \(text.count) bytes")
      faults.expect(text.isUTF8, "a text that is no UTF-8")
      isTerm = try ExternalTermPrinter.text(input.byteSpan).count <= limit
    } catch {
      faults.expect(error.offset <= input.count, "a fault at \(error.offset)")
      faults.expect(!error.description.isEmpty, "a fault without words")
    }
    do throws(TermFault) {
      var reader = ExternalTermReader(input.byteSpan)
      try reader.skipVersion()
      try reader.skipTerm()
      faults.expect(reader.offset <= input.count, "more bytes than there are")
    } catch {
      faults.expect(!isTerm, "printed, and not passed over: \(error)")
    }
    message(input, &faults)
  }

  /// The event that it becomes, which a recorder must take or refuse.
  private static func message(_ input: [UInt8], _ faults: inout FuzzFaults) {
    var reader = BeamEventReader()
    var encoder = EventEncoder()
    guard (try? reader.read(input.byteSpan, into: &encoder)) != nil else { return }
    var schema = AttributeSchema()
    try? schema.merge([BeamEventReader.receiverAttribute])
    let rules = RecordRules(maximumPayloadByteCount: 1 << 20, attributes: schema)
    guard let byteCount = try? encoder.measure(rules), byteCount > 0 else { return }
    let region = Region(byteCount: byteCount)
    var writer = RecordWriter(region: region, start: 0, byteCount: byteCount, timestamp: 0)
    encoder.write(to: &writer, rules: rules)
    let bytes = region.bytes(0..<byteCount)
    faults.expect((try? RecordView(bytes)) != nil, "a record that is none")
  }

  /// Terms of every tag, and a trace message.
  static func recipe() -> [String: [UInt8]] {
    let node = [UInt8](arrayLiteral: 119, 3) + Array("a@b".utf8)
    let pid = [88] + node + [0, 0, 0, 50, 0, 0, 0, 1, 0, 0, 0, 2]
    let mfa: [UInt8] = [104, 3, 119, 1, 0x6D, 119, 1, 0x66, 107, 0, 2, 1, 2]
    let time: [UInt8] = [104, 3, 97, 1, 98, 0, 1, 2, 3, 110, 3, 1, 9, 8, 7]
    let call =
      [119, 8] + Array("trace_ts".utf8) + pid + [119, 4] + Array("call".utf8) + mfa + time
    let send =
      [119, 5] + Array("trace".utf8) + pid + [119, 4] + Array("send".utf8)
      + [109, 0, 0, 0, 2, 1, 2] + [119, 5] + Array("stock".utf8)
    let leaves: [[UInt8]] = [
      [70, 63, 248, 0, 0, 0, 0, 0, 0], [77, 0, 0, 0, 1, 3, 0xE0], [106], [109, 0, 0, 0, 1, 0x61],
      [89] + node + [0, 0, 0, 1, 0, 0, 0, 2], [90, 0, 1] + node + [0, 0, 0, 1, 0, 0, 0, 2],
      [108, 0, 0, 0, 1, 97, 1, 97, 2], [116, 0, 0, 0, 1, 97, 1, 106],
      [113] + node + node + [97, 2],
      [110, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [120] + node + [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2],
    ]
    return [
      "call": [131, 104, 5] + call, "send": [131, 104, 5] + send,
      "leaves": [131, 104, UInt8(leaves.count)] + leaves.flatMap { $0 },
    ]
  }
}
