/// Gives the events of a recording in the order in which they arrive, each once, while a recorder
/// writes it.
///
/// It goes on across sealed segments, dropped ones, crashes and restarts of the recorder, and tells
/// what it had to leave out. Events that have been removed are not given. It never makes the
/// recorder wait: one that is too slow for the recording's retention is told what it has missed.
/// Before damage in the write-ahead buffer it waits until the recorder has put the events into a
/// block, which one with durability `disk` does, or the next one has found them to be lost.
/// A follower belongs to one task.
public final class Follower {
  /// What must hold of an event; its order and ``Query/after`` do not matter.
  public var query: Query
  /// The place: everything up to this sequence number has been given, or did not match.
  ///
  /// A follower made with it (``init(path:query:after:configuration:)``) goes on exactly here.
  public private(set) var cursor: SequenceNumber
  private let recording: Recording

  /// How often a file may be gone when it is about to be read, because retention was faster.
  private static let maximumAttempts = 20

  /// Follows the recording in the folder at `path`.
  ///
  /// Only the segments are opened that have what comes: it begins as fast however many there are.
  ///
  /// - Parameters:
  ///   - path: The folder, or a lone segment file, which has an end.
  ///   - query: What must hold of an event.
  ///   - cursor: Where to go on; nothing means after the last event that is there now, and 0 before
  ///     the first.
  ///   - configuration: How it is read.
  /// - Throws: As ``Recording/init(path:configuration:)``; ``ReelError/invalidArgument(_:)`` for a
  ///   cursor behind the end of the recording.
  public convenience init(
    path: String, query: Query = Query(), after cursor: SequenceNumber? = nil,
    configuration: RecordingConfiguration = RecordingConfiguration()
  ) throws(ReelError) {
    let floor = Self.floor(cursor)
    try self.init(
      try Recording(path: path, configuration: configuration, floor: floor), query, after: cursor)
  }

  /// Follows with a reader of its own.
  init(
    _ recording: Recording, _ query: Query, after cursor: SequenceNumber?
  ) throws(ReelError) {
    self.recording = recording
    self.query = query
    let last = try recording.snapshot().nextSequence - 1
    if let cursor, cursor.rawValue > last {
      throw .invalidArgument(
        "the cursor #\(cursor.rawValue) lies behind the end of the recording, which is #\(last)")
    }
    self.cursor = cursor ?? SequenceNumber(rawValue: last)
    recording.raiseFloor(to: self.cursor.rawValue + 1)
  }

  /// The sequence number from which on segments are looked at.
  static func floor(_ cursor: SequenceNumber?) -> UInt64 {
    guard let cursor else { return .max }
    return cursor.rawValue == .max ? .max : cursor.rawValue + 1
  }

  /// The attributes that the recording declares, as of now.
  public var attributes: [AttributeDeclaration] {
    get throws(ReelError) { try recording.attributes }
  }

  /// What has come since the last call; waits for nothing.
  ///
  /// - Parameter limit: How many events at most, 1 or more.
  /// - Returns: An empty batch when nothing has come.
  /// - Throws: ``ReelError/io(_:)``, ``ReelError/closed``, ``ReelError/notFound(path:)`` when the
  ///   recording is gone. The place is then as it was, and calling again goes on. Damage is told in
  ///   ``FollowedBatch/notices``.
  /// - Complexity: Two system calls when nothing has changed, none beside a recorder in the same
  ///   process.
  public func next(limit: Int = 1000) throws(ReelError) -> FollowedBatch {
    precondition(limit >= 1, "a batch has at least one event")
    var attempt = 0
    while true {
      let snapshot = try recording.snapshot()
      var reader = try ArrivalReader(
        query, after: cursor.rawValue, limit: limit, snapshot: snapshot, cache: recording.cache)
      do throws(ReelError) {
        try reader.read()
      } catch {
        // What was found before the failure is given first, and then the failure if it lasts.
        guard reader.position > cursor.rawValue else {
          attempt += 1
          // A segment was dropped after the snapshot was taken: the next one knows of it.
          if case .io(let failure) = error, failure.code == ErrorNumber.noEntry,
            attempt < Self.maximumAttempts
          {
            continue
          }
          throw error
        }
      }
      let batch = reader.result
      cursor = batch.cursor
      if cursor.rawValue < .max { recording.raiseFloor(to: cursor.rawValue + 1) }
      return batch
    }
  }
}

extension Recording {
  /// The events that match `query` and arrive from now on, or after a cursor, as they come.
  ///
  /// The sequence has no end, but for a lone segment file, which does not grow; it ends early when
  /// its task is cancelled.
  ///
  /// ```swift
  /// for try await batch in try recording.follow() {
  ///   for event in batch.events { handle(event) }
  ///   save(batch.cursor)
  /// }
  /// ```
  ///
  /// - Parameters:
  ///   - query: What must hold of an event; its order and ``Query/after`` do not matter.
  ///   - cursor: Where to go on; nothing means after the last event that is there now, and 0 before
  ///     the first.
  /// - Returns: The sequence, which may be gone through any number of times.
  /// - Throws: ``ReelError/invalidArgument(_:)`` for a cursor behind the end of the recording,
  ///   ``ReelError/io(_:)``, ``ReelError/closed``.
  public func follow(
    _ query: Query = Query(), after cursor: SequenceNumber? = nil
  ) throws(ReelError) -> FollowSequence {
    let last = SequenceNumber(rawValue: try snapshot().nextSequence - 1)
    if let cursor, cursor > last {
      throw .invalidArgument(
        "the cursor #\(cursor.rawValue) lies behind the end of the recording, which is"
          + " #\(last.rawValue)")
    }
    return FollowSequence(recording: self, query: query, start: cursor ?? last)
  }
}

/// What comes into a recording as an asynchronous sequence of batches, none of them empty.
public struct FollowSequence: AsyncSequence, Sendable {
  /// Events and what happened among them.
  public typealias Element = FollowedBatch
  /// What reading can throw.
  public typealias Failure = ReelError

  let recording: Recording
  let query: Query
  let start: SequenceNumber

  /// Creates an iterator that begins where the sequence does.
  public func makeAsyncIterator() -> AsyncIterator {
    AsyncIterator(sequence: self)
  }

  /// An iterator over batches; it ends when its task is cancelled.
  public struct AsyncIterator: AsyncIteratorProtocol {
    private let sequence: FollowSequence
    private var follower: Follower?

    /// Nanoseconds between two looks: soon after something came, and when nothing has for a while.
    ///
    /// An unchanged recording costs two system calls a look.
    private static let shortPause: UInt64 = 1_000_000
    private static let longPause: UInt64 = 16_000_000

    init(sequence: FollowSequence) {
      self.sequence = sequence
    }

    /// The next batch, as soon as there is one.
    public mutating func next(
      isolation actor: isolated (any Actor)? = #isolation
    ) async throws(ReelError) -> FollowedBatch? {
      var pause = Self.shortPause
      while !Task.isCancelled {
        let follower = try opened()
        let batch = try follower.next()
        if !batch.isEmpty { return batch }
        guard batch.isAtEnd else {
          await Task.yield()
          continue
        }
        if sequence.recording.isLoneSegment { return nil }
        guard (try? await Task.sleep(nanoseconds: pause)) != nil else { return nil }
        if pause < Self.longPause { pause *= 2 }
      }
      return nil
    }

    private mutating func opened() throws(ReelError) -> Follower {
      if let follower { return follower }
      let floor = Follower.floor(sequence.start)
      let reader = try sequence.recording.reader(from: floor)
      let follower = try Follower(reader, sequence.query, after: sequence.start)
      self.follower = follower
      return follower
    }
  }
}
