@testable import Reel

/// A write-ahead buffer of any bytes.
///
/// The input is: what to do (as for segments); the fields of the header page; and the ring, which
/// zeros fill up to a length of 4 to 32 KiB.
enum BufferFuzz {
  static let fieldsByteCount = BufferHeader.usedByteCount

  static func run(_ input: [UInt8], _ faults: inout FuzzFaults) {
    guard let mode = input.first else { return }
    var bytes = file(input)
    if mode & 1 != 0 { ChecksumMending.buffer(&bytes) }
    let number = bytes.rawSpan.integer(at: 48, as: UInt64.self)
    let name = FileName.buffer(firstSequence: min(max(number, 1), Limits.sequenceNumber))
    let image = [name: bytes]
    let frames = SoundFrames(buffer: bytes)
    faults.attempt("reading a buffer") { faults throws(ReelError) in
      var reader = try BufferReader(file: try MemoryFolder(image).open(name, .read))
      let end = reader.offset + reader.header.capacity
      var passage: BufferReader.Passage
      repeat {
        _ = try reader.read { record, sequence in
          faults.expect(frames.vouch(for: sequence), "record \(sequence) without a checksum")
          faults.expect(record.byteCount <= bytes.count, "a record beyond its file")
        }
        passage = try reader.passHole(before: end, known: reader.nextSequence)
      } while passage.isHole
    }
    inspect(image, name, &faults)
    faults.attempt("reading") { faults throws(ReelError) in
      let recording = try Recording(folder: MemoryFolder(image))
      defer { recording.close() }
      try RecordingFuzz(recording).ask(&faults) {
        frames.vouch(for: $0.sequenceNumber.rawValue)
      }
    }
    if mode & 2 != 0 { RecordingFuzz.writeOn(image, &faults) }
    if mode & 4 != 0 { RecordingFuzz.repair(image, &faults) }
  }

  /// The file that an input stands for.
  static func file(_ input: [UInt8]) -> [UInt8] {
    let fields = input.dropFirst().prefix(fieldsByteCount)
    let ring = input.dropFirst(1 + fieldsByteCount).prefix(32 << 10)
    var bytes = [UInt8](repeating: 0, count: BufferHeader.byteCount)
    bytes.replaceSubrange(0..<fields.count, with: fields)
    bytes += ring
    let capacity = max(4096, (ring.count + 7) & ~7)
    bytes += [UInt8](repeating: 0, count: capacity - ring.count)
    return bytes
  }

  private static func inspect(_ image: FolderImage, _ name: String, _ faults: inout FuzzFaults) {
    faults.attempt("inspection") { faults throws(ReelError) in
      let inspection = try BufferInspection(file: try MemoryFolder(image).open(name, .read))
      for frame in (inspection.frames + inspection.strayFrames).prefix(32) {
        faults.attempt("records") { faults throws(ReelError) in
          for record in try inspection.records(of: frame) {
            if case .event(let event) = record.content { faults.expectSizes(event) }
          }
        }
      }
    }
  }
}

extension BufferReader.Passage {
  fileprivate var isHole: Bool {
    if case .hole = self { return true }
    return false
  }
}

/// The sequence numbers in the frames of a buffer whose checksums hold, wherever they lie.
struct SoundFrames {
  private var sequences: [Range<UInt64>] = []

  init(buffer bytes: [UInt8]) {
    let span = bytes.rawSpan
    let capacity = bytes.count - BufferHeader.byteCount
    for entry in [128, 192] {
      let lap = span.integer(at: entry, as: UInt64.self)
      let salt = span.integer(at: entry + 8, as: UInt64.self)
      for place in stride(from: 0, through: capacity - 24, by: 8) {
        let start = BufferHeader.byteCount + place
        let end = start + 24 + Int(span.integer(at: start + 8, as: UInt32.self))
        guard end <= bytes.count else { continue }
        let seed = salt &+ lap &* UInt64(capacity) &+ UInt64(place)
        let checksum = Checksum.xxh3(span.extracting((start + 8)..<end), seed: seed)
        guard checksum == span.integer(at: start, as: UInt64.self) else { continue }
        let first = span.integer(at: start + 16, as: UInt64.self)
        let count = UInt64(span.integer(at: start + 12, as: UInt32.self))
        if first <= UInt64.max - count { sequences.append(first..<(first + count)) }
      }
    }
  }

  /// Whether a right checksum vouches for the record with `sequence`.
  func vouch(for sequence: UInt64) -> Bool { sequences.contains { $0.contains(sequence) } }
}
