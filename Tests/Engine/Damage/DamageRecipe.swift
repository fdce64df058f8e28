import Testing

@testable import Reel

/// A small recording made by a fixed recipe, to be harmed in every way, and what is known of it.
struct DamageRecipe {
  let image: FolderImage
  /// As a reader returns them, in order of arrival.
  let events: [Event]
  /// Events that a cut removed: they must not come back.
  let removed: [Event]
  /// The files as they were after the first run.
  let stale: FolderImage
  let blocks: [Block]
  let frames: [Block]
  /// What the program was at the end.
  let moment: Moment
  /// The versions of the document `plan`, the first being 1.
  static let documents = (1...2).map { version in
    Array("version \(version) of the plan, with some bytes more".utf8)
  }

  /// Where the records of a stretch of sequence numbers lie, in a segment or in the buffer.
  struct Block {
    var file: String
    var bytes: Range<Int>
    var sequences: ClosedRange<UInt64>
  }

  /// Blocks, segments and buffers below what callers may ask for, so that a sweep over every bit
  /// stays short.
  static var configuration: RecorderConfiguration {
    var configuration = RecorderConfiguration()
    configuration.bufferByteCount = 12 << 10
    configuration.blockByteCount = 1 << 10
    configuration.payloadFrameByteCount = 512
    // The second run begins in the first one's segment, which so tells that there was one.
    configuration.segmentByteCount = 3 << 10
    configuration.syncInterval = .zero
    configuration.clock = clock(seed: 1)
    // Contexts ahead of most blocks.
    (configuration.contextRecordInterval, configuration.contextByteRatio) = (12, 0)
    configuration.attributes = [
      AttributeDeclaration(name: "tenant", type: .text),
      AttributeDeclaration(name: "size", type: .integer, isIndexed: false),
    ]
    return configuration
  }

  /// The clock of a system that has been running for long: nothing is put down to a loss of power.
  private static func clock(seed: UInt64) -> ManualClock {
    ManualClock(monotonic: 3_600_000_000_000, seed: seed)
  }

  /// Makes the recording: a run that was closed, and another one, closed too or as a killed program
  /// leaves it, with events in its buffer.
  init(
    isClosed: Bool, seed: UInt64 = 1, configuration given: RecorderConfiguration? = nil,
    payloads: ((Int) -> [UInt8])? = nil
  ) throws {
    let folder = MemoryFolder()
    var model = ModelStore()
    var configuration = given ?? Self.configuration
    configuration.clock = Self.clock(seed: seed)
    let make = { (number: Int) in Self.event(number, seed: seed, payloads) }
    do {
      let recorder = try Recorder(folder: folder, configuration: configuration)
      try recorder.append((1...60).map(make), to: &model)
      try recorder.setDocument("plan", Self.documents[0])
      try recorder.removeEvents(before: 3_000)
      try recorder.close()
    }
    stale = folder.image
    let recorder = try Recorder(folder: folder, configuration: configuration)
    try recorder.append((61...95).map(make), to: &model)
    try recorder.flush()
    try recorder.setDocument("plan", Self.documents[1])
    try recorder.append((96...100).map(make), to: &model)
    try recorder.removeEvents(before: 4_000)
    if isClosed { try recorder.close() }
    // A block that is being written while the files are looked at would be known here and there.
    let image = folder.imageAtRest
    if !isClosed { try recorder.close() }
    self.image = image
    let all = model.events
    _ = model.removeEvents(before: 4_000)
    events = model.events
    let kept = Set(model.events.compactMap(\.sequenceNumber))
    removed = all.filter { !kept.contains($0.sequenceNumber ?? SequenceNumber(rawValue: 0)) }
    (blocks, frames) = try Self.places(image)
    moment = try Recording(folder: MemoryFolder(image)).moment()
    try #require(moment.isComplete && moment.processes.contains { !$0.stack.isEmpty })
  }

  private static func event(
    _ number: Int, seed: UInt64, _ payloads: ((Int) -> [UInt8])?
  ) -> Event {
    var event = Event(
      id: number % 3 == 0 ? nil : EventID("event-\(seed)-\(number)"),
      timestamp: Timestamp(nanoseconds: Int64(number * 7 % 50) * 1_000),
      kind: number % 2 == 0 ? "call" : "return_from", process: "<0.\(number % 7).0>",
      correlationID: "req-\(number / 10)",
      payload: Payload("payload \(number * 7919 % 1000) of \(seed)"))
    if let payloads { event.payload = Payload(payloads(number)) }
    event.attributes = ["tenant": .text("t\(number % 3)"), "size": .integer(Int64(number))]
    return event
  }

  private static func places(_ image: FolderImage) throws -> (blocks: [Block], frames: [Block]) {
    let folder = MemoryFolder(image)
    let files = RecordingFiles(try folder.list())
    var blocks: [Block] = []
    for name in files.segments.map(FileName.segment(firstSequence:)) {
      let segment = try SegmentFile(file: try folder.open(name, .read))
      let byteCount = try segment.file.byteCount()
      let scan = try SegmentScanner(segment, byteCount: byteCount, check: .everything).scan()
      try #require(scan.damages.isEmpty && scan.ending == .clean)
      for entry in scan.blocks {
        blocks.append(
          Block(
            file: name, bytes: entry.offset..<(entry.offset + entry.byteCount),
            sequences: entry.firstSequence...entry.lastSequence))
      }
    }
    var frames: [Block] = []
    for name in files.buffers.map(FileName.buffer(firstSequence:)) {
      let file = try folder.open(name, .read)
      let reader = try BufferReader(file: file)
      var walk = BufferWalk(file: file, header: reader.header)
      try walk.walk(from: reader.offset)
      for frame in walk.frames where frame.recordCount > 0 {
        let first = frame.firstSequenceNumber.rawValue
        frames.append(
          Block(
            file: name, bytes: frame.bytes,
            sequences: first...(first + UInt64(frame.recordCount) - 1)))
      }
    }
    return (blocks, frames)
  }

  /// The names of all files, sorted.
  var files: [String] { image.keys.sorted() }
  var byteCount: Int { image.values.reduce(0) { $0 + $1.count } }
  var segments: [String] { files.filter { $0.hasSuffix(FileName.segmentSuffix) } }
  var buffer: String? { files.first { $0.hasSuffix(FileName.bufferSuffix) } }

  /// The sequence numbers that must still be readable in a harmed image: those in blocks and frames
  /// none of whose bytes are harmed, in a file whose header is not.
  func readable(in harmed: FolderImage) -> Set<UInt64> {
    var numbers: Set<UInt64> = []
    for block in blocks {
      guard Self.isSame(image[block.file], harmed[block.file], 0..<SegmentHeader.byteCount),
        Self.isSame(image[block.file], harmed[block.file], block.bytes)
      else { continue }
      numbers.formUnion(block.sequences)
    }
    for frame in frames {
      guard Self.isSame(image[frame.file], harmed[frame.file], 0..<BufferHeader.usedByteCount),
        harmed[frame.file]?.count ?? 0 >= image[frame.file]?.count ?? 0,
        Self.isSame(image[frame.file], harmed[frame.file], frame.bytes)
      else { continue }
      numbers.formUnion(frame.sequences)
    }
    return numbers
  }

  static func isSame(_ a: [UInt8]?, _ b: [UInt8]?, _ range: Range<Int>) -> Bool {
    guard let a, let b, range.upperBound <= a.count, range.upperBound <= b.count else {
      return false
    }
    return a.isSame(as: b, in: range)
  }
}
