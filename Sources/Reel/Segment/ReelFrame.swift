/// A skippable frame of Reel's own: magic, length, then a body that begins with its type and a
/// checksum.
///
/// Other LZ4 tools pass over it. Normative: format-spec.md, "Reel frames".
///
/// | offset | size | field     | meaning                                                    |
/// | -----: | ---: | :-------- | :--------------------------------------------------------- |
/// |      0 |    4 | magic     | `5E 2A 4D 18`                                              |
/// |      4 |    4 | length    | bytes after this field                                     |
/// |      8 |    2 | type      | ``FrameType``                                              |
/// |     10 |    1 | version   | of the body, 0                                             |
/// |     11 |    1 | flags     | bit 0: a reader that does not know the type must refuse    |
/// |     12 |    8 | checksum  | XXH3-64 of the content, seeded by ``FileBinding``          |
/// |     20 |      | content   |                                                            |
struct ReelFrame {
  static let magic: UInt32 = 0x184D_2A5E
  static let overhead = 20
  /// The bytes of the body ahead of the content.
  private static let prefixByteCount = 12
  static let maximumByteCount = 64 << 20

  var type: FrameType
  var content: [UInt8]

  /// Appends a frame of `content` that will lie at `offset` of its file.
  static func append(
    _ content: [UInt8], type: FrameType, at offset: Int, binding: FileBinding,
    to output: inout [UInt8]
  ) {
    output += head(content.rawSpan, type: type, at: offset, binding: binding)
    output.append(contentsOf: content)
  }

  /// What is ahead of `content` in a frame that will lie at `offset` of its file.
  static func head(
    _ content: RawSpan, type: FrameType, at offset: Int, binding: FileBinding
  ) -> [UInt8] {
    var head: [UInt8] = []
    head.reserveCapacity(overhead)
    head.append(littleEndian: magic)
    head.append(littleEndian: UInt32(prefixByteCount + content.byteCount))
    head.append(littleEndian: type.rawValue)
    head.append(0)
    head.append(type.flags)
    let seed = binding.seed(offset: offset, type: type.rawValue, version: 0, flags: type.flags)
    head.append(littleEndian: Checksum.xxh3(content, seed: seed))
    return head
  }

  /// What the first eight bytes of a frame say of its length, or nothing when they are not the
  /// beginning of a skippable frame of Reel's.
  static func byteCount(_ start: RawSpan) -> Int? {
    guard start.byteCount >= 8, start.integer(at: 0, as: UInt32.self) == magic else { return nil }
    let length = Int(start.integer(at: 4, as: UInt32.self))
    guard length >= prefixByteCount, length <= maximumByteCount else { return nil }
    return 8 + length
  }

  /// The frame at `offset` of a file, of at most `limit` bytes.
  /// - Throws: ``ReelError/corrupted(_:)`` when the bytes are not a whole, unharmed frame.
  static func read(
    _ file: any File, at offset: Int, limit: Int, binding: FileBinding
  ) throws(ReelError) -> (frame: ReelFrame, byteCount: Int) {
    var bytes = try file.read(at: offset, byteCount: min(limit, 4096))
    guard let byteCount = byteCount(bytes.rawSpan), byteCount <= limit else {
      throw file.corrupted(
        offset..<(offset + max(bytes.count, 1)), "no frame of Reel's begins here")
    }
    if bytes.count < byteCount {
      bytes += try file.read(at: offset + bytes.count, byteCount: byteCount - bytes.count)
    }
    guard bytes.count >= byteCount else {
      throw file.corrupted(offset..<(offset + bytes.count), "the file ends within a frame")
    }
    do throws(ByteReader.Malformed) {
      let frame = try ReelFrame(
        decoding: bytes.rawSpan.extracting(0..<byteCount), at: offset, binding: binding)
      return (frame, byteCount)
    } catch {
      throw file.corrupted(offset..<(offset + byteCount), error.reason)
    }
  }

  /// Takes apart a whole frame that was read at `offset` of its file.
  init(decoding bytes: RawSpan, at offset: Int, binding: FileBinding) throws(ByteReader.Malformed) {
    var reader = ByteReader(bytes)
    try reader.skip(8)
    let typeValue = try reader.integer(UInt16.self, "a frame's type")
    let version = try reader.integer(UInt8.self, "a frame's version")
    let flags = try reader.integer(UInt8.self, "a frame's flags")
    let checksum = try reader.integer(UInt64.self, "a frame's checksum")
    let content = try reader.span(reader.remaining, "a frame's content")
    let seed = binding.seed(offset: offset, type: typeValue, version: version, flags: flags)
    guard Checksum.xxh3(content, seed: seed) == checksum else {
      throw ByteReader.Malformed("a frame's checksum", "does not match", found: checksum)
    }
    let known = FrameType(rawValue: typeValue)
    guard version == 0 && known.isKnown || flags & FrameType.refuseFlag == 0 else {
      throw ByteReader.Malformed("a frame's type or version", "is not known", found: typeValue)
    }
    // Derived content in a form of a later version is passed over as an unknown type is.
    type = version == 0 ? known : .unknown
    self.content = content.copied()
  }
}

/// The types of Reel's frames.
struct FrameType: RawRepresentable, Hashable, Sendable {
  let rawValue: UInt16

  static let refuseFlag: UInt8 = 1

  static let unknown = FrameType(rawValue: 0)
  static let segmentHeader = FrameType(rawValue: 1)
  static let block = FrameType(rawValue: 2)
  static let directory = FrameType(rawValue: 3)
  static let index = FrameType(rawValue: 4)
  static let trailer = FrameType(rawValue: 5)
  static let state = FrameType(rawValue: 6)
  /// Open calls and last states ahead of a block: ``Context``.
  static let context = FrameType(rawValue: 7)
  /// Reserved: keys of encrypted blocks.
  static let encryption = FrameType(rawValue: 8)
  /// Reserved: more about declared attributes.
  static let attributes = FrameType(rawValue: 9)
  static let document = FrameType(rawValue: 10)
  /// The front of a ``MergedIndex``.
  static let merged = FrameType(rawValue: 11)

  private static let known: Set<FrameType> = [
    .segmentHeader, .block, .directory, .index, .trailer, .state, .context, .document,
    .merged,
  ]

  var isKnown: Bool { Self.known.contains(self) }

  /// Without these nothing can be read, so a reader that does not know one must refuse; the rest is
  /// derived and can be passed over.
  var flags: UInt8 {
    self == .segmentHeader || self == .block || self == .state || self == .document
      ? Self.refuseFlag : 0
  }

  var name: String {
    switch self {
    case .segmentHeader: "segment header"
    case .block: "block"
    case .directory: "directory"
    case .index: "index"
    case .trailer: "trailer"
    case .state: "state"
    case .context: "context"
    case .encryption: "encryption"
    case .attributes: "attributes"
    case .document: "document"
    case .merged: "merged index"
    default: "type \(rawValue)"
    }
  }
}

/// What every frame of a file is bound to, so that none passes in another file or another place.
struct FileBinding: Hashable, Sendable {
  var recording: RecordingID
  /// Drawn at random for each file.
  var salt: UInt64

  /// The seed of the checksum of a frame: XXH3-64 of the recording's id, the salt, the frame's
  /// offset in the file, its type, version and flags, all little-endian.
  func seed(offset: Int, type: UInt16, version: UInt8, flags: UInt8) -> UInt64 {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(36)
    bytes.append(littleEndian: recording.low)
    bytes.append(littleEndian: recording.high)
    bytes.append(littleEndian: salt)
    bytes.append(littleEndian: UInt64(offset))
    bytes.append(littleEndian: type)
    bytes.append(version)
    bytes.append(flags)
    return Checksum.xxh3(bytes.rawSpan)
  }
}

/// The 16 random bytes that all files of a recording carry.
public struct RecordingID: Hashable, Sendable, CustomStringConvertible {
  let low: UInt64
  let high: UInt64

  init(low: UInt64, high: UInt64) {
    self.low = low
    self.high = high
  }

  /// The id as 32 hexadecimal digits.
  public var description: String {
    var bytes: [UInt8] = []
    bytes.append(littleEndian: low)
    bytes.append(littleEndian: high)
    return hexadecimal(bytes.rawSpan)
  }
}
