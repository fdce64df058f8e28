@testable import Reel

#if !FUZZ
  @testable import ReelTool
#endif

/// A line of JSON: read both ways, written, and read again.
enum JSONFuzz {
  private static let declarations = RecordFuzz.schema.declarations

  static func run(_ input: [UInt8], _ faults: inout FuzzFaults) {
    let reader = EventReader(attributes: declarations)
    var encoder = EventEncoder()
    let isTaken: Bool
    do throws(JSONFault) {
      try reader.read(input.byteSpan, into: &encoder)
      isTaken = true
    } catch {
      isTaken = false
      faults.expect(!error.message(in: input).isEmpty, "a fault without words")
    }
    guard let event = try? reader.event(from: input) else {
      return faults.expect(!isTaken, "only the encoder takes the line")
    }
    guard isTaken else { return faults.expect(false, "the encoder refuses the line") }
    let rules = RecordRules(
      maximumPayloadByteCount: 1 << 20, attributes: RecordFuzz.schema)
    let one = record(rules, { rules throws(ReelError) in try event.measure(rules) }) {
      event.write(to: &$0, rules: rules)
    }
    let other = record(rules, { rules throws(ReelError) in try encoder.measure(rules) }) {
      encoder.write(to: &$0, rules: rules)
    }
    faults.expect(one == other, "the encoder makes another record")
    var line: [UInt8] = []
    let writer = EventWriter(attributes: declarations)
    writer.write(event, to: &line)
    guard let again = try? reader.event(from: line) else {
      return faults.expect(false, "a line that was written is refused")
    }
    var second: [UInt8] = []
    writer.write(again, to: &second)
    faults.expect(second == line, "another line comes back")
  }

  /// The record of an event, or nothing when it is refused.
  private static func record(
    _ rules: RecordRules, _ measure: (RecordRules) throws(ReelError) -> Int,
    _ write: (inout RecordWriter) -> Void
  ) -> [UInt8]? {
    guard let byteCount = try? measure(rules) else { return nil }
    let region = Region(byteCount: byteCount)
    var writer = RecordWriter(region: region, start: 0, byteCount: byteCount, timestamp: 0)
    write(&writer)
    return region.bytes(0..<byteCount).copied()
  }
}
