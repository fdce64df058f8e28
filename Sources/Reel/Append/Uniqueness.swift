final class Uniqueness: Sendable {
  func append<R>(_ id: EventID, in recorder: Recorder, _ body: () throws(ReelError) -> R) throws(ReelError) -> R { try body() }
  func check(_ id: EventID, in recorder: Recorder) throws(ReelError) {}
  func check(_ events: [Event], in recorder: Recorder) throws(ReelError) {}
}
