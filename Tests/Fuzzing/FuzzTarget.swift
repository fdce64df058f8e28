@testable import Reel

/// The places where bytes from outside become structures: each takes any bytes, and answers what
/// went wrong.
///
/// Run by libFuzzer (`tools/fuzz`) and, over the files of `Corpus`, by `FuzzCorpusTests`. A trap, a
/// hang or much memory is for libFuzzer to find; the rest is told as a fault: an event that no
/// right checksum vouches for, sizes beyond the format's limits, two ways of reading that disagree.
enum FuzzTarget: String, CaseIterable, Sendable {
  /// A write-ahead buffer: read, inspected, asked, taken over.
  case buffer
  /// A segment: read, asked in both orders, verified, inspected, gone on with, repaired.
  case segment
  /// The columns of a block, behind all checksums and compression.
  case block
  /// LZ4 frames and compressed content.
  case frame
  /// Posting indexes, fingerprint indexes, directories and trailers.
  case index
  /// Control states and control records.
  case control
  /// Records as the buffer holds them, to a block and back.
  case record
  /// Contexts, ahead of blocks.
  case context
  /// Versions of documents.
  case document
  /// Lines of JSON, as `reel record` reads them.
  case json

  /// Gives `input` to the target.
  /// - Returns: What is wrong, nothing when all is well.
  func run(_ input: [UInt8]) -> [String] {
    var faults = FuzzFaults()
    switch self {
    case .buffer: BufferFuzz.run(input, &faults)
    case .segment: SegmentFuzz.run(input, &faults)
    case .block: BlockFuzz.run(input, &faults)
    case .frame: PartFuzz.frame(input, &faults)
    case .index: IndexFuzz.run(input, &faults)
    case .control: PartFuzz.control(input, &faults)
    case .record: PartFuzz.record(input, &faults)
    case .context: ContextFuzz.run(input, &faults)
    case .document: PartFuzz.document(input, &faults)
    case .json: JSONFuzz.run(input, &faults)
    }
    return faults.found
  }
}

/// What a target found wrong.
struct FuzzFaults {
  private(set) var found: [String] = []

  /// Notes `text` unless `isFine`.
  mutating func expect(_ isFine: Bool, _ text: @autoclosure () -> String) {
    if !isFine { found.append(text()) }
  }

  /// Runs `body`, which may refuse the bytes; the memory it reads from cannot fail.
  mutating func attempt(_ name: String, _ body: (inout FuzzFaults) throws(ReelError) -> Void) {
    do throws(ReelError) {
      try body(&self)
    } catch {
      if case .io(let failure) = error { found.append("\(name): \(failure)") }
      expect(!error.description.isEmpty, "\(name): an error without words")
    }
  }

  /// Holds the sizes of an event against what the format allows.
  ///
  /// Bytes that are no UTF-8 become three each when they are shown as text.
  mutating func expectSizes(_ event: Event) {
    let texts = [
      event.kind, event.process, event.peerProcess, event.correlationID, event.callID,
      event.astNodeID, event.node,
    ]
    let longest = texts.reduce(0) { max($0, $1?.utf8.count ?? 0) }
    expect(longest <= 3 * Limits.textByteCount, "a text of \(longest) bytes")
    let function = [event.function?.module, event.function?.name]
    let key = function.reduce(0) { max($0, $1?.utf8.count ?? 0) }
    expect(key <= 3 * Limits.columnTextByteCount, "a function of \(key) bytes")
    let id = max(event.id?.bytes.count ?? 0, event.parentID?.bytes.count ?? 0)
    expect(id <= Limits.textByteCount, "an id of \(id) bytes")
    let payload = event.payload?.bytes.count ?? 0
    expect(payload <= Limits.frameByteCount, "a payload of \(payload) bytes")
    let count = event.attributes.count
    expect(count <= Limits.attributeCount, "\(count) attributes")
  }
}

/// Takes small numbers off the front of an input; zeros when it is used up.
struct FuzzInput {
  private let bytes: [UInt8]
  private var offset = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  mutating func byte() -> UInt8 {
    guard offset < bytes.count else { return 0 }
    defer { offset += 1 }
    return bytes[offset]
  }

  mutating func short() -> Int { Int(byte()) | Int(byte()) << 8 }

  mutating func bytes(_ count: Int) -> [UInt8] {
    let end = min(offset + count, bytes.count)
    defer { offset = end }
    return Array(bytes[offset..<end])
  }

  /// What has not been taken.
  mutating func rest() -> [UInt8] { bytes(bytes.count - offset) }
}
