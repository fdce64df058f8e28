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

  /// Damages each frame and each filler, in one lap and across two, and reads what is left.
  @Test(arguments: seeds(3), [true, false])
  func whatLiesBehindADamagedFrameIsFoundHoweverTheLapsLie(seed: UInt64, isZeroed: Bool) throws {
    try withTemporaryDirectory { path in
      var random = SeededRandom(seed)
      var ring = try Ring(path, .process)
      var fillerCount = 0
      for step in 0..<120 {
        let events = (0...(random.chance(5) ? random.below(6) : 0)).map { _ in
          Event(timestamp: 1, payload: Payload([UInt8](repeating: 7, count: random.below(400))))
        }
        if try !ring.append(events) { ring.release(1 + random.below(max(ring.frameCount, 1))) }
        guard step % 12 == 11, ring.frameCount > 0 else { continue }
        let whole = try bytes(ofFile: path + "/" + FileName.buffer(firstSequence: 1))
        let file = try ring.folder.open(FileName.buffer(firstSequence: 1), .read)
        for frame in try BufferInspection(file: file).frames {
          var content = whole
          if isZeroed {
            for place in frame.bytes { content[place] = 0 }
          } else {
            content[frame.bytes.upperBound - 1] ^= 1
          }
          try write(content, toFile: path + "/copy")
          let copy = try ring.folder.open("copy", .read)
          let (found, holes, reader) = try Self.readAll(copy)
          let lost = frame.firstSequenceNumber.rawValue..<frame.nextSequence
          let note = "seed \(seed), step \(step), frame \(frame.firstSequenceNumber)"
          #expect(found == ring.sequences.filter { !lost.contains($0) }, "\(note)")
          if frame.recordCount == 0 { fillerCount += 1 }
          if frame.nextSequence > ring.sequences[ring.sequences.count - 1], frame.recordCount > 0 {
            #expect(holes.isEmpty && reader.shortfall != nil, "\(note)")
            let claimed = try reader.claimedEnd(known: lost.lowerBound)
            #expect(claimed == (isZeroed ? nil : lost.upperBound), "\(note)")
          } else {
            #expect(holes.map(\.sequences) == [lost], "\(note)")
            #expect(holes.map(\.bytes.lowerBound) == [frame.fileOffset], "\(note)")
            #expect(reader.shortfall == nil, "\(note)")
          }
        }
      }
      #expect(fillerCount > 0, "seed \(seed)")
    }
  }

  /// What looks like frames in the payload of a damaged one is not hashed, unless its head is gone.
  @Test func aDamagedFrameWhoseHeadIsWholeIsPassedOverAtOnce() throws {
    try withTemporaryDirectory { path in
      var hashed = 0
      for shift in 0..<8 {
        var ring = try Ring(path + "/\(shift)", .process)
        var payload = [UInt8](repeating: 0, count: shift)
        for _ in 0..<60 {
          payload.append(littleEndian: UInt64(0))
          // 512 bytes in one record, with a number that comes.
          payload.append(littleEndian: UInt64(1 << 32 | 512))
          payload.append(littleEndian: UInt64(3))
        }
        for content in [[1], payload, [UInt8](repeating: 2, count: 1000)] {
          #expect(try ring.append([Event(timestamp: 1, payload: Payload(content))]))
        }
        let name = FileName.buffer(firstSequence: 1)
        let frames = try BufferInspection(file: try ring.folder.open(name, .read)).frames
        for isHeadGone in [false, true] {
          var content = try bytes(ofFile: path + "/\(shift)/" + name)
          let place = isHeadGone ? frames[1].bytes.lowerBound + 11 : frames[1].bytes.upperBound - 1
          content[place] ^= 0x80
          try write(content, toFile: path + "/\(shift)/copy")
          let (found, _, reader) = try Self.readAll(try ring.folder.open("copy", .read))
          #expect(found == [1, 3])
          hashed += reader.vainByteCount
          #expect(isHeadGone || reader.vainByteCount == 0)
        }
      }
      #expect(hashed > 0)
    }
  }

  /// All numbers that a reader finds, also behind holes.
  private static func readAll(
    _ file: any File
  ) throws -> (found: [UInt64], holes: [BufferHole], reader: BufferReader) {
    var reader = try BufferReader(file: file)
    let known = try reader.progress()?.nextSequence ?? 0
    var found: [UInt64] = []
    var holes: [BufferHole] = []
    while true {
      _ = try reader.read { _, sequence in found.append(sequence) }
      let passage = try reader.passHole(before: reader.published, known: known)
      guard case .hole(let hole) = passage else { return (found, holes, reader) }
      holes.append(hole)
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
