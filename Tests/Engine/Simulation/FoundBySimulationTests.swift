import Foundation
import Testing

@testable import Reel

/// The smallest cases of what the simulation has found.
@Suite struct FoundBySimulationTests {
  private func configuration(_ durability: Durability) -> RecorderConfiguration {
    var configuration = RecorderConfiguration.minute
    configuration.durability = durability
    configuration.clock = ManualClock.simulated(boot: 0, seed: 1)
    return configuration
  }

  /// Runs `body` on a thread of its own, and says whether it ended within ten seconds.
  private func ends(_ body: @escaping @Sendable () throws -> Void) -> Bool {
    let done = DispatchSemaphore(value: 0)
    Thread.detachNewThread {
      do { try body() } catch { Issue.record(error) }
      done.signal()
    }
    return done.wait(timeout: .now() + 10) == .success
  }

  @Test func syncingTwiceWithDurabilityDiskReturns() throws {
    let configuration = configuration(.disk)
    let hasEnded = ends {
      let recorder = try Recorder(folder: MemoryDisk().folder, configuration: configuration)
      try recorder.append(numbered(1))
      try recorder.sync()
      try recorder.sync()
      try recorder.flush()
      try recorder.close()
    }
    #expect(hasEnded)
  }

  @Test func closingReturnsWhenSegmentsAreDroppedMeanwhile() throws {
    var configuration = configuration(.disk)
    configuration.maximumEventCount = 8
    let hasEnded = ends { [configuration] in
      let recorder = try Recorder(folder: MemoryDisk().folder, configuration: configuration)
      for number in 1...40 { try recorder.append(numbered(number)) }
      try recorder.close()
    }
    #expect(hasEnded)
  }

  /// A reader beside a recorder that has no active segment, the last one being damaged.
  @Test func whatIsInSegmentsIsReadWhileNoneIsActive() throws {
    let folder = MemoryDisk().folder
    var configuration = configuration(.process)
    configuration.segmentByteCount = 64 << 10
    do {
      let recorder = try Recorder(folder: folder, configuration: configuration)
      for number in 1...40 { try recorder.append(numbered(number)) }
      try recorder.close()
    }
    let name = try #require(try folder.list().first { $0.hasSuffix(".segment") })
    let file = try folder.open(name, .readWrite)
    let rot: [UInt8] = [0xA5]
    // A block in the middle, and the trailer, so that the blocks are walked over.
    for place in [try file.byteCount() / 3, try file.byteCount() - 1] {
      try file.write(rot.rawSpan, at: place)
    }
    let wanted = try Recording(folder: folder).events(limit: nil).events
    #expect(wanted.count > 10 && wanted.count < 40)
    let recorder = try Recorder(folder: folder, configuration: configuration)
    #expect(!recorder.recovery.damages.isEmpty)
    #expect(try recorder.recording.events(limit: nil).events == wanted)
  }

  /// Two blocks that no sync covers, of which only the second reaches the disk.
  ///
  /// Both are still in the buffer, which is durable. A context that is whole ahead of the torn one
  /// is of no block.
  @Test(arguments: [false, true])
  func aTornBlockAheadOfAWholeOneIsTakenFromTheBuffer(isContextWhole: Bool) throws {
    let rehearsal = try Workload(name: "two blocks", durability: .disk) { rehearsal in
      try rehearsal.open()
      try rehearsal.appendBatch(9)
      try rehearsal.flush()
    }.rehearse(seed: 1)
    let log = rehearsal.disk.log
    var model = DiskModel()
    var expectation = Expectation(isDisk: true)
    var blocks: [(file: Int, piece: DiskOperation.Piece)] = []
    for (time, operation) in log.enumerated() where blocks.count < 2 {
      model.apply(operation, at: time)
      switch operation {
      case .marker(let marker): expectation.apply(marker)
      case .write(let file, let piece) where piece.offset > 100 && piece.bytes.count > 200:
        if piece.offset < BufferHeader.byteCount { blocks.append((file, piece)) }
      case .sync(let file): blocks.removeAll { $0.file == file }
      default: break
      }
    }
    try #require(blocks.count == 2 && blocks[0].file == blocks[1].file)
    var image = model.live
    let bytes = blocks[0].piece.bytes
    let byteCount = ReelFrame.byteCount(bytes.rawSpan)
    let context = try #require(byteCount)
    try #require(bytes.count >= context + 200)
    let lost = DiskOperation.Piece(
      offset: blocks[0].piece.offset + (isContextWhole ? context : 0),
      bytes: [UInt8](repeating: 0, count: 200))
    image.files[blocks[0].file]?.write(lost)
    let check = CrashCheck(
      configuration: rehearsal.configuration, events: rehearsal.events, batches: rehearsal.batches)
    let fault = check.fault(
      of: image, expectation, isCut: true, CrashCheck.Moment(boot: 1), isRepeated: true, seed: 1)
    #expect(fault == nil, "\(fault?.reason ?? "")")
  }

  /// A reader of a closed recording, with a segment of which the directory cannot be read either.
  @Test func aBlockThatCannotBeReadIsReportedWithoutADirectoryToo() throws {
    let folder = MemoryDisk().folder
    do {
      let recorder = try Recorder(folder: folder, configuration: configuration(.process))
      for number in 1...40 { try recorder.append(numbered(number)) }
      try recorder.close()
    }
    let name = try #require(try folder.list().filter { $0.hasSuffix(".segment") }.min())
    let segment = try SegmentFile(file: try folder.open(name, .readWrite))
    let found = try segment.trailer(endingAt: try segment.file.byteCount())
    let trailer = try #require(found)
    let blocks = try segment.directory(trailer).blocks
    try #require(blocks.count > 1)
    let rot: [UInt8] = [0xA5, 0x5A]
    for place in [blocks[0].offset, trailer.directoryOffset] {
      try segment.file.write(rot.rawSpan, at: place)
    }
    let recording = try Recording(folder: folder)
    let answer = try recording.events(limit: nil)
    let lost = blocks[0].firstSequence...blocks[0].lastSequence
    let numbers = answer.events.compactMap { $0.sequenceNumber?.rawValue }
    #expect(!numbers.isEmpty && !numbers.contains(where: lost.contains))
    #expect(answer.completeness.damages.contains { $0.sequenceNumbers == lost })
    #expect(throws: ReelError.self) {
      try recording.event(SequenceNumber(rawValue: lost.upperBound))
    }
  }
}

/// The smallest cases of what it has found after losses of power.
@Suite struct FoundAfterPowerLossTests {
  /// Something that a workload comes to after each of its operations.
  private struct Moment {
    var operation: DiskOperation
    var model: DiskModel
    var expectation: Expectation
  }

  private func moments(_ rehearsal: Rehearsal) -> [Moment] {
    var model = DiskModel()
    var expectation = Expectation(isDisk: rehearsal.isDisk)
    return rehearsal.disk.log.enumerated().map { time, operation in
      model.apply(operation, at: time)
      if case .marker(let marker) = operation { expectation.apply(marker) }
      return Moment(operation: operation, model: model, expectation: expectation)
    }
  }

  private func check(_ rehearsal: Rehearsal) -> CrashCheck {
    CrashCheck(
      configuration: rehearsal.configuration, events: rehearsal.events, batches: rehearsal.batches)
  }

  /// Events that a sync in the background has made durable in the buffer, and then more of them
  /// than a block takes, at once.
  private static let settling = Workload(name: "settling", durability: .process) { rehearsal in
    try rehearsal.open()
    try rehearsal.append(2)
    try rehearsal.waitForBackgroundSync()
    try rehearsal.appendBatch(12)
    try rehearsal.flush()
    rehearsal.die()
  }

  /// A seal, or a block, that is on the disk before what lies ahead of it in its segment.
  @Test(arguments: [Workload.batches(.disk), settling])
  func aSectorOfASegmentThatComesLastCostsNoPromisedEvent(workload: Workload) throws {
    let rehearsal = try workload.rehearse(seed: 1)
    let check = check(rehearsal)
    var count = 0
    for moment in moments(rehearsal) {
      guard case .write(let file, let piece) = moment.operation,
        let state = moment.model.files[file], piece.end == state.live.count,
        state.live.count < BufferHeader.byteCount
      else { continue }
      for start in stride(from: 0, to: state.live.count, by: DiskOperation.sectorByteCount) {
        var image = moment.model.live
        let end = min(start + DiskOperation.sectorByteCount, state.live.count)
        var before = state.durable
        before.resize(to: state.live.count)
        image.files[file]?.copy(before, from: start..<end, to: start)
        let fault = check.fault(
          of: image, moment.expectation, isCut: true, CrashCheck.Moment(boot: 1),
          isRepeated: false, seed: 1)
        #expect(fault == nil, "\(start) of \(moment.operation): \(fault?.reason ?? "")")
        count += 1
      }
    }
    #expect(count > 10)
  }

  /// The ends of two blocks that are not on the disk, of which the buffer has only the second.
  @Test func whatIsTakenFromTheBufferIsNotReadFromATornBlockAsWell() throws {
    let rehearsal = try Workload.laps(.process).rehearse(seed: 1)
    let check = check(rehearsal)
    var written: [Int: DiskOperation.Piece] = [:]
    var count = 0
    for moment in moments(rehearsal) {
      guard case .write(let file, let piece) = moment.operation, piece.offset > 0 else { continue }
      if let last = written[file], last.end == piece.offset, piece.bytes.count > 1_000 {
        var image = moment.model.live
        let lost = [UInt8](repeating: 0, count: 300)
        for end in [last.end, piece.end] {
          image.files[file]?.write(DiskOperation.Piece(offset: end - lost.count, bytes: lost))
        }
        let fault = check.fault(
          of: image, moment.expectation, isCut: true, CrashCheck.Moment(boot: 1),
          isRepeated: true, seed: 1)
        #expect(fault == nil, "\(moment.operation): \(fault?.reason ?? "")")
        count += 1
      }
      written[file] = piece
    }
    #expect(count > 0)
  }

  /// Three blocks, the ends of the first and third and all of the second not on the disk, and the
  /// buffer as it was before them: what is recovered must not come behind the first block, whose
  /// numbers it has.
  @Test func aHoleBehindATornBlockIsOfTheTornTail() throws {
    let rehearsal = try Workload.laps(.process).rehearse(seed: 1)
    let check = check(rehearsal)
    var written: [Int: [(piece: DiskOperation.Piece, before: DiskImage)]] = [:]
    var before = DiskModel().live
    var count = 0
    for moment in moments(rehearsal) {
      defer { before = moment.model.live }
      guard case .write(let file, let piece) = moment.operation, piece.bytes.count > 1_000 else {
        continue
      }
      if written[file]?.last?.piece.end != piece.offset { written[file] = [] }
      written[file]?.append((piece, before))
      let blocks = written[file]?.suffix(3) ?? []
      guard let first = blocks.first, blocks.count == 3 else { continue }
      var image = moment.model.live
      let second = first.piece.end..<piece.offset
      for place in [
        (second.lowerBound - 300)..<second.lowerBound, second, (piece.end - 300)..<piece.end,
      ] {
        let lost = [UInt8](repeating: 0, count: place.count)
        image.files[file]?.write(DiskOperation.Piece(offset: place.lowerBound, bytes: lost))
      }
      let names = try #require(image.folders[DiskImage.root])
      let buffer = try #require(names.first { $0.key.hasSuffix(".buffer") }).value
      image.files[buffer] = first.before.files[buffer]
      let fault = check.fault(
        of: image, moment.expectation, isCut: true, CrashCheck.Moment(boot: 1),
        isRepeated: true, seed: 1)
      #expect(fault == nil, "\(moment.operation): \(fault?.reason ?? "")")
      count += 1
    }
    #expect(count > 0)
  }

  /// A recovery that makes two segments, with a hole between, before it loses power as well.
  @Test func aRecoveryThatLosesPowerCostsNothingThatTheBufferHas() throws {
    let rehearsal = try Workload(
      name: "hole", durability: .process, configure: { $0.blockByteCount = 4096 },
      body: { rehearsal in
        try rehearsal.open()
        try rehearsal.append(2)
        try rehearsal.waitForBackgroundSync()
        try rehearsal.append(3)
        rehearsal.die()
      }
    ).rehearse(seed: 1)
    let check = check(rehearsal)
    var expectation = try #require(moments(rehearsal).last).expectation
    var image = try #require(moments(rehearsal).last).model.live
    let names = try #require(image.folders[DiskImage.root])
    let buffer = try #require(names.first { $0.key.hasSuffix(".buffer") })
    let file = try MemoryDisk(image).folder.open(buffer.key, .read)
    var walk = BufferWalk(file: file, header: try BufferReader(file: file).header)
    try walk.walk(from: 0)
    let hole = try #require(walk.frames.dropLast().last)
    let lost = [UInt8](repeating: 0, count: BufferFrame.headerByteCount)
    image.files[buffer.value]?.write(DiskOperation.Piece(offset: hole.fileOffset, bytes: lost))
    let disk = MemoryDisk(image)
    _ = try check.open(disk.folder, CrashCheck.Moment(boot: 1), seed: 2)
    expectation.failPower()
    var model = DiskModel(image)
    var random = SeededRandom(3)
    for (time, operation) in disk.log.enumerated() {
      model.apply(operation, at: time)
      for choice in CrashChoice.systematic(model, &random) {
        let fault = check.fault(
          of: model.image(choice), expectation, isCut: true, CrashCheck.Moment(boot: 2),
          isRepeated: false, seed: 4)
        #expect(fault == nil, "\(operation), \(choice): \(fault?.reason ?? "")")
      }
    }
    let segmentCount = try disk.folder.list().filter { $0.hasSuffix(".segment") }.count
    #expect(segmentCount > 1)
  }
}
