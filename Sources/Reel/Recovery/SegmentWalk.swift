/// Goes through a segment part by part and on behind whatever is damaged: what inspection shows and
/// verification judges.
///
/// Recovery and readers use ``SegmentScanner``, which looks for blocks alone.
struct SegmentWalk {
  /// A part of the file.
  struct Step {
    var offset: Int
    var byteCount: Int
    /// The whole frame there, or at the head of a block.
    var frame: ReelFrame?
    /// The block, its data not checked yet.
    var block: (header: BlockHeader, entry: DirectoryEntry)?
    var damage: Corruption?
    /// Whether the damage is that the file ends too early.
    var isCutShort = false
  }

  private let segment: SegmentFile
  private let end: Int
  private var offset: Int
  private var budget: HashingBudget

  /// A walk over the first `end` bytes from the end of a frame on.
  init(_ segment: SegmentFile, from start: Int, end: Int) {
    self.segment = segment
    self.end = end
    offset = start
    budget = HashingBudget(end)
  }

  /// The next part, or nothing at the end.
  ///
  /// - Throws: ``ReelError/io(_:)``: no damage, the file cannot be read at this moment.
  mutating func next() throws(ReelError) -> Step? {
    guard offset < end else { return nil }
    let step = try take()
    offset = step.offset + step.byteCount
    return step
  }

  private mutating func take() throws(ReelError) -> Step {
    let found: (frame: ReelFrame, byteCount: Int)
    do throws(ReelError) {
      found = try budget.frame(of: segment, at: offset, limit: end - offset)
    } catch {
      guard case .corrupted(let corruption) = error else { throw error }
      return try damaged(corruption.reason)
    }
    var step = Step(offset: offset, byteCount: found.byteCount, frame: found.frame)
    guard found.frame.type == .block else { return step }
    let header: BlockHeader
    do throws(ByteReader.Malformed) {
      let content = found.frame.content
      header = try BlockHeader(decoding: content.rawSpan)
    } catch {
      return try damaged("the block header is malformed: " + error.reason)
    }
    let entry = DirectoryEntry(header, offset: offset, headerByteCount: found.byteCount)
    guard entry.byteCount <= end - offset else {
      var step = try damaged("the file ends within a block")
      step.isCutShort = step.offset + step.byteCount == end
      step.damage = Corruption(
        path: segment.path, bytes: step.offset..<(step.offset + step.byteCount),
        sequenceNumbers: entry.firstSequence...entry.lastSequence,
        reason: "the file ends within a block")
      return step
    }
    step.byteCount = entry.byteCount
    step.block = (header, entry)
    return step
  }

  /// The stretch from here to the next whole frame.
  private mutating func damaged(_ reason: String) throws(ReelError) -> Step {
    let start = try segment.file.read(at: offset, byteCount: min(8, end - offset))
    let claimed = ReelFrame.byteCount(start.rawSpan)
    var next = end
    // Where only the content of a frame is damaged its length still leads to the next one.
    var isFollowed = false
    if let claimed, claimed <= end - offset {
      isFollowed = claimed == end - offset
      if !isFollowed { isFollowed = try isFrame(at: offset + claimed) }
    }
    if isFollowed, let claimed {
      next = offset + claimed
    } else if let found = try SegmentScanner.nextFrame(in: segment, after: offset, limit: end) {
      next = found
    }
    var step = Step(offset: offset, byteCount: next - offset)
    step.damage = Corruption(path: segment.path, bytes: offset..<next, reason: reason)
    step.isCutShort = next == end && (claimed.map { $0 > end - offset } ?? isZero(start))
    return step
  }

  private mutating func isFrame(at offset: Int) throws(ReelError) -> Bool {
    do throws(ReelError) {
      _ = try budget.frame(of: segment, at: offset, limit: end - offset)
      return true
    } catch {
      guard case .corrupted = error else { throw error }
      return false
    }
  }

  /// Whether these are the first bytes of a magic number, or what a file grows by before its bytes
  /// come.
  private func isZero(_ start: [UInt8]) -> Bool {
    start.count < 8 || start.allSatisfy { $0 == 0 }
  }
}

extension SegmentFile {
  /// Decodes all of a block and holds it against its header.
  ///
  /// - Returns: The block; nothing, and why, when any of its bytes cannot be read.
  /// - Throws: ``ReelError/io(_:)``.
  func wholeBlock(
    _ entry: DirectoryEntry
  ) throws(ReelError) -> (block: DecodedBlock?, damage: Corruption?) {
    do throws(ReelError) {
      let block = try block(entry, wanted: .all)
      for index in 1..<max(1, block.header.frames.count) {
        _ = try block.payloads.frame(index, prefix: nil)
      }
      guard let reason = block.contradiction else { return (block, nil) }
      throw corrupted(entry, reason)
    } catch {
      guard case .corrupted(let corruption) = error else { throw error }
      return (nil, corruption)
    }
  }
}

extension DecodedBlock {
  /// What its rows have that its header denies, every column being decoded.
  fileprivate var contradiction: String? {
    var events = 0
    var least = Int64.max
    var greatest = Int64.min
    for row in 0..<header.recordCount where recordType(row) == 0 {
      events += 1
      least = min(least, timestamps[row])
      greatest = max(greatest, timestamps[row])
    }
    guard events == header.eventCount else {
      return "the block has \(events) events, its header says \(header.eventCount)"
    }
    if events == 0 {
      least = 0
      greatest = 0
    }
    guard least == header.minimumTimestamp, greatest == header.maximumTimestamp else {
      return "the block's timestamps are not those that its header names"
    }
    return nil
  }
}
