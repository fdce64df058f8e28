import Foundation
import Testing

@testable import Reel

/// Goes through numbered cases: a seeded sample of them, or with `REEL_SWEEP=all` all.
///
/// Failures are gathered by what they say, so that a fault which shows in a thousand cases is told
/// once, with its first case. With `REEL_VERBOSE` set each case is printed before it runs: a trap
/// ends the process, and the last line names it.
struct Sweep {
  let name: String
  private var failures: [String: (first: String, count: Int)] = [:]
  private(set) var runCount = 0
  private let start = ContinuousClock.now

  static let isFull = environment("REEL_SWEEP") == "all"
  private static let isVerbose = environment("REEL_VERBOSE") != nil

  init(_ name: String) { self.name = name }

  /// Runs `body` for `sample` of the cases `0..<count`, ascending; `body` answers what went wrong,
  /// each as a kind and details.
  mutating func run(
    _ count: Int, sample: Int, seed: UInt64 = seeds(1)[0], label: (Int) -> String,
    _ body: (Int) throws -> [Failure]
  ) rethrows {
    for number in Self.chosen(count, sample: sample, seed: seed) {
      if Self.isVerbose { print("CASE: \(name) \(number): \(label(number))") }
      runCount += 1
      for failure in try body(number) {
        let first = "case \(number), \(label(number)): \(failure.details)"
        failures[failure.kind, default: (first, 0)].count += 1
      }
    }
  }

  /// What is wrong in a case.
  struct Failure {
    /// The same for all cases with the same fault.
    var kind: String
    var details: String
  }

  private static func chosen(_ count: Int, sample: Int, seed: UInt64) -> [Int] {
    if let text = environment("REEL_CASE"), let number = Int(text) { return [number] }
    if isFull || sample >= count { return Array(0..<count) }
    var random = SeededRandom(seed)
    var numbers = Set<Int>()
    while numbers.count < sample { numbers.insert(random.below(count)) }
    return numbers.sorted()
  }

  /// Prints the count and fails the test for each kind of failure.
  ///
  /// Those that contain a key of `known` are known issues, for the reason given.
  func finish(
    of total: Int, known: [String: String] = [:],
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let seconds = Double((ContinuousClock.now - start).nanoseconds) / 1e9
    let time = String(format: "%.1f", seconds)
    print("SWEEP: \(name): \(runCount) of \(total) cases, \(failures.count) faults, \(time) s")
    for (kind, failure) in failures.sorted(by: { $0.key < $1.key }) {
      let text = "\(name): \(kind): \(failure.count) cases; the first: \(failure.first)"
      guard let reason = known.first(where: { kind.contains($0.key) })?.value else {
        Issue.record("\(text)", sourceLocation: sourceLocation)
        continue
      }
      withKnownIssue("\(reason)") { Issue.record("\(text)", sourceLocation: sourceLocation) }
    }
  }
}

extension [Sweep.Failure] {
  /// Notes what is wrong.
  mutating func fail(_ kind: String, _ details: String = "") {
    append(Sweep.Failure(kind: kind, details: details))
  }
}
