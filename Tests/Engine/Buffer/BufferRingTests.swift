import Testing

@testable import Reel

/// The ring of frames: laps, wraps, fillers, batches; a reader takes exactly what is there.
@Suite struct BufferRingTests {
  /// A buffer as a recorder makes it, and the events that are in it and not released.
  private struct Ring {
    let buffer: WriteAheadBuffer
    let folder: POSIXFolder
    private var ends: [(offset: Int, sequences: ClosedRange<UInt64>)] = []

    init(_ path: String, _ durability: Durability) throws {
      folder = try POSIXFolder(path: path, create: true)
      let header = BufferHeader(
        durability: durability, recording: RecordingID(low: 1, high: 2), capacity: 8192,
        runID: 5, firstSequence: 1, created: 0)
      let progress = BufferProgress(
        counter: 0, released: 0, nextSequence: 1, watermark: 0, segment: 0, segmentByteCount: 0)
      buffer = try WriteAheadBuffer(
        in: folder, header: header, progress: progress, clock: ManualClock())
    }

    mutating func append(_ events: [Event]) throws -> Bool {
      let rules = RecordRules.plain
      let sizes = try events.map { try $0.measure(rules) }
      guard let place = buffer.reserve(sizes.reduce(0, +)) else { return false }
      var offset = 0
      for (event, size) in zip(events, sizes) {
        var writer = buffer.writer(
          place, recordOffset: offset, byteCount: size, timestamp: event.timestamp?.nanoseconds ?? 0
        )
        event.write(to: &writer, rules: rules)
        offset += size
      }
      let first = buffer.publish(place, recordCount: events.count)
      ends.append((buffer.head, first...(first + UInt64(events.count) - 1)))
      return true
    }

    mutating func release(_ count: Int) {
      guard count > 0, count <= ends.count else { return }
      let last = ends[count - 1]
      ends.removeFirst(count)
      buffer.release(
        to: last.offset, nextSequence: last.sequences.upperBound + 1, watermark: 0, segment: 0,
        segmentByteCount: 0)
    }

    var frameCount: Int { ends.count }
    var sequences: [UInt64] { ends.flatMap { Array($0.sequences) } }

    /// What a reader finds in the file.
    func read() throws -> [(sequence: UInt64, timestamp: Int64)] {
      var found: [(UInt64, Int64)] = []
      let name = FileName.buffer(firstSequence: 1)
      var reader = try BufferReader(file: try folder.open(name, .read))
      let stoodStill = try reader.read { record, sequence in
        found.append((sequence, record.timestamp))
      }
      #expect(stoodStill)
      return found
    }
  }

  @Test(arguments: seeds(6))
  func aReaderFindsWhatIsThereHoweverTheLapsLie(seed: UInt64) throws {
    try withTemporaryDirectory { path in
      var random = SeededRandom(seed)
      var ring = try Ring(path, .process)
      var next = 0
      for step in 0..<400 {
        let count = random.chance(5) ? 1 + random.below(6) : 1
        let events = (0..<count).map { index in
          Event(
            timestamp: Timestamp(nanoseconds: Int64(next + index + 1)),
            payload: Payload([UInt8](repeating: UInt8(step & 255), count: random.below(500))))
        }
        if try ring.append(events) {
          next += count
        } else {
          ring.release(1 + random.below(max(ring.frameCount, 1)))
        }
        if step % 7 == 0 {
          let found = try ring.read()
          #expect(found.map(\.sequence) == ring.sequences, "seed \(seed), step \(step)")
          #expect(found.allSatisfy { Int64($0.sequence) == $0.timestamp })
        }
      }
      #expect(ring.buffer.head > 4 * 8192)
      var drained: [UInt64] = []
      _ = try ring.buffer.records(
        from: WriteAheadBuffer.Position(offset: ring.buffer.released), to: ring.buffer.head
      ) { _, sequence, _ in
        drained.append(sequence)
        return true
      }
      #expect(drained == ring.sequences)
    }
  }

  @Test func aFrameOfAnEarlierLapIsNeverTaken() throws {
    try withTemporaryDirectory { path in
      var ring = try Ring(path, .process)
      let event = Event(timestamp: 1, payload: Payload([UInt8](repeating: 9, count: 432)))
      // Frames of one length, so that old ones lie exactly where new ones would.
      while try ring.append([event]) {}
      let perLap = ring.frameCount
      for _ in 0..<5 {
        for _ in 0..<perLap {
          ring.release(1)
          _ = try ring.append([event])
          #expect(try ring.read().map(\.sequence) == ring.sequences)
        }
        ring.release(ring.frameCount)
        #expect(try ring.read().isEmpty)
      }
    }
  }

  /// Somebody else may write to a mapped file: that ends neither the program nor the draining.
  @Test func whatOthersWriteIntoTheRingIsRefusedWhenItIsDrained() throws {
    try withTemporaryDirectory { path in
      var ring = try Ring(path, .process)
      for number in 1...10 {
        _ = try ring.append([Event(timestamp: Timestamp(nanoseconds: Int64(number)))])
      }
      let name = FileName.buffer(firstSequence: 1)
      let file = try ring.folder.open(name, .readWrite)
      var refusedCount = 0
      for offset in stride(from: 0, to: ring.buffer.head, by: 4) {
        let place = BufferHeader.byteCount + offset
        let before = try file.read(at: place, byteCount: 8)
        for value: UInt64 in [0, 1, 0xFFFF_FFFF, 0x1FFF_FFFF, .max, 1 << 63, 4000, 0xFFF0] {
          var bytes: [UInt8] = []
          bytes.append(littleEndian: value)
          try file.write(bytes.rawSpan, at: place)
          do {
            _ = try ring.buffer.records(
              from: WriteAheadBuffer.Position(), to: ring.buffer.head
            ) { record, _, _ in record.byteCount > 0 }
          } catch ReelError.corrupted(let corruption) {
            refusedCount += 1
            #expect(corruption.path.hasSuffix(name))
            #expect(corruption.bytes.upperBound <= BufferHeader.byteCount + 8192)
          }
        }
        try file.write(before.rawSpan, at: place)
      }
      #expect(refusedCount > 100)
    }
  }

  @Test func aFlippedBitEndsTheFramesThere() throws {
    try withTemporaryDirectory { path in
      var ring = try Ring(path, .process)
      for number in 1...10 {
        _ = try ring.append([Event(timestamp: Timestamp(nanoseconds: Int64(number)))])
      }
      let name = path + "/" + FileName.buffer(firstSequence: 1)
      let whole = try bytes(ofFile: name)
      let frame = BufferFrame.paddedByteCount(Record.headerByteCount)
      for offset in stride(from: 0, to: 10 * frame, by: 3) {
        var content = whole
        content[BufferHeader.byteCount + offset] ^= 1 << UInt8(offset & 7)
        try write(content, toFile: path + "/copy")
        var reader = try BufferReader(file: try ring.folder.open("copy", .read))
        var found: [UInt64] = []
        _ = try reader.read { _, sequence in found.append(sequence) }
        // What comes before is whole; padding is not covered.
        let isPadding = offset % frame >= BufferFrame.headerByteCount + Record.headerByteCount
        #expect(found.count == (isPadding ? 10 : offset / frame), "offset \(offset)")
      }
    }
  }
}
