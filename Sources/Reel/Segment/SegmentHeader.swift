/// The first frame of a segment.
///
/// Normative: format-spec.md, "Segment headers".
///
/// | offset in content | size | field         | meaning                                    |
/// | ----------------: | ---: | :------------ | :----------------------------------------- |
/// |                 0 |    8 | signature     | `89 52 45 45 4C 0D 0A 1A`                  |
/// |                 8 |    2 | formatVersion | 0                                          |
/// |                10 |    2 | reserved      | 0                                          |
/// |                12 |   16 | recording     | the recording's id                         |
/// |                28 |    8 | salt          | random                                     |
/// |                36 |    8 | firstSequence | as in the file name                        |
/// |                44 |    8 | created       | wall clock, nanoseconds                    |
struct SegmentHeader: Hashable, Sendable {
  /// A byte above 127, the name, and line ends that a careless transfer would change.
  static let signature: [UInt8] = [0x89, 0x52, 0x45, 0x45, 0x4C, 0x0D, 0x0A, 0x1A]
  static let contentByteCount = 52
  static let byteCount = ReelFrame.overhead + contentByteCount

  var binding: FileBinding
  var firstSequence: UInt64
  var created: Int64

  /// The whole frame, at offset 0.
  func encode() -> [UInt8] {
    var content = Self.signature
    content.append(littleEndian: UInt16(Format.version))
    content.append(littleEndian: UInt16(0))
    content.append(littleEndian: binding.recording.low)
    content.append(littleEndian: binding.recording.high)
    content.append(littleEndian: binding.salt)
    content.append(littleEndian: firstSequence)
    content.append(littleEndian: created)
    var frame: [UInt8] = []
    ReelFrame.append(content, type: .segmentHeader, at: 0, binding: binding, to: &frame)
    return frame
  }

  init(binding: FileBinding, firstSequence: UInt64, created: Int64) {
    self.binding = binding
    self.firstSequence = firstSequence
    self.created = created
  }

  /// Decodes the header at the front of a file.
  init(decoding bytes: [UInt8], path: String) throws(ReelError) {
    let span = bytes.rawSpan
    guard span.byteCount >= Self.byteCount, ReelFrame.byteCount(span) == Self.byteCount,
      span.extracting(20..<28).equals(Self.signature.rawSpan)
    else { throw .notARecording(path: path, reason: "it does not begin as a segment does") }
    let version = Int(span.integer(at: 28, as: UInt16.self))
    let recording = RecordingID(
      low: span.integer(at: 32, as: UInt64.self), high: span.integer(at: 40, as: UInt64.self))
    binding = FileBinding(recording: recording, salt: span.integer(at: 48, as: UInt64.self))
    guard version == Format.version else {
      // A flipped bit is damage; another version has a checksum that is right.
      let frame = try? ReelFrame(
        decoding: span.extracting(0..<Self.byteCount), at: 0, binding: binding)
      guard frame != nil else {
        throw .corrupted(
          Corruption(
            path: path, bytes: 0..<Self.byteCount, reason: "the header's checksum does not match"))
      }
      throw .unsupportedFormat(path: path, found: version, supported: Format.version)
    }
    firstSequence = span.integer(at: 56, as: UInt64.self)
    created = span.integer(at: 64, as: Int64.self)
    guard firstSequence >= 1, firstSequence <= Limits.sequenceNumber else {
      throw .corrupted(
        Corruption(
          path: path, bytes: 56..<64, reason: "the first sequence number cannot be"))
    }
    do {
      _ = try ReelFrame(
        decoding: span.extracting(0..<Self.byteCount), at: 0, binding: binding)
    } catch {
      throw .corrupted(
        Corruption(path: path, bytes: 0..<Self.byteCount, reason: error.reason))
    }
  }
}

/// The version of the format that this library writes and reads.
///
/// 0 until the format is declared: files of version 0 are refused by later releases.
public enum Format {
  /// The number in every file's header.
  public static let version = 0
}
