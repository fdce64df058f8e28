/// What all control records so far come to.
///
/// It is repeated at the head of each segment, so that dropping a segment loses nothing. Normative:
/// format-spec.md, "State".
struct ControlState: Hashable, Sendable {
  /// The newest runs, oldest first.
  var runs: [Run] = []
  /// Runs that are no longer listed.
  var forgottenRunCount: UInt64 = 0
  /// The newest gaps, oldest first.
  var gaps: [Gap] = []
  /// Events lost in all gaps, the forgotten ones included.
  var droppedEventCount: UInt64 = 0
  /// The cuts that still cover something, none included in another.
  var cuts: [Cut] = []
  /// What retention has removed.
  var dropped = Drop(below: 1, eventCount: 0)
  /// The newest stretches of sequence numbers that no file holds and that a recovery or repair has
  /// reported, oldest first.
  var losses: [ClosedRange<UInt64>] = []
  /// The highest sequence number that a sync mark calls durable.
  var watermark: UInt64 = 0
  var attributes = AttributeSchema()
  /// What kinds mean.
  var roles = KindRoles()

  static let maximumRunCount = 128
  static let maximumGapCount = 256
  static let maximumCutCount = 512
  static let maximumLossCount = 256

  /// Takes a control record with the given sequence number into account.
  mutating func apply(_ record: ControlRecord, sequence: UInt64) {
    switch record {
    case .runStart(let run):
      endLastRun(.crashed, lastSequence: sequence - 1)
      runs.append(run)
      if runs.count > Self.maximumRunCount {
        runs.removeFirst()
        forgottenRunCount &+= 1
      }
    case .runEnd(let wall, _):
      endLastRun(.closed, lastSequence: sequence, wall: wall)
    case .gap(let gap):
      droppedEventCount &+= gap.eventCount
      gaps.append(gap)
      if gaps.count > Self.maximumGapCount { mergeOldestGaps() }
    case .cut(let cut):
      guard !cuts.contains(where: { $0.includes(cut) }) else { return }
      cuts.removeAll { cut.includes($0) }
      // The recorder refuses a cut beyond the limit; a file that has more is not believed.
      if cuts.count < Self.maximumCutCount { cuts.append(cut) }
    case .drop(let drop):
      dropped.below = max(dropped.below, drop.below)
      dropped.eventCount &+= drop.eventCount
      cuts.removeAll { $0.sequence <= dropped.below }
      losses.removeAll { $0.upperBound < dropped.below }
    case .syncMark(let watermark):
      if watermark < sequence { self.watermark = max(self.watermark, watermark) }
    case .configuration(let declarations):
      // Types are checked when attributes are declared; a contradiction in a file changes nothing.
      try? attributes.merge(declarations)
    case .roles(let later):
      try? roles.merge(later.declared)
    }
  }

  private mutating func endLastRun(_ end: Run.End, lastSequence: UInt64, wall: Int64? = nil) {
    guard var run = runs.popLast() else { return }
    if run.end == .open {
      run.end = end
      run.endWall = wall
      run.lastSequence = SequenceNumber(rawValue: lastSequence)
    }
    runs.append(run)
  }

  private mutating func mergeOldestGaps() {
    let first = gaps.removeFirst()
    gaps[0] = Gap(
      eventCount: first.eventCount &+ gaps[0].eventCount, from: min(first.from, gaps[0].from),
      to: max(first.to, gaps[0].to))
  }

  /// Notes that `sequences` are lost and reported.
  mutating func lose(_ sequences: ClosedRange<UInt64>) {
    var lower = sequences.lowerBound
    var upper = sequences.upperBound
    // Those that it touches become one with it.
    losses.removeAll { loss in
      guard loss.lowerBound <= upper + 1, lower <= loss.upperBound + 1 else { return false }
      lower = min(lower, loss.lowerBound)
      upper = max(upper, loss.upperBound)
      return true
    }
    let place = losses.firstIndex { $0.lowerBound > upper } ?? losses.count
    losses.insert(lower...upper, at: place)
    // A loss that is not listed is found, and reported, anew.
    if losses.count > Self.maximumLossCount { losses.removeFirst() }
  }

  /// Whether `sequences` are known to be lost.
  func isLost(_ sequences: ClosedRange<UInt64>) -> Bool {
    losses.contains {
      $0.lowerBound <= sequences.lowerBound && sequences.upperBound <= $0.upperBound
    }
  }

  /// Which events have been removed, by cuts or by retention.
  var removals: Removals { Removals(below: dropped.below, cuts: cuts) }

  func encode() -> [UInt8] {
    var body: [UInt8] = []
    body.append(varint: UInt64(runs.count))
    for run in runs { run.encode(to: &body) }
    body.append(varint: forgottenRunCount)
    body.append(varint: UInt64(gaps.count))
    for gap in gaps { gap.encode(to: &body) }
    body.append(varint: droppedEventCount)
    body.append(varint: UInt64(cuts.count))
    for cut in cuts { cut.encode(to: &body) }
    dropped.encode(to: &body)
    body.append(varint: UInt64(losses.count))
    for loss in losses {
      body.append(varint: loss.lowerBound)
      body.append(varint: loss.upperBound - loss.lowerBound)
    }
    body.append(varint: watermark)
    attributes.declarations.encode(to: &body)
    roles.encode(to: &body)
    return body
  }

  init() {}

  init(decoding body: RawSpan) throws(ByteReader.Malformed) {
    var reader = ByteReader(body)
    for _ in 0..<(try reader.count("the number of runs", limit: Self.maximumRunCount)) {
      runs.append(try Run(reading: &reader))
    }
    forgottenRunCount = try reader.varint("the number of forgotten runs")
    for _ in 0..<(try reader.count("the number of gaps", limit: Self.maximumGapCount)) {
      gaps.append(try Gap(reading: &reader))
    }
    droppedEventCount = try reader.varint("the number of dropped events")
    for _ in 0..<(try reader.count("the number of cuts", limit: Self.maximumCutCount)) {
      cuts.append(try Cut(reading: &reader))
    }
    dropped = try Drop(reading: &reader)
    for _ in 0..<(try reader.count("the number of losses", limit: Self.maximumLossCount)) {
      let first = try reader.sequence("a lost sequence number")
      let more = try reader.sequence("how many more are lost")
      let previous = losses.last?.upperBound ?? 0
      guard first > previous, more <= Limits.sequenceNumber - first else {
        throw ByteReader.Malformed("a lost sequence number", "cannot be", found: first)
      }
      losses.append(first...(first + more))
    }
    watermark = min(try reader.varint("the watermark"), Limits.sequenceNumber)
    let declarations = try [AttributeDeclaration](reading: &reader)
    try? attributes.merge(declarations)
    roles = try KindRoles(reading: &reader)
    try reader.finish("the state")
  }
}

/// Which events have been removed: the part of the control state that every answer asks again and
/// again, by itself so that little has to be handed around.
struct Removals: Sendable {
  /// Everything that arrived before this sequence number is gone.
  let below: UInt64
  let cuts: [Cut]

  /// Whether an event has been removed.
  func isRemoved(timestamp: Int64, sequence: UInt64) -> Bool {
    if sequence < below { return true }
    for cut in cuts where cut.covers(timestamp: timestamp, sequence: sequence) { return true }
    return false
  }

  /// Whether all events of a block or segment have been removed; a segment's file may then be gone
  /// at any moment.
  func removesAll(of stretch: TimeOrder.Stretch) -> Bool {
    if stretch.last < below { return true }
    for cut in cuts where cut.covers(timestamp: stretch.maximum, sequence: stretch.last) {
      return true
    }
    return false
  }

  /// Whether some events of a block or segment may have been removed.
  func mayRemove(from stretch: TimeOrder.Stretch) -> Bool {
    if stretch.first < below { return true }
    for cut in cuts where cut.covers(timestamp: stretch.minimum, sequence: stretch.first) {
      return true
    }
    return false
  }
}
