/// The first page of a write-ahead buffer file.
///
/// Normative: format-spec.md, "Buffer files".
///
/// | offset | size | field         | meaning                                              |
/// | -----: | ---: | :------------ | :--------------------------------------------------- |
/// |      0 |    8 | signature     | `89 52 45 45 4C 42 0D 0A`                            |
/// |      8 |    2 | formatVersion | 0                                                    |
/// |     10 |    1 | durability    | 0 process, 1 disk                                    |
/// |     11 |    5 | reserved      | 0                                                    |
/// |     16 |   16 | recording     | the recording's id                                   |
/// |     32 |    8 | capacity      | bytes of the ring after this page                    |
/// |     40 |    8 | runID         | the run that writes it                               |
/// |     48 |    8 | firstSequence | as in the file name                                  |
/// |     56 |    8 | created       | wall clock, nanoseconds                              |
/// |     64 |    8 | checksum      | XXH3-64 of the 64 bytes before                       |
/// |     80 |    8 | published     | the end of the last frame, through all laps: a hint  |
/// |     88 |    8 | durable       | `disk`: frames before were synced before this was written |
/// |    128 |   32 | lap entry 0   | laps with an even number                             |
/// |    192 |   32 | lap entry 1   | laps with an odd number                              |
/// |    256 |   56 | progress 0    | ``BufferProgress``, even counters                    |
/// |    320 |   56 | progress 1    | odd counters                                         |
struct BufferHeader: Hashable, Sendable {
  static let byteCount = 4096
  static let signature: [UInt8] = [0x89, 0x52, 0x45, 0x45, 0x4C, 0x42, 0x0D, 0x0A]
  static let fixedByteCount = 72
  /// The part of the page that has fields.
  static let usedByteCount = 384
  /// Where the writer notes the end of the last frame.
  ///
  /// A reader who finds the page as it was before need not look at the ring. Nothing else depends
  /// on it.
  static let publishedOffset = 80
  /// Where a group commit (`disk`) notes the end of the frames that the one before it had synced.
  ///
  /// What fails a check before that is damaged; what does behind it may have been torn by a loss of
  /// power. 0 in files of durability `process`, and of writers that did not note it.
  static let durableOffset = 88
  static let maximumCapacity = 1 << 30

  var durability: Durability
  var recording: RecordingID
  var capacity: Int
  var runID: UInt64
  var firstSequence: UInt64
  var created: Int64

  func encode() -> [UInt8] {
    var bytes = Self.signature
    bytes.append(littleEndian: UInt16(Format.version))
    bytes.append(durability == .disk ? 1 : 0)
    bytes.append(contentsOf: [0, 0, 0, 0, 0])
    bytes.append(littleEndian: recording.low)
    bytes.append(littleEndian: recording.high)
    bytes.append(littleEndian: UInt64(capacity))
    bytes.append(littleEndian: runID)
    bytes.append(littleEndian: firstSequence)
    bytes.append(littleEndian: created)
    bytes.append(littleEndian: Checksum.xxh3(bytes.rawSpan))
    return bytes
  }

  init(
    durability: Durability, recording: RecordingID, capacity: Int, runID: UInt64,
    firstSequence: UInt64, created: Int64
  ) {
    self.durability = durability
    self.recording = recording
    self.capacity = capacity
    self.runID = runID
    self.firstSequence = firstSequence
    self.created = created
  }

  init(decoding page: RawSpan, path: String) throws(ReelError) {
    guard page.byteCount >= Self.byteCount,
      page.extracting(0..<8).equals(Self.signature.rawSpan)
    else { throw .notARecording(path: path, reason: "it does not begin as a buffer file does") }
    let version = Int(page.integer(at: 8, as: UInt16.self))
    let isWhole = page.integer(at: 64, as: UInt64.self) == Checksum.xxh3(page.extracting(0..<64))
    // A flipped bit is damage; another version has a checksum that is right.
    guard !isWhole || version == Format.version else {
      throw .unsupportedFormat(path: path, found: version, supported: Format.version)
    }
    durability = page.byte(at: 10) == 1 ? .disk : .process
    recording = RecordingID(
      low: page.integer(at: 16, as: UInt64.self), high: page.integer(at: 24, as: UInt64.self))
    let capacity = page.integer(at: 32, as: UInt64.self)
    runID = page.integer(at: 40, as: UInt64.self)
    firstSequence = page.integer(at: 48, as: UInt64.self)
    created = page.integer(at: 56, as: Int64.self)
    guard isWhole,
      capacity >= 4096, capacity <= UInt64(Self.maximumCapacity), capacity % 8 == 0,
      firstSequence >= 1, firstSequence <= Limits.sequenceNumber
    else {
      throw .corrupted(
        Corruption(path: path, bytes: 0..<72, reason: "the buffer's header fails its checksum"))
    }
    self.capacity = Int(capacity)
  }
}

/// One use of the ring from front to back, with the salt that its frames' checksums include: what
/// an earlier lap left behind cannot pass for this one's.
struct BufferLap: Hashable, Sendable {
  static let byteCount = 32

  var number: UInt64
  var salt: UInt64
  /// The sequence number of the lap's first record.
  var firstSequence: UInt64

  static func offset(_ number: UInt64) -> Int { number % 2 == 0 ? 128 : 192 }

  func encode(runID: UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(littleEndian: number)
    bytes.append(littleEndian: salt)
    bytes.append(littleEndian: firstSequence)
    bytes.append(littleEndian: Checksum.xxh3(bytes.rawSpan, seed: runID))
    return bytes
  }

  /// The lap entry at `offset` of a header page, or nothing when it is not whole.
  init?(decoding page: RawSpan, at offset: Int, runID: UInt64) {
    number = page.integer(at: offset, as: UInt64.self)
    salt = page.integer(at: offset + 8, as: UInt64.self)
    firstSequence = page.integer(at: offset + 16, as: UInt64.self)
    let checksum = page.integer(at: offset + 24, as: UInt64.self)
    guard checksum == Checksum.xxh3(page.extracting(offset..<(offset + 24)), seed: runID),
      Self.offset(number) == offset
    else { return nil }
  }

  init(number: UInt64, salt: UInt64, firstSequence: UInt64) {
    self.number = number
    self.salt = salt
    self.firstSequence = firstSequence
  }
}

/// How far the buffer's content has gone into blocks.
///
/// Two entries take turns, so that one is whole whenever the writer dies.
struct BufferProgress: Hashable, Sendable {
  static let byteCount = 56

  var counter: UInt64
  /// The offset, counted through all laps, of the first frame that is not wholly in blocks.
  var released: UInt64
  /// The first sequence number that is not in a block of a segment.
  var nextSequence: UInt64
  /// The highest sequence number known to be durable.
  var watermark: UInt64
  /// The first sequence number of the active segment, 0 while there is none, and its length.
  var segment: UInt64
  var segmentByteCount: UInt64

  static func offset(_ counter: UInt64) -> Int { counter % 2 == 0 ? 256 : 320 }

  func encode(runID: UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(littleEndian: counter)
    bytes.append(littleEndian: released)
    bytes.append(littleEndian: nextSequence)
    bytes.append(littleEndian: watermark)
    bytes.append(littleEndian: segment)
    bytes.append(littleEndian: segmentByteCount)
    bytes.append(littleEndian: Checksum.xxh3(bytes.rawSpan, seed: runID))
    return bytes
  }

  init(
    counter: UInt64, released: UInt64, nextSequence: UInt64, watermark: UInt64, segment: UInt64,
    segmentByteCount: UInt64
  ) {
    self.counter = counter
    self.released = released
    self.nextSequence = nextSequence
    self.watermark = watermark
    self.segment = segment
    self.segmentByteCount = segmentByteCount
  }

  /// The newer whole entry of a header page.
  static func newest(in page: RawSpan, runID: UInt64) -> BufferProgress? {
    all(in: page, runID: runID).last
  }

  /// The whole entries of a header page, the newer last.
  static func all(in page: RawSpan, runID: UInt64) -> [BufferProgress] {
    let entries = [256, 320].compactMap { offset -> BufferProgress? in
      let checksum = page.integer(at: offset + 48, as: UInt64.self)
      guard checksum == Checksum.xxh3(page.extracting(offset..<(offset + 48)), seed: runID) else {
        return nil
      }
      let entry = BufferProgress(
        counter: page.integer(at: offset, as: UInt64.self),
        released: page.integer(at: offset + 8, as: UInt64.self),
        nextSequence: page.integer(at: offset + 16, as: UInt64.self),
        watermark: page.integer(at: offset + 24, as: UInt64.self),
        segment: page.integer(at: offset + 32, as: UInt64.self),
        segmentByteCount: page.integer(at: offset + 40, as: UInt64.self))
      let isPossible =
        entry.released < 1 << 62 && entry.released % 8 == 0
        && entry.nextSequence <= Limits.sequenceNumber && entry.segmentByteCount < 1 << 62
        && entry.watermark <= Limits.sequenceNumber
      return isPossible ? entry : nil
    }
    return entries.sorted { $0.counter < $1.counter }
  }
}

/// A frame of the ring: one record or a whole batch, published by its checksum.
///
/// | offset | size | field         | meaning                                                 |
/// | -----: | ---: | :------------ | :------------------------------------------------------ |
/// |      0 |    8 | checksum      | XXH3-64 of the rest, seeded by salt + offset in all laps |
/// |      8 |    4 | byteCount     | bytes of the records                                    |
/// |     12 |    4 | recordCount   | 0: nothing follows until the end of the lap             |
/// |     16 |    8 | firstSequence | of the first record                                     |
/// |     24 |      | records       | then zero bytes up to a multiple of 8                   |
enum BufferFrame {
  static let headerByteCount = 24

  /// The bytes that a frame of `byteCount` bytes of records takes.
  static func paddedByteCount(_ byteCount: Int) -> Int { (headerByteCount + byteCount + 7) & ~7 }
}

/// What append promises when it returns.
public enum Durability: String, Sendable, CaseIterable {
  /// The event survives the death of the process at any instant.
  case process
  /// The event survives loss of power, on a disk that does what it says.
  case disk
}
