@testable import Reel

/// Makes the checksums of mutated bytes right, so that what lies behind them is reached.
///
/// It follows `format-spec.md` by itself and leaves alone what it cannot place.
enum ChecksumMending {
  /// Mends a segment: its header, every frame that can be walked to, and the data of blocks.
  static func segment(_ bytes: inout [UInt8]) {
    let header = SegmentHeader.byteCount
    guard bytes.count >= header else { return }
    bytes.overwrite(ReelFrame.magic, at: 0)
    bytes.overwrite(UInt32(header - 8), at: 4)
    bytes.overwrite(UInt16(1), at: 8)
    bytes.overwrite(UInt16(256), at: 10)  // version 0, flags 1
    bytes.replaceSubrange(20..<28, with: SegmentHeader.signature)
    bytes.overwrite(UInt32(0), at: 28)
    let binding = binding(bytes)
    var offset = 0
    while offset + ReelFrame.overhead <= bytes.count {
      guard let byteCount = frameByteCount(bytes, offset) else {
        offset += 1
        continue
      }
      var end = offset + byteCount
      if bytes.rawSpan.integer(at: offset + 8, as: UInt16.self) == FrameType.block.rawValue {
        end = blockData(&bytes, offset..<end)
      }
      frame(&bytes, offset..<(offset + byteCount), binding)
      offset = end
    }
  }

  /// The bytes of the frame that begins at `offset`, when the file has them all.
  private static func frameByteCount(_ bytes: [UInt8], _ offset: Int) -> Int? {
    let start = bytes.rawSpan.extracting(offset..<bytes.count)
    guard let byteCount = ReelFrame.byteCount(start), byteCount <= bytes.count - offset else {
      return nil
    }
    return byteCount
  }

  /// What the frames of a segment are bound to, as its header says.
  static func binding(_ bytes: [UInt8]) -> FileBinding {
    let span = bytes.rawSpan
    return FileBinding(
      recording: RecordingID(
        low: span.integer(at: 32, as: UInt64.self), high: span.integer(at: 40, as: UInt64.self)),
      salt: span.integer(at: 48, as: UInt64.self))
  }

  /// Mends the checksum of the frame in `place`.
  static func frame(_ bytes: inout [UInt8], _ place: Range<Int>, _ binding: FileBinding) {
    bytes.overwrite(checksum(bytes, place, binding), at: place.lowerBound + 12)
  }

  /// What the checksum of the frame in `place` should be.
  static func checksum(_ bytes: [UInt8], _ place: Range<Int>, _ binding: FileBinding) -> UInt64 {
    let span = bytes.rawSpan
    let start = place.lowerBound
    let seed = binding.seed(
      offset: start, type: span.integer(at: start + 8, as: UInt16.self),
      version: span.byte(at: start + 10), flags: span.byte(at: start + 11))
    return Checksum.xxh3(span.extracting((start + 20)..<place.upperBound), seed: seed)
  }

  /// Mends the checksums of the data of the block whose header is in `place`.
  /// - Returns: Where the data ends.
  private static func blockData(_ bytes: inout [UInt8], _ place: Range<Int>) -> Int {
    var data = place.upperBound
    for entry in frameEntries(bytes, place) {
      let stored = Int(bytes.rawSpan.integer(at: entry + 8, as: UInt32.self))
      guard stored <= bytes.count - data else { return data }
      let checksum = Checksum.xxh3(bytes.rawSpan.extracting(data..<(data + stored)))
      bytes.overwrite(checksum, at: entry + 12)
      data += stored
    }
    return data
  }

  /// Where the entries of the data frames lie in the block header in `place`.
  static func frameEntries(_ bytes: [UInt8], _ place: Range<Int>) -> [Int] {
    let content = place.lowerBound + ReelFrame.overhead
    guard place.upperBound - content >= 64 else { return [] }
    let columns = Int(bytes.rawSpan.integer(at: content + 60, as: UInt16.self))
    let frames = Int(bytes.rawSpan.integer(at: content + 62, as: UInt16.self))
    let start = content + 64 + 6 * columns
    guard start + 20 * frames <= place.upperBound else { return [] }
    return (0..<frames).map { start + 20 * $0 }
  }

  /// Mends a buffer: header page, laps, progress, and the frames from the newest progress on.
  static func buffer(_ bytes: inout [UInt8]) {
    guard bytes.count >= BufferHeader.byteCount else { return }
    bytes.replaceSubrange(0..<8, with: BufferHeader.signature)
    bytes.overwrite(UInt16(0), at: 8)
    bytes.overwrite(UInt64(bytes.count - BufferHeader.byteCount), at: 32)
    mend(&bytes, 0..<64, seed: 0)
    let runID = bytes.rawSpan.integer(at: 40, as: UInt64.self)
    for place in [128, 192] { mend(&bytes, place..<(place + 24), seed: runID) }
    for place in [256, 320] { mend(&bytes, place..<(place + 48), seed: runID) }
    bufferFrames(&bytes, runID)
  }

  /// Writes the checksum of `place` behind it.
  private static func mend(_ bytes: inout [UInt8], _ place: Range<Int>, seed: UInt64) {
    let checksum = Checksum.xxh3(bytes.rawSpan.extracting(place), seed: seed)
    bytes.overwrite(checksum, at: place.upperBound)
  }

  private static func bufferFrames(_ bytes: inout [UInt8], _ runID: UInt64) {
    guard let progress = BufferProgress.newest(in: bytes.rawSpan, runID: runID),
      progress.released < 1 << 40
    else { return }
    let capacity = bytes.count - BufferHeader.byteCount
    var offset = Int(progress.released)
    // The current lap, and the next up to where the current one's frames begin.
    let limit = offset + capacity
    for _ in 0..<2 {
      let number = UInt64(offset / capacity)
      let salt = bytes.rawSpan.integer(at: BufferLap.offset(number) + 8, as: UInt64.self)
      let lapEnd = min((offset / capacity + 1) * capacity, limit)
      while lapEnd - offset >= BufferFrame.headerByteCount {
        let place = BufferHeader.byteCount + offset % capacity
        let byteCount = Int(bytes.rawSpan.integer(at: place + 8, as: UInt32.self))
        let whole = BufferFrame.headerByteCount + byteCount
        let count = bytes.rawSpan.integer(at: place + 12, as: UInt32.self)
        guard whole <= lapEnd - offset else { return }
        let checksum = Checksum.xxh3(
          bytes.rawSpan.extracting((place + 8)..<(place + whole)), seed: salt &+ UInt64(offset))
        bytes.overwrite(checksum, at: place)
        if count == 0 { break }
        offset += BufferFrame.paddedByteCount(byteCount)
      }
      offset = lapEnd
    }
  }
}

/// The rows of a segment whose checksums hold, found without any of the code that reads segments.
struct SoundRows {
  private struct Block {
    var sequences: ClosedRange<UInt64>
    /// The first row of each payload frame, and whether its checksum holds.
    var payloads: [(firstRow: UInt64, isSound: Bool)]
  }

  private var blocks: [Block] = []

  init(segment bytes: [UInt8]) {
    guard bytes.count >= SegmentHeader.byteCount else { return }
    let binding = ChecksumMending.binding(bytes)
    let span = bytes.rawSpan
    for offset in 0..<(bytes.count - 7) where span.byte(at: offset) == 0x5E {
      guard let byteCount = ReelFrame.byteCount(span.extracting(offset..<bytes.count)),
        byteCount <= bytes.count - offset, byteCount >= ReelFrame.overhead + 64,
        span.integer(at: offset + 8, as: UInt16.self) == FrameType.block.rawValue,
        ChecksumMending.checksum(bytes, offset..<(offset + byteCount), binding)
          == span.integer(at: offset + 12, as: UInt64.self)
      else { continue }
      add(bytes, offset..<(offset + byteCount))
    }
  }

  private mutating func add(_ bytes: [UInt8], _ place: Range<Int>) {
    let span = bytes.rawSpan
    let first = span.integer(at: place.lowerBound + 20, as: UInt64.self)
    let count = UInt64(span.integer(at: place.lowerBound + 28, as: UInt32.self))
    guard count > 0, first <= UInt64.max - count else { return }
    var block = Block(sequences: first...(first + count - 1), payloads: [])
    var data = place.upperBound
    for (index, entry) in ChecksumMending.frameEntries(bytes, place).enumerated() {
      let stored = Int(span.integer(at: entry + 8, as: UInt32.self))
      let end = data + stored
      let isSound =
        end <= bytes.count
        && Checksum.xxh3(span.extracting(data..<end))
          == span.integer(at: entry + 12, as: UInt64.self)
      if index > 0 {
        block.payloads.append((UInt64(span.integer(at: entry, as: UInt32.self)), isSound))
      } else if !isSound {
        return
      }
      data = end
    }
    blocks.append(block)
  }

  /// Whether right checksums vouch for the row with `sequence`, and for its payload.
  func vouch(for sequence: UInt64, hasPayload: Bool) -> Bool {
    blocks.contains { block in
      guard block.sequences.contains(sequence) else { return false }
      let row = sequence - block.sequences.lowerBound
      return !hasPayload || block.payloads.last { $0.firstRow <= row }?.isSound == true
    }
  }
}
