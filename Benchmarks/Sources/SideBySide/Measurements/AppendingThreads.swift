import Reel
import Synchronization

/// Several threads that append to one Reel recorder, against one thread with the same events.
enum AppendingThreads {
  private static let writerCount = 8
  /// Events that a thread takes together, as one that makes its own would have them: side by side
  /// in memory.
  ///
  /// A thread that is ready takes the next ones that nobody has, as threads of a program record
  /// what happens now: with a share given to each beforehand, one that waits for a processor would
  /// go on in the past of the others.
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
      let taken = Taken()
      try onThreads(count) { _ in
        while true {
          let start = taken.count.add(Self.chunk, ordering: .relaxed).oldValue
          guard start < events.count else { return }
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

  /// How many of the events somebody has.
  private final class Taken: Sendable {
    let count = Atomic(0)
  }
}
