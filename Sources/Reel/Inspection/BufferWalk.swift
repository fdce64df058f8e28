/// Goes through the frames of a buffer and notes why they end where they do, for inspection.
///
/// Readers, recovery and repair use ``BufferReader``, which needs no reason.
struct BufferWalk {
  typealias Frame = BufferInspection.Frame

  let file: any File
  let header: BufferHeader
  private(set) var frames: [Frame] = []
  private(set) var strayFrames: [Frame] = []
  private(set) var damages: [Corruption] = []
  var endReason = ""
  private(set) var offset = 0
  /// The sequence number that comes next; 0 while any may.
  private var expected: UInt64 = 0

  private static let windowByteCount = 1 << 20
  /// The bytes that were hashed for frames behind the end that were none.
  ///
  /// Few in a file that a writer left; in one made to cost time, every eight bytes may look like
  /// the head of a frame of half the ring.
  private(set) var vainByteCount = 0
  /// How often the ring may be hashed in vain.
  private static let vainRounds = 16
  private var window: [UInt8] = []
  private var windowStart = 0

  init(file: any File, header: BufferHeader) {
    self.file = file
    self.header = header
  }

  /// Walks from the frame at `start` on, counted through all laps.
  mutating func walk(from start: Int) throws(ReelError) {
    offset = start
    while let lap = try lap(offset / header.capacity) {
      let lapEnd = (offset / header.capacity + 1) * header.capacity
      if try walk(lap, to: lapEnd) { continue }
      try findStrayFrames(lap, from: offset + 8, to: lapEnd)
      if let next = try self.lap(lapEnd / header.capacity) {
        try findStrayFrames(next, from: lapEnd, to: lapEnd + header.capacity)
      }
      try forgetFramesOfLiveWriter(lap, lapEnd)
      return
    }
    endReason = "the next lap has not begun"
  }

  /// The lap entry that the header page has for `number`, when it is whole.
  private func lap(_ number: Int) throws(ReelError) -> BufferLap? {
    let page = try file.read(at: 0, byteCount: BufferHeader.byteCount)
    guard page.count == BufferHeader.byteCount else { return nil }
    let place = BufferLap.offset(UInt64(number))
    guard let lap = BufferLap(decoding: page.rawSpan, at: place, runID: header.runID),
      lap.number == UInt64(number)
    else { return nil }
    return lap
  }

  /// - Returns: Whether the lap ended, rather than its frames.
  private mutating func walk(_ lap: BufferLap, to lapEnd: Int) throws(ReelError) -> Bool {
    while lapEnd - offset >= BufferFrame.headerByteCount {
      let (found, reason) = try frame(at: offset, lap, to: lapEnd)
      guard let frame = found else {
        endReason = reason
        return false
      }
      guard expected == 0 || frame.firstSequenceNumber.rawValue == expected else {
        endReason =
          "the frame begins with the sequence number \(frame.firstSequenceNumber.rawValue)"
          + " where \(expected) was due"
        return false
      }
      frames.append(frame)
      if let damage = frame.damage {
        damages.append(damage)
        endReason = damage.reason
        return false
      }
      expected = frame.nextSequence
      guard frame.recordCount > 0 else { break }
      offset += BufferFrame.paddedByteCount(frame.byteCount)
    }
    offset = lapEnd
    return true
  }

  /// The frame at `offset`, or why there is none.
  private mutating func frame(
    at offset: Int, _ lap: BufferLap, to lapEnd: Int
  ) throws(ReelError) -> (frame: Frame?, reason: String) {
    let head = try bytes(at: offset, byteCount: BufferFrame.headerByteCount, to: lapEnd)
    guard head.count == BufferFrame.headerByteCount else { return (nil, "the file ends here") }
    if head.allSatisfy({ $0 == 0 }) { return (nil, "nothing has been written here") }
    let byteCount = Int(head.rawSpan.integer(at: 8, as: UInt32.self))
    let whole = BufferFrame.headerByteCount + byteCount
    guard byteCount <= header.capacity / 2, whole <= lapEnd - offset else {
      return (nil, "no frame begins here: the writer was here, or the bytes are damaged")
    }
    let bytes = try bytes(at: offset, byteCount: whole, to: lapEnd)
    let span = bytes.rawSpan
    guard bytes.count == whole,
      span.integer(at: 0, as: UInt64.self)
        == Checksum.xxh3(span.extracting(8..<whole), seed: lap.salt &+ UInt64(offset))
    else {
      return (
        nil,
        "the frame's checksum does not match: the writer was here, or the bytes are damaged"
      )
    }
    let place = BufferHeader.byteCount + offset % header.capacity
    let recordCount = Int(span.integer(at: 12, as: UInt32.self))
    let first = span.integer(at: 16, as: UInt64.self)
    var damage: Corruption?
    if let reason = Self.fault(span, recordCount, first) {
      damage = Corruption(path: file.path, bytes: place..<(place + whole), reason: reason)
    }
    let frame = Frame(
      offset: offset, fileOffset: place, byteCount: byteCount, recordCount: recordCount,
      firstSequenceNumber: SequenceNumber(rawValue: first), damage: damage)
    return (frame, "")
  }

  /// What is wrong with a frame whose checksum is right.
  private static func fault(_ frame: RawSpan, _ recordCount: Int, _ first: UInt64) -> String? {
    guard first >= 1, first <= Limits.sequenceNumber else {
      return "the frame's sequence number cannot be"
    }
    var rest = frame.extracting(BufferFrame.headerByteCount..<frame.byteCount)
    do throws(ByteReader.Malformed) {
      for _ in 0..<recordCount {
        let record = try RecordView(rest)
        rest = rest.extracting(record.byteCount..<rest.byteCount)
      }
    } catch {
      return error.reason
    }
    return rest.byteCount == 0 ? nil : "the records do not fill the frame"
  }

  // MARK: Behind the end

  /// Looks for whole frames that come later: their checksums include their offset and the lap's
  /// salt, so nothing else can pass for one.
  private mutating func findStrayFrames(
    _ lap: BufferLap, from start: Int, to lapEnd: Int
  ) throws(ReelError) {
    var place = (start + 7) & ~7
    let minimum = max(expected, lap.firstSequence)
    let maximum = lap.firstSequence &+ UInt64(header.capacity / Record.headerByteCount)
    while lapEnd - place >= BufferFrame.headerByteCount {
      // Only a head that could be one is worth a checksum.
      try fill(at: place, byteCount: BufferFrame.headerByteCount, to: lapEnd)
      let position = place - windowStart
      guard window.count - position >= BufferFrame.headerByteCount else { return }
      let byteCount = Int(window.rawSpan.integer(at: position + 8, as: UInt32.self))
      let recordCount = Int(window.rawSpan.integer(at: position + 12, as: UInt32.self))
      let first = window.rawSpan.integer(at: position + 16, as: UInt64.self)
      if recordCount > 0, byteCount / Record.headerByteCount >= recordCount, first >= minimum,
        first <= maximum, byteCount <= lapEnd - place
      {
        guard vainByteCount <= Self.vainRounds * header.capacity else { return }
        if let frame = try frame(at: place, lap, to: lapEnd).frame {
          strayFrames.append(frame)
          place += BufferFrame.paddedByteCount(frame.byteCount)
          continue
        }
        vainByteCount += byteCount
      }
      place += 8
    }
  }

  /// A live writer has gone on while we looked when the frame at the end is there by now, or its
  /// room has been used again.
  private mutating func forgetFramesOfLiveWriter(
    _ lap: BufferLap, _ lapEnd: Int
  ) throws(ReelError) {
    guard !strayFrames.isEmpty else { return }
    window = []
    let page = try file.read(at: 0, byteCount: BufferHeader.byteCount)
    let released =
      page.count == BufferHeader.byteCount
      ? BufferProgress.newest(in: page.rawSpan, runID: header.runID)?.released ?? 0 : 0
    let isThere = try frame(at: offset, lap, to: lapEnd).frame.map {
      $0.damage == nil && (expected == 0 || $0.firstSequenceNumber.rawValue == expected)
    }
    if isThere == true || released > UInt64(offset) { strayFrames = [] }
  }

  // MARK: Bytes

  private mutating func bytes(
    at offset: Int, byteCount: Int, to lapEnd: Int
  ) throws(ReelError) -> [UInt8] {
    try fill(at: offset, byteCount: byteCount, to: lapEnd)
    let position = offset - windowStart
    return Array(window[position..<min(position + byteCount, window.count)])
  }

  /// Makes the window begin at or ahead of `offset` and hold `byteCount` bytes from there, as far
  /// as the file has them.
  private mutating func fill(at offset: Int, byteCount: Int, to lapEnd: Int) throws(ReelError) {
    if offset >= windowStart, offset - windowStart + byteCount <= window.count { return }
    window = try file.read(
      at: BufferHeader.byteCount + offset % header.capacity,
      byteCount: min(max(byteCount, Self.windowByteCount), lapEnd - offset))
    windowStart = offset
  }

  /// A frame's bytes, as long as they still are what they were.
  ///
  /// - Throws: ``ReelError/corrupted(_:)``, ``ReelError/io(_:)``.
  func bytes(of frame: Frame) throws(ReelError) -> [UInt8] {
    var copy = self
    copy.window = []
    let lapEnd = (frame.offset / header.capacity + 1) * header.capacity
    if let lap = try lap(frame.offset / header.capacity) {
      let (found, _) = try copy.frame(at: frame.offset, lap, to: lapEnd)
      if found == frame {
        return try copy.bytes(
          at: frame.offset, byteCount: BufferFrame.headerByteCount + frame.byteCount, to: lapEnd)
      }
    }
    throw .corrupted(
      Corruption(
        path: file.path, bytes: frame.bytes,
        reason: "the frame is no longer there: its room has been used again"))
  }
}
