/// Bytes of a buffer that are no frame, with whole frames behind them.
struct BufferHole: Hashable, Sendable {
  /// Where they lie in the file.
  var bytes: Range<Int>
  /// The sequence numbers that they must have had; none where blocks have them, or where the bytes
  /// only said that the lap ends.
  var sequences: Range<UInt64>

  /// The hole as damage, for `reason`.
  func damage(_ path: String, _ reason: String) -> Corruption {
    Corruption(
      path: path, bytes: bytes,
      sequenceNumbers: sequences.isEmpty
        ? nil : sequences.lowerBound...(sequences.upperBound - 1),
      reason: reason)
  }
}

/// Going on behind frames that are damaged.
///
/// A frame's checksum includes its offset and the salt of its lap, so nothing else can pass for
/// one: what is found behind a hole is what the writer put there.
extension BufferReader {
  /// What lies behind the place where the frames have ended.
  enum Passage {
    /// Nothing that can be found: the frames end here.
    case end
    /// The writer has gone on meanwhile: begin again with a new reader.
    case unsteady
    /// A whole frame, where reading goes on.
    case hole(BufferHole)
  }

  /// Bytes read of the ring at once while frames are looked for.
  private static let searchByteCount = 1 << 20
  /// How often the ring may be hashed in vain.
  ///
  /// Few bytes are in a file that a writer left; in one made to cost time, every eight bytes may
  /// look like the head of a frame of half the ring.
  private static let vainRounds = 16

  /// Goes on behind bytes that are no frame.
  ///
  /// Frames end at `end`, by a header page that was read before they were; `known` is the first
  /// sequence number that is in no block.
  mutating func passHole(before end: Int, known: UInt64) throws(ReelError) -> Passage {
    guard end > offset, end - offset <= header.capacity else { return .end }
    let hole = offset
    let found = try frameBehindHole(before: end)
    guard try isHole(hole) else { return .unsteady }
    guard let found else {
      searchedTo = end & ~7
      return .end
    }
    let start = BufferHeader.byteCount + hole % header.capacity
    let isSameLap = hole / header.capacity == found.offset / header.capacity
    let place = BufferHeader.byteCount + found.offset % header.capacity
    let lost = min(max(nextSequence, known), found.sequence)..<found.sequence
    goOn(at: found.offset, found.sequence)
    return .hole(
      BufferHole(
        bytes: start..<(isSameLap ? place : BufferHeader.byteCount + header.capacity),
        sequences: lost))
  }

  /// Whether there is still no frame at `hole`, and its room has not been used again.
  private func isHole(_ hole: Int) throws(ReelError) -> Bool {
    let page = try headerPage()
    guard let progress = BufferProgress.newest(in: page.rawSpan, runID: header.runID),
      progress.released <= UInt64(hole)
    else { return false }
    guard let lap = lap(UInt64(hole / header.capacity), page),
      let head = try frame(at: hole, lap)
    else { return true }
    return nextSequence > 0 && head.sequence != nextSequence
  }

  /// The head of the frame at `offset`, when that is whole.
  private func frame(at offset: Int, _ lap: BufferLap) throws(ReelError) -> FrameHead? {
    let rest = header.capacity - offset % header.capacity
    guard let head = try head(at: offset), head.byteCount <= header.capacity / 2,
      BufferFrame.headerByteCount + head.byteCount <= rest
    else { return nil }
    let bytes = try readRing(
      at: offset, byteCount: BufferFrame.headerByteCount + head.byteCount)
    guard bytes.count == BufferFrame.headerByteCount + head.byteCount,
      isFrame(bytes.rawSpan, at: offset, salt: lap.salt)
    else { return nil }
    return FrameHead(bytes.rawSpan)
  }

  /// What the bytes at `offset` say, as the head of a frame; nothing where the lap has no room for
  /// one.
  private func head(at offset: Int) throws(ReelError) -> FrameHead? {
    let rest = header.capacity - offset % header.capacity
    guard rest >= BufferFrame.headerByteCount else { return nil }
    let bytes = try readRing(at: offset, byteCount: BufferFrame.headerByteCount)
    guard bytes.count == BufferFrame.headerByteCount else { return nil }
    return FrameHead(bytes.rawSpan)
  }

  /// The first whole frame behind the hole that ends at or before `end`.
  private mutating func frameBehindHole(
    before end: Int
  ) throws(ReelError) -> (offset: Int, sequence: UInt64)? {
    let page = try headerPage()
    let number = offset / header.capacity
    let lapEnd = (number + 1) * header.capacity
    if let lap = lap(UInt64(number), page) {
      // What a damaged frame says of its length is right most often: its payload, where anything
      // may look like the head of a frame, is then passed over.
      if let claimed = try head(at: offset) {
        let place = offset + BufferFrame.paddedByteCount(claimed.byteCount)
        if place < min(end, lapEnd), let head = try frame(at: place, lap),
          mayFollow(head, at: place, lap, before: end)
        {
          return (place, head.sequence)
        }
      }
      let found = try search(lap, from: offset + 8, to: min(end, lapEnd))
      if let found { return found }
    }
    guard end > lapEnd, let lap = lap(UInt64(number) + 1, page) else { return nil }
    return try search(lap, from: lapEnd, to: end)
  }

  /// Looks for a frame at every eight bytes.
  private mutating func search(
    _ lap: BufferLap, from start: Int, to end: Int
  ) throws(ReelError) -> (offset: Int, sequence: UInt64)? {
    var place = max(start, searchedTo)
    var window: [UInt8] = []
    var windowStart = place
    while end - place >= BufferFrame.headerByteCount {
      if windowStart + window.count - place < BufferFrame.headerByteCount {
        window = try readRing(at: place, byteCount: min(Self.searchByteCount, end - place))
        windowStart = place
        guard window.count >= BufferFrame.headerByteCount else { return nil }
      }
      let head = FrameHead(window.rawSpan.extracting((place - windowStart)..<window.count))
      if mayFollow(head, at: place, lap, before: end) {
        guard vainByteCount <= Self.vainRounds * header.capacity else { return nil }
        let byteCount = BufferFrame.headerByteCount + head.byteCount
        if windowStart + window.count - place < byteCount {
          window = try readRing(
            at: place, byteCount: min(max(byteCount, Self.searchByteCount), end - place))
          windowStart = place
          guard window.count >= byteCount else { return nil }
        }
        let position = place - windowStart
        let bytes = window.rawSpan.extracting(position..<(position + byteCount))
        if isFrame(bytes, at: place, salt: lap.salt) { return (place, head.sequence) }
        vainByteCount += byteCount
      }
      place += 8
    }
    return nil
  }

  /// Whether a head may be that of a frame behind the hole: its numbers are of the lap, and none of
  /// those that came before.
  private func mayFollow(
    _ head: FrameHead, at offset: Int, _ lap: BufferLap, before end: Int
  ) -> Bool {
    guard head.recordCount > 0,
      UInt64(head.byteCount / Record.headerByteCount) >= head.recordCount,
      head.byteCount <= header.capacity / 2,
      offset + BufferFrame.paddedByteCount(head.byteCount) <= end
    else { return false }
    return head.sequence >= max(nextSequence, lap.firstSequence)
      && head.sequence - lap.firstSequence <= UInt64(header.capacity / Record.headerByteCount)
  }

  /// The sequence number after the last that the frames up to ``published`` had, as their heads
  /// say; nothing where these do not lead there.
  ///
  /// The first number that is in no block is `known`.
  func claimedEnd(known: UInt64) throws(ReelError) -> UInt64? {
    guard shortfall != nil else { return nil }
    var place = offset
    var sequence = nextSequence
    while place < published {
      guard let head = try head(at: place) else {
        place += header.capacity - place % header.capacity
        continue
      }
      guard sequence == 0 ? head.sequence >= 1 && head.sequence <= known : head.sequence == sequence
      else { return nil }
      guard head.recordCount > 0 else {
        guard head.byteCount == 0 else { return nil }
        sequence = head.sequence
        place += header.capacity - place % header.capacity
        continue
      }
      guard UInt64(head.byteCount / Record.headerByteCount) >= head.recordCount else { return nil }
      sequence = head.sequence + head.recordCount
      place += BufferFrame.paddedByteCount(head.byteCount)
    }
    return place == published && sequence > 0 ? sequence : nil
  }
}
