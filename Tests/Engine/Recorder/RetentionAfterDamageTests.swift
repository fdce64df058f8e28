import Testing

@testable import Reel

/// Retention goes on beside segments that cannot be read, which stay, and takes up what a run
/// before has left to do.
@Suite struct RetentionAfterDamageTests {
  private let clock = ManualClock(monotonic: 3_600_000_000_000)

  private func configuration(maximumAge: Duration? = nil) -> RecorderConfiguration {
    var configuration = RecorderConfiguration.tiny
    configuration.clock = clock
    configuration.segmentEventCount = 500
    configuration.maximumAge = maximumAge
    configuration.retentionInterval = .zero
    return configuration
  }

  /// The files of a recording of several segments, closed.
  private func image() throws -> (image: FolderImage, segments: [String]) {
    let folder = MemoryFolder()
    let recorder = try Recorder(folder: folder, configuration: configuration())
    for number in 1...3000 { try recorder.append(numbered(number)) }
    try recorder.close()
    let image = folder.image
    let segments = image.keys.filter { $0.hasSuffix(".segment") }.sorted()
    try #require(segments.count > 3)
    return (image, segments)
  }

  private func segments(_ folder: MemoryFolder) throws -> [String] {
    try folder.list().filter { $0.hasSuffix(".segment") }.sorted()
  }

  /// Goes on two hours later with a recorder that keeps an hour.
  private func goOnAged(_ folder: MemoryFolder) throws {
    clock.advance(by: .seconds(7200))
    let recorder = try Recorder(
      folder: folder, configuration: configuration(maximumAge: .seconds(3600)))
    try recorder.append(numbered(3001))
    try recorder.flush()
    try recorder.enforceRetention()
    try recorder.close()
  }

  /// The places of segments without a header, which are said neither to be old nor to be new.
  @Test(arguments: [[0], [1], [0, 1], [2]])
  func retentionByAgeGoesOnBesideASegmentThatCannotBeRead(_ unreadable: [Int]) throws {
    var (image, names) = try image()
    for place in unreadable {
      image[names[place]]?.replaceSubrange(0..<72, with: [UInt8](repeating: 0, count: 72))
    }
    let folder = MemoryFolder(image)
    try goOnAged(folder)
    let left = try segments(folder)
    for (place, name) in names.dropLast().enumerated() {
      #expect(left.contains(name) == unreadable.contains(place), "\(place)")
    }
    let ids = try Recording(folder: folder).events(limit: nil).events.map(\.id)
    #expect(ids.last == "event-3001")
    // What was dropped is not asked for anew, and nothing is tried in vain.
    try goOnAged(folder)
    #expect(try segments(folder).filter { names.dropLast().contains($0) }.count == unreadable.count)
  }

  /// R50: a file that could not be read is never removed, also where its header could be.
  @Test func aSegmentWithoutAReadableBlockStays() throws {
    var (image, names) = try image()
    let segment = try SegmentFile(file: try MemoryFolder(image).open(names[1], .read))
    let scan = try SegmentScanner(
      segment, byteCount: try segment.file.byteCount(), check: .headers
    ).scan()
    let first = try #require(scan.blocks.first?.offset)
    image[names[1]] = image[names[1]].map { bytes in
      Array(bytes[..<first]) + [UInt8](repeating: 0xA5, count: bytes.count - first)
    }
    let folder = MemoryFolder(image)
    do {
      let recorder = try Recorder(
        folder: folder, configuration: configuration(maximumAge: .seconds(3600)))
      try recorder.enforceRetention()
      try recorder.close()
    }
    #expect(try segments(folder).starts(with: names))
    try goOnAged(folder)
    #expect(try segments(folder).first == names[1])
  }

  /// The death of the program right behind the record of a cut.
  @Test(arguments: [false, true])
  func segmentsThatACutOfADeadRunCoversAreUnlinked(isAll: Bool) throws {
    let (image, names) = try image()
    let folder = MemoryFolder(image)
    var crashed: FolderImage = [:]
    do {
      let start = try RunStart(folder: folder, configuration: configuration())
      try start.note()
      let cut = Cut(before: isAll ? nil : 2000, sequence: start.run.firstSequence.rawValue)
      try start.log.append(.cut(cut), mayWaitForRoom: false)
      crashed = folder.image
    }
    let after = MemoryFolder(crashed)
    let count = try Recording(folder: after).count()
    #expect(count == (isAll ? 0 : 1001))
    try Recorder(folder: after, configuration: configuration()).close()
    let left = try segments(after)
    #expect(try Recording(folder: after).count() == count)
    #expect(!left.contains(names[0]))
    #expect(left.count <= (isAll ? 2 : names.count - 1))
    let statistics = try Recording(folder: after).statistics()
    #expect(statistics.hiddenEventCount < 3000 - count)
    #expect(try Recording(folder: after).verify { _ in }.isSound)
  }

  /// What cannot be read of it may be later than the moment of the cut.
  @Test func aSegmentThatMayHaveMoreThanACutCoversStays() throws {
    var (image, names) = try image()
    let segment = try SegmentFile(file: try MemoryFolder(image).open(names[1], .read))
    let scan = try SegmentScanner(
      segment, byteCount: try segment.file.byteCount(), check: .headers
    ).scan()
    let last = try #require(scan.blocks.last?.offset)
    image[names[1]] = image[names[1]].map { bytes in
      Array(bytes[..<last]) + [UInt8](repeating: 0xA5, count: bytes.count - last)
    }
    let folder = MemoryFolder(image)
    let recorder = try Recorder(folder: folder, configuration: configuration())
    try recorder.removeEvents(before: 2000)
    try recorder.flush()
    try recorder.close()
    #expect(try segments(folder).first == names[1])
    let next = try Recorder(folder: folder, configuration: configuration())
    try next.keepNewest(events: 0)
    try next.close()
    #expect(try !segments(folder).contains(names[1]))
  }

  /// What is foretold is what happens, also behind a segment that is not sealed for a reader.
  @Test(arguments: [[0], [1], [0, 2]])
  func thePreviewIsWhatKeepingBytesDrops(_ damaged: [Int]) throws {
    var (image, names) = try image()
    for place in damaged {
      image[names[place]].map { image[names[place]]?[$0.count - 40] ^= 1 }
    }
    let folder = MemoryFolder(image)
    let recorder = try Recorder(folder: folder, configuration: configuration())
    try recorder.flush()
    for kept in [1 << 20, 120 << 10, 100 << 10, 80 << 10, 64 << 10, 0] {
      let foretold = try recorder.recording.retentionPreview(
        keepingBytes: kept, bufferByteCount: RecorderConfiguration.tiny.bufferByteCount)
      #expect(try recorder.keepNewest(bytes: kept) == foretold, "\(kept)")
    }
    try recorder.close()
  }
}
