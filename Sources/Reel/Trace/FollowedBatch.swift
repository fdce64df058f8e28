/// What a follower is given at once: events in the order in which they arrived, and what happened
/// to the recording among them.
public struct FollowedBatch: Sendable {
  /// The events that match, in order of arrival.
  public internal(set) var events: [EventView] = []
  /// What happened to the recording, in the same order.
  public internal(set) var notices: [FollowNotice] = []
  /// The place after this batch: following from it gives what comes next, and nothing twice.
  public internal(set) var cursor: SequenceNumber
  /// Whether nothing else was there.
  ///
  /// A batch need not be full to have more behind it: what does not match is gone over in steps.
  public internal(set) var isAtEnd = false

  /// Whether it tells nothing.
  public var isEmpty: Bool { events.isEmpty && notices.isEmpty }
}

/// Something that happened to a recording while events came.
public struct FollowNotice: Hashable, Sendable {
  /// What it was.
  public enum Content: Hashable, Sendable {
    /// A recorder was opened: a run begins.
    ///
    /// Where the one before was not closed, its program died.
    case opened(Run)
    /// The recorder was closed.
    case closed
    /// The recorder had to drop events.
    case dropped(Gap)
    /// What had these sequence numbers cannot be given.
    case missed(ClosedRange<UInt64>, Loss)
  }

  /// Why something cannot be given.
  public enum Loss: Hashable, Sendable {
    /// Retention had removed it before it was asked for.
    case removed
    /// No file holds it.
    case missing
    /// Its bytes are damaged.
    case damaged(Corruption)
  }

  /// The sequence number at which it comes among the events.
  public let place: SequenceNumber
  /// What it was.
  public let content: Content

  init(_ place: UInt64, _ content: Content) {
    self.place = SequenceNumber(rawValue: place)
    self.content = content
  }
}
