/// What a slice has.
public struct SliceReport: Hashable, Sendable {
  /// Events in the new recording.
  public internal(set) var eventCount = 0
  /// Processes that live at its beginning.
  public internal(set) var processCount = 0
  /// Calls that are open at its beginning.
  public internal(set) var callCount = 0
  /// Versions of documents.
  public internal(set) var documentCount = 0
  /// What the recording that it was cut from lacks.
  public internal(set) var completeness = Completeness()
}

extension Recording {
  /// Makes a recording at `newPath` of the events that match `query`, which stands by itself.
  ///
  /// It begins with what was known at ``Query/from``: the processes that lived, their states and
  /// their open calls, as ``moment(at:process:withPayloads:)`` tells them; so stacks and nesting in
  /// it are right from its first event on, though the events before are not in it. Events keep
  /// their ids, also those that the store gave, and come in the order in which they were recorded,
  /// with sequence numbers of their own. All versions of documents, roles and declared attributes
  /// are taken over.
  ///
  /// - Parameters:
  ///   - query: What must hold of an event; the order does not matter.
  ///   - newPath: A place where nothing is, or an empty folder.
  /// - Returns: What it has.
  /// - Throws: ``ReelError/notARecording(path:reason:)`` when something is at `newPath` already,
  ///   ``ReelError/io(_:)``, ``ReelError/closed``. Nothing is then at `newPath`.
  /// - Complexity: That of the query, in the memory of the buffer and one block.
  public func slice(_ query: Query, to newPath: String) throws(ReelError) -> SliceReport {
    try NewRecording.make(at: newPath, by: "slice") { target throws(ReelError) in
      (try slice(query, to: target), true)
    }
  }

  func slice(_ query: Query, to target: any Folder) throws(ReelError) -> SliceReport {
    let snapshot = try snapshot()
    var query = query
    query.order = .ascending
    var report = SliceReport()
    var carried: Context?
    if query.from > .min {
      let before = Timestamp(nanoseconds: query.from.nanoseconds - 1)
      let moment = try MomentReader(
        at: before, of: query.role == .peer ? nil : query.process, snapshot: snapshot, cache: cache
      ).moment()
      report.processCount = moment.processes.count
      report.callCount = moment.processes.reduce(0) { $0 + $1.stack.count }
      carried = try Context(moment, schema: snapshot.control.attributes)
    }
    var writer = try WholeRecording(
      in: target, attributes: snapshot.control.attributes, roles: snapshot.control.roles,
      carried: carried)
    try forEachByArrival(query, snapshot, &report.completeness) { event throws(ReelError) in
      try writer.append(event)
      report.eventCount += 1
    }
    report.documentCount = try copyDocuments(to: target, writer.recordingID)
    try writer.finish()
    return report
  }

  /// Calls `body` with each event that matches, in the order in which they were recorded.
  func forEachByArrival(
    _ query: Query, _ snapshot: Snapshot, _ completeness: inout Completeness,
    _ body: (Event) throws(ReelError) -> Void
  ) throws(ReelError) {
    completeness = Completeness(query, snapshot)
    let sources = QuerySources(
      filter: try BlockFilter(query, schema: snapshot.control.attributes), snapshot: snapshot,
      cache: cache, isDescending: false, after: query.after)
    try sources.forEachCandidate { candidate, _ throws(ReelError) in
      guard let found = try sources.matches(candidate, after: nil, isPartial: true, isKept: false)
      else { return }
      var block = found.block
      if case .stored(let origin) = candidate, !found.rows.isEmpty {
        guard let whole = try sources.decode(origin, .all, isKept: false) else { return }
        block = whole
      }
      var rows = found.rows[...]
      while !rows.isEmpty {
        let page = try RecordRenderer.page(
          block, rows: Array(rows), schema: snapshot.control.attributes)
        for place in 0..<page.count {
          if let view = page.view(place) { try body(view.event) }
        }
        if let damage = page.damage { sources.note(damage) }
        rows = rows.dropFirst(page.count)
      }
    }
    completeness.damages += sources.takeDamages()
  }

  private func copyDocuments(
    to target: any Folder, _ recording: RecordingID
  ) throws(ReelError) -> Int {
    var count = 0
    let store = DocumentStore(folder: target, recording: recording)
    for document in try documents(includingRemoved: true) {
      let versions = try DocumentVersions(document.name, of: self)
      try versions.write(document.name, to: store, recording)
      count += versions.count
    }
    return count
  }
}

extension Context {
  /// What a moment of another recording was, for one that is cut out of it from there on.
  ///
  /// Events of that recording have no sequence number here, and their ids are written down.
  init(_ moment: Moment, schema: AttributeSchema) throws(ReelError) {
    let rules = RecordRules(
      maximumPayloadByteCount: Limits.payloadByteCount, attributes: schema)
    var lives: [ProcessLives.Life] = []
    var maximum = Int64.min
    func item(_ event: Event?) throws(ReelError) -> ProcessLives.Item? {
      guard var event else { return nil }
      maximum = max(maximum, event.timestamp?.nanoseconds ?? .min)
      event.sequenceNumber = nil
      return ProcessLives.Item(
        sequence: 0, record: try event.record(rules), lacksPayload: false)
    }
    for process in moment.processes {
      var life = ProcessLives.Life(name: Array(process.name.utf8))
      life.spawn = try item(process.spawn)
      life.registration = try item(process.registration)
      life.state = try item(process.state)
      life.unlistedCallCount = process.unlistedCallCount
      for event in process.stack {
        guard let call = try item(event) else { continue }
        life.records += call.record
        life.calls.append(
          ProcessLives.Call(
            sequence: 0, key: CallKey(event), end: life.records.count, lacksPayload: false))
      }
      lives.append(life)
    }
    var latched: [(kind: String, item: ProcessLives.Item)] = []
    for event in moment.latched {
      if let kept = try item(event) { latched.append((event.kind ?? "", kept)) }
    }
    self.init(
      header: ContextHeader(
        isOverfull: !moment.isComplete, runID: 0, firstSequence: 1, maximumTimestamp: maximum,
        roles: 0),
      lives: lives, latched: latched)
  }
}

extension Event {
  /// The event's record, as the write-ahead buffer would hold it.
  func record(_ rules: RecordRules) throws(ReelError) -> [UInt8] {
    let byteCount = try measure(rules)
    let region = Region(byteCount: byteCount)
    var writer = RecordWriter(
      region: region, start: 0, byteCount: byteCount, timestamp: timestamp?.nanoseconds ?? 0)
    write(to: &writer, rules: rules)
    return region.bytes(0..<byteCount).copied()
  }
}
