/// What still matters of the events so far, as ``ProcessLives`` have it, but for a reader: which
/// events those are, without their records.
///
/// Most events that a question goes over are of calls that have ended by then. So their columns are
/// looked at, and records are made only of the few that are left. The rule is that of
/// ``ProcessLives``, and the contexts that those write are where this one begins; `MomentTests`
/// holds both against one model.
struct MomentLives {
  /// An event that matters: which one, and where it was met.
  struct Mention {
    var sequence: UInt64
    /// The block, by the number it was taken with; -1 for the context.
    var block: Int32
    /// Its row, or which of ``items``.
    var row: Int32
  }

  /// An event of the context: where its record is.
  struct Item {
    var bytes: [UInt8]
    var range: Range<Int>
    var lacksPayload: Bool
  }

  struct Call {
    var mention: Mention
    var key: CallKey
  }

  struct Life {
    var name: [UInt8]
    fileprivate(set) var isLive = true
    fileprivate(set) var spawn: Mention?
    fileprivate(set) var registration: Mention?
    fileprivate(set) var state: Mention?
    fileprivate var calls: [Call] = []
    fileprivate(set) var unlistedCallCount = 0

    /// The number, from 1 on, of the innermost call that an exit with `key` ends; 0 for none.
    fileprivate func depth(endedBy key: CallKey) -> Int {
      let calls = calls.span
      var depth = calls.count
      while depth > 0, !key.ends(calls[depth - 1].key) { depth -= 1 }
      return depth
    }

    var callCount: Int { calls.count }

    /// The calls that are open.
    var stack: some Sequence<Mention> { calls.lazy.map(\.mention) }
  }

  /// A block, with its columns taken out once: each time would count a reference.
  private struct Rows {
    let firstSequence: UInt64
    let number: Int32
    let kinds: TextColumn?
    let processes: TextColumn?
    let peers: TextColumn?
    let functions: TextColumn?
    let callIDs: IdentifierColumn?

    init(_ block: DecodedBlock, number: Int32) {
      firstSequence = block.header.firstSequence
      self.number = number
      kinds = block.text(.kind)
      processes = block.text(.process)
      peers = block.text(.peerProcess)
      functions = block.text(.function)
      callIDs = block.callIDs
    }

    func mention(_ row: Int) -> Mention {
      Mention(sequence: firstSequence &+ UInt64(row), block: number, row: Int32(row))
    }
  }

  let roles: KindRoles
  /// The one process that is asked about; nothing for all.
  private let process: [UInt8]?
  private(set) var runID: UInt64 = 0
  /// Whether there was more than is kept.
  private(set) var isOverfull = false
  private(set) var lives: [Life] = []
  private(set) var latched: [String: Mention] = [:]
  private(set) var items: [Item] = []
  private var liveCount = 0

  /// The names of processes, and by their numbers the places in ``lives``, -1 for none.
  private var names = SymbolTable(seed: .random(in: .min ... .max))
  private var places: [Int32] = []
  /// The same, the roles of kinds and the keys of functions by the codes of the block.
  private var placeOfCode: [Int32] = []
  private var roleOfCode: [EventRole] = []
  private var keyOfCode: [CallKey?] = []
  /// Functions of blocks, and by their numbers the keys.
  private var functionNames = SymbolTable(seed: .random(in: .min ... .max))
  private var functionKeys: [CallKey] = []
  private var functionName: [UInt8] = []
  private static let maximumFunctionByteCount = 1 << 20

  init(roles: KindRoles, process: String?) {
    self.roles = roles
    self.process = process.map { Array($0.utf8) }
  }

  // MARK: Contexts and runs

  /// Takes over the lives of a context.
  mutating func load(_ context: Context) {
    runID = context.header.runID
    isOverfull = context.header.isOverfull
    for old in context.lives {
      guard process == nil || process == old.name, let place = place(of: old.name.rawSpan) else {
        continue
      }
      var life = Life(name: old.name)
      life.spawn = mention(old.spawn)
      life.registration = mention(old.registration)
      life.state = mention(old.state)
      life.unlistedCallCount = old.unlistedCallCount
      life.calls.reserveCapacity(old.calls.count)
      var start = 0
      for call in old.calls {
        let mention = Mention(sequence: call.sequence, block: -1, row: Int32(items.count))
        items.append(
          Item(bytes: old.records, range: start..<call.end, lacksPayload: call.lacksPayload))
        life.calls.append(Call(mention: mention, key: call.key))
        start = call.end
      }
      lives[Int(place)] = life
    }
    for (kind, item) in context.latched { latched[kind] = mention(item) }
  }

  private mutating func mention(_ item: ProcessLives.Item?) -> Mention? {
    guard let item else { return nil }
    items.append(
      Item(
        bytes: item.record, range: 0..<item.record.count, lacksPayload: item.lacksPayload))
    return Mention(sequence: item.sequence, block: -1, row: Int32(items.count - 1))
  }

  /// Forgets everything: what lived in one run does not in the next.
  mutating func forget() {
    lives = []
    latched = [:]
    items = []
    liveCount = 0
    isOverfull = false
    forgetNames()
  }

  /// Keeps the names of the living alone.
  private mutating func forgetNames() {
    names = SymbolTable(seed: .random(in: .min ... .max))
    places = []
    for (place, life) in lives.enumerated() {
      _ = names.symbol(life.name.rawSpan)
      places.append(Int32(place))
    }
  }

  // MARK: Blocks

  /// The columns that are looked at.
  static let columns = ColumnSet([
    .recordType, .timestamp, .kind, .process, .peerProcess, .function, .callID,
  ])

  /// Takes the events of a block for which `isTaken` holds; blocks come in order of arrival.
  mutating func take(_ block: DecodedBlock, number: Int32, where isTaken: RowTest) {
    if block.header.runID != runID {
      forget()
      runID = block.header.runID
    }
    if lives.count > 2 * liveCount + 1024 {
      lives.removeAll { !$0.isLive }
      forgetNames()
    }
    let rows = Rows(block, number: number)
    begin(rows)
    guard let process else {
      for row in 0..<block.header.recordCount where isTaken.holds(row, block) {
        take(row, rows.kinds?.code(row) ?? 0, rows.processes?.code(row) ?? 0, rows)
      }
      return
    }
    let code = rows.processes?.code(of: process.rawSpan) ?? 0
    let peer = rows.peers?.code(of: process.rawSpan) ?? 0
    if peer == 0, !roleOfCode.contains(.latched) {
      guard code != 0, let processes = rows.processes else { return }
      for row in processes.rows(withCode: code).lazy.map({ Int($0) })
      where isTaken.holds(row, block) {
        take(row, rows.kinds?.code(row) ?? 0, code, rows)
      }
      return
    }
    for row in 0..<block.header.recordCount where isTaken.holds(row, block) {
      let (kind, own) = (rows.kinds?.code(row) ?? 0, rows.processes?.code(row) ?? 0)
      let role = role(kind)
      let isWanted =
        own == code && code != 0 || role == .latched
        || role == .spawn && peer != 0 && rows.peers?.code(row) == peer
      if isWanted { take(row, kind, own, rows) }
    }
  }

  private mutating func begin(_ rows: Rows) {
    placeOfCode.removeAll(keepingCapacity: true)
    placeOfCode.append(contentsOf: repeatElement(-1, count: (rows.processes?.count ?? 0) + 1))
    keyOfCode.removeAll(keepingCapacity: true)
    keyOfCode.append(contentsOf: repeatElement(nil, count: (rows.functions?.count ?? 0) + 1))
    roleOfCode.removeAll(keepingCapacity: true)
    roleOfCode.append(.other)
    guard let kinds = rows.kinds else { return }
    for code in 0..<kinds.count {
      roleOfCode.append(roles[String(decoding: kinds.text(code: UInt16(code + 1)))])
    }
  }

  @inline(__always)
  private func role(_ kind: UInt16) -> EventRole {
    Int(kind) < roleOfCode.count ? roleOfCode[Int(kind)] : .other
  }

  // MARK: Events

  @inline(__always)
  private mutating func take(
    _ row: Int, _ kind: UInt16, _ process: UInt16, _ rows: borrowing Rows
  ) {
    let role = role(kind)
    if process != 0, case let place = placeOfCode[Int(process)], place >= 0 {
      if role != .other { apply(role, row, Int(place), process, rows) }
    } else {
      takeOther(role, row, process, rows)
    }
  }

  /// A process that has not been met in this block, and an event without any.
  private mutating func takeOther(
    _ role: EventRole, _ row: Int, _ process: UInt16, _ rows: borrowing Rows
  ) {
    guard process != 0, let processes = rows.processes else {
      if role == .latched { latch(row, rows) }
      return
    }
    // One that has told nothing else may live by what the process that started it said.
    if role == .processExit, find(processes.text(code: process)) == nil { return }
    guard let place = place(of: processes.text(code: process)) else { return }
    placeOfCode[Int(process)] = place
    if role != .other { apply(role, row, Int(place), process, rows) }
  }

  private mutating func apply(
    _ role: EventRole, _ row: Int, _ place: Int, _ process: UInt16, _ rows: borrowing Rows
  ) {
    let mention = rows.mention(row)
    switch role {
    case .entry: enter(mention, key(row, rows), place)
    case .exit: leave(key(row, rows), place)
    case .state: lives[place].state = mention
    case .register: lives[place].registration = mention
    case .unregister: lives[place].registration = nil
    case .spawned:
      var life = Life(name: lives[place].name)
      life.spawn = mention
      lives[place] = life
    case .spawn:
      guard let peers = rows.peers, case let peer = peers.code(row), peer != 0,
        let child = self.place(of: peers.text(code: peer)),
        // The child may have been faster to tell.
        lives[Int(child)].spawn == nil
      else { return }
      lives[Int(child)].spawn = mention
    case .processExit:
      let name = lives[place].name
      if let symbol = names.find(name.rawSpan) { places[Int(symbol)] = -1 }
      lives[place] = Life(name: [], isLive: false)
      liveCount -= 1
      placeOfCode[Int(process)] = -1
    case .latched: latch(row, rows)
    case .other, .send, .receive, .error: break
    }
  }

  @inline(__always)
  private mutating func enter(_ mention: Mention, _ key: CallKey, _ place: Int) {
    guard lives[place].calls.count < ProcessLives.maximumCallCount else {
      lives[place].unlistedCallCount += 1
      return
    }
    lives[place].calls.append(Call(mention: mention, key: key))
  }

  @inline(__always)
  private mutating func leave(_ key: CallKey, _ place: Int) {
    guard lives[place].unlistedCallCount == 0 else {
      lives[place].unlistedCallCount -= 1
      return
    }
    let count = lives[place].calls.count
    let depth = lives[place].depth(endedBy: key)
    if depth > 0 { lives[place].calls.removeLast(count - depth + 1) }
  }

  private mutating func latch(_ row: Int, _ rows: borrowing Rows) {
    guard let kinds = rows.kinds else { return }
    latched[String(decoding: kinds.text(code: kinds.code(row)))] = rows.mention(row)
  }

  /// The key of the call that the event of a row enters or leaves.
  @inline(__always)
  private mutating func key(_ row: Int, _ rows: borrowing Rows) -> CallKey {
    var key = CallKey()
    if let functions = rows.functions, case let code = functions.code(row), code != 0 {
      if let known = keyOfCode[Int(code)] {
        key = known
      } else {
        key = functionKey(functions.text(code: code))
        keyOfCode[Int(code)] = key
      }
    }
    if let ids = rows.callIDs, ids.hasValue(row) {
      let id = ids.bytes(row)
      key.setCallID(id)
    }
    return key
  }

  /// Blocks share most of their functions.
  private mutating func functionKey(_ text: RawSpan) -> CallKey {
    if functionNames.byteCount >= Self.maximumFunctionByteCount {
      functionNames = SymbolTable(seed: .random(in: .min ... .max))
      functionKeys = []
    }
    let symbol = Int(functionNames.symbol(text))
    if symbol < functionKeys.count { return functionKeys[symbol] }
    var key = CallKey()
    key.setFunction(text, &functionName)
    functionKeys.append(key)
    return key
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
    let symbol = Int(names.symbol(name))
    while places.count <= symbol { places.append(-1) }
    if places[symbol] >= 0 { return places[symbol] }
    guard liveCount < ProcessLives.maximumLifeCount else {
      isOverfull = true
      return nil
    }
    liveCount += 1
    places[symbol] = Int32(lives.count)
    lives.append(Life(name: name.copied()))
    return places[symbol]
  }
}

/// Which rows of a block are events up to a moment.
struct RowTest {
  let time: Int64
  let sequences: Range<UInt64>
  let removals: Removals
  /// Whether all of them are.
  private let isSure: Bool

  /// Prepares the test for one block.
  init(
    _ block: DecodedBlock, to time: Int64, sequences: Range<UInt64>, removals: Removals
  ) {
    self.time = time
    self.sequences = sequences
    self.removals = removals
    let header = block.header
    isSure =
      header.eventCount == header.recordCount && header.maximumTimestamp <= time
      && sequences.contains(header.firstSequence) && sequences.contains(header.lastSequence)
      && !removals.mayRemove(from: header.stretch)
  }

  @inline(__always)
  func holds(_ row: Int, _ block: DecodedBlock) -> Bool {
    isSure || isEvent(row, block)
  }

  private func isEvent(_ row: Int, _ block: DecodedBlock) -> Bool {
    let (timestamp, sequence) = (block.timestamps[row], block.sequence(row))
    return timestamp <= time && sequences.contains(sequence) && block.recordType(row) == 0
      && !removals.isRemoved(timestamp: timestamp, sequence: sequence)
  }
}
