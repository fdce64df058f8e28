import Reel

/// A call that is open.
struct CallFrame {
  let key: CallKey
  /// When it began, as the export has it.
  let start: Int64
  /// What the format needs to know of it.
  var tag = 0
  /// What the calls within it have taken.
  var inner: UInt64 = 0
}

/// The calls of one process that are open, and its events that are held back.
final class CallLane {
  /// The process; nothing for events that name none.
  let process: String?
  /// The number that formats know it by, never given twice.
  let number: Int
  /// The time of its last step, behind which none goes back.
  var time: Int64
  /// The open calls, the outermost first.
  var frames: [CallFrame] = []
  /// Calls within those that there was no room for.
  var unlistedCount = 0
  /// The run that its last event was of.
  var run = 0
  /// What the format has said of it, which is the format's own business.
  var mark = 0
  var lastSequence: UInt64 = 0

  private var pending: [HeldEvent] = []
  private var head = 0

  init(process: String?, number: Int, time: Int64) {
    self.process = process
    self.number = number
    self.time = time
  }

  /// Whether nothing is known of it that would be missed.
  var isIdle: Bool { frames.isEmpty && unlistedCount == 0 && head == pending.count }

  /// Holds an event back, in the order of arrival.
  func hold(_ event: HeldEvent) {
    pending.append(event)
    var place = pending.count - 1
    while place > head, pending[place - 1].sequence > pending[place].sequence {
      pending.swapAt(place - 1, place)
      place -= 1
    }
  }

  /// The first event held back.
  func release() -> HeldEvent {
    let event = pending[head]
    head += 1
    if head == pending.count || head >= 64 && head * 2 > pending.count {
      pending.removeFirst(head)
      head = 0
    }
    return event
  }
}

/// An event and what is known of it.
struct HeldEvent {
  let view: EventView
  let sequence: UInt64
  let role: EventRole
  let flow: MessageFlow
}

/// What happens to the two ends of a message.
enum MessageFlow {
  case none
  case send(UInt64)
  case receive(UInt64)
}

/// A format that shows calls within calls.
///
/// For each lane, times never go back, and of the open calls the innermost is left first.
protocol CallSink {
  /// A call begins.
  mutating func enter(_ view: EventView, _ frame: inout CallFrame, in lane: CallLane)
  /// A call goes on that began before the first event.
  mutating func resume(_ entry: Event, _ frame: inout CallFrame, in lane: CallLane)
  /// The innermost call, which is off the lane's frames already, ends: with its exit, or without
  /// one because a call around it does, or the process or the export.
  mutating func leave(_ view: EventView?, _ frame: CallFrame, in lane: CallLane, at time: Int64)
  /// Something else happens; also an exit of no open call, and an entry without room for it.
  mutating func happen(
    _ view: EventView, _ role: EventRole, _ flow: MessageFlow, in lane: CallLane)
}
