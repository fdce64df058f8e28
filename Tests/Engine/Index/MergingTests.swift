import Testing

@testable import Reel

/// A writer makes merged indexes of what it has sealed, and removes those that have become useless.
@Suite struct MergingTests {
  private static var configuration: RecorderConfiguration {
    var configuration = RecorderConfiguration.tiny
    configuration.segmentEventCount = 100
    configuration.mergedSegmentCount = 4
    return configuration
  }

  private static func segment(_ first: UInt64, isWhole: Bool = true)
    -> SegmentAppender.SealedSegment
  {
    SegmentAppender.SealedSegment(
      SegmentSummary(firstSequence: first, recordCount: 10), byteCount: 1_000, isWhole: isWhole)
  }

  private static func entry(_ first: UInt64, _ next: UInt64) -> IndexMerger.Entry {
    IndexMerger.Entry(firstSequence: first, nextSequence: next, byteCount: 1)
  }

  /// Of twelve segments with the numbers 1, 11, 21 and so on.
  @Test(
    arguments: [
      // Nothing is there yet: whole groups alone.
      ([], nil, [[1, 11, 21, 31], [41, 51, 61, 71], [81, 91, 101, 111]]),
      // What is covered is not merged again, and what lies ahead of it never grows.
      ([(31, 71)], nil, [[1, 11, 21], [71, 81, 91, 101]]),
      ([(11, 51)], nil, [[51, 61, 71, 81]]),
      // What cannot be read in full parts its neighbours.
      ([], 51, [[1, 11, 21, 31], [61, 71, 81, 91]]),
      ([], 21, [[1, 11], [31, 41, 51, 61], [71, 81, 91, 101]]),
      // One whose first segments are gone covers the rest.
      ([(0, 21)], nil, [[21, 31, 41, 51], [61, 71, 81, 91]]),
    ] as [([(UInt64, UInt64)], UInt64?, [[UInt64]])])
  func groupsAreOfSegmentsSideBySideThatHaveNone(
    covered: [(UInt64, UInt64)], broken: UInt64?, wanted: [[UInt64]]
  ) {
    let sealed = (0..<12).map { number in
      let first = UInt64(number) * 10 + 1
      return Self.segment(first, isWhole: first != broken)
    }
    let due = MergedIndexBook.due(sealed, covered.map { Self.entry($0.0, $0.1) }, 4)
    #expect(due.map { $0.map(\.firstSequence) } == wanted)
  }

  /// Waits until the folder has the merged indexes that begin with `wanted`.
  private static func wait(
    _ folder: POSIXFolder, for wanted: [UInt64],
    sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    var found: [UInt64] = []
    for _ in 0..<2_000 {
      found = RecordingFiles(try folder.list()).mergedIndexes
      if found == wanted { return }
      try await Task.sleep(for: .milliseconds(10))
    }
    Issue.record("\(found) instead of \(wanted)", sourceLocation: sourceLocation)
  }

  /// The first sequence number of each fourth of the sealed segments.
  private static func starts(_ folder: POSIXFolder) throws -> [UInt64] {
    let segments = RecordingFiles(try folder.list()).segments.dropLast()
    return stride(from: 0, to: segments.count / 4 * 4, by: 4).map { segments[$0] }
  }

  @Test func theyComeWhileRecordingGoOnAndGoWithTheirSegments() async throws {
    let directory = try TemporaryDirectory()
    defer { directory.remove() }
    let path = directory.path + "/recording"
    var configuration = Self.configuration
    configuration.syncInterval = .zero
    let recorder = try Recorder(path: path, configuration: configuration)
    let folder = try POSIXFolder(path: path, create: false)
    for number in 0..<1_500 { try recorder.append(numbered(number)) }
    try recorder.flush()
    let starts = try Self.starts(folder)
    try #require(starts.count >= 3)
    // A loss of power could take parts of these segments still, and leave an index that says more.
    try await Task.sleep(for: .milliseconds(100))
    #expect(RecordingFiles(try folder.list()).mergedIndexes.isEmpty)
    try recorder.sync()
    try await Self.wait(folder, for: starts)
    // Somebody who reads from now on goes by them, and so does who has been reading.
    let recording = try recorder.recording
    try recorder.append(numbered(1_500))
    #expect(try recording.snapshot().mergedGroups.count == starts.count)
    #expect(try recording.statistics().mergedIndexByteCount > 0)
    for number in stride(from: 0, through: 1_500, by: 25) {
      let found = try recording.event(id: EventID("event-\(number)"))
      #expect(found?.payload == numbered(number).payload)
    }
    // A key that nobody has takes a look at no segment that one is of, in empty columns either.
    var queries = [Query(), Query(), Query()]
    queries[0].process = "nobody"
    queries[1].correlationID = "none"
    queries[2].kinds = ["none"]
    for query in queries {
      let answer = try recording.events(query)
      let others = try recording.snapshot().segments.count - starts.count * 4
      #expect(answer.events.isEmpty && answer.cost.segmentsOpened <= others, "\(answer.cost)")
    }
    // Half of the segments go, and with them the indexes of which none is left. The flusher unlinks
    // them some time after the call: which they are follows from the call, not from the folder.
    let segments = RecordingFiles(try folder.list()).segments
    _ = try recorder.keepNewest(events: 700)
    let firstKept = UInt64(1_501 - 700 + 1)
    let oldest = try #require(segments.last { $0 <= firstKept })
    let left = starts.enumerated().filter { index, _ in
      index + 1 < starts.count ? starts[index + 1] > oldest : true
    }.map(\.element)
    try #require(left.count < starts.count)
    try await Self.wait(folder, for: left)
    #expect(try recording.count(Query(order: .ascending)) == 700)
    try recorder.close()
  }

  @Test func anOpeningMakesThoseThatAreMissingAndRemovesThoseThatAreOfNoUse() async throws {
    let directory = try TemporaryDirectory()
    defer { directory.remove() }
    let path = directory.path + "/recording"
    let recorder = try Recorder(path: path, configuration: Self.configuration)
    for number in 0..<1_500 { try recorder.append(numbered(number)) }
    try recorder.close()
    let folder = try POSIXFolder(path: path, create: false)
    let starts = try Self.starts(folder)
    // However far the first run came: one is missing, one is damaged, one has another's name.
    for sequence in RecordingFiles(try folder.list()).mergedIndexes {
      try folder.unlink(FileName.mergedIndex(firstSequence: sequence))
    }
    let segments = RecordingFiles(try folder.list()).segments
    let whole = try #require(
      try IndexMerge.write(Array(segments[4..<8]), in: folder, salt: 1) { false })
    let bytes = try bytes(ofFile: path + "/" + whole.name)
    try write(bytes, toFile: path + "/" + FileName.mergedIndex(firstSequence: 999_999))
    try write(Array(bytes.dropLast()), toFile: path + "/" + whole.name)
    let again = try Recorder(path: path, configuration: Self.configuration)
    try await Self.wait(folder, for: starts)
    try again.close()
    let recording = try Recording(path: path)
    #expect(try recording.snapshot().mergedGroups.count == starts.count)
    var findings: [VerificationFinding] = []
    _ = try recording.verify { findings.append($0) }
    #expect(findings.isEmpty, "\(findings)")
    recording.close()
    try Recording.destroy(path: path)
    #expect(throws: ReelError.self) { try POSIXFolder(path: path, create: false) }
  }
}
