import Foundation

@testable import Reel

/// A recorder at work on a disk in memory, by one thread, which tells the disk what it has been
/// promised.
final class Rehearsal {
  let disk: MemoryDisk
  let folder: any Folder
  let clock: ManualClock
  var configuration: RecorderConfiguration
  private(set) var recorder: Recorder?
  private(set) var events: [Event] = []
  private(set) var batches: [Range<Int>] = []
  private(set) var isDisk = true
  private var random: SeededRandom

  /// Prepares a disk that holds nothing; payloads are drawn from `seed`, and what `wrap` answers
  /// stands between the recorder and the disk.
  init(
    _ configuration: RecorderConfiguration, seed: UInt64, _ wrap: (DiskFolder) -> any Folder
  ) {
    disk = MemoryDisk()
    folder = wrap(disk.folder)
    clock = .simulated(boot: 0, seed: seed)
    self.configuration = configuration
    self.configuration.clock = clock
    random = SeededRandom(seed)
  }

  // MARK: Runs

  func open(_ durability: Durability? = nil) throws {
    if let durability { configuration.durability = durability }
    if configuration.durability == .process { isDisk = false }
    clock.advance(by: .seconds(1))
    recorder = try Recorder(folder: folder, configuration: configuration)
  }

  func close() throws {
    try recorder?.close()
    disk.mark(.acknowledged(events.count, .disk))
    recorder = nil
  }

  /// The process dies.
  func die() { recorder = nil }

  // MARK: Calls

  private func next(_ payloadByteCount: Int) -> Event {
    let number = events.count
    // Bytes that do not compress, so that sizes are what they seem.
    let event = Event(
      id: EventID("event-\(number)"), timestamp: Timestamp(nanoseconds: Int64(number)),
      kind: number % 2 == 0 ? "call" : "return_from", process: "<0.\(number % 3).0>",
      payload: Payload(random.bytes(payloadByteCount)))
    events.append(event)
    return event
  }

  func append(_ count: Int = 1, payloadByteCount: Int = 40) throws {
    for _ in 0..<count {
      let event = next(payloadByteCount)
      disk.mark(.sent(events.count))
      try recorder?.append(event)
      disk.mark(.acknowledged(events.count, configuration.durability))
    }
  }

  func appendBatch(_ count: Int, payloadByteCount: Int = 40) throws {
    let start = events.count
    let batch = (0..<count).map { _ in next(payloadByteCount) }
    batches.append(start..<events.count)
    disk.mark(.sent(events.count))
    try recorder?.append(contentsOf: batch)
    disk.mark(.acknowledged(events.count, configuration.durability))
  }

  func flush() throws { try recorder?.flush() }

  func sync() throws {
    try recorder?.sync()
    disk.mark(.acknowledged(events.count, .disk))
  }

  /// Lets the time pass after which the recorder syncs by itself.
  ///
  /// At least one event must be in the buffer, and no segment new: then the buffer is synced last.
  func waitForBackgroundSync() throws {
    let before = disk.log.count
    for attempt in 0... {
      if attempt == 5_000 { throw ReelError.invalidArgument("the buffer is never synced") }
      clock.advance(by: .seconds(2))
      usleep(2_000)
      let log = disk.log
      let isBufferSynced = log[before...].contains {
        if case .sync(let file) = $0 { disk.isMapped(file) } else { false }
      }
      if isBufferSynced { break }
    }
    disk.mark(.acknowledged(events.count, .disk))
  }

  /// Lets the thread that merges indexes come to rest; what it has to do is done by then, so that
  /// the same operations come each time.
  func waitForMergedIndexes() throws {
    for attempt in 0... {
      if attempt == 5_000 { throw ReelError.invalidArgument("an index is never merged") }
      let files = RecordingFiles(try folder.list())
      let sealedCount = files.segments.count - 1
      if files.mergedIndexes.count == sealedCount / configuration.mergedSegmentCount { return }
      usleep(1_000)
    }
  }

  func remove(below number: Int) throws {
    disk.mark(.removing(below: number))
    try recorder?.removeEvents(before: Timestamp(nanoseconds: Int64(number)))
    disk.mark(.removed(below: number, configuration.durability))
  }

  func store(_ name: String, byteCount: Int) throws {
    let bytes = random.bytes(byteCount)
    disk.mark(.storing(name, bytes))
    try recorder?.setDocument(name, bytes)
    disk.mark(.stored(name))
  }

  func removeDocument(_ name: String) throws {
    disk.mark(.storing(name, nil))
    try recorder?.removeDocument(name)
    disk.mark(.stored(name))
  }
}

extension ManualClock {
  /// The clock of a system that has been started `boot` times since the first run, a day apart.
  static func simulated(boot: Int, hour: Int = 0, seed: UInt64) -> ManualClock {
    let second: Int64 = 1_000_000_000
    let passed = Int64(hour) * 3600 * second
    return ManualClock(
      wall: 1_700_000_000 * second + Int64(boot) * 86_400 * second + passed,
      monotonic: 1_000 * second + passed, seed: seed)
  }
}

extension RecorderConfiguration {
  /// So small that a few events make a block and a few blocks a segment; smaller than a caller may
  /// ask for.
  static var minute: RecorderConfiguration {
    var configuration = RecorderConfiguration()
    // Half of it, less 4 KiB for control records, is the largest frame.
    configuration.bufferByteCount = 12 << 10
    configuration.blockByteCount = 320
    configuration.payloadFrameByteCount = 256
    configuration.segmentByteCount = 1400
    // A context ahead of most blocks.
    (configuration.contextRecordInterval, configuration.contextByteRatio) = (4, 0)
    configuration.reading.cacheByteCount = 1 << 20
    return configuration
  }
}
