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
  /// States that were as one checked before, and not checked again.
  private(set) var equalCount = 0
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
  private let evidence: String?

  /// Prepares the crashes of a rehearsal that is over.
  ///
  /// - Parameters:
  ///   - name: What failures call it.
  ///   - rehearsal: What was done, and what was promised.
  ///   - effort: How closely states are looked at.
  ///   - seed: Where choices are drawn from.
  ///   - evidence: An existing folder of the system in which states are kept that are found wrong.
  init(
    _ name: String, _ rehearsal: Rehearsal, effort: Effort = Effort(), seed: UInt64,
    evidence: String? = nil
  ) {
    self.name = name
    self.evidence = evidence
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
      let place = Place(time, model, expectation, CrashCheck.Moment())
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
    private let expectationHash: Int

    init(_ time: Int, _ model: DiskModel, _ expectation: Expectation, _ moment: CrashCheck.Moment) {
      (self.time, self.model, self.expectation, self.moment) = (time, model, expectation, moment)
      expectationHash = expectation.hashValue
    }

    /// Tells states apart that may be found otherwise.
    func key(_ image: DiskImage, isCut: Bool) -> UInt64 {
      image.hash(seed: UInt64(truncatingIfNeeded: expectationHash) &* 2 &+ (isCut ? 1 : 0))
    }
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
    var vainCount = 0
    while stateCount < quota, vainCount < Self.vainLimit {
      let choice = CrashChoice.random(&random)
      let isNew = crash(place, place.model.image(choice), isCut: true) { "\(choice)" }
      vainCount = isNew ? 0 : vainCount + 1
    }
  }

  /// States in a row that are found equal to others, after which a moment has no more to try.
  private static let vainLimit = 40

  /// Checks one state, unless it was checked before.
  /// - Returns: Whether it was not.
  @discardableResult
  private mutating func crash(
    _ place: Place, _ image: DiskImage, isCut: Bool, _ describe: () -> String
  ) -> Bool {
    guard seen.insert(place.key(image, isCut: isCut)).inserted else {
      equalCount += 1
      return false
    }
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
      keep(image)
    } else if place.path.isEmpty, stateCount % effort.nestInterval == 0 {
      nest(place, image, isCut: isCut, moment, seed: stateSeed, describe())
    }
    return true
  }

  /// Puts what a crash left into a folder of the system, where somebody wants to look at it.
  private func keep(_ image: DiskImage) {
    guard let evidence else { return }
    do {
      try image.write(to: "\(evidence)/\(name), seed \(seed), state \(stateCount)")
    } catch {
      print("SIMULATION: cannot keep state \(stateCount): \(error)")
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
    var model = isCut ? DiskModel(image) : place.model
    var expectation = place.expectation
    if isCut { expectation.failPower() }
    let path = "after operation \(place.time), \(description), and then "
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
      let description = "\(name), seed \(seed), state \(stateCount): \(error); \(path)"
      failures.append(Failure(state: stateCount, fault: "\(error)", description: description))
      return
    }
    let recovery = disk.log
    for (time, operation) in recovery.enumerated() {
      model.apply(operation, at: log.count + time)
      if case .marker(let marker) = operation { expectation.apply(marker) }
      var inner = Place(time, model, expectation, moment.after(isCut: false))
      inner.path = path
      crash(
        inner, next: time + 1 < recovery.count ? recovery[time + 1] : nil,
        quota: stateCount + 4)
    }
  }
}
