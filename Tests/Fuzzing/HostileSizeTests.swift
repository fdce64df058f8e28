import Testing

@testable import Reel

/// Bytes made to take much of what reads them: they are refused, or cost no more than their length.
@Suite struct HostileSizeTests {
  /// A text column of one row that has a text of `byteCount` bytes.
  private func text(_ byteCount: Int) -> [UInt8] {
    var bytes: [UInt8] = [1, 0]
    bytes.append(lengthPrefixed: [UInt8](repeating: 0x61, count: byteCount).rawSpan)
    return bytes + [1]
  }

  /// An identifier column of one row.
  private func identifier(_ byteCount: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(lengthPrefixed: [UInt8](repeating: 0x62, count: byteCount).rawSpan)
    return bytes
  }

  private func input(_ columns: [(id: UInt8, encoding: UInt8, bytes: [UInt8])]) -> [UInt8] {
    var input: [UInt8] = [1, 0, UInt8(columns.count)]
    for column in columns {
      input += [column.id, column.encoding]
      input.append(littleEndian: UInt16(column.bytes.count))
    }
    return columns.reduce(input) { $0 + $1.bytes }
  }

  /// In a page, fields end within 65,535 bytes: longer ones once ended before they began.
  @Test(arguments: [1, 255, 4096, 8192, 8208])
  func anEventOfTheLongestTextsIsShownOrRefused(_ byteCount: Int) {
    var columns: [(id: UInt8, encoding: UInt8, bytes: [UInt8])] = [
      (2, 1, [0, 0, 0, 0, 0, 0, 0, 0, 1])
    ]
    for id in UInt8(3)...9 { columns.append((id, 3, text(byteCount))) }
    for id in UInt8(13)...15 { columns.append((id, 5, identifier(min(byteCount, 4096)))) }
    let input = input(columns)
    #expect(FuzzTarget.block.run(input).isEmpty)
    guard let block = BlockFuzz.columns(input) else {
      Issue.record("the input is malformed")
      return
    }
    let isRefused = (try? BlockFuzz.decode(block, .all)) == nil
    #expect(isRefused == (byteCount > 255))
  }

  /// R35: keys that share all but a byte would let some bytes stand for a gigabyte.
  @Test func anIndexOfTooManyBytesOfKeysIsRefused() throws {
    var raw: [UInt8] = []
    let prefix = [UInt8](repeating: 0x61, count: (1 << 20) - 1)
    raw.append(varint: 200)
    for number in UInt8(0)..<200 {
      raw.append(varint: UInt64(number == 0 ? 0 : prefix.count))
      let rest = number == 0 ? prefix + [0] : [number]
      raw.append(lengthPrefixed: rest.rawSpan)
      raw += [1, 1, 0, 1]
    }
    #expect(throws: ByteReader.Malformed.self) { try PostingIndex(decoding: raw, blockCount: 1) }
  }

  /// Where each eight bytes could begin a frame of half the ring, not all of them are hashed.
  @Test func aRingOfNothingButHeadsOfFramesIsNotHashedForEach() throws {
    let capacity = 128 << 10
    var bytes = [UInt8](repeating: 0, count: BufferHeader.byteCount)
    let header = BufferHeader(
      durability: .process, recording: RecordingID(low: 1, high: 2), capacity: capacity, runID: 7,
      firstSequence: 1, created: 0)
    bytes.replaceSubrange(0..<72, with: header.encode())
    // Byte count, a record count of 1 and a sequence number that may come, all at once.
    let head = 1 << 32 | UInt64(capacity / 2)
    let lap = BufferLap(number: 0, salt: 9, firstSequence: head)
    bytes.replaceSubrange(128..<160, with: lap.encode(runID: 7))
    let progress = BufferProgress(
      counter: 0, released: 0, nextSequence: head, watermark: 0, segment: 0,
      segmentByteCount: 0)
    bytes.replaceSubrange(256..<312, with: progress.encode(runID: 7))
    bytes.overwrite(UInt64(capacity), at: BufferHeader.publishedOffset)
    for _ in 0..<(capacity / 8) { bytes.append(littleEndian: head) }
    let file = try MemoryFolder(["ring": bytes]).open("ring", .read)
    var walk = BufferWalk(file: file, header: header)
    try walk.walk(from: 0)
    #expect(walk.strayFrames.isEmpty)
    #expect(walk.vainByteCount > capacity && walk.vainByteCount <= 20 * capacity)
    var reader = try BufferReader(file: file)
    #expect(try reader.read { _, _ in })
    for _ in 0..<3 {
      let passage = try reader.passHole(before: reader.published, known: head)
      var isEnd = false
      if case .end = passage { isEnd = true }
      #expect(isEnd)
      #expect(reader.vainByteCount > capacity && reader.vainByteCount <= 20 * capacity)
    }
  }

  /// R31: each part is hashed where it is read, so a thousand in one place are none.
  @Test func indexPartsThatOverlapAreRefused() throws {
    let entry = DirectoryEntry(
      offset: 72, byteCount: 200, firstSequence: 1, recordCount: 1, eventCount: 1,
      minimumTimestamp: 0, maximumTimestamp: 0, arrival: 0)
    let part = IndexPart(column: .kind, form: .postings, offset: 272, byteCount: 300, blocks: 0..<1)
    for count in [1, 2, 4] {
      let parts = [IndexPart](repeating: part, count: count)
      let directory = Directory(blocks: [entry], indexes: parts)
      let content = directory.encode(state: LZ4.State())
      let decoded = try? Directory(decoding: content.rawSpan, at: 700)
      #expect((decoded != nil) == (count < 3), "\(count) parts")
    }
  }

  /// R45: frames that claim the whole rest of a file, with whole ones between, are not all hashed.
  @Test func framesThatClaimAllTheRestAreNotHashedForEach() throws {
    let byteCount = 512 << 10
    let binding = FileBinding(recording: RecordingID(low: 1, high: 2), salt: 3)
    var bytes = SegmentHeader(binding: binding, firstSequence: 1, created: 0).encode()
    let trailer = Trailer(
      isSeal: false, directoryOffset: 0, directoryByteCount: 0,
      summary: SegmentSummary(firstSequence: 1), watermark: 0)
    while bytes.count < byteCount {
      bytes.append(littleEndian: ReelFrame.magic)
      bytes.append(littleEndian: UInt32(byteCount - bytes.count))
      bytes += [4, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]
      bytes += trailer.encode(at: bytes.count, binding: binding)
    }
    let count = Counter()
    let file = CountingFile(try MemoryFolder(["x": bytes]).open("x", .read), count)
    let segment = try SegmentFile(file: file)
    let result = try SegmentScanner(segment, byteCount: bytes.count, check: .headers).scan()
    #expect(result.damages.count > 1000)
    #expect(count.value < 200 * byteCount, "\(count.value / byteCount) times")
    count.value = 0
    var walk = SegmentWalk(segment, from: SegmentHeader.byteCount, end: bytes.count)
    while try walk.next() != nil {}
    #expect(count.value < 200 * byteCount, "\(count.value / byteCount) times")
  }

  private func context(_ raw: [UInt8], claiming byteCount: Int? = nil) -> [UInt8] {
    let header = ContextHeader(
      isOverfull: false, runID: 7, firstSequence: 9, maximumTimestamp: 0, roles: 0)
    var content = CompressedContent.encode(raw, state: LZ4.State())
    if let byteCount { content.overwrite(UInt32(byteCount), at: 0) }
    return header.encode() + content
  }

  /// Four bytes of a context stand for a process that takes hundreds in memory.
  @Test func aContextOfTooManyProcessesIsRefused() throws {
    let most = 1 + 4 * ProcessLives.maximumLifeCount
    let fine = context([UInt8](repeating: 0, count: most))
    #expect(fine.count < 4 << 10)
    let found = try Context(decoding: fine.rawSpan)
    #expect(found.lives.count == ProcessLives.maximumLifeCount)
    let more = context([UInt8](repeating: 0, count: most + 4))
    #expect(throws: ByteReader.Malformed.self) { _ = try Context(decoding: more.rawSpan) }
  }

  @Test func aContextThatClaimsMoreThanAMebibyteIsRefusedUnread() throws {
    let bomb = context([UInt8](repeating: 0, count: 8 << 20))
    #expect(throws: ByteReader.Malformed.self) { _ = try Context(decoding: bomb.rawSpan) }
    for claim in [Context.maximumByteCount + 1, 1 << 26, Int(UInt32.max)] {
      let liar = context([0], claiming: claim)
      #expect(throws: ByteReader.Malformed.self) { _ = try Context(decoding: liar.rawSpan) }
    }
  }

  /// Two of them would come to more than any number can be.
  @Test func aContextOfMoreCallsThanCanBeIsRefused() throws {
    let life = { (count: UInt64) -> [UInt8] in
      var raw: [UInt8] = [0, 1, 0x70]
      raw.append(varint: count)
      return raw + [0]
    }
    let most = context([0] + life(UInt64(UInt32.max)) + life(UInt64(UInt32.max)))
    #expect(try Context(decoding: most.rawSpan).lives.count == 2)
    for count in [UInt64(UInt32.max) + 1, 1 << 62] {
      let more = context([0] + life(count))
      #expect(throws: ByteReader.Malformed.self) { _ = try Context(decoding: more.rawSpan) }
    }
  }

  /// A segment without blocks, whose trailer claims what it likes.
  private func forged(
    _ folder: MemoryFolder, _ first: UInt64, _ control: ControlState = ControlState(),
    claiming summary: SegmentSummary? = nil
  ) throws {
    let binding = FileBinding(recording: RecordingID(low: 1, high: 2), salt: first)
    let header = SegmentHeader(binding: binding, firstSequence: first, created: 0)
    let (segment, end) = try SegmentWriter.createFile(
      in: folder, header: header, controlState: control, isDurable: false)
    guard let summary else { return }
    let trailer = Trailer(
      isSeal: true, directoryOffset: end, directoryByteCount: 0, summary: summary, watermark: 0)
    try segment.file.write(trailer.encode(at: end, binding: binding).rawSpan, at: end)
  }

  /// R37: their sum would be beyond what a number can be.
  @Test func trailersThatClaimMoreThanTheirFilesCanHoldAreRefused() throws {
    let folder = MemoryFolder()
    for first in UInt64(1)...4 {
      var summary = SegmentSummary(firstSequence: first)
      summary.recordCount = 1 << 62
      summary.eventCount = 1 << 62
      summary.rawByteCount = 1 << 62
      summary.minimumTimestamp = 0
      summary.maximumTimestamp = 1
      try forged(folder, first, claiming: summary)
    }
    let recording = try Recording(folder: folder)
    let statistics = try recording.statistics()
    #expect(statistics.eventCount == 0 && statistics.rawByteCount == 0)
    #expect(!statistics.damages.isEmpty)
    #expect(try recording.retentionPreview(keepingBytes: 0, bufferByteCount: 0).eventCount == 0)
    let recorder = try Recorder(folder: folder, configuration: .tiny)
    #expect(try recorder.keepNewest(bytes: 0).eventCount == 0)
    try recorder.close()
  }

  /// Counts wrap in the format; what is shown of them must not stop anybody.
  @Test func gapsOfAllEventsThatCanBeAreAddedUp() throws {
    let folder = MemoryFolder()
    var control = ControlState()
    control.gaps = (1...3).map { Gap(eventCount: .max - 1, from: $0, to: $0 + 1) }
    control.dropped.eventCount = .max
    control.droppedEventCount = .max
    try forged(folder, 1, control)
    let recording = try Recording(folder: folder)
    #expect(try recording.events().completeness.droppedEventCount == .max)
    #expect(try recording.statistics().droppedEventCount == .max)
    #expect(try recording.statistics().removedEventCount == .max)
  }
}

/// A file that counts the bytes that are read of it.
private final class CountingFile: ForwardingFile {
  let base: any File
  private let count: Counter

  init(_ file: any File, _ count: Counter) {
    base = file
    self.count = count
  }

  func read(at offset: Int, byteCount: Int) throws(ReelError) -> [UInt8] {
    count.add(byteCount)
    return try base.read(at: offset, byteCount: byteCount)
  }
}
