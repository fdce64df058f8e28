#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif
import Reel
import Synchronization

/// Writes that survive a loss of power: each append waits for the disk.
enum DurableWrites {
  private static let longest: Int64 = 3_000_000_000
  private static let writerCount = 8

  static func measure<S: Store>(_: S.Type, _ bench: Workbench, _ results: inout Results) throws {
    for (operation, size, limit) in [
      (Operation.durable1, 1, 2000), (.durable100, 100, 500), (.durable1000, 1000, 100),
    ] {
      let folder = try TemporaryFolder(S.name + "-durable")
      defer { folder.remove() }
      var configuration = StoreConfiguration()
      configuration.isDurable = true
      // What earlier measurements left to be written must not go to the disk now.
      sync()
      var store = try S(path: folder.path, configuration: configuration)
      results.operations.add(
        S.name, operation, try rate(&store, bench.events, batch: size, limit: limit))
      try store.close()
    }
  }

  /// Events a second in batches of `size`, over `limit` batches or three seconds.
  private static func rate<S: Store>(
    _ store: inout S, _ events: [Event], batch size: Int, limit: Int
  ) throws -> Double {
    let batches = Workbench.batches(Array(events.prefix(size * limit)), of: size)
    let start = nanoseconds()
    var count = 0
    for batch in batches {
      if size == 1 { try store.append(batch[0]) } else { try store.append(batch: batch) }
      count += batch.count
      if nanoseconds() - start > longest { break }
    }
    return Double(count) / Double(nanoseconds() - start) * 1e9
  }

  /// Reel alone: several threads, each of which waits for its own event, against one.
  static func measureWriters(_ bench: Workbench, _ results: inout Results) throws {
    let one = try writers(1, bench.events)
    let several = try writers(writerCount, bench.events)
    results.add(.threads, "1 durable writer", "events/s", one)
    results.add(.threads, "\(writerCount) durable writers", "events/s", several)
    results.add(
      .threads, "\(writerCount) durable writers to 1", "ratio", several / one, target: .atLeast(4))
  }

  private static func writers(_ count: Int, _ events: [Event]) throws -> Double {
    let folder = try TemporaryFolder("durable-writers")
    defer { folder.remove() }
    var configuration = RecorderConfiguration()
    configuration.durability = .disk
    let recorder = try Recorder(path: folder.path, configuration: configuration)
    let stored = Mutex(0)
    sync()
    let start = nanoseconds()
    try onThreads(count) { index in
      var next = index
      var own = 0
      while next < min(events.count, 2000 * count), nanoseconds() - start < longest {
        try recorder.append(events[next])
        next += count
        own += 1
      }
      stored.withLock { $0 += own }
    }
    let time = Double(nanoseconds() - start) * 1e-9
    try recorder.close()
    return Double(stored.withLock { $0 }) / time
  }
}
