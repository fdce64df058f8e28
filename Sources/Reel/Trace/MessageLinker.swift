/// Finds the send of each message that is received.
///
/// No recording says which belongs to which. A message is taken for the one that was sent to this
/// process, or to a name that may be its, with the same content; of several equal ones the first
/// sent is the first received, as between two processes they are.
struct MessageLinker {
  private struct Key: Hashable {
    /// Nothing for a receiver that is known by a name alone.
    var receiver: String?
    var message: [UInt8]
  }

  /// The sends that are not received yet, oldest first.
  private var waiting: [Key: [Event]] = [:]
  private var count = 0
  private let capacity: Int

  /// - Parameter capacity: Sends that are remembered; beyond it all are forgotten.
  init(capacity: Int = 1 << 20) { self.capacity = capacity }

  /// Takes a send.
  mutating func send(_ event: Event) {
    if count >= capacity {
      waiting = [:]
      count = 0
    }
    waiting[Key(receiver: Self.receiver(event), message: Self.message(event)), default: []]
      .append(event)
    count += 1
  }

  /// Takes a receive.
  /// - Returns: Its send; nothing when there is none.
  mutating func receive(_ event: Event) -> Event? {
    let message = Self.message(event)
    return take(Key(receiver: event.process, message: message))
      ?? take(Key(receiver: nil, message: message))
  }

  private mutating func take(_ key: Key) -> Event? {
    guard var sends = waiting[key], !sends.isEmpty else { return nil }
    let first = sends.removeFirst()
    waiting[key] = sends.isEmpty ? nil : sends
    count -= 1
    return first
  }

  /// What is sent: the member `message` of a JSON payload, else the whole payload.
  static func message(_ event: Event) -> [UInt8] {
    guard let payload = event.payload else { return [] }
    return PayloadMembers.value("message", of: payload) ?? payload.bytes
  }

  /// The process that a message is sent to: the peer, or the member `to` of a JSON payload where
  /// that is a process and no name.
  static func receiver(_ event: Event) -> String? {
    if let peer = event.peerProcess { return peer }
    guard let payload = event.payload, let to = PayloadMembers.text("to", of: payload) else {
      return nil
    }
    return process(to)
  }

  /// The process that a spawn starts.
  static func child(_ event: Event) -> String? {
    if let peer = event.peerProcess { return peer }
    guard let payload = event.payload, let child = PayloadMembers.text("child", of: payload) else {
      return nil
    }
    return process(child)
  }

  /// A process as Erlang and Elixir print it, `<0.50.0>` or `#PID<0.50.0>`; nothing for a name.
  private static func process(_ text: String) -> String? {
    guard text.hasSuffix(">") else { return nil }
    if text.hasPrefix("<") { return text }
    return text.hasPrefix("#PID<") ? String(text.dropFirst(4)) : nil
  }
}
