/// Walks a segment from frame to frame: the one loop that recovery, verification, the readers of a
/// live segment and the dump have in common.
struct SegmentScanner {
  /// What the walk found.
  struct Result {
    /// The blocks, in order of their offsets.
    var blocks: [DirectoryEntry] = []
    /// The contexts, in order of their offsets.
    var contexts: [ContextPlace] = []
    /// The last trailer of a checkpoint or seal, and where it ends.
    var trailer: Trailer?
    /// The end of the last whole frame.
    var end: Int
    var summary: SegmentSummary
    /// The highest watermark that a block or trailer carries.
    var watermark: UInt64 = 0
    /// What lies behind ``end``.
    var ending = Ending.clean
    /// Stretches in the middle that are not readable, with blocks after them.
    var damages: [Corruption] = []
    /// Those of them between records that follow each other: of what can be built again.
    var derivedDamages: [Corruption] = []
    /// Whether there are control records beyond the state at the head.
    var blocksWithControlRecords: [DirectoryEntry] = []
    /// Blocks of the torn tail whose headers are whole, the last first.
    var tornBlocks: [DirectoryEntry] = []
    /// How many attributes must be declared for all blocks to be understood.
    var attributeCount = 0

    /// Whether no sequence number is missing between the blocks.
    var isDense: Bool {
      blocks.reduce(0) { $0 + UInt64($1.recordCount) } == summary.recordCount
    }
  }

  /// How the bytes of a segment end.
  enum Ending: Hashable {
    /// With a whole frame.
    case clean
    /// With bytes that are no whole frame: what a crash while writing leaves.
    case torn(Corruption)
  }

  /// How carefully blocks are checked while walking over them.
  enum Check {
    /// Headers alone.
    case headers
    /// Also the data frames of the last blocks above the watermark, which a power loss may have
    /// torn.
    case aboveWatermark
    /// Also the data frames of all blocks above the watermark: they reach the disk in any order.
    case allAboveWatermark
    /// Every byte.
    case everything
  }

  private let segment: SegmentFile
  private let fileByteCount: Int
  private let check: Check
  private let released: UInt64
  /// What the blocks ahead of the start come to.
  private let initialSummary: SegmentSummary
  private var result: Result
  private var budget: HashingBudget

  /// Prepares a walk over the first `byteCount` bytes.
  ///
  /// It may begin at the end of any frame; `summary` is then what the blocks ahead come to. The
  /// watermark is what is known to be durable from elsewhere. Blocks that begin below `released`,
  /// which are nowhere else, are never taken for a torn tail.
  init(
    _ segment: SegmentFile, from start: Int? = nil, byteCount: Int, summary: SegmentSummary? = nil,
    watermark: UInt64 = 0, released: UInt64 = 0, check: Check
  ) {
    self.released = released
    self.segment = segment
    self.check = check
    fileByteCount = byteCount
    budget = HashingBudget(byteCount)
    initialSummary = summary ?? SegmentSummary(firstSequence: segment.firstSequence)
    result = Result(
      end: start ?? SegmentHeader.byteCount, summary: initialSummary, watermark: watermark)
  }

  /// Walks to the end.
  ///
  /// - Throws: ``ReelError/io(_:)`` when the file cannot be read: that is not damage.
  /// - Complexity: One read a frame; with `.everything`, all bytes once.
  consuming func scan() throws(ReelError) -> Result {
    while result.end < fileByteCount {
      guard let damage = try step() else { continue }
      guard
        let next = try Self.nextFrame(
          in: segment, after: damage.bytes.lowerBound, limit: fileByteCount)
      else {
        result.ending = .torn(
          Corruption(
            path: segment.path, bytes: damage.bytes.lowerBound..<fileByteCount,
            reason: damage.reason))
        break
      }
      result.damages.append(
        Corruption(
          path: segment.path, bytes: damage.bytes.lowerBound..<next, reason: damage.reason))
      result.end = next
    }
    if check == .aboveWatermark || check == .allAboveWatermark { try checkUnsyncedBlocks() }
    return result
  }

  /// Takes the frame at the current end.
  /// - Returns: The damage there, when it is not whole.
  private mutating func step() throws(ReelError) -> Corruption? {
    let offset = result.end
    do {
      let (frame, byteCount) = try budget.frame(
        of: segment, at: offset, limit: fileByteCount - offset)
      switch frame.type {
      case .block:
        return try takeBlock(frame, offset: offset, headerByteCount: byteCount)
      case .trailer:
        guard let trailer = try? Trailer(decoding: frame.content.rawSpan, at: offset) else {
          return damaged(offset, byteCount, "the trailer is malformed")
        }
        result.trailer = trailer
        result.watermark = max(result.watermark, trailer.watermark)
      case .context:
        guard let context = try? ContextHeader(decoding: frame.content.rawSpan) else {
          return damaged(offset, byteCount, "the context is malformed")
        }
        result.contexts.append(
          ContextPlace(
            offset: offset, byteCount: byteCount, maximumTimestamp: context.maximumTimestamp))
      default: break
      }
      result.end = offset + byteCount
      return nil
    } catch .corrupted(let corruption) {
      return corruption
    }
  }

  private mutating func takeBlock(
    _ frame: ReelFrame, offset: Int, headerByteCount: Int
  ) throws(ReelError) -> Corruption? {
    guard let header = try? BlockHeader(decoding: frame.content.rawSpan) else {
      return damaged(offset, headerByteCount, "the block header is malformed")
    }
    let entry = DirectoryEntry(header, offset: offset, headerByteCount: headerByteCount)
    guard entry.byteCount <= fileByteCount - offset else {
      return damaged(offset, fileByteCount - offset, "the file ends within a block")
    }
    guard header.firstSequence >= result.summary.nextSequence else {
      return damaged(offset, entry.byteCount, "the block's sequence numbers come again")
    }
    if check == .everything, let damage = try segment.wholeBlock(entry).damage { return damage }
    if let damage = result.damages.popLast() {
      let next = result.summary.nextSequence
      if damage.bytes.upperBound != offset {
        result.damages.append(damage)
      } else if header.firstSequence == next {
        result.derivedDamages.append(damage)
      } else {
        // What comes behind tells what was in it.
        result.damages.append(
          Corruption(
            path: damage.path, bytes: damage.bytes,
            sequenceNumbers: next...(header.firstSequence - 1), reason: damage.reason))
      }
    }
    result.blocks.append(entry)
    if header.eventCount < header.recordCount { result.blocksWithControlRecords.append(entry) }
    result.attributeCount = max(result.attributeCount, header.attributeCount)
    result.summary.add(entry, rawByteCount: header.rawByteCount)
    result.watermark = max(result.watermark, header.watermark)
    result.end = offset + entry.byteCount
    return nil
  }

  /// Checks the blocks that nothing proves durable; the first bad one that none follows is the torn
  /// tail, as a file whose length was made durable before its bytes leaves it.
  private mutating func checkUnsyncedBlocks() throws(ReelError) {
    while let last = result.blocks.last, last.lastSequence > result.watermark,
      last.firstSequence >= released, let damage = try segment.checkChecksums(last)
    {
      result.blocks.removeLast()
      result.tornBlocks.append(last)
      if result.blocksWithControlRecords.last == last {
        result.blocksWithControlRecords.removeLast()
      }
      result.end = last.offset
      result.ending = .torn(
        Corruption(
          path: damage.path, bytes: last.offset..<fileByteCount, reason: damage.reason))
      if let trailer = result.trailer, trailer.directoryOffset > last.offset {
        result.trailer = nil
      }
    }
    if case .torn = result.ending {
      // What is not readable behind the first torn block is of the tail.
      let end = result.end
      result.damages.removeAll { $0.bytes.lowerBound >= end }
      result.derivedDamages.removeAll { $0.bytes.lowerBound >= end }
      result.sumUp(from: initialSummary)
    }
    guard check == .allAboveWatermark else { return }
    for entry in result.blocks where entry.lastSequence > result.watermark {
      if let damage = try segment.checkChecksums(entry) { result.damages.append(damage) }
    }
    result.damages.sort { $0.bytes.lowerBound < $1.bytes.lowerBound }
  }

  private func damaged(_ offset: Int, _ byteCount: Int, _ reason: String) -> Corruption {
    Corruption(path: segment.path, bytes: offset..<(offset + byteCount), reason: reason)
  }

  /// The next whole frame after damage.
  ///
  /// A frame's checksum covers its offset and the file's salt, so nothing that a payload carries
  /// can be taken for one.
  static func nextFrame(
    in segment: SegmentFile, after offset: Int, limit fileByteCount: Int
  ) throws(ReelError) -> Int? {
    // Most often it is near.
    var window = 4 << 10
    var start = offset + 1
    while start < fileByteCount {
      let bytes = try segment.file.read(
        at: start, byteCount: min(window + candidateByteCount, fileByteCount - start))
      for position in 0..<min(window, bytes.count)
      where isCandidate(bytes.rawSpan, at: position) {
        let place = start + position
        let found = try damageAsNothing { () throws(ReelError) in
          try segment.frame(at: place, limit: fileByteCount - place)
        }
        if let type = found?.frame.type, type == .block || type == .trailer { return place }
      }
      start += window
      window = min(2 * window, 1 << 20)
    }
    return nil
  }

  private static let candidateByteCount = 12

  /// Whether the bytes look like the beginning of a block header or trailer of a possible length: a
  /// file made of magic numbers must not cause a checksum over megabytes at each.
  private static func isCandidate(_ bytes: RawSpan, at position: Int) -> Bool {
    guard position + candidateByteCount <= bytes.byteCount,
      bytes.integer(at: position, as: UInt32.self) == ReelFrame.magic
    else { return false }
    let length = Int(bytes.integer(at: position + 4, as: UInt32.self))
    switch FrameType(rawValue: bytes.integer(at: position + 8, as: UInt16.self)) {
    case .trailer: return 8 + length == Trailer.byteCount
    case .block: return 8 + length <= Limits.blockHeaderByteCount
    default: return false
    }
  }
}

/// Bounds what is hashed for frames that turn out to be none.
///
/// In a file made to cost time, a frame that claims all the rest may come every hundred bytes.
/// Beyond the budget only frames that are not derived are looked at: those are small.
struct HashingBudget {
  private var remaining: Int
  private static let rounds = 16
  private static let smallByteCount = 8 + 64 << 10

  /// For a file of `byteCount` bytes.
  init(_ byteCount: Int) { remaining = byteCount.saturatingMultiply(Self.rounds) }

  /// As ``SegmentFile/frame(at:limit:)``.
  mutating func frame(
    of segment: SegmentFile, at offset: Int, limit: Int
  ) throws(ReelError) -> (frame: ReelFrame, byteCount: Int) {
    do throws(ReelError) {
      return try segment.frame(
        at: offset, limit: remaining > 0 ? limit : min(limit, Self.smallByteCount))
    } catch {
      if case .corrupted(let corruption) = error { remaining -= corruption.bytes.count }
      throw error
    }
  }
}

extension SegmentScanner.Result {
  /// Leaves out everything from the first damage on, as a torn tail of a file of `byteCount` bytes.
  func cutAtFirstDamage(_ byteCount: Int) -> SegmentScanner.Result {
    guard let damage = damages.first else { return self }
    let offset = damage.bytes.lowerBound
    var result = self
    result.blocks.removeAll { $0.offset >= offset }
    result.blocksWithControlRecords.removeAll { $0.offset >= offset }
    result.contexts.removeAll { $0.offset >= offset }
    if let trailer, trailer.directoryOffset >= offset { result.trailer = nil }
    result.damages = []
    result.end = offset
    result.ending = .torn(
      Corruption(path: damage.path, bytes: offset..<byteCount, reason: damage.reason))
    result.sumUp(from: SegmentSummary(firstSequence: summary.firstSequence))
    return result
  }

  /// Makes the summary that of the blocks that are left.
  fileprivate mutating func sumUp(from initial: SegmentSummary) {
    let rawByteCount = summary.rawByteCount
    summary = initial
    for entry in blocks { summary.add(entry, rawByteCount: 0) }
    summary.rawByteCount = rawByteCount
  }
}
