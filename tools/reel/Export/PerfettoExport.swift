import Reel

/// Perfetto's trace format: packets of `TrackEvent`, with names written once.
///
/// https://perfetto.dev/docs/reference/synthetic-track-event. A process of the recording is a
/// thread, whose track has its calls as slices and the rest as instants; messages are flows. Times
/// are those of the recording in nanoseconds, or count from the first event where that is before
/// 1970.
struct PerfettoExport: CallSink {
  /// Whether steps have been handed over since somebody last took note of it.
  var hasHandedOver = false
  private let encoder: PacketEncoder
  private var steps: [PerfettoStep] = []

  /// `encoder` takes the steps.
  init(_ encoder: PacketEncoder) {
    self.encoder = encoder
  }

  /// Hands over the steps that are left.
  mutating func finish() {
    hasHandedOver = true
    encoder.add(steps)
    steps = []
  }

  mutating func enter(_ view: EventView, _ frame: inout CallFrame, in lane: CallLane) {
    add(.enter(view), lane, lane.time)
  }

  mutating func resume(_ entry: Event, _ frame: inout CallFrame, in lane: CallLane) {
    add(.resume(entry), lane, frame.start)
  }

  mutating func leave(
    _ view: EventView?, _ frame: CallFrame, in lane: CallLane, at time: Int64
  ) {
    add(.leave(view), lane, time)
  }

  mutating func happen(
    _ view: EventView, _ role: EventRole, _ flow: MessageFlow, in lane: CallLane
  ) {
    add(.happen(view, role, flow), lane, lane.time)
  }

  /// Adds a step, after one that tells of its thread where none has.
  private mutating func add(_ kind: PerfettoStep.Kind, _ lane: CallLane, _ time: Int64) {
    if steps.isEmpty { steps.reserveCapacity(PacketEncoder.batchCount + 1) }
    if lane.mark == 0 {
      lane.mark = 1
      steps.append(PerfettoStep(kind: .thread(lane.process), lane: lane.number, time: time))
    }
    steps.append(PerfettoStep(kind: kind, lane: lane.number, time: time))
    if steps.count >= PacketEncoder.batchCount { finish() }
  }
}

/// What happens in a trace, on its way into packets.
struct PerfettoStep: Sendable {
  enum Kind: Sendable {
    /// The first step of a process is to come.
    case thread(String?)
    case enter(EventView)
    indirect case resume(Event)
    case leave(EventView?)
    case happen(EventView, EventRole, MessageFlow)
  }

  let kind: Kind
  /// The number of its lane.
  let lane: Int
  let time: Int64
}
