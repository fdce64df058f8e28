@testable import Reel

/// Smaller structures, each by itself.
enum PartFuzz {
  /// LZ4 frames and compressed content: what to mend (u8), the length it should have (u32), bytes.
  static func frame(_ input: [UInt8], _ faults: inout FuzzFaults) {
    var input = FuzzInput(input)
    let mode = input.byte()
    let byteCount = input.short() | input.short() << 16
    var bytes = input.rest()
    if let content = try? CompressedContent.decode(bytes.rawSpan) {
      faults.expect(content.count <= ReelFrame.maximumByteCount, "content of \(content.count)")
    }
    if mode & 1 != 0, bytes.count >= 7 {
      var empty: [UInt8] = []
      let zeros = [UInt8](repeating: 0, count: min(byteCount, (1 << 20) + 1))
      LZ4Frame.append(zeros.rawSpan, to: &empty, state: LZ4.State())
      bytes.replaceSubrange(0..<7, with: empty[..<7])
    }
    guard let content = try? LZ4Frame.content(of: bytes.rawSpan, byteCount: byteCount) else {
      return
    }
    faults.expect(content.count == byteCount, "\(content.count) of \(byteCount) bytes")
    for prefix in [0, 1, byteCount / 2, byteCount] {
      let front = try? LZ4Frame.content(of: bytes.rawSpan, byteCount: byteCount, prefix: prefix)
      faults.expect(
        front?.elementsEqual(content.prefix(prefix)) ?? false, "another front of \(prefix) bytes")
    }
  }

  /// A state (first byte even), or control records, each a type, a length and a body (u8 each).
  static func control(_ input: [UInt8], _ faults: inout FuzzFaults) {
    var input = FuzzInput(input)
    var state = ControlState()
    if input.byte() & 1 == 0 {
      let body = input.rest()
      guard let decoded = try? ControlState(decoding: body.rawSpan) else { return }
      state = decoded
    } else {
      var sequence: UInt64 = 1
      var rest = input.rest()[...]
      while rest.count >= 2, let type = rest.popFirst(), let byteCount = rest.popFirst() {
        let body = Array(rest.prefix(Int(byteCount)))
        rest = rest.dropFirst(Int(byteCount))
        if let record = try? ControlRecord(type: type, body: body.rawSpan) {
          let encoded = record.encode()
          let again = try? ControlRecord(type: type, body: encoded.rawSpan)
          faults.expect(again == record, "another record comes back")
          state.apply(record, sequence: sequence)
        }
        sequence += 1 + UInt64(type) << 40
      }
    }
    _ = state.removals.isRemoved(timestamp: 0, sequence: 5)
    faults.expect(state.runs.count <= ControlState.maximumRunCount, "\(state.runs.count) runs")
    faults.expect(state.cuts.count <= ControlState.maximumCutCount, "\(state.cuts.count) cuts")
    let encoded = state.encode()
    let again = try? ControlState(decoding: encoded.rawSpan)
    faults.expect(again != nil, "a state that was written is refused")
    faults.expect(again == nil || again == state, "another state comes back")
  }

  /// Records one behind the other.
  static func record(_ input: [UInt8], _ faults: inout FuzzFaults) {
    var records: [[UInt8]] = []
    var rest = input.rawSpan
    while let record = try? RecordView(rest) {
      let bytes = record.bytes.copied()
      records.append(bytes)
      rest = rest.extracting(bytes.count..<rest.byteCount)
    }
    RecordFuzz.roundTrip(records, &faults)
  }

  /// A document: whether to mend it (u8), and the file.
  static func document(_ input: [UInt8], _ faults: inout FuzzFaults) {
    guard let mode = input.first else { return }
    var bytes = Array(input.dropFirst())
    let name = String(decoding: bytes.prefix(120), as: UTF8.self)
    if let parsed = DocumentName.parse(name) {
      let encoded = try? DocumentName.encode(parsed.name)
      faults.expect(encoded == parsed.encoded, "another file name comes back")
    }
    if mode & 1 != 0 { mendDocument(&bytes) }
    faults.attempt("a document") { faults throws(ReelError) in
      let file = try DocumentFile(decoding: bytes, path: "memory")
      faults.expect(file.content.count <= Limits.documentByteCount, "\(file.content.count) bytes")
      let encoded = file.encode(state: LZ4.State())
      let again = try DocumentFile(decoding: encoded, path: "memory")
      // A name that is no UTF-8 is shown repaired, which makes it longer.
      faults.expect(again.content == file.content, "another document comes back")
    }
  }

  private static func mendDocument(_ bytes: inout [UInt8]) {
    guard bytes.count >= 80 else { return }
    bytes.overwrite(ReelFrame.magic, at: 0)
    bytes.overwrite(UInt16(10), at: 8)
    bytes.overwrite(UInt16(256), at: 10)
    bytes.replaceSubrange(20..<28, with: DocumentFile.signature)
    bytes.overwrite(UInt16(0), at: 28)
    guard let byteCount = ReelFrame.byteCount(bytes.rawSpan), byteCount <= bytes.count,
      byteCount >= 80
    else { return }
    bytes.overwrite(contentChecksum(bytes, from: byteCount), at: 72)
    let binding = documentBinding(bytes)
    ChecksumMending.frame(&bytes, 0..<byteCount, binding)
  }

  /// The checksum of what the data frame at `offset` yields.
  private static func contentChecksum(_ bytes: [UInt8], from offset: Int) -> UInt64 {
    let length = Int(clamping: bytes.rawSpan.integer(at: 64, as: UInt64.self))
    let data = bytes.rawSpan.extracting(offset..<bytes.count)
    var content: [UInt8] = []
    if length <= 1 << 20, let found = try? LZ4Frame.content(of: data, byteCount: length) {
      content = found
    }
    return Checksum.xxh3(content.rawSpan)
  }

  private static func documentBinding(_ bytes: [UInt8]) -> FileBinding {
    let span = bytes.rawSpan
    let recording = RecordingID(
      low: span.integer(at: 32, as: UInt64.self), high: span.integer(at: 40, as: UInt64.self))
    return FileBinding(recording: recording, salt: 0)
  }
}
