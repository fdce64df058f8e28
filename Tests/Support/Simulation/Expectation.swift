@testable import Reel

/// What must be found after a crash, as far as the markers before it tell.
///
/// Normative: AboutDurability, "What holds".
struct Expectation: Hashable {
  /// Whether all runs so far promised that what append acknowledged survives a loss of power.
  var isDisk: Bool
  /// Whether the power failed before while that was not promised, so that there may be holes.
  var mayHaveHoles = false
  /// Events that the recording may keep at most, the rest being dropped as the oldest.
  var kept: Int?
  private(set) var sent = 0
  /// Events below are acknowledged for the death of a process, and for a loss of power.
  private(set) var killSafe = 0
  private(set) var powerSafe = 0
  /// Events that a recovery has handed out, by what they survive since.
  private(set) var killSafeNumbers: [Int] = []
  private(set) var powerSafeNumbers: [Int] = []
  /// Removals: the last begun, and those that returned.
  private(set) var floors = [0]
  private(set) var killSafeFloor = 0
  private(set) var powerSafeFloor = 0
  private(set) var documents: [String: Document] = [:]

  struct Document: Hashable {
    /// Nothing stands for a document that is not there.
    var versions: [[UInt8]?] = [nil]
    /// The first version that may be found.
    var stored = 0
  }

  mutating func apply(_ marker: Marker) {
    switch marker {
    case .sent(let count): sent = max(sent, count)
    case .acknowledged(let count, let durability):
      killSafe = max(killSafe, count)
      if durability == .disk { powerSafe = max(powerSafe, count) }
    case .handedOut(let numbers, let durability):
      killSafeNumbers = numbers
      if durability == .disk { powerSafeNumbers = numbers }
    case .removing(let floor): floors.append(floor)
    case .removed(let floor, let durability):
      killSafeFloor = max(killSafeFloor, floor)
      if durability == .disk { powerSafeFloor = max(powerSafeFloor, floor) }
    case .storing(let name, let content):
      documents[name, default: Document()].versions.append(content)
    case .stored(let name):
      guard var document = documents[name] else { return }
      document.stored = document.versions.count - 1
      documents[name] = document
    }
  }

  /// What is left of all that after the power has failed and the recording was opened.
  mutating func failPower() {
    killSafe = powerSafe
    killSafeNumbers = powerSafeNumbers
    killSafeFloor = powerSafeFloor
    if !isDisk { mayHaveHoles = true }
  }

  /// Below this number events may be gone because somebody wanted it.
  private var highestFloor: Int {
    max(floors.last ?? 0, kept.map { sent - $0 * 7 / 8 } ?? 0)
  }
}

/// What was found after a crash.
struct Found: Equatable {
  var events: [Event]
  var missing: [ClosedRange<UInt64>]
  var damages: [Corruption]
  /// What recovery says that it found damaged.
  var recovery: [Corruption]
  var documents: [String: [UInt8]?]
}

extension Expectation {
  /// What is wrong with what was found, of all `events` that were or will be sent, after a loss of
  /// power if `isCut` is set, else the death of the process.
  func fault(
    of found: Found, events: [Event], batches: [Range<Int>], isCut: Bool
  ) -> CrashCheck.Fault? {
    let allowsHoles = allowsHoles(isCut: isCut)
    if let reason = lossFault(found, events, batches, isCut: isCut) {
      return CrashCheck.Fault(reason: reason)
    }
    if let reason = allowsHoles ? holeFault(found) : damageFault(found) {
      // All that is promised is there. After the death of a process nothing may seem damaged.
      return CrashCheck.Fault(reason: reason, isOfReport: allowsHoles || isCut)
    }
    return nil
  }

  /// Whether there may be holes, as long as they are reported.
  func allowsHoles(isCut: Bool) -> Bool { mayHaveHoles || !isDisk && isCut }

  private func lossFault(
    _ found: Found, _ events: [Event], _ batches: [Range<Int>], isCut: Bool
  ) -> String? {
    let numbers: [Int]
    switch self.numbers(found, events) {
    case .failure(let fault): return fault.reason
    case .success(let value): numbers = value
    }
    let there = Set(numbers)
    let floor = isCut ? powerSafeFloor : killSafeFloor
    if let first = numbers.first, first < floor {
      return "event \(first) is there, though all below \(floor) were removed"
    }
    let safe = isCut ? powerSafe : killSafe
    if safe > highestFloor,
      let lost = (highestFloor..<safe).first(where: { !there.contains($0) })
    {
      return "event \(lost) is lost, though all below \(safe) were acknowledged"
    }
    let handedOut = isCut ? powerSafeNumbers : killSafeNumbers
    if let lost = handedOut.first(where: { $0 >= highestFloor && !there.contains($0) }) {
      return "event \(lost) is lost, which a recovery had handed out"
    }
    if let fault = documentFault(found) { return fault }
    return allowsHoles(isCut: isCut) ? nil : prefixFault(numbers, found, batches)
  }

  private struct Mismatch: Error { var reason: String }

  /// The numbers of the events found, each being the one that was sent.
  private func numbers(_ found: Found, _ events: [Event]) -> Result<[Int], Mismatch> {
    var numbers: [Int] = []
    var last: SequenceNumber?
    for event in found.events {
      guard let number = event.timestamp.map({ Int($0.nanoseconds) }),
        events.indices.contains(number)
      else { return .failure(Mismatch(reason: "an event that was never sent: \(event)")) }
      var wanted = events[number]
      wanted.sequenceNumber = event.sequenceNumber
      guard event == wanted else {
        return .failure(Mismatch(reason: "event \(number) is not what was sent: \(event)"))
      }
      guard number < sent else {
        return .failure(Mismatch(reason: "event \(number) is there before it was sent"))
      }
      if let last, let sequence = event.sequenceNumber, sequence <= last {
        return .failure(
          Mismatch(reason: "event \(number) has no greater number than the one before"))
      }
      if let before = numbers.last, before >= number {
        return .failure(Mismatch(reason: "event \(number) comes after \(before)"))
      }
      last = event.sequenceNumber
      numbers.append(number)
    }
    return .success(numbers)
  }

  /// The first n of what was sent, batches whole.
  private func prefixFault(
    _ numbers: [Int], _ found: Found, _ batches: [Range<Int>]
  ) -> String? {
    let wanted = numbers.filter { $0 >= highestFloor }
    if let first = wanted.first {
      guard first == highestFloor else { return "events \(highestFloor)..<\(first) are missing" }
      for (offset, number) in wanted.enumerated() where number != first + offset {
        return "event \(first + offset) is missing, though \(number) is there"
      }
    }
    let end = (numbers.last ?? -1) + 1
    if let batch = batches.first(where: { $0.lowerBound < end && end < $0.upperBound }) {
      return "the batch \(batch) is there in part, up to \(end)"
    }
    if kept == nil, let first = numbers.first, !floors.contains(first), floors.max() ?? 0 > 0,
      first < highestFloor
    {
      return "a removal is there in part: event \(first) is the first"
    }
    return nil
  }

  /// Nothing is damaged or missing.
  private func damageFault(_ found: Found) -> String? {
    if let damage = (found.recovery + found.damages).first {
      return "a crash is reported as damage: \(damage)"
    }
    if let missing = found.missing.first { return "numbers \(missing) are said to be missing" }
    return nil
  }

  /// Each event that is missing before one that is there is in a stretch that is reported.
  private func holeFault(_ found: Found) -> String? {
    let numbers = found.events.compactMap { $0.timestamp.map { Int($0.nanoseconds) } }
    var reported = found.missing
    for damage in found.damages { if let range = damage.sequenceNumbers { reported.append(range) } }
    for (index, number) in numbers.enumerated() where number >= highestFloor {
      let before = index > 0 ? numbers[index - 1] : -1
      let first = max(before + 1, highestFloor)
      guard first < number else { continue }
      let start = index > 0 ? found.events[index - 1].sequenceNumber?.rawValue ?? 0 : 0
      let end = found.events[index].sequenceNumber?.rawValue ?? 0
      let covered = ((start + 1)..<max(end, start + 1)).filter { sequence in
        reported.contains { $0.contains(sequence) }
      }
      if covered.count < number - first {
        return "events \(first)..<\(number) are missing, and only \(covered) reported"
      }
    }
    return nil
  }

  private func documentFault(_ found: Found) -> String? {
    for (name, document) in documents {
      let possible = document.versions[document.stored...]
      guard let content = found.documents[name] else { return "document \(name) was not read" }
      if !possible.contains(content) {
        return "document \(name) is not one of its last \(possible.count) versions"
      }
    }
    return nil
  }
}
