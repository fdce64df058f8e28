import Reel
import Workload

/// What every measurement works on: the events, and where a child process gets the same ones.
struct Workbench {
  let events: [Event]
  /// The same events in batches of 1,000.
  let batches: [[Event]]
  let source: TraceSource
  let groups: Set<Group>

  init(_ source: TraceSource, count: Int, groups: Set<Group>) throws {
    self.source = source
    self.groups = groups
    var trace = try Trace(source)
    var events: [Event] = []
    events.reserveCapacity(count)
    while events.count < count, let event = try trace.next() { events.append(event) }
    guard !events.isEmpty else { throw StoreError(message: "there are no events") }
    self.events = events
    batches = Self.batches(events, of: 1000)
  }

  static func batches(_ events: [Event], of count: Int) -> [[Event]] {
    stride(from: 0, to: events.count, by: count).map {
      Array(events[$0..<min($0 + count, events.count)])
    }
  }
}

/// A part of the measurements that can be asked for alone.
enum Group: String, CaseIterable {
  case ingest, queries, batches, cache, kill, durable, drop, memory, latency, threads, limits
  case columns
}
