/// One version of a document as it lies in its file.
///
/// Normative: format-spec.md, "Documents".
///
/// | offset in content | size | field         | meaning                                    |
/// | ----------------: | ---: | :------------ | :----------------------------------------- |
/// |                 0 |    8 | signature     | `89 52 45 45 4C 44 0D 0A`                  |
/// |                 8 |    2 | formatVersion | 0                                          |
/// |                10 |    2 | flags         | bit 0: this version removes the document   |
/// |                12 |   16 | recording     | the recording's id                         |
/// |                28 |    8 | version       | as in the file name                        |
/// |                36 |    8 | created       | wall clock, nanoseconds                    |
/// |                44 |    8 | rawByteCount  | bytes of the content                       |
/// |                52 |    8 | checksum      | XXH3-64 of the content                     |
/// |                60 |      | name          | string                                     |
///
/// One data frame of the content follows, unless it is empty.
struct DocumentFile: Hashable, Sendable {
  static let signature: [UInt8] = [0x89, 0x52, 0x45, 0x45, 0x4C, 0x44, 0x0D, 0x0A]
  /// Of the longest frame with the name, ahead of the content.
  static let maximumFrameByteCount = ReelFrame.overhead + 60 + 1 + Limits.documentNameByteCount
  /// Of a file, whatever its content: the data frame never takes more than this beyond it.
  static let maximumByteCount =
    maximumFrameByteCount + LZ4Frame.maximumByteCount(of: Limits.documentByteCount)
  private static let removedFlag: UInt16 = 1

  var recording: RecordingID
  var name: String
  var version: UInt64
  var created: Int64
  var isRemoved: Bool
  var content: [UInt8]

  func encode(state: LZ4.State) -> [UInt8] {
    var header = Self.signature
    header.append(littleEndian: UInt16(Format.version))
    header.append(littleEndian: isRemoved ? Self.removedFlag : 0)
    header.append(littleEndian: recording.low)
    header.append(littleEndian: recording.high)
    header.append(littleEndian: version)
    header.append(littleEndian: created)
    header.append(littleEndian: UInt64(content.count))
    header.append(littleEndian: Checksum.xxh3(content.rawSpan))
    header.append(lengthPrefixed: name)
    var bytes: [UInt8] = []
    ReelFrame.append(
      header, type: .document, at: 0, binding: FileBinding(recording: recording, salt: 0),
      to: &bytes)
    if !content.isEmpty { LZ4Frame.append(content.rawSpan, to: &bytes, state: state) }
    return bytes
  }

  /// A version from its parts.
  init(
    recording: RecordingID, name: String, version: UInt64, created: Int64, isRemoved: Bool,
    content: [UInt8]
  ) {
    self.recording = recording
    self.name = name
    self.version = version
    self.created = created
    self.isRemoved = isRemoved
    self.content = content
  }

  /// Takes a whole file apart.
  ///
  /// - Throws: ``ReelError/notARecording(path:reason:)``,
  ///   ``ReelError/unsupportedFormat(path:found:supported:)``, ``ReelError/corrupted(_:)``.
  init(decoding bytes: [UInt8], path: String) throws(ReelError) {
    let span = bytes.rawSpan
    guard span.byteCount >= ReelFrame.overhead + 60, let frameByteCount = ReelFrame.byteCount(span),
      span.extracting(20..<28).equals(Self.signature.rawSpan)
    else { throw .notARecording(path: path, reason: "it does not begin as a document does") }
    let found = Int(span.integer(at: 28, as: UInt16.self))
    // A flipped bit is damage; another version has a checksum that is right.
    if found != Format.version, Self.recording(in: bytes) != nil {
      throw .unsupportedFormat(path: path, found: found, supported: Format.version)
    }
    let recording = RecordingID(
      low: span.integer(at: 32, as: UInt64.self), high: span.integer(at: 40, as: UInt64.self))
    do throws(ByteReader.Malformed) {
      guard frameByteCount <= span.byteCount else {
        throw ByteReader.Malformed("a document", "is cut off", found: span.byteCount)
      }
      let frame = try ReelFrame(
        decoding: span.extracting(0..<frameByteCount), at: 0,
        binding: FileBinding(recording: recording, salt: 0))
      guard frame.type == .document else {
        throw ByteReader.Malformed("the frame", "is not a document", found: frame.type.rawValue)
      }
      try self.init(
        frame.content, recording: recording,
        data: span.extracting(frameByteCount..<span.byteCount))
    } catch {
      throw .corrupted(Corruption(path: path, bytes: 0..<bytes.count, reason: error.reason))
    }
  }

  /// The recording that a document which begins with `bytes` belongs to, or nothing when its first
  /// frame is not whole.
  static func recording(in bytes: [UInt8]) -> RecordingID? {
    let span = bytes.rawSpan
    guard span.byteCount >= ReelFrame.overhead + 60, let byteCount = ReelFrame.byteCount(span),
      byteCount <= span.byteCount, span.extracting(20..<28).equals(Self.signature.rawSpan)
    else { return nil }
    let recording = RecordingID(
      low: span.integer(at: 32, as: UInt64.self), high: span.integer(at: 40, as: UInt64.self))
    let frame = try? ReelFrame(
      decoding: span.extracting(0..<byteCount), at: 0,
      binding: FileBinding(recording: recording, salt: 0))
    return frame == nil ? nil : recording
  }

  private init(
    _ header: [UInt8], recording: RecordingID, data: RawSpan
  ) throws(ByteReader.Malformed) {
    var reader = ByteReader(header.rawSpan)
    try reader.skip(10)
    self.recording = recording
    let flags = try reader.integer(UInt16.self, "a document's flags")
    try reader.skip(16)
    version = try reader.integer(UInt64.self, "a document's version")
    created = try reader.integer(Int64.self, "a document's time")
    let byteCount = try reader.integer(UInt64.self, "a document's length")
    let checksum = try reader.integer(UInt64.self, "a document's checksum")
    name = try reader.text("a document's name", limit: Limits.documentNameByteCount)
    try reader.finish("a document's header")
    guard flags & ~Self.removedFlag == 0 else {
      throw ByteReader.Malformed("a document's flags", "are not known", found: flags)
    }
    let isRemoved = flags & Self.removedFlag != 0
    self.isRemoved = isRemoved
    guard byteCount <= UInt64(Limits.documentByteCount), !isRemoved || byteCount == 0,
      byteCount / 255 <= UInt64(data.byteCount), (byteCount == 0) == (data.byteCount == 0)
    else { throw ByteReader.Malformed("a document's length", "cannot be", found: byteCount) }
    content = byteCount == 0 ? [] : try LZ4Frame.content(of: data, byteCount: Int(byteCount))
    guard Checksum.xxh3(content.rawSpan) == checksum else {
      throw ByteReader.Malformed("a document's checksum", "does not match", found: checksum)
    }
  }
}
