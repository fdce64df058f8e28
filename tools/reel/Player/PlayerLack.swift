import Reel

/// A time of which the recording does not have everything.
struct PlayerLack: Hashable {
  var range: ClosedRange<Timestamp>
  /// What is not there, for people.
  var text: String

  /// So many stretches are placed in time at most; the rest is only counted.
  private static let maximumCount = 64

  /// How far from numbers that are not there an event is looked for that tells when.
  private static let reach: UInt64 = 64

  /// What an answer lacks, and other damage that was met, placed along the time of `recording`,
  /// whose events are within `range`.
  static func all(
    _ completeness: Completeness, and met: [Corruption], gaps: [Gap],
    in range: ClosedRange<Timestamp>, of recording: Recording
  ) -> [PlayerLack] {
    var lacks: [PlayerLack] = []
    let damages = completeness.damages + met.filter { !completeness.damages.contains($0) }
    if completeness.removedEventCount > 0 || completeness.isCut {
      let count = Wording.count(completeness.removedEventCount, "event")
      let text = completeness.removedEventCount > 0 ? "\(count) removed before" : "older events cut"
      lacks.append(PlayerLack(range: range.lowerBound...range.lowerBound, text: text))
    }
    for gap in gaps where gap.from <= gap.to {
      let from = Timestamp(nanoseconds: gap.from)
      let to = Timestamp(nanoseconds: gap.to)
      guard range.overlaps(from...to) else { continue }
      lacks.append(
        PlayerLack(range: from...to, text: "\(Wording.count(gap.eventCount, "event")) dropped"))
    }
    for damage in damages.prefix(maximumCount) {
      let place = damage.sequenceNumbers.flatMap { time(of: $0, range, recording) } ?? range
      let count = damage.sequenceNumbers.map { Wording.count($0.count, "record") }
      lacks.append(PlayerLack(range: place, text: "\(count ?? "a stretch") damaged"))
    }
    for numbers in completeness.missing.prefix(maximumCount) {
      guard let place = time(of: numbers, range, recording) else { continue }
      lacks.append(
        PlayerLack(range: place, text: "\(Wording.count(numbers.count, "record")) missing"))
    }
    return lacks
  }

  /// The time between the last event before some sequence numbers and the first after them, or the
  /// end of `range` where there is none on that side; nothing when there is none on either.
  private static func time(
    of numbers: ClosedRange<UInt64>, _ range: ClosedRange<Timestamp>, _ recording: Recording
  ) -> ClosedRange<Timestamp>? {
    func event(_ number: UInt64) -> Event? {
      // What lies beside it may be damaged as well.
      try? recording.event(SequenceNumber(rawValue: number))
    }
    // Control records lie between the events.
    let before = (1...reach).lazy.compactMap { offset in
      numbers.lowerBound > offset ? event(numbers.lowerBound - offset)?.timestamp : nil
    }.first
    let after = (1...reach).lazy.compactMap { event(numbers.upperBound + $0)?.timestamp }.first
    guard before != nil || after != nil else { return nil }
    let (start, end) = (before ?? range.lowerBound, after ?? range.upperBound)
    return min(start, end)...max(start, end)
  }
}
