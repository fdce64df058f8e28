/// How a recorder writes.
///
/// Every value has a default that suits a program that should not notice it.
public struct RecorderConfiguration: Sendable {
  /// What ``Recorder/append(_:)-(Event)`` promises when it returns.
  ///
  /// Default: ``Durability/process``.
  public var durability: Durability = .process
  /// Bytes of the write-ahead buffer, a multiple of 8.
  ///
  /// One event or batch takes at most half of it, less 4 KiB. Default: 4 MiB. Minimum: 64 KiB.
  /// Maximum: 1 GiB.
  public var bufferByteCount = 4 << 20
  /// What an append does while the buffer is full.
  ///
  /// Default: ``BackpressurePolicy/wait``.
  public var backpressure: BackpressurePolicy = .wait
  /// Uncompressed bytes that make a block.
  ///
  /// Larger blocks take less room and cost more to read a single event from. Default: 128 KiB.
  /// Minimum: 4 KiB. Maximum: 16 MiB.
  public var blockByteCount = 128 << 10
  /// Uncompressed payload bytes that are compressed together.
  ///
  /// A single event's payload is decompressed no further than it reaches, so half of a frame on
  /// average. Default: 64 KiB, which took 5.7 bytes in a hundred less than 32 KiB on a trace of
  /// random payloads. Minimum: 4 KiB. Maximum: 16 MiB.
  public var payloadFrameByteCount = 64 << 10
  /// Bytes at which a segment is sealed; earlier where ``maximumByteCount``, ``maximumEventCount``
  /// or ``maximumAge`` demand it, and at 524,288 events.
  ///
  /// Default: 16 MiB. Minimum: 64 KiB. Maximum: 1 GiB.
  public var segmentByteCount = 16 << 20
  /// The largest payload taken.
  ///
  /// ``bufferByteCount`` must be more than twice that: a payload of 16 MiB needs 33 MiB. Default:
  /// 1 MiB. Maximum: 16 MiB.
  public var maximumPayloadByteCount = 1 << 20
  /// Events to keep at most: the oldest segments are dropped while there are more.
  ///
  /// The number kept is at most an eighth below it. Default: nothing, which keeps all. Minimum: 8.
  public var maximumEventCount: Int?
  /// Bytes on disk to keep at most, the buffer included, in the same way.
  ///
  /// Default: nothing. Minimum: 1 MiB beyond ``bufferByteCount``.
  public var maximumByteCount: Int?
  /// How long after its arrival an event is kept, to within an eighth.
  ///
  /// Default: nothing.
  public var maximumAge: Duration?
  /// How often age is looked at.
  ///
  /// Default: 60 s. Zero: only when a segment is sealed.
  public var retentionInterval: Duration = .seconds(60)
  /// How often what has been written is made durable, off the callers' threads.
  ///
  /// Events of the block that is being filled wait for the next time when a block was written since
  /// the last: a loss of power costs at most about two intervals. Default: 1 s. Zero: only by
  /// ``Recorder/sync()``, on sealing and on close.
  public var syncInterval: Duration = .seconds(1)
  /// How ``Recorder/recording`` reads.
  public var reading = RecordingConfiguration()
  /// Whether an event whose id is in the recording already is refused.
  ///
  /// Costs a look-up an event. Default: false.
  public var uniqueIDs = false
  /// The attributes that events may carry, beside those declared by earlier runs.
  ///
  /// Default: none.
  public var attributes: [AttributeDeclaration] = []
  /// What events of some kinds mean, beside the usual (``KindRoles/usual``) and what earlier runs
  /// have declared; kept in the recording.
  ///
  /// At most 64 kinds of at most 64 bytes. Default: nothing else.
  public var roles: [String: EventRole] = [:]

  /// Records and, as a multiple of a context's own bytes, bytes between two contexts.
  ///
  /// What a moment costs to find out stands against what contexts cost to write: with 16,384 it is
  /// some milliseconds, and a context of 200 processes takes 2 % of the bytes.
  var contextRecordInterval = 16_384
  var contextByteRatio = 96

  /// Events at which a segment is sealed however few bytes they take: what its indexes are made of
  /// is in memory until then, 16 bytes an id.
  var segmentEventCount = 1 << 19

  /// Sealed segments over which an index is made that says which of them may have a key: at 16
  /// MiB a segment, one for 2.5 million events.
  ///
  /// A key is then asked of a sixteenth as many files, and for 16 segments 4 MB more are written.
  var mergedSegmentCount = 16

  var clock: any Clock = SystemClock()

  /// Creates the default configuration.
  public init() {}

  /// Checks every bound.
  func validate() throws(ReelError) {
    try check("bufferByteCount", bufferByteCount, 64 << 10...BufferHeader.maximumCapacity)
    guard bufferByteCount % 8 == 0 else {
      throw .invalidArgument("bufferByteCount is \(bufferByteCount), not a multiple of 8")
    }
    try check("blockByteCount", blockByteCount, 4 << 10...16 << 20)
    try check("payloadFrameByteCount", payloadFrameByteCount, 4 << 10...16 << 20)
    try check("segmentByteCount", segmentByteCount, 64 << 10...1 << 30)
    try check("maximumPayloadByteCount", maximumPayloadByteCount, 0...Limits.payloadByteCount)
    if let maximumEventCount { try check("maximumEventCount", maximumEventCount, 8...Int.max) }
    if let maximumByteCount {
      try check("maximumByteCount", maximumByteCount, bufferByteCount + (1 << 20)...Int.max)
    }
  }

  private func check(
    _ name: String, _ value: Int, _ range: ClosedRange<Int>
  ) throws(ReelError) {
    guard range.contains(value) else {
      throw .invalidArgument(
        "\(name) is \(value); it must be \(range.lowerBound) to \(range.upperBound)")
    }
  }

  /// Bytes at which a segment is sealed, so that retention by bytes holds to within an eighth.
  var effectiveSegmentByteCount: Int {
    guard let maximumByteCount else { return segmentByteCount }
    return min(segmentByteCount, max((maximumByteCount - bufferByteCount) / 8, 64 << 10))
  }

  /// Events at which a segment is sealed.
  var effectiveSegmentEventCount: Int {
    min(segmentEventCount, maximumEventCount.map { max($0 / 8, 1) } ?? .max)
  }
}

/// What an append does while the write-ahead buffer is full, or with durability `disk` the disk.
public enum BackpressurePolicy: Sendable {
  /// It waits until there is room: nothing is lost and the program slows down.
  case wait
  /// The event is dropped and counted; a gap record tells so in the recording.
  case drop
}

/// How a recording is read.
public struct RecordingConfiguration: Sendable {
  /// Bytes of decoded blocks and indexes kept in memory.
  ///
  /// Default: 32 MiB. Minimum: 0.
  public var cacheByteCount = 32 << 20
  /// Segment files kept open; fewer when the process may have no more.
  ///
  /// Default: 512. Minimum: 1.
  public var openFileCount = 512
  /// The folder for temporary files, which queries need whose answer is far out of the order of
  /// arrival and does not fit into memory.
  ///
  /// Such a file has no name and is gone when its reader ends. Without a folder that can be written
  /// to, the query is slower.
  ///
  /// Default: nothing, for the one that the environment variable `TMPDIR` names, else `/var/tmp`,
  /// else `/tmp`.
  public var temporaryFolder: String?

  /// Creates the default configuration.
  public init() {}
}

extension Duration {
  /// The duration in nanoseconds, at most what fits.
  var nanoseconds: Int64 {
    let (seconds, attoseconds) = components
    let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    if overflow { return seconds < 0 ? .min : .max }
    let (total, carry) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
    return carry ? .max : total
  }
}
