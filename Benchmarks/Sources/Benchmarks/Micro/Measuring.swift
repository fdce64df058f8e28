#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif
import Benchmark

/// What a benchmark works on, from before its first iteration until after its last.
protocol Fixture: AnyObject {
  /// Ends the use of everything that it holds.
  func close() throws
}

/// Adds a benchmark.
///
/// - Parameters:
///   - name: What is measured, in letters that a filter can give as they are.
///   - scale: How many operations an iteration has.
///   - warmup: How many iterations come before those that are measured.
///   - make: Makes what it works on, and is not measured.
///   - iteration: Does what is to be measured within `Benchmark.measure`.
func register<F: Fixture>(
  _ name: String, scale: BenchmarkScalingFactor = .one, warmup: Int = 1,
  fixture make: @escaping () throws -> F,
  iteration: @escaping (Benchmark, F) throws -> Void
) {
  var fixture: F?
  // Fixed units: the chosen ones would round what is close to the next unit to a digit or two.
  let isScaled = scale != .one
  Benchmark(
    name,
    configuration: .init(
      timeUnits: isScaled ? .nanoseconds : .microseconds,
      units: [.processorTime: isScaled ? .count : .kilo], warmupIterations: warmup,
      scalingFactor: scale),
    closure: { benchmark in
      guard let fixture else { return }
      try iteration(benchmark, fixture)
    },
    setup: { fixture = try make() },
    teardown: {
      try fixture?.close()
      fixture = nil
    })
}

extension Benchmark {
  /// Measures `body` alone, as far as an iteration goes.
  func measure(_ body: () throws -> Void) rethrows {
    startMeasurement()
    let start = processorNanoseconds()
    try body()
    let end = processorNanoseconds()
    stopMeasurement()
    measurement(.processorTime, end - start)
  }
}

extension BenchmarkMetric {
  /// The processor time of the process, its flusher included, in nanoseconds.
  ///
  /// The package's own comes from `/proc`, in steps of 10 ms.
  static let processorTime = BenchmarkMetric.custom("Time (CPU, all threads, ns)")
}

private func processorNanoseconds() -> Int {
  var time = timespec()
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
  return Int(time.tv_sec) * 1_000_000_000 + Int(time.tv_nsec)
}

/// An answer that cannot be right, so that its time means nothing.
struct WrongAnswer: Error, CustomStringConvertible {
  let description: String
}
