/// A file that tells which of some segments, side by side and sealed, may have a key.
///
/// That is one look instead of one at each of them. What it repeats of its segments' ends lets an
/// opening pass over them too. Like all indexes it is derived: readers do without it, and whoever
/// deletes it loses nothing else. Normative:
/// format-spec.md, "Merged indexes".
///
/// | offset in content | size | field         | meaning                                         |
/// | ----------------: | ---: | :------------ | :---------------------------------------------- |
/// |                 0 |    8 | signature     | `89 52 45 45 4C 49 0D 0A`                       |
/// |                 8 |    2 | formatVersion | 0                                               |
/// |                10 |    1 | memberCount   | 2 to 64 segments                                |
/// |                11 |    1 | partCount     | columns                                         |
/// |                12 |   16 | recording     | the recording's id                              |
/// |                28 |    8 | salt          | random                                          |
/// |                36 |    8 | firstSequence | of the first segment, as in the file name       |
/// |                44 |      | members       | 112 each: salt u64, length u64, its trailer     |
/// |                   |      | parts         | 24 each: column u8, 0 u24, length u32 of its    |
/// |                   |      |               | frame, its offset u64, members not covered u64  |
///
/// An index frame for each part follows: a ``FingerprintIndex`` whose ordinals are members.
final class MergedIndex: Sendable {
  static let signature: [UInt8] = [0x89, 0x52, 0x45, 0x45, 0x4C, 0x49, 0x0D, 0x0A]
  static let memberCounts = 2...64
  private static let fixedByteCount = 44
  private static let memberByteCount = 16 + Trailer.contentByteCount
  private static let partByteCount = 24
  static let maximumHeaderByteCount =
    ReelFrame.overhead + fixedByteCount + memberCounts.upperBound * memberByteCount
    + Int(UInt8.max) * partByteCount

  /// A segment: what tells that it is the same still, and what its end says.
  struct Member: Hashable, Sendable {
    var salt: UInt64
    var byteCount: Int
    var trailer: Trailer
  }

  /// The index of one column.
  struct Part: Hashable, Sendable {
    var column: ColumnID
    /// The whole frame.
    var offset: Int
    var byteCount: Int
    /// Of the members, by their bits, those whose keys are not in it: they may have any.
    var uncovered: UInt64
  }

  let name: String
  let binding: FileBinding
  let members: [Member]
  let parts: [Part]

  var firstSequence: UInt64 { members[0].trailer.summary.firstSequence }
  /// The sequence number after the last record of its segments.
  var nextSequence: UInt64 { members[members.count - 1].trailer.summary.nextSequence }
  /// Of the whole file.
  var byteCount: Int {
    parts.reduce(Self.headerByteCount(members.count, parts.count)) { $0 + $1.byteCount }
  }

  private static func headerByteCount(_ memberCount: Int, _ partCount: Int) -> Int {
    ReelFrame.overhead + fixedByteCount + memberCount * memberByteCount
      + partCount * partByteCount
  }

  /// Whether what is left of its segments is among `sealed`, and as they were.
  func isOf(_ sealed: [SegmentAppender.SealedSegment]) -> Bool {
    let present = sealed.filter {
      $0.firstSequence >= firstSequence && $0.firstSequence < nextSequence
    }
    return !present.isEmpty
      && present.allSatisfy { segment in
        members.contains {
          $0.trailer.summary.firstSequence == segment.firstSequence
            && $0.byteCount == segment.byteCount
        }
      }
  }

  // MARK: Writing

  /// Writes the whole of a new file over `members`, with the index of each column.
  ///
  /// - Throws: ``ReelError/io(_:)``; a part of it is then written.
  static func write(
    _ members: [Member], _ columns: [MergedColumn], binding: FileBinding, to file: any File
  ) throws(ReelError) {
    var offset = headerByteCount(members.count, columns.count)
    let header = encode(members, columns, binding: binding, partsAt: offset)
    var front: [UInt8] = []
    ReelFrame.append(header, type: .merged, at: 0, binding: binding, to: &front)
    try file.write(front.rawSpan, at: 0)
    for column in columns {
      // Megabytes, which are not to be copied.
      let content = column.content
      let head = ReelFrame.head(content.rawSpan, type: .index, at: offset, binding: binding)
      try file.write(head.rawSpan, at: offset)
      try file.write(content.rawSpan, at: offset + head.count)
      offset += head.count + content.count
    }
  }

  /// What the first frame holds; the first part lies at `offset`.
  private static func encode(
    _ members: [Member], _ columns: [MergedColumn], binding: FileBinding, partsAt offset: Int
  ) -> [UInt8] {
    var header = signature
    header.append(littleEndian: UInt16(Format.version))
    header.append(UInt8(members.count))
    header.append(UInt8(columns.count))
    header.append(littleEndian: binding.recording.low)
    header.append(littleEndian: binding.recording.high)
    header.append(littleEndian: binding.salt)
    header.append(littleEndian: members.first?.trailer.summary.firstSequence ?? 0)
    for member in members {
      header.append(littleEndian: member.salt)
      header.append(littleEndian: UInt64(member.byteCount))
      header += member.trailer.content
    }
    var offset = offset
    for column in columns {
      let byteCount = ReelFrame.overhead + column.content.count
      header.append(littleEndian: UInt32(column.column.rawValue))
      header.append(littleEndian: UInt32(byteCount))
      header.append(littleEndian: UInt64(offset))
      header.append(littleEndian: column.uncovered)
      offset += byteCount
    }
    return header
  }

  // MARK: Reading

  /// Reads the front of the file `name`.
  ///
  /// - Throws: ``ReelError/corrupted(_:)`` also for a file that is something else or of another
  ///   version: whatever it is, readers do without it. ``ReelError/io(_:)``.
  convenience init(_ name: String, in folder: any Folder) throws(ReelError) {
    try self.init(name, folder.open(name, .read))
  }

  /// As ``init(_:in:)``, of an open file.
  init(_ name: String, _ file: any File) throws(ReelError) {
    let byteCount = try file.byteCount()
    let start = try file.read(at: 0, byteCount: ReelFrame.overhead + Self.fixedByteCount)
    self.name = name
    var binding = FileBinding(recording: RecordingID(low: 0, high: 0), salt: 0)
    do throws(ByteReader.Malformed) {
      let span = start.rawSpan
      guard span.byteCount == ReelFrame.overhead + Self.fixedByteCount,
        span.extracting(20..<28).equals(Self.signature.rawSpan)
      else {
        throw ByteReader.Malformed("the file", "is no merged index", found: span.byteCount)
      }
      binding = FileBinding(
        recording: RecordingID(
          low: span.integer(at: 32, as: UInt64.self), high: span.integer(at: 40, as: UInt64.self)),
        salt: span.integer(at: 48, as: UInt64.self))
    } catch {
      throw file.corrupted(0..<start.count, error.reason)
    }
    self.binding = binding
    let (frame, headerByteCount) = try ReelFrame.read(
      file, at: 0, limit: Self.maximumHeaderByteCount, binding: binding)
    do throws(ByteReader.Malformed) {
      guard frame.type == .merged else {
        throw ByteReader.Malformed(
          "the frame", "is no merged index", found: frame.type.rawValue)
      }
      (members, parts) = try Self.decode(frame.content.rawSpan)
      var end = headerByteCount
      for part in parts {
        guard part.offset == end, part.byteCount > ReelFrame.overhead,
          part.byteCount <= ReelFrame.maximumByteCount
        else { throw ByteReader.Malformed("a part's place", "cannot be", found: part.offset) }
        end += part.byteCount
      }
      guard end == byteCount, FileName.mergedIndex(firstSequence: firstSequence) == name else {
        throw ByteReader.Malformed("the file", "has another name or length", found: byteCount)
      }
    } catch {
      throw file.corrupted(0..<headerByteCount, error.reason)
    }
  }

  /// What the content of the first frame says.
  static func decode(
    _ content: RawSpan
  ) throws(ByteReader.Malformed) -> (members: [Member], parts: [Part]) {
    var reader = ByteReader(content)
    try reader.skip(8)
    let version = try reader.integer(UInt16.self, "the version of the format")
    guard version == Format.version else {
      throw ByteReader.Malformed("the version of the format", "is not known", found: version)
    }
    let memberCount = Int(try reader.integer(UInt8.self, "the number of segments"))
    let partCount = Int(try reader.integer(UInt8.self, "the number of columns"))
    try reader.skip(24)
    let firstSequence = try reader.integer(UInt64.self, "the first sequence number")
    guard memberCounts.contains(memberCount),
      reader.remaining == memberCount * memberByteCount + partCount * partByteCount
    else {
      throw ByteReader.Malformed("the number of segments", "cannot be", found: memberCount)
    }
    var members: [Member] = []
    var next = firstSequence
    for _ in 0..<memberCount {
      let salt = try reader.integer(UInt64.self, "a segment's salt")
      let byteCount = try reader.integer(UInt64.self, "a segment's length")
      guard byteCount >= SegmentHeader.byteCount + Trailer.byteCount, byteCount <= 1 << 40 else {
        throw ByteReader.Malformed("a segment's length", "cannot be", found: byteCount)
      }
      let trailer = try Trailer(
        decoding: try reader.span(Trailer.contentByteCount, "a trailer"),
        at: Int(byteCount) - Trailer.byteCount)
      let first = trailer.summary.firstSequence
      guard trailer.isSeal, trailer.summary.recordCount > 0, first >= next,
        members.count > 0 || first == next
      else {
        throw ByteReader.Malformed("a segment", "is out of order", found: first)
      }
      next = trailer.summary.nextSequence
      members.append(Member(salt: salt, byteCount: Int(byteCount), trailer: trailer))
    }
    var parts: [Part] = []
    for _ in 0..<partCount {
      let column = try reader.integer(UInt32.self, "a column")
      let byteCount = try reader.integer(UInt32.self, "a part's length")
      let offset = try reader.integer(UInt64.self, "a part's offset")
      let uncovered = try reader.integer(UInt64.self, "the segments that are not covered")
      guard let column = UInt8(exactly: column), offset <= 1 << 40,
        parts.last.map({ $0.column.rawValue < column }) ?? true
      else {
        throw ByteReader.Malformed("a part", "cannot be", found: column)
      }
      parts.append(
        Part(
          column: ColumnID(rawValue: column), offset: Int(offset), byteCount: Int(byteCount),
          uncovered: uncovered))
    }
    return (members, parts)
  }

  /// The index of a column, from the open file.
  func index(_ part: Part, in file: any File) throws(ReelError) -> FingerprintIndex {
    let (frame, byteCount) = try ReelFrame.read(
      file, at: part.offset, limit: part.byteCount, binding: binding)
    do throws(ByteReader.Malformed) {
      guard frame.type == .index, byteCount == part.byteCount else {
        throw ByteReader.Malformed("the frame", "is not this index", found: byteCount)
      }
      return try FingerprintIndex(
        decoding: frame.content, ordinalCount: members.count,
        at: part.offset + ReelFrame.overhead)
    } catch {
      throw file.corrupted(part.offset..<(part.offset + part.byteCount), error.reason)
    }
  }
}

/// The index of a column over some segments, to be written.
struct MergedColumn: Hashable, Sendable {
  var column: ColumnID
  /// As in ``MergedIndex/Part``.
  var uncovered: UInt64
  var content: [UInt8]
}
