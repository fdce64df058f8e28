/// What a caller asks the flusher to drop.
enum RetentionRequest: Sendable {
  /// What the configuration says.
  case enforce
  /// The oldest segments, while so many bytes remain.
  case keepBytes(Int)
}

/// What was dropped.
public struct RetentionReport: Hashable, Sendable {
  /// Segment files that were unlinked.
  public var segmentCount = 0
  /// Events that were in them.
  public var eventCount = 0
  /// Bytes that came free.
  public var byteCount = 0

  init(segmentCount: Int = 0, eventCount: Int = 0, byteCount: Int = 0) {
    self.segmentCount = segmentCount
    self.eventCount = eventCount
    self.byteCount = byteCount
  }
}

/// Decides how many of the oldest segments go.
///
/// Only whole segments do, oldest first, and the active one never: what is kept is exact to within
/// a segment.
struct Retention {
  private let configuration: RecorderConfiguration
  private let startWall: Int64
  private let startMonotonic: Int64

  init(configuration: RecorderConfiguration) {
    self.configuration = configuration
    startWall = configuration.clock.wall()
    startMonotonic = configuration.clock.monotonic()
  }

  /// The wall clock at the start of the run and what has passed since: a jump of the wall clock in
  /// between, by hand or by a time service, drops nothing.
  private var now: Int64 {
    startWall &+ (configuration.clock.monotonic() &- startMonotonic)
  }

  /// The number of the oldest sealed segments to drop, for `request`, the configuration and all
  /// cuts, `cuts` being those that the appender has not seen.
  ///
  /// Those that cannot be read stay when the log says that they are gone, and so do their bytes.
  func plan(
    _ request: RetentionRequest?, _ appender: borrowing SegmentAppender, cuts: [Cut] = []
  ) -> Int {
    var (events, bytes) = appender.totals
    bytes = bytes.saturatingAdd(configuration.bufferByteCount)
    let cuts = cuts + appender.control.cuts
    var count = 0
    var isAllKnown = true
    for (index, segment) in appender.sealed.enumerated() {
      guard segment.isReadable else {
        // It may have what a cut leaves; to say that it is gone would hide that this is lost.
        isAllKnown = false
        continue
      }
      // Where nothing tells how old one is, the next one does.
      if segment.lastArrival == nil, configuration.maximumAge != nil { continue }
      guard
        isExcess(events: events, bytes: bytes) || isAged(segment)
          || isAsked(request, bytes: bytes)
          || cuts.contains(where: { segment.isCovered(by: $0, isAllKnown) })
      else { break }
      events -= min(events, segment.eventCount)
      bytes -= segment.byteCount
      count = index + 1
    }
    return count
  }

  private func isExcess(events: UInt64, bytes: Int) -> Bool {
    if let maximum = configuration.maximumEventCount, events > UInt64(maximum) { return true }
    if let maximum = configuration.maximumByteCount, bytes > maximum { return true }
    return false
  }

  private func isAged(_ segment: SegmentAppender.SealedSegment) -> Bool {
    guard let age = configuration.maximumAge else { return false }
    let (oldest, overflow) = now.subtractingReportingOverflow(age.nanoseconds)
    return !overflow && segment.lastArrival.map { $0 < oldest } ?? false
  }

  private func isAsked(_ request: RetentionRequest?, bytes: Int) -> Bool {
    switch request {
    case .keepBytes(let kept): bytes > kept
    case .enforce, nil: false
    }
  }
}

extension SegmentAppender.SealedSegment {
  /// Whether `cut` hides all events of the segment, and of those before if they are known.
  fileprivate func isCovered(by cut: Cut, _ isAllKnown: Bool) -> Bool {
    guard nextSequence <= cut.sequence else { return false }
    guard let before = cut.before else { return true }
    return isAllKnown && isWhole && (eventCount == 0 || maximumTimestamp < before)
  }
}
