@testable import Reel

/// Crashes a rehearsed recorder at every moment, in every way that a ``DiskModel`` allows, and
/// checks what is found afterwards.
struct Simulation {
  /// A crash after which something is wrong.
  struct Failure: CustomStringConvertible {
    /// How many states had been checked by then.
    var state: Int
    /// What is wrong.
    var fault: String
    /// The same, and how to come there.
    var description: String
  }

  /// How one state in so many is looked at more closely.
  struct Effort {
    /// Opened a second time.
    var repeatInterval = 8
    /// Crashed again at every moment of its recovery.
    var nestInterval = 400
    /// Failures after which it ends.
    var failureLimit = 5
  }

  private(set) var stateCount = 0
  private(set) var openingCount = 0
  private(set) var failures: [Failure] = []
  /// Where only the report is wrong: holes after a loss of power that are not reported, or not in
  /// the same way twice, and torn bytes that are taken for damage.
  private(set) var reportFailures: [Failure] = []
  private let name: String
  private let log: [DiskOperation]
  private let check: CrashCheck
  private let isDisk: Bool
  private let kept: Int?
  private let effort: Effort
  private let seed: UInt64
  private var random: SeededRandom
  private var seen: Set<UInt64> = []

  /// Prepares the crashes of a rehearsal that is over.
  init(_ name: String, _ rehearsal: Rehearsal, effort: Effort = Effort(), seed: UInt64) {
    self.name = name
    self.effort = effort
    self.seed = seed
    log = rehearsal.disk.log
    isDisk = rehearsal.isDisk
    kept = rehearsal.configuration.maximumEventCount
    check = CrashCheck(
      configuration: rehearsal.configuration, events: rehearsal.events, batches: rehearsal.batches)
    random = SeededRandom(seed)
  }

  /// Checks about so many states, spread over all moments.
  mutating func run(stateCount budget: Int) {
    var model = DiskModel()
    var expectation = Expectation(isDisk: isDisk, kept: kept)
    for (time, operation) in log.enumerated() {
      model.apply(operation, at: time)
      if case .marker(let marker) = operation { expectation.apply(marker) }
      let quota = budget * (time + 1) / log.count
      let place = Place(
        time: time, model: model, expectation: expectation, moment: CrashCheck.Moment())
      crash(place, next: time + 1 < log.count ? log[time + 1] : nil, quota: quota)
      if failures.count >= effort.failureLimit { return }
    }
  }

  /// A moment of a log, with what is known there.
  private struct Place {
    var time: Int
    var model: DiskModel
    var expectation: Expectation
    var moment: CrashCheck.Moment
    /// What came before the log, when it is that of a recovery.
    var path = ""
  }

  /// Tries crashes at one moment until `quota` states have been checked in all.
  private mutating func crash(_ place: Place, next: DiskOperation?, quota: Int) {
    let live = place.model.live
    crash(place, live, isCut: false) { "death of the process" }
    if case .store(let file, let pieces)? = next, let bytes = live.files[file] {
      for (index, torn) in TornStore.states(of: bytes, pieces, &random).enumerated() {
        var image = live
        image.files[file] = torn
        crash(place, image, isCut: false) { "death of the process in a store, \(index)" }
      }
    }
    guard stateCount < quota else { return }
    let choices = CrashChoice.systematic(place.model, &random)
    for choice in choices.prefix(2) + choices.dropFirst(2).shuffled(using: &random) {
      guard stateCount < quota else { return }
      crash(place, place.model.image(choice), isCut: true) { "\(choice)" }
    }
    guard !place.model.pendingTimes.isEmpty else { return }
    for _ in 0..<(2 * max(0, quota - stateCount)) where stateCount < quota {
      let choice = CrashChoice.random(&random)
      crash(place, place.model.image(choice), isCut: true) { "\(choice)" }
    }
  }

  /// Checks one state, unless it was checked before.
  private mutating func crash(
    _ place: Place, _ image: DiskImage, isCut: Bool, _ describe: () -> String
  ) {
    var hasher = Hasher()
    hasher.combine(image.hash(seed: isCut ? 1 : 0))
    hasher.combine(place.expectation)
    guard seen.insert(UInt64(bitPattern: Int64(hasher.finalize()))).inserted else { return }
    stateCount += 1
    let stateSeed = seed &+ UInt64(stateCount)
    let moment = isCut ? place.moment.after(isCut: true) : place.moment
    let isRepeated = stateCount % effort.repeatInterval == 0
    openingCount += isRepeated ? 2 : 1
    if let fault = check.fault(
      of: image, place.expectation, isCut: isCut, moment, isRepeated: isRepeated,
      seed: stateSeed)
    {
      let description =
        "\(name), seed \(seed), state \(stateCount): \(fault.reason); \(place.path)after operation"
        + " \(place.time) of \(tail(place)): \(describe())"
      let failure = Failure(state: stateCount, fault: fault.reason, description: description)
      if fault.isOfReport { reportFailures.append(failure) } else { failures.append(failure) }
    } else if place.path.isEmpty, stateCount % effort.nestInterval == 0 {
      nest(place, image, isCut: isCut, moment, seed: stateSeed, describe())
    }
  }

  private func tail(_ place: Place) -> String {
    guard place.path.isEmpty else { return "the recovery" }
    return "\(log[max(0, place.time - 3)...place.time])"
  }

  // MARK: Crashes within recovery

  /// Recovers from a state, and crashes at every moment of that and shortly after.
  private mutating func nest(
    _ place: Place, _ image: DiskImage, isCut: Bool, _ moment: CrashCheck.Moment, seed: UInt64,
    _ description: String
  ) {
    var inner = place
    inner.moment = moment.after(isCut: false)
    inner.path = "after operation \(place.time), \(description), and then "
    if isCut {
      inner.model = DiskModel(image)
      inner.expectation.failPower()
    }
    let disk = MemoryDisk(image)
    do {
      let recorder = try check.open(disk.folder, moment, seed: seed)
      let numbers = try check.find(recorder, place.expectation).events.compactMap {
        $0.timestamp.map { Int($0.nanoseconds) }
      }
      disk.mark(.handedOut(numbers, isDisk ? .disk : .process))
      try recorder.sync()
      disk.mark(.handedOut(numbers, .disk))
    } catch {
      // What was asked of the recorder after recovery must go as well as recovery.
      let description = "\(name), seed \(seed), state \(stateCount): \(error); \(inner.path)"
      failures.append(Failure(state: stateCount, fault: "\(error)", description: description))
      return
    }
    let recovery = disk.log
    for (time, operation) in recovery.enumerated() {
      inner.time = time
      inner.model.apply(operation, at: log.count + time)
      if case .marker(let marker) = operation { inner.expectation.apply(marker) }
      crash(
        inner, next: time + 1 < recovery.count ? recovery[time + 1] : nil,
        quota: stateCount + 4)
    }
  }
}
