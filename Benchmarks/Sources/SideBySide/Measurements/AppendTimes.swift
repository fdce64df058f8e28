import Reel

/// How long single calls of Reel's append take, at a given pace and as fast as possible.
///
/// A control does the same in the same loop with a copy into plain memory: where the operating
/// system takes the processor away, it shows in both.
enum AppendTimes {
  private static let pace: Int64 = 500_000
  private static let shortestRun: Int64 = 2_000_000_000

  static func measure(_ bench: Workbench, _ results: inout Results) throws {
    let clock = clockCost()
    results.add(.appendTimes, "reading the clock, part of every figure below", "p50", clock)
    let rows = EncodedRows(bench.events.prefix(100_000))
    try onThread { try paced(bench.events, rows) }.add(
      to: &results, suffix: "at \(rounded(Double(pace))) events/s", isTargeted: true)
    try onThread { try saturated(bench.events, rows) }.add(
      to: &results, suffix: "as fast as possible")
  }

  /// The cost of two readings of the clock with nothing between them, in nanoseconds.
  private static func clockCost() -> Double {
    var times: [Int64] = []
    times.reserveCapacity(1_000_000)
    for _ in 0..<1_000_000 {
      let start = nanoseconds()
      times.append(nanoseconds() - start)
    }
    return Percentiles(times).median
  }

  /// What the calls of one run took, in nanoseconds.
  private struct Times: Sendable {
    var append: [Int64] = []
    var copy: [Int64] = []
    /// Events a second of the whole loop.
    var rate = 0.0

    init(capacity: Int) {
      append.reserveCapacity(capacity)
      copy.reserveCapacity(capacity)
    }

    /// Adds the figures; with `isTargeted` those of append are to reach what is asked of them.
    func add(to results: inout Results, suffix: String, isTargeted: Bool = false) {
      let (call, control) = (Percentiles(append), Percentiles(copy))
      for (name, times) in [("append", call), ("control: copy of as many bytes", control)] {
        let row = "\(name), \(suffix)"
        let isTargeted = isTargeted && name == "append"
        results.add(
          .appendTimes, row, "p50", times.median, target: isTargeted ? .atMost(200) : nil)
        results.add(
          .appendTimes, row, "p99.9", times.p999, target: isTargeted ? .atMost(20_000) : nil)
        results.add(.appendTimes, row, "maximum", times.maximum)
      }
      results.add(
        .appendTimes, "append, \(suffix)", "maximum beyond the control",
        max(0, call.maximum - control.maximum), target: isTargeted ? .atMost(5_000_000) : nil)
      results.add(.appendTimes, "append, \(suffix)", "events/s of the loop", rate)
    }
  }

  /// Each event has its moment, for which the thread waits by looking at the clock; when it is late
  /// it does not wait.
  private static func paced(_ events: [Event], _ rows: EncodedRows) throws -> Times {
    let interval = 1_000_000_000 / pace
    let count = Int(shortestRun / interval)
    return try run(events, rows, count: count) { start, index in
      while nanoseconds() < start + Int64(index) * interval {}
    }
  }

  private static func saturated(_ events: [Event], _ rows: EncodedRows) throws -> Times {
    try run(events, rows, count: max(events.count, 1_000_000)) { _, _ in }
  }

  private static func run(
    _ events: [Event], _ rows: EncodedRows, count: Int, wait: (Int64, Int) -> Void
  ) throws -> Times {
    let folder = try TemporaryFolder("append-times")
    defer { folder.remove() }
    let recorder = try Recorder(path: folder.path)
    var times = Times(capacity: count)
    var copies = PlainMemory(byteCount: 64 << 20)
    let start = nanoseconds()
    try rows.bytes.withUnsafeBytes { bytes in
      for index in 0..<count {
        wait(start, index)
        let event = events[index % events.count]
        let row = rows.range(index % rows.count)
        let before = nanoseconds()
        try recorder.append(event)
        let between = nanoseconds()
        copies.append(bytes, row)
        let after = nanoseconds()
        times.append.append(between - before)
        times.copy.append(after - between)
      }
    }
    times.rate = Double(count) / Double(nanoseconds() - start) * 1e9
    try recorder.close()
    copies.free()
    return times
  }

  /// Runs `body` on a thread of its own.
  private static func onThread(_ body: @escaping @Sendable () throws -> Times) throws -> Times {
    let result = Shared<Times>()
    try onThreads(1) { _ in result.set(try body()) }
    guard let times = result.value else { throw StoreError(message: "a thread gave no result") }
    return times
  }
}

/// Percentiles of times, by nearest rank.
struct Percentiles {
  let median: Double
  let p999: Double
  let maximum: Double

  init(_ times: [Int64]) {
    let sorted = times.sorted()
    func rank(_ share: Double) -> Double {
      sorted.isEmpty ? 0 : Double(sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))])
    }
    median = rank(0.5)
    p999 = rank(0.999)
    maximum = Double(sorted.last ?? 0)
  }
}
