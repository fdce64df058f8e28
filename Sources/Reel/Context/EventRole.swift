/// What events of a kind mean for the process they happen in.
///
/// Time-travel questions need to know it: which events begin and end calls, and which tell a state.
/// The meaning of a kind is part of the recording (``RecorderConfiguration/roles``).
public enum EventRole: UInt8, Sendable, CaseIterable {
  /// Nothing in particular.
  case other = 0
  /// A function is entered.
  case entry = 1
  /// A function is left: by its return or by an error.
  case exit = 2
  /// The process starts another one, its peer.
  case spawn = 3
  /// The process begins, or the peer has started it.
  case spawned = 4
  /// The process ends.
  case processExit = 5
  /// The payload tells the state of the process.
  case state = 6
  /// A message is sent to the peer.
  case send = 7
  /// A message is received.
  case receive = 8
  /// Something went wrong.
  case error = 9
  /// The process gets a name.
  case register = 10
  /// The process loses its name.
  case unregister = 11
  /// The last event of the kind holds until the next, whatever its process: a setting, say.
  case latched = 12

  /// The name that the tool and documents use.
  public var name: String {
    switch self {
    case .other: "other"
    case .entry: "entry"
    case .exit: "exit"
    case .spawn: "spawn"
    case .spawned: "spawned"
    case .processExit: "process-exit"
    case .state: "state"
    case .send: "send"
    case .receive: "receive"
    case .error: "error"
    case .register: "register"
    case .unregister: "unregister"
    case .latched: "latched"
    }
  }

  /// The role with a ``name``, or nothing for any other text.
  public init?(name: String) {
    guard let role = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = role
  }
}

/// The roles of all kinds: the usual ones, and what a recording says beside or instead of them.
///
/// Normative: format-spec.md, "Roles".
public struct KindRoles: Hashable, Sendable {
  /// What the recording says of its kinds.
  public internal(set) var declared: [String: EventRole]

  static let maximumCount = 64
  static let maximumKindByteCount = 64

  /// The kinds that have a role unless a recording says otherwise: the names that are usual in
  /// recordings, and those of Erlang's tracer.
  public static let usual: [String: EventRole] = [
    "function_entry": .entry, "function_exit": .exit, "process_spawn": .spawn,
    "process_spawned": .spawned, "process_exit": .processExit, "state_change": .state,
    "state_snapshot": .state, "message_send": .send, "message_receive": .receive,
    "error": .error, "process_register": .register, "process_unregister": .unregister,
    // https://www.erlang.org/doc/apps/kernel/trace.html
    "call": .entry, "return": .exit, "return_from": .exit, "exception_from": .exit, "spawn": .spawn,
    "spawned": .spawned, "exit": .processExit, "send": .send, "receive": .receive,
    "register": .register, "unregister": .unregister,
  ]

  /// Creates the usual roles with those in `declared` beside or instead of them.
  public init(_ declared: [String: EventRole] = [:]) {
    self.declared = declared
  }

  /// The role of a kind.
  public subscript(kind: String) -> EventRole {
    declared[kind] ?? Self.usual[kind] ?? .other
  }

  /// The kinds that have one of `roles`, sorted.
  public func kinds(_ roles: Set<EventRole>) -> [String] {
    Set(Self.usual.keys).union(declared.keys).filter { roles.contains(self[$0]) }.sorted()
  }

  /// Takes over what `other` declares.
  mutating func merge(_ other: [String: EventRole]) throws(ReelError) {
    let merged = declared.merging(other) { $1 }
    guard merged.count <= Self.maximumCount else {
      throw .limitExceeded(
        what: "the kinds with declared roles", found: merged.count, limit: Self.maximumCount)
    }
    for kind in other.keys where kind.utf8.count > Self.maximumKindByteCount {
      throw .limitExceeded(
        what: "the bytes of a kind with a declared role", found: kind.utf8.count,
        limit: Self.maximumKindByteCount)
    }
    declared = merged
  }

  /// What a context is bound to: with other roles it would be another.
  var fingerprint: UInt64 {
    var bytes: [UInt8] = []
    encode(to: &bytes)
    return Checksum.xxh3(bytes.rawSpan)
  }

  func encode(to body: inout [UInt8]) {
    body.append(varint: UInt64(declared.count))
    for (kind, role) in declared.sorted(by: { $0.key < $1.key }) {
      body.append(lengthPrefixed: kind)
      body.append(role.rawValue)
    }
  }

  init(reading reader: inout ByteReader) throws(ByteReader.Malformed) {
    declared = [:]
    for _ in 0..<(try reader.count("the number of roles", limit: Self.maximumCount)) {
      let kind = try reader.text("a kind", limit: Self.maximumKindByteCount)
      let value = try reader.integer(UInt8.self, "a role")
      // A later version's role means nothing to this one.
      declared[kind] = EventRole(rawValue: value) ?? .other
    }
  }
}
