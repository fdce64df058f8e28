/// One segment as a reader knows it.
final class ReadableSegment: Sendable {
  let name: String
  let summary: SegmentSummary
  let byteCount: Int
  let watermark: UInt64
  /// How the segment ends, and where its blocks are.
  let form: Form

  enum Form: Sendable {
    /// Its trailer says where the directory is.
    case complete(Trailer)
    /// It was walked over: the active segment, or one whose trailer cannot be read.
    case scanned(ReadableDirectory, end: Int)
    /// It cannot be read at all.
    case unreadable(Corruption)
  }
  /// Damage met while walking over it.
  let damages: [Corruption]
  /// Whether it is another recording's or has another name: its numbers mean nothing here.
  let isForeign: Bool
  /// What its header has to name, where a merged index told of it and nobody has looked at it yet.
  let expectedRecording: RecordingID?

  init(
    name: String, summary: SegmentSummary, byteCount: Int, watermark: UInt64, form: Form,
    damages: [Corruption] = [], isForeign: Bool = false, expectedRecording: RecordingID? = nil
  ) {
    self.expectedRecording = expectedRecording
    self.isForeign = isForeign
    self.name = name
    self.summary = summary
    self.byteCount = byteCount
    self.watermark = watermark
    self.form = form
    self.damages = damages
  }

  var firstSequence: UInt64 { summary.firstSequence }
  var isSealed: Bool {
    if case .complete(let trailer) = form { return trailer.isSeal }
    return false
  }
  /// Whether anything of it could be read: what cannot be is never dropped.
  var isReadable: Bool {
    switch form {
    case .complete: true
    case .scanned(let directory, _): !directory.blocks.isEmpty
    case .unreadable: false
    }
  }

  /// Whether it was begun and has nothing: its first record is lost, or still in the buffer.
  var isEmpty: Bool {
    guard damages.isEmpty, case .scanned(let directory, _) = form else { return false }
    return directory.blocks.isEmpty
  }
}

/// The directory of a segment with the order of its blocks in time.
final class ReadableDirectory: Sendable {
  let blocks: [DirectoryEntry]
  let indexes: [IndexPart]
  let contexts: [ContextPlace]
  /// The ordinals of the blocks that no index part covers.
  ///
  /// A checkpoint writes all columns' parts over the same blocks, so where one column has a part
  /// and another has none, no row has a value for the other.
  let unindexed: [Int]
  let order: TimeOrder
  /// What was met in its place, where it cannot be read itself.
  let damages: [Corruption]

  init(_ directory: Directory, damages: [Corruption] = []) {
    self.damages = damages
    blocks = directory.blocks
    indexes = directory.indexes
    contexts = directory.contexts
    var isIndexed = [Bool](repeating: false, count: directory.blocks.count)
    for part in directory.indexes {
      for block in part.blocks where block < isIndexed.count { isIndexed[block] = true }
    }
    unindexed = isIndexed.indices.filter { !isIndexed[$0] }
    order = TimeOrder(directory.blocks.map(\.stretch))
  }
}

extension ReadableSegment {
  /// Reads what a snapshot needs of one segment file.
  ///
  /// The first sequence number in its name is `expected`; a lone file may have any name.
  static func read(
    _ file: any File, name: String, expected: UInt64?, byteCount: Int, old: ReadableSegment?,
    recording: inout RecordingID?
  ) throws(ReelError) -> ReadableSegment {
    do throws(ReelError) {
      let segment = try SegmentFile(file: file)
      if let expected,
        segment.firstSequence != expected
          || (recording ?? segment.header.binding.recording) != segment.header.binding.recording
      {
        let damage = Corruption(
          path: file.path, bytes: 0..<SegmentHeader.byteCount,
          reason: "the segment belongs to another name or recording")
        return ReadableSegment(
          name: name, summary: SegmentSummary(firstSequence: expected), byteCount: byteCount,
          watermark: 0, form: .unreadable(damage), damages: [damage], isForeign: true)
      }
      recording = segment.header.binding.recording
      if let trailer = try segment.trailer(endingAt: byteCount) {
        return ReadableSegment(
          name: name, summary: trailer.summary, byteCount: byteCount,
          watermark: trailer.watermark, form: .complete(trailer))
      }
      return try scan(segment, name: name, byteCount: byteCount, old: old)
    } catch {
      let corruption: Corruption
      switch error {
      case .corrupted(let found): corruption = found
      case .notARecording(let path, let reason):
        corruption = Corruption(path: path, bytes: 0..<byteCount, reason: reason)
      default: throw error
      }
      guard let expected else { throw error }
      return ReadableSegment(
        name: name, summary: SegmentSummary(firstSequence: expected), byteCount: byteCount,
        watermark: 0, form: .unreadable(corruption), damages: [corruption])
    }
  }

  /// Walks over a segment, from where an earlier walk ended.
  private static func scan(
    _ segment: SegmentFile, name: String, byteCount: Int, old: ReadableSegment?
  ) throws(ReelError) -> ReadableSegment {
    var directory = Directory()
    var start: Int? = nil
    var summary: SegmentSummary? = nil
    var damages: [Corruption] = []
    switch old?.form {
    case .scanned(let known, let end)? where end <= byteCount:
      directory = Directory(
        blocks: known.blocks, indexes: known.indexes, contexts: known.contexts)
      start = end
      summary = old?.summary
      damages = old?.damages ?? []
    case .complete(let trailer)? where (old?.byteCount ?? 0) <= byteCount:
      let known = try damageAsNothing { () throws(ReelError) in try segment.directory(trailer) }
      if let known {
        directory = known
        start = old?.byteCount
        summary = trailer.summary
      }
    default: break
    }
    let scan = try SegmentScanner(
      segment, from: start, byteCount: byteCount, summary: summary, check: .headers
    ).scan()
    directory.blocks += scan.blocks
    directory.contexts += scan.contexts
    if let trailer = scan.trailer,
      let found = try damageAsNothing({ () throws(ReelError) in try segment.directory(trailer) }),
      directory.blocks.starts(with: found.blocks)
    {
      // Parts name blocks by their places: where a block is damaged they would name the wrong ones.
      directory.indexes = found.indexes
    }
    damages += scan.damages
    if case .torn(let corruption) = scan.ending { damages.append(corruption) }
    return ReadableSegment(
      name: name, summary: scan.summary, byteCount: byteCount,
      watermark: max(scan.watermark, old?.watermark ?? 0),
      form: .scanned(ReadableDirectory(directory), end: scan.end), damages: damages)
  }
}
