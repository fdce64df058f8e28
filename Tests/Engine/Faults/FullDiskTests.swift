import Foundation
import Testing

@testable import Reel

/// With durability `disk` a group commit that finds no room waits for it, as blocks do; only a
/// failed sync ends the recorder.
@Suite struct FullDiskTests {
  private let memory = MemoryFolder()

  private func makeRecorder(
    _ folder: any Folder, _ backpressure: BackpressurePolicy = .wait
  ) throws -> Recorder {
    var configuration = RecorderConfiguration.tiny
    configuration.durability = .disk
    configuration.backpressure = backpressure
    return try Recorder(folder: folder, configuration: configuration)
  }

  /// From the next write on there is no room.
  private func fill(
    _ folder: FaultyFolder, _ code: Int32 = ErrorNumber.noSpace, short: Bool = false
  ) {
    folder.set(Fault(call: .write, index: 0, code: code, isSticky: true, isShort: short))
  }

  /// Waits until a commit has found no room `count` times.
  private func waitForStall(_ recorder: Recorder, _ folder: FaultyFolder, _ count: Int) async {
    while recorder.status.stall == nil || folder.failed.count < count { await Task.yield() }
  }

  @Test(arguments: [ErrorNumber.noSpace, ErrorNumber.quotaExceeded], [false, true])
  func appendsWaitWhileTheDiskIsFullAndGoOnWhenThereIsRoom(code: Int32, short: Bool) async throws {
    let folder = FaultyFolder(memory)
    let recorder = try makeRecorder(folder)
    for number in 1...20 { try recorder.append(numbered(number)) }
    fill(folder, code, short: short)
    let writers = (0..<3).map { writer in
      onThread {
        for number in 1...10 { try recorder.append(numbered(100 * (writer + 1) + number)) }
      }
    }
    await waitForStall(recorder, folder, 3)
    #expect(recorder.status.stall?.code == code)
    // Reading goes on, and shows nothing that is not acknowledged.
    #expect(try recorder.recording.count() == 20)
    let error = #expect(throws: ReelError.self) { try recorder.flush() }
    guard case .io(let failure)? = error else { return #expect(Bool(false), "\(error as Any)") }
    #expect(failure.code == code)
    folder.set(nil)
    for writer in writers { try await writer.value }
    // The flusher looks again after a while.
    while recorder.status.stall != nil { await Task.yield() }
    #expect(try recorder.recording.count() == 50)
    try recorder.close()
    let recording = try Recording(folder: memory)
    let answer = try recording.events(limit: nil)
    #expect(answer.events.count == 50 && answer.completeness.isComplete)
    for writer in 1...3 {
      let own = answer.events.compactMap { $0.timestamp?.nanoseconds }.filter { $0 / 100 == writer }
      #expect(own == own.sorted() && Set(own).count == own.count)
    }
    #expect(try recording.verify { _ in }.findingCount == 0)
  }

  /// Found by reading: each time that a full block found no room it took one more record, and a
  /// block of more records than the format has is not read.
  @Test func aBlockOfAsManyRecordsAsThereMayBeTakesNoMoreWhileTheDiskIsFull() async throws {
    let folder = FaultyFolder(memory)
    var configuration = RecorderConfiguration()
    configuration.blockByteCount = 16 << 20
    configuration.bufferByteCount = 32 << 20
    let recorder = try Recorder(folder: folder, configuration: configuration)
    fill(folder)
    let count = Limits.blockRecordCount + 100
    try recorder.append(
      contentsOf: (1...count).map { Event(timestamp: Timestamp(nanoseconds: Int64($0))) })
    await waitForStall(recorder, folder, 3)
    folder.set(nil)
    try recorder.close()
    let recording = try Recording(folder: memory)
    #expect(try recording.count() == count)
    #expect(try recording.verify { _ in }.findingCount == 0)
  }

  /// While blocks wait behind a segment's end, and it behind theirs; a write that fails has written
  /// some, and fails once more.
  @Test(arguments: [(Call.write, 11), (.open, 1), (.rename, 1)], Durability.allCases)
  func segmentsEndAndBeginWhereThereIsNoRoomForAWhile(
    calls: (kind: Call, stride: Int), durability: Durability
  ) throws {
    var configuration = RecorderConfiguration.tiny
    configuration.durability = durability
    configuration.segmentByteCount = 80 << 10
    var random = SeededRandom(12)
    let events = (1...800).map { number in
      Event(
        timestamp: Timestamp(nanoseconds: Int64(number)),
        payload: Payload((0..<300).map { _ in UInt8(truncatingIfNeeded: random.next()) }))
    }
    var index = 0
    var stallCount = 0
    while true {
      let memory = MemoryFolder()
      let folder = FaultyFolder(memory)
      let recorder = try Recorder(folder: folder, configuration: configuration)
      let fault = Fault(
        call: calls.kind, index: (folder.counts[calls.kind] ?? 0) + index,
        code: ErrorNumber.noSpace, isSticky: true, isShort: true, failureLimit: 2)
      folder.set(fault)
      for start in stride(from: 0, to: events.count, by: 50) {
        try recorder.append(contentsOf: Array(events[start..<(start + 50)]))
      }
      while (try? recorder.flush()) == nil {}
      folder.set(nil)
      try recorder.close()
      let recording = try Recording(folder: memory)
      let answer = try recording.events(limit: nil)
      #expect(
        answer.events.map(\.payload) == events.map(\.payload) && answer.completeness.isComplete,
        "\(fault)")
      #expect(try recording.verify { _ in }.findingCount == 0, "\(fault)")
      #expect(try recording.statistics().segmentCount > 2)
      if folder.failed.isEmpty { break }
      stallCount += 1
      index += calls.stride
    }
    #expect(stallCount > 2)
  }

  @Test func closingOnAFullDiskDoesNotWaitAndLosesNothingAcknowledged() async throws {
    let folder = FaultyFolder(memory)
    let recorder = try makeRecorder(folder)
    for number in 1...20 { try recorder.append(numbered(number)) }
    fill(folder)
    let writer = onThread { try recorder.append(numbered(21)) }
    await waitForStall(recorder, folder, 1)
    #expect(throws: ReelError.self) { try recorder.close() }
    await #expect(throws: ReelError.self) { try await writer.value }
    folder.set(nil)
    let next = try makeRecorder(memory)
    #expect(next.recovery.damages.isEmpty)
    let times = try next.recording.events(limit: nil).events.compactMap(\.timestamp?.nanoseconds)
    #expect(times == Array(1...20) || times == Array(1...21))
    try next.close()
  }

  /// Nobody waits: there is nothing to hold the closing up.
  @Test func closingFindsTheFullDiskItself() throws {
    let folder = FaultyFolder(memory)
    let recorder = try makeRecorder(folder)
    for number in 1...20 { try recorder.append(numbered(number)) }
    fill(folder)
    #expect(throws: ReelError.self) { try recorder.close() }
    folder.set(nil)
    let next = try makeRecorder(memory)
    #expect(try next.recording.count() == 20)
    try next.close()
  }

  @Test func whoeverOpensOnAFullDiskIsToldAtOnce() throws {
    let counts = FaultyFolder(MemoryFolder())
    try makeRecorder(counts).close()
    // The last writes of an opening are those of its first commit.
    for index in 0..<(counts.counts[.write] ?? 0) {
      let folder = FaultyFolder(
        MemoryFolder(),
        Fault(call: .write, index: index, code: ErrorNumber.noSpace, isSticky: true))
      #expect(throws: ReelError.self) { try makeRecorder(folder).close() }
    }
  }

  @Test func whatIsDroppedWhileTheDiskIsFullIsCounted() async throws {
    let folder = FaultyFolder(memory)
    let recorder = try makeRecorder(folder, .drop)
    for number in 1...20 { try recorder.append(numbered(number)) }
    fill(folder)
    let writer = onThread { try recorder.append(numbered(21)) }
    await waitForStall(recorder, folder, 1)
    for number in 22...31 { #expect(try recorder.append(numbered(number)) == nil) }
    #expect(try recorder.append(contentsOf: [numbered(32), numbered(33)]) == 0)
    folder.set(nil)
    try await writer.value
    try recorder.append(numbered(34))
    #expect(recorder.status.droppedEventCount == 12)
    try recorder.close()
    let answer = try Recording(folder: memory).events(limit: nil)
    #expect(answer.events.compactMap(\.timestamp?.nanoseconds) == Array(1...21) + [34])
    #expect(answer.completeness.droppedEventCount == 12)
  }

  @Test func aSyncThatFindsNoRoomEndsTheRecorder() throws {
    let folder = FaultyFolder(memory)
    let recorder = try makeRecorder(folder)
    try recorder.append(numbered(1))
    folder.set(Fault(call: .sync, index: 0, code: ErrorNumber.noSpace, isSticky: true))
    for number in 2...3 {
      let error = #expect(throws: ReelError.self) { try recorder.append(numbered(number)) }
      guard case .poisoned(let cause)? = error else { return #expect(Bool(false)) }
      #expect(cause.code == ErrorNumber.noSpace)
    }
    folder.set(nil)
    #expect(throws: ReelError.self) { try recorder.close() }
    let next = try makeRecorder(memory)
    #expect(try next.recording.count() >= 1)
    try next.close()
  }
}
