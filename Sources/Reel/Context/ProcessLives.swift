/// What of the events so far still matters: for each live process how it began, its name, its last
/// state and its open calls, and the last events of latched kinds.
///
/// The writer keeps one beside the block it collects, to write the contexts of segments; a reader
/// loads a context into one and takes the events up to the moment that is asked about. So both go
/// by the same rules. The events of a process count in the order in which they were recorded: a
/// process does one thing after another, whatever its clock says. Normative: format-spec.md,
/// "Contexts".
struct ProcessLives {
  /// An event that still matters, as its record.
  struct Item: Hashable, Sendable {
    var sequence: UInt64
    var record: [UInt8]
    /// Whether the record is without the payload that the event has.
    var lacksPayload: Bool
  }

  /// A call that has begun and not ended.
  struct Call: Hashable, Sendable {
    var sequence: UInt64
    var key: CallKey
    /// Where its record ends in ``Life/records``, and whether that is without its payload.
    var end: Int
    var lacksPayload: Bool
  }

  /// A process that lives, and what is known of it.
  struct Life: Hashable, Sendable {
    var name: [UInt8]
    /// Whether it is one: places of ended processes are used again.
    var isLive = true
    var spawn: Item?
    var registration: Item?
    var state: Item?
    var calls: [Call] = []
    /// The records of the calls, one after the other.
    var records: [UInt8] = []
    /// Calls that are open beyond those listed.
    var unlistedCallCount = 0

    /// The bytes of the records that are kept of it.
    var itemByteCount: Int {
      [spawn, registration, state].reduce(records.count) { $0 + ($1?.record.count ?? 0) }
    }

    /// Opens a call.
    /// - Returns: The bytes that it takes.
    mutating func enter(
      _ record: borrowing RecordView, _ sequence: UInt64, isPayloadElsewhere: Bool
    ) -> Int {
      guard calls.count < maximumCallCount else {
        unlistedCallCount += 1
        return 0
      }
      let start = records.count
      let lacksPayload = append(record, to: &records) || isPayloadElsewhere
      calls.append(
        Call(
          sequence: sequence, key: CallKey(record), end: records.count,
          lacksPayload: lacksPayload))
      return records.count - start
    }

    /// Ends the innermost open call that the exit can be of, and all calls within it, which have
    /// been left by an error; an exit of a call that began before the recording ends none.
    /// - Returns: The bytes that are given back.
    mutating func leave(_ record: borrowing RecordView) -> Int {
      guard unlistedCallCount == 0 else {
        unlistedCallCount -= 1
        return 0
      }
      let depth = depth(endedBy: CallKey(record))
      guard depth > 0 else { return 0 }
      let byteCount = records.count - (depth > 1 ? calls[depth - 2].end : 0)
      calls.removeLast(calls.count - depth + 1)
      records.removeLast(byteCount)
      return byteCount
    }

    /// The number, from 1 on, of the innermost call that an exit with `key` ends; 0 for none.
    private func depth(endedBy key: CallKey) -> Int {
      let calls = calls.span
      var depth = calls.count
      while depth > 0, !key.ends(calls[depth - 1].key) { depth -= 1 }
      return depth
    }
  }

  let roles: KindRoles
  private(set) var runID: UInt64 = 0
  /// Whether everything since the run began was taken: only then is anything known.
  private(set) var isAnchored = false
  /// Whether there was more than is kept.
  private(set) var isOverfull = false
  /// The greatest timestamp of all events taken, and of those that the caller knows of.
  private(set) var maximumTimestamp: Int64
  private(set) var lives: [Life] = []
  private var free: [Int32] = []
  private var liveCount = 0
  private(set) var latched: [String: Item] = [:]

  /// Drawn anew each time, so that no file can hold names that make a table slow.
  private let seed = UInt64.random(in: .min ... .max)
  /// The names of processes, and by their numbers the places in ``lives``, -1 for none.
  private var names: SymbolTable
  private var places: [Int32] = []
  /// The roles of kinds and the places of processes by the numbers that the caller has for them;
  /// begun anew when those are.
  private var generation = 0
  /// Of the record that is being taken.
  private var isPayloadElsewhere = false
  private var roleOfKind: [UInt8] = []
  private var placeOfProcess: [Int32] = []

  /// Calls listed for a process; what is deeper is counted.
  static let maximumCallCount = 1024
  /// Processes kept.
  static let maximumLifeCount = 1 << 16
  /// A longer payload is left out of an item: the event itself has it.
  static let payloadByteCount = 128
  private static let maximumNameCount = 1 << 17
  private static let unknownRole: UInt8 = .max
  /// Knows nothing yet but the greatest timestamp of the events before the first to be taken.
  init(roles: KindRoles, maximumTimestamp: Int64 = .min) {
    self.roles = roles
    names = SymbolTable(seed: seed)
    self.maximumTimestamp = maximumTimestamp
  }

  /// The bytes of a context, about: what is written often costs in proportion to it.
  private(set) var byteCount = 0

  /// Takes over the lives of a context, instead of what was known.
  mutating func load(_ context: Context) {
    forget()
    runID = context.header.runID
    isAnchored = true
    isOverfull = context.header.isOverfull
    maximumTimestamp = context.header.maximumTimestamp
    for life in context.lives {
      guard let place = place(of: life.name.rawSpan) else { continue }
      byteCount += life.itemByteCount - lives[Int(place)].itemByteCount
      lives[Int(place)] = life
    }
    for (kind, item) in context.latched {
      byteCount += item.record.count - (latched[kind]?.record.count ?? 0)
      latched[kind] = item
    }
  }

  // MARK: Taking records

  /// Takes the next record in order of arrival.
  ///
  /// Its kind and process have numbers, the same for the same text while `generation` is the same,
  /// counted from 0; ``RecordSymbols/absent`` where it has none. A record may be without the
  /// payload that the event has.
  @inline(__always)
  mutating func take(
    _ record: borrowing RecordView, sequence: UInt64, runID: UInt64, kind: UInt32,
    process: UInt32, generation: Int, isPayloadElsewhere: Bool = false
  ) {
    self.isPayloadElsewhere = isPayloadElsewhere
    if record.type != 0 || runID != self.runID || generation != self.generation {
      prepare(for: record, runID: runID, generation: generation)
      if record.type != 0 { return }
    }
    maximumTimestamp = max(maximumTimestamp, record.timestamp)
    let role = kind == RecordSymbols.absent ? EventRole.other.rawValue : role(kind, record)
    if process != RecordSymbols.absent, Int(process) < placeOfProcess.count,
      placeOfProcess[Int(process)] >= 0
    {
      guard role != EventRole.other.rawValue else { return }
      apply(role, record, sequence, process, placeOfProcess[Int(process)])
    } else {
      takeOther(role, record, sequence, process)
    }
  }

  /// A process that has not been met, and an event without any.
  private mutating func takeOther(
    _ role: UInt8, _ record: borrowing RecordView, _ sequence: UInt64, _ process: UInt32
  ) {
    guard process != RecordSymbols.absent else {
      if role == EventRole.latched.rawValue { latch(record, sequence) }
      return
    }
    if role == EventRole.processExit.rawValue {
      // It may live by what the process that started it said.
      guard find(record.bytes.extracting(record.range(of: .process))) != nil else { return }
    }
    guard let place = place(of: record.bytes.extracting(record.range(of: .process))) else { return }
    while placeOfProcess.count <= Int(process) { placeOfProcess.append(-1) }
    placeOfProcess[Int(process)] = place
    if role != EventRole.other.rawValue { apply(role, record, sequence, process, place) }
  }

  @inline(__always)
  private mutating func role(_ kind: UInt32, _ record: borrowing RecordView) -> UInt8 {
    if Int(kind) < roleOfKind.count, roleOfKind[Int(kind)] != Self.unknownRole {
      return roleOfKind[Int(kind)]
    }
    return learnRole(kind, record)
  }

  private mutating func learnRole(_ kind: UInt32, _ record: borrowing RecordView) -> UInt8 {
    while roleOfKind.count <= Int(kind) { roleOfKind.append(Self.unknownRole) }
    let role = roles[String(decoding: record.bytes.extracting(record.range(of: .kind)))]
    roleOfKind[Int(kind)] = role.rawValue
    return role.rawValue
  }

  /// What is not the next event of the same run: a control record, or a new run's first record.
  private mutating func prepare(
    for record: borrowing RecordView, runID: UInt64, generation: Int
  ) {
    begin(runID: runID, generation: generation)
    // From here on everything is seen; a context ahead of it may say what it began with.
    if record.type == ControlRecord.runStartType { isAnchored = true }
  }

  /// Numbers of kinds and processes begin anew where `generation` differs, and so does everything
  /// where the run does.
  mutating func begin(runID: UInt64, generation: Int) {
    if generation != self.generation {
      self.generation = generation
      roleOfKind.removeAll(keepingCapacity: true)
      placeOfProcess.removeAll(keepingCapacity: true)
    }
    begin(runID: runID)
  }

  /// The processes of another run are gone with it.
  mutating func begin(runID: UInt64) {
    guard runID != self.runID else { return }
    forget()
    self.runID = runID
  }

  /// A run begins with these lives: those of the recording that it is cut from.
  mutating func carry(_ context: Context, intoRun runID: UInt64) {
    load(context)
    self.runID = runID
  }

  /// Takes it that the process with this name and number has done something.
  mutating func see(_ name: RawSpan, process: UInt32) {
    while placeOfProcess.count <= Int(process) { placeOfProcess.append(-1) }
    if placeOfProcess[Int(process)] < 0 { placeOfProcess[Int(process)] = place(of: name) ?? -1 }
  }

  /// Forgets everything: records are missing, or a run begins.
  mutating func forget() {
    lives = []
    free = []
    liveCount = 0
    latched = [:]
    names = SymbolTable(seed: seed)
    places = []
    placeOfProcess = []
    isAnchored = false
    isOverfull = false
    byteCount = 0
  }

  // MARK: Processes

  private func find(_ name: RawSpan) -> Int32? {
    guard let symbol = names.find(name) else { return nil }
    let place = places[Int(symbol)]
    return place < 0 ? nil : place
  }

  /// The place of a process, which begins to live now if it did not; nothing when there are too
  /// many.
  private mutating func place(of name: RawSpan) -> Int32? {
    if names.count > Self.maximumNameCount + liveCount { forgetNames() }
    let symbol = Int(names.symbol(name))
    while places.count <= symbol { places.append(-1) }
    if places[symbol] >= 0 { return places[symbol] }
    guard liveCount < Self.maximumLifeCount else {
      isOverfull = true
      return nil
    }
    let life = Life(name: name.copied())
    byteCount += life.name.count + 16
    liveCount += 1
    if let place = free.popLast() {
      lives[Int(place)] = life
      places[symbol] = place
    } else {
      places[symbol] = Int32(lives.count)
      lives.append(life)
    }
    return places[symbol]
  }

  /// Keeps the names of the living alone.
  private mutating func forgetNames() {
    names = SymbolTable(seed: seed)
    places = []
    for (place, life) in lives.enumerated() where life.isLive {
      _ = names.symbol(life.name.rawSpan)
      places.append(Int32(place))
    }
  }

  private mutating func end(_ place: Int32, _ process: UInt32) {
    let life = lives[Int(place)]
    if let symbol = names.find(life.name.rawSpan) { places[Int(symbol)] = -1 }
    byteCount -= life.name.count + 16 + life.itemByteCount
    lives[Int(place)] = Life(name: [], isLive: false)
    free.append(place)
    liveCount -= 1
    placeOfProcess[Int(process)] = -1
  }

  // MARK: Events

  private mutating func apply(
    _ role: UInt8, _ record: borrowing RecordView, _ sequence: UInt64, _ process: UInt32,
    _ place: Int32
  ) {
    let place32 = place
    let place = Int(place)
    switch EventRole(rawValue: role) ?? .other {
    case .entry:
      byteCount += lives[place].enter(record, sequence, isPayloadElsewhere: isPayloadElsewhere)
    case .exit: byteCount -= lives[place].leave(record)
    case .state: byteCount += Self.keep(record, sequence, &lives[place].state, isPayloadElsewhere)
    case .register:
      byteCount += Self.keep(record, sequence, &lives[place].registration, isPayloadElsewhere)
    case .unregister:
      byteCount -= lives[place].registration?.record.count ?? 0
      lives[place].registration = nil
    case .spawned:
      begin(place)
      byteCount += Self.keep(record, sequence, &lives[place].spawn, isPayloadElsewhere)
    case .spawn:
      let peer = record.range(of: .peerProcess)
      guard !peer.isEmpty, let child = self.place(of: record.bytes.extracting(peer)) else { return }
      // The child may have been faster to tell.
      guard lives[Int(child)].spawn == nil else { return }
      byteCount += Self.keep(record, sequence, &lives[Int(child)].spawn, isPayloadElsewhere)
    case .processExit: end(place32, process)
    case .latched: latch(record, sequence)
    case .other, .send, .receive, .error: break
    }
  }

  /// A process of a known name begins anew.
  private mutating func begin(_ place: Int) {
    let life = lives[place]
    byteCount -= life.records.count
    for item in [life.registration, life.state] { byteCount -= item?.record.count ?? 0 }
    var fresh = Life(name: life.name)
    fresh.spawn = life.spawn
    lives[place] = fresh
  }

  private mutating func latch(_ record: borrowing RecordView, _ sequence: UInt64) {
    let kind = String(decoding: record.bytes.extracting(record.range(of: .kind)))
    byteCount += Self.keep(record, sequence, &latched[kind], isPayloadElsewhere)
  }

  /// - Returns: The bytes that it takes more than the one before.
  private static func keep(
    _ record: borrowing RecordView, _ sequence: UInt64, _ item: inout Item?,
    _ isPayloadElsewhere: Bool
  ) -> Int {
    var kept = item ?? Item(sequence: 0, record: [], lacksPayload: false)
    item = nil  // so that its memory is used again
    let before = kept.record.count
    kept.record.removeAll(keepingCapacity: true)
    kept.sequence = sequence
    kept.lacksPayload = append(record, to: &kept.record) || isPayloadElsewhere
    defer { item = kept }
    return kept.record.count - before
  }

  /// Appends a record, without its payload if that is long.
  /// - Returns: Whether the payload was left out.
  static func append(
    _ record: borrowing RecordView, to output: inout [UInt8], limit: Int = payloadByteCount
  ) -> Bool {
    guard record.hasPayload, record.payload.byteCount > limit else {
      output.append(record.bytes)
      return false
    }
    let start = output.count
    output.append(record.bytes.extracting(0..<(record.byteCount - record.payload.byteCount)))
    output.overwrite(UInt32(output.count - start), at: start)
    output.overwrite(Record.absentPayload, at: start + 24)
    return true
  }
}
