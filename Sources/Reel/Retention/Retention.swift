/// What a caller asks the flusher to drop.
enum RetentionRequest: Sendable {
  /// What the configuration says.
  case enforce
  /// The oldest segments, while so many bytes remain.
  case keepBytes(Int)
  /// Segments all of whose events a cut covers.
  case covered(by: Cut)
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

  /// The number of the oldest sealed segments to drop, for `request` and the configuration.
  func plan(_ request: RetentionRequest?, _ appender: borrowing SegmentAppender) -> Int {
    var (events, bytes) = appender.totals
    bytes += configuration.bufferByteCount
    var count = 0
    for segment in appender.sealed {
      guard
        isExcess(events: events, bytes: bytes) || isAged(segment)
          || isAsked(request, segment, bytes: bytes)
      else { break }
      events -= segment.eventCount
      bytes -= segment.byteCount
      count += 1
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
    return !overflow && segment.lastArrival < oldest
  }

  private func isAsked(
    _ request: RetentionRequest?, _ segment: SegmentAppender.SealedSegment, bytes: Int
  ) -> Bool {
    switch request {
    case .keepBytes(let kept): bytes > kept
    case .covered(let cut):
      segment.nextSequence <= cut.sequence
        && cut.before.map { segment.eventCount == 0 || segment.maximumTimestamp < $0 } ?? true
    case .enforce, nil: false
    }
  }
}
