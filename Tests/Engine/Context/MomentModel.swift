@testable import Reel

/// What the program was at a moment, found by going over all events from the first: slow, and
/// plainly right.
struct MomentModel {
  struct Process: Equatable {
    var spawn: Event?
    var registration: Event?
    var state: Event?
    var stack: [Event] = []
  }

  private(set) var processes: [String: Process] = [:]
  private(set) var latched: [String: Event] = [:]

  init() {}

  /// Goes over the events of each run, in the order in which they were recorded.
  init(runs: [[Event]], at time: Timestamp, roles: KindRoles = KindRoles()) {
    for run in runs {
      let events = run.filter { $0.timestamp.map { $0 <= time } ?? false }
      guard !events.isEmpty else { continue }
      processes = [:]
      latched = [:]
      for event in events { take(event, roles[event.kind ?? ""]) }
    }
  }

  mutating func take(_ event: Event, _ role: EventRole) {
    if role == .latched, let kind = event.kind { latched[kind] = event }
    guard let name = event.process else { return }
    if role == .processExit {
      processes[name] = nil
      return
    }
    var process = processes[name] ?? Process()
    switch role {
    case .entry: process.stack.append(event)
    case .exit:
      if let place = process.stack.lastIndex(where: { Self.isCall($0, endedBy: event) }) {
        process.stack.removeSubrange(place...)
      }
    case .state: process.state = event
    case .register: process.registration = event
    case .unregister: process.registration = nil
    case .spawned: process = Process(spawn: event)
    default: break
    }
    processes[name] = process
    if role == .spawn, let child = event.peerProcess, !child.isEmpty {
      var started = processes[child] ?? Process()
      started.spawn = started.spawn ?? event
      processes[child] = started
    }
  }

  private static func isCall(_ entry: Event, endedBy exit: Event) -> Bool {
    if let id = exit.callID, let other = entry.callID { return id == other }
    return exit.function == nil || exit.function == entry.function
  }

  /// How a moment differs from the model; nothing when it does not.
  func difference(from moment: Moment) -> String? {
    var found: [String: Process] = [:]
    for process in moment.processes {
      found[process.name] = Process(
        spawn: process.spawn, registration: process.registration, state: process.state,
        stack: process.stack)
    }
    if found.count != moment.processes.count { return "a process is listed twice" }
    for name in Set(found.keys).union(processes.keys).sorted()
    where found[name] != processes[name] {
      return "\(name): found \(Self.summary(found[name])), wanted \(Self.summary(processes[name]))"
    }
    let kept = Dictionary(uniqueKeysWithValues: moment.latched.map { ($0.kind ?? "", $0) })
    return kept == latched ? nil : "latched: found \(kept.keys), wanted \(latched.keys)"
  }

  private static func summary(_ process: Process?) -> String {
    guard let process else { return "none" }
    func number(_ event: Event?) -> String {
      event?.sequenceNumber.map { "\($0.rawValue)" } ?? "-"
    }
    return "spawn \(number(process.spawn)) name \(number(process.registration))"
      + " state \(number(process.state)) calls \(process.stack.map { number($0) })"
  }
}

/// Random lives of a few processes.
struct RandomLives {
  private var random: SeededRandom
  private var now: Int64 = 1000
  static let roles: [String: EventRole] = ["setting": .latched, "my_call": .entry, "spawn": .other]
  static let kinds = [
    "function_entry", "function_entry", "function_exit", "function_exit", "call", "return_from",
    "my_call", "state_change", "message_send", "message_receive", "error", "process_spawn",
    "process_spawned", "process_exit", "register", "unregister", "setting", "spawn", "anything",
  ]

  /// Small segments, with contexts as often as can be.
  static var configuration: RecorderConfiguration {
    var configuration = RecorderConfiguration.tiny
    configuration.roles = roles
    configuration.contextRecordInterval = 100
    configuration.contextByteRatio = 1
    return configuration
  }

  init(seed: UInt64) { random = SeededRandom(seed) }

  mutating func event() -> Event {
    now += Int64(random.below(3))
    // Some come late.
    let time = random.chance(20) ? now - Int64(random.below(40)) : now
    var event = Event(timestamp: Timestamp(nanoseconds: time))
    if !random.chance(15) { event.kind = random.pick(Self.kinds) }
    if !random.chance(12) { event.process = "p\(random.below(7))" }
    if random.chance(3) { event.peerProcess = "p\(random.below(9))" }
    if !random.chance(4) {
      event.function = Function(
        module: random.chance(3) ? nil : "M\(random.below(2))", name: "f\(random.below(3))",
        arity: random.chance(3) ? nil : UInt16(random.below(2)))
    }
    if random.chance(5) { event.callID = "c\(random.below(4))" }
    if random.chance(2) {
      // Longer ones are not kept in contexts.
      event.payload = Payload(random.bytes(random.chance(6) ? 600 : random.below(80)))
    }
    return event
  }
}
