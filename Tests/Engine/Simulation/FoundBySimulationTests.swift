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
}
