import Reel

/// Several threads that append to one Reel recorder, against one thread with the same events.
enum AppendingThreads {
  private static let writerCount = 8
  /// Events that a thread takes together, as one that makes its own would have them: side by side
  /// in memory.
  private static let chunk = 128

  static func measure(_ bench: Workbench, _ results: inout Results) throws {
    let one = try rate(1, bench.events)
    let several = try rate(writerCount, bench.events)
    let row = "\(writerCount) threads on \(processorCount) processors"
    results.add(.threads, "1 thread", "events/s", one)
    results.add(.threads, row, "events/s", several)
    results.add(
      .threads, "\(writerCount) threads to 1", "ratio", several / one, target: .atLeast(1))
  }

  /// Events a second until all of them are in blocks.
  private static func rate(_ count: Int, _ events: [Event]) throws -> Double {
    let folder = try TemporaryFolder("threads")
    defer { folder.remove() }
    let recorder = try Recorder(path: folder.path)
    let time = try seconds {
      try onThreads(count) { index in
        for start in stride(from: index * Self.chunk, to: events.count, by: count * Self.chunk) {
          for next in start..<min(start + Self.chunk, events.count) {
            try recorder.append(events[next])
          }
        }
      }
      try recorder.flush()
    }
    try recorder.close()
    return Double(events.count) / time
  }
}
