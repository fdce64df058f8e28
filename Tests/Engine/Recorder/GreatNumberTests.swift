import Testing

@testable import Reel

/// Sequence numbers far beyond what a test could count up to.
@Suite struct GreatNumberTests {
  /// A recording of which retention has dropped all but the event with number `first`.
  private func makeRecording(
    _ folder: MemoryFolder, from first: UInt64, _ configuration: RecorderConfiguration
  ) throws {
    var control = ControlState()
    control.dropped = Drop(below: first, eventCount: first - 1)
    var appender = SegmentAppender(
      folder: folder, recording: RecordingID(low: 1, high: 2), configuration: configuration,
      control: control, sealed: [], active: nil, nextSequence: first, watermark: first - 1,
      seed: 1)
    try RecordView.with(numbered(0)) { record in
      _ = appender.take(record, sequence: first, runID: 7)
    }
    try appender.writeBlock()
    try appender.seal()
  }

  @Test(arguments: [1 << 32, 1 << 48, 1 << 61] as [UInt64])
  func countingGoesOnBeyondAPowerOfTwo(power: UInt64) throws {
    let folder = MemoryFolder()
    var configuration = RecorderConfiguration.tiny
    configuration.clock = ManualClock()
    try makeRecording(folder, from: power - 500, configuration)
    let recorder = try Recorder(folder: folder, configuration: configuration)
    #expect(recorder.recovery.damages.isEmpty)
    for number in 1...1000 { try recorder.append(numbered(number)) }
    let live = try recorder.recording.events(limit: nil).events
    try recorder.close()
    let recording = try Recording(folder: folder)
    let events = try recording.events(limit: nil).events
    #expect(events.map(\.id) == (0...1000).map { EventID("event-\($0)") })
    #expect(events == live)
    let numbers = events.compactMap { $0.sequenceNumber?.rawValue }
    #expect(numbers.first == power - 500 && numbers.contains(power))
    #expect(zip(numbers, numbers.dropFirst()).allSatisfy { $0 < $1 })
    for event in events where event.sequenceNumber.map({ $0.rawValue % 97 == 0 }) == true {
      #expect(try recording.event(#require(event.sequenceNumber)) == event)
      #expect(try recording.event(id: #require(event.id)) == event)
    }
    let descending = try recording.events(Query(order: .descending), limit: nil).events
    #expect(descending == events.reversed())
    #expect(try recording.count() == 1001)
    #expect(try recording.verify { _ in }.findingCount == 0)
  }
}
