/// The envelope of the public LZ4 frame format around compressed bytes, so that any LZ4 tool can
/// take a segment apart.
///
/// Source: lz4_Frame_format.md, version 1.6.x; format-spec.md, "Data frames".
///
/// A frame is: magic (u32), FLG, BD and HC (u8 each), then blocks, each a length (u32, top bit set
/// when stored uncompressed), its bytes and their XXH32, then a zero length. Blocks are
/// independent; a frame of more than 4 MiB has several, all but the last of 4 MiB.
enum LZ4Frame {
  static let magic: UInt32 = 0x184D_2204
  /// The first of the sixteen magic numbers of skippable frames; Reel uses the one below.
  static let skippableMagics: ClosedRange<UInt32> = 0x184D_2A50...0x184D_2A5F
  /// Version 01, independent blocks, block checksums, no content size, no content checksum.
  private static let flags: UInt8 = 0b0111_0000
  private static let headerByteCount = 7
  private static let blockOverhead = 8
  private static let maximumBlockByteCount = 4 << 20

  /// Appends one frame that holds `content`.
  static func append(_ content: RawSpan, to output: inout [UInt8], state: LZ4.State) {
    let descriptor = blockDescriptor(content.byteCount)
    output.append(littleEndian: magic)
    output.append(flags)
    output.append(descriptor)
    output.append(headerChecksum(descriptor))
    var offset = 0
    while offset < content.byteCount {
      let end = min(offset + maximumBlockByteCount, content.byteCount)
      let part = content.extracting(offset..<end)
      let lengthOffset = output.count
      output.append(littleEndian: UInt32(0))
      if LZ4.compress(part, appendingTo: &output, state) {
        let stored = output.count - lengthOffset - 4
        output.overwrite(UInt32(stored), at: lengthOffset)
      } else {
        output.overwrite(UInt32(part.byteCount) | 1 << 31, at: lengthOffset)
        output.append(part)
      }
      let checksum = Checksum.xxh32(
        output.rawSpan.extracting((lengthOffset + 4)..<output.count))
      output.append(littleEndian: checksum)
      offset = end
    }
    output.append(littleEndian: UInt32(0))
  }

  /// The bytes that a frame of `byteCount` bytes of content can take at most.
  static func maximumByteCount(of byteCount: Int) -> Int {
    let blocks = (byteCount + maximumBlockByteCount - 1) / maximumBlockByteCount
    return headerByteCount + byteCount + blocks * blockOverhead + 4
  }

  /// The content of the frame in `bytes`, which must be exactly one frame of the form above.
  ///
  /// The block header's XXH3 vouches for the bytes, so the XXH32 values, which serve other tools,
  /// are not computed again.
  ///
  /// With `prefix` only so many bytes from the front are decoded.
  static func content(
    of bytes: RawSpan, byteCount: Int, prefix: Int? = nil
  ) throws(ByteReader.Malformed) -> [UInt8] {
    var reader = ByteReader(bytes)
    let found = try reader.integer(UInt32.self, "a frame's magic number")
    guard found == magic else {
      throw ByteReader.Malformed("a frame's magic number", "is not LZ4's", found: found)
    }
    let flags = try reader.integer(UInt8.self, "a frame's flags")
    let descriptor = try reader.integer(UInt8.self, "a frame's descriptor")
    let check = try reader.integer(UInt8.self, "a frame's header checksum")
    guard flags == Self.flags, descriptor == blockDescriptor(byteCount),
      check == headerChecksum(descriptor)
    else {
      throw ByteReader.Malformed("a frame's header", "is not of Reel's form", found: flags)
    }
    var content: [UInt8] = []
    let wanted = min(prefix ?? byteCount, byteCount)
    while content.count < wanted {
      let length = try reader.integer(UInt32.self, "a block's length")
      let storedCount = Int(length & ~(1 << 31))
      let stored = try reader.span(storedCount, "a block")
      try reader.skip(4)
      let rawCount = min(byteCount - content.count, maximumBlockByteCount)
      let partCount = min(rawCount, wanted - content.count)
      if length >> 31 == 1 {
        guard storedCount == rawCount else {
          throw ByteReader.Malformed("a stored block", "has another length", found: storedCount)
        }
        content.append(stored.extracting(0..<partCount))
        continue
      }
      // LZ4 expands by 255 at most; a larger claim is refused before memory is taken for it.
      guard rawCount / 255 <= storedCount,
        let part = LZ4.decompress(stored, byteCount: partCount, isPartial: partCount < rawCount)
      else { throw ByteReader.Malformed("a compressed block", "is malformed", found: storedCount) }
      if content.isEmpty { content = part } else { content += part }
    }
    if wanted == byteCount {
      guard try reader.integer(UInt32.self, "a frame's end mark") == 0 else {
        throw ByteReader.Malformed("a frame", "is longer than stated", found: byteCount)
      }
      try reader.finish("a frame")
    }
    return content
  }

  private static func blockDescriptor(_ byteCount: Int) -> UInt8 {
    switch byteCount {
    case ...(64 << 10): 4 << 4
    case ...(256 << 10): 5 << 4
    case ...(1 << 20): 6 << 4
    default: 7 << 4
    }
  }

  private static func headerChecksum(_ descriptor: UInt8) -> UInt8 {
    let header: [UInt8] = [flags, descriptor]
    return UInt8(truncatingIfNeeded: Checksum.xxh32(header.rawSpan) >> 8)
  }
}
