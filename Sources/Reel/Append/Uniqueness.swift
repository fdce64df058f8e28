/// Refuses events whose id is in the recording already: what ``RecorderConfiguration/uniqueIDs``
/// asks for.
///
/// Look-up and append are one step, so of two threads with one id one is refused.
final class Uniqueness: Sendable {
  /// Held from the check to the end of the append.
  let lock = Lock()

  /// - Throws: ``ReelError/duplicateID(_:)`` when one of `ids` is in the recording, or twice among
  ///   them.
  func check(_ ids: [EventID], in recording: Recording) throws(ReelError) {
    var seen: Set<EventID> = []
    for id in ids {
      guard seen.insert(id).inserted, try !recording.contains(id: id) else {
        throw .duplicateID(id)
      }
    }
  }
}
