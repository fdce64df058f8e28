/// What the events of messages and spawns say of their other end.
enum MessageLinker {
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
