@testable import Reel

/// Opens a harmed recording in every way and holds what comes against what was recorded.
struct DamageCheck {
  let recipe: DamageRecipe
  let harmed: FolderImage
  /// What must come back whatever else is lost.
  let readable: Set<UInt64>
  private let known: [UInt64: Event]
  private let removed: Set<EventID>
  private var failures: [Sweep.Failure] = []

  /// - Parameters:
  ///   - recipe: What was recorded.
  ///   - harmed: The files as they are now.
  ///   - readable: What must come back; nothing for what ``DamageRecipe/readable(in:)`` says.
  init(_ recipe: DamageRecipe, _ harmed: FolderImage, readable: Set<UInt64>? = nil) {
    self.recipe = recipe
    self.harmed = harmed
    let events = recipe.events.compactMap { event in
      event.sequenceNumber.map { ($0.rawValue, event) }
    }
    known = Dictionary(uniqueKeysWithValues: events)
    removed = Set(recipe.removed.compactMap(\.id))
    self.readable = (readable ?? recipe.readable(in: harmed)).intersection(known.keys)
  }

  private mutating func fail(_ kind: String, _ details: String = "") {
    failures.append(Sweep.Failure(kind: kind, details: details))
  }

  /// Whether an event is as it was recorded, but for attributes whose declarations are lost, which
  /// must be told.
  private func isRecorded(_ event: Event, _ number: UInt64, _ answer: Answer) -> Bool {
    guard var wanted = known[number], wanted != event else { return known[number] != nil }
    let isTold = answer.completeness.damages.contains { $0.reason == AttributeSchema.lostReason }
    guard isTold else { return false }
    wanted.attributes = wanted.attributes.filter { event.attributes[$0.key] != nil }
    return wanted == event
  }

  /// Runs everything.
  /// - Returns: What is wrong.
  consuming func run() -> [Sweep.Failure] {
    let folder = MemoryFolder(harmed)
    do throws(ReelError) {
      let recording = try Recording(folder: folder)
      try checkReading(recording, "reading")
    } catch {
      fail("reading: cannot be opened: \(error.kind)", error.description)
    }
    if !folder.image.isSame(as: harmed) { fail("reading has changed a file") }
    checkWriting()
    if folder.openFiles.value != 0 { fail("reading leaves files open") }
    return failures
  }

  private mutating func checkReading(_ recording: Recording, _ stage: String) throws(ReelError) {
    let answer = try recording.events(limit: nil)
    checkAnswer(answer, stage)
    let descending = try recording.events(Query(order: .descending), limit: nil)
    if descending.events != answer.events.reversed() {
      fail("\(stage): descending order is not the reverse of ascending")
    }
    checkKeys(recording, answer, stage)
    checkLookups(recording, answer, stage)
    try checkMoment(recording, stage)
    _ = try recording.count()
    _ = try recording.facets(of: .process)
    _ = try recording.statistics()
    try checkDocuments(recording, stage)
    try checkVerification(recording, answer, stage)
  }

  private mutating func checkAnswer(_ answer: Answer, _ stage: String) {
    var found: Set<UInt64> = []
    var last: Query.Position?
    for event in answer.events {
      let number = event.sequenceNumber?.rawValue ?? 0
      if !isRecorded(event, number, answer) { failWrong(event, answer, stage) }
      if !found.insert(number).inserted { fail("\(stage): an event twice", "\(number)") }
      let position = Query.Position(
        timestamp: event.timestamp ?? .min, sequenceNumber: SequenceNumber(rawValue: number))
      if let last, !(last < position) { fail("\(stage): not in order", "\(number)") }
      last = position
    }
    let lost = readable.subtracting(found)
    if !lost.isEmpty { fail("\(stage): events of whole blocks are lost", "\(lost.sorted())") }
    if found.count < known.count, answer.completeness.tellsNothing {
      let missing = Set(known.keys).subtracting(found).sorted()
      fail("\(stage): a query is silent about lost events", "\(missing)")
    }
    for damage in answer.completeness.damages { check(damage, stage) }
  }

  private mutating func failWrong(_ event: Event, _ answer: Answer, _ stage: String) {
    guard let id = event.id, removed.contains(id) else {
      return fail("\(stage): a wrong event", "\(event)")
    }
    // The cut that removed it may be lost, which must then be told.
    if answer.completeness.tellsNothing { fail("\(stage): a removed event comes back silently") }
  }

  private mutating func check(_ damage: Corruption, _ stage: String) {
    if !damage.path.hasPrefix("memory/") || damage.reason.isEmpty {
      fail("\(stage): a report without file or reason", damage.description)
    }
  }

  private mutating func checkKeys(_ recording: Recording, _ answer: Answer, _ stage: String) {
    var byProcess = Query()
    byProcess.process = "<0.3.0>"
    var byCorrelation = Query()
    byCorrelation.correlationID = "req-6"
    var byAttribute = Query()
    byAttribute.attributes = ["tenant": .text("t1")]
    let model = answer.events
    for (query, wanted) in [
      (byProcess, model.filter { $0.process == "<0.3.0>" }),
      (byCorrelation, model.filter { $0.correlationID == "req-6" }),
      (byAttribute, model.filter { $0.attributes["tenant"] == .text("t1") }),
    ] {
      do throws(ReelError) {
        let found = try recording.events(query, limit: nil)
        if found.events != wanted {
          fail("\(stage): a query by key disagrees", difference(found.events, wanted) ?? "")
        }
        let count = try recording.count(query)
        if answer.completeness.tellsNothing, count != wanted.count {
          fail("\(stage): a count disagrees", "\(count) for \(wanted.count)")
        }
      } catch {
        fail("\(stage): a query by key fails: \(error.kind)", error.description)
      }
    }
  }

  /// What calls itself complete is so, whichever contexts are left.
  private mutating func checkMoment(_ recording: Recording, _ stage: String) throws(ReelError) {
    let moment = try recording.moment()
    guard moment.isComplete else { return }
    let (found, wanted) = (stacks(moment), stacks(recipe.moment))
    if found != wanted { fail("\(stage): a wrong moment", "\(found), not \(wanted)") }
  }

  /// The open calls of each process, but for those that a cut has removed.
  private func stacks(_ moment: Moment) -> [String: [UInt64]] {
    var stacks: [String: [UInt64]] = [:]
    for process in moment.processes {
      stacks[process.name] = process.stack.compactMap { event in
        event.id.map(removed.contains) == true ? nil : event.sequenceNumber?.rawValue
      }
    }
    return stacks
  }

  private mutating func checkLookups(_ recording: Recording, _ answer: Answer, _ stage: String) {
    let found = Set(answer.events.compactMap { $0.sequenceNumber?.rawValue })
    // All that are lost, and some of the others.
    for event in recipe.events {
      guard let number = event.sequenceNumber, let id = event.id,
        !found.contains(number.rawValue) || number.rawValue % 9 == 0
      else { continue }
      do throws(ReelError) {
        let byID = try recording.event(id: id)
        if let byID, !isRecorded(byID, number.rawValue, answer) {
          fail("\(stage): a wrong event by id", "\(byID)")
        }
        if byID == nil, found.contains(number.rawValue) {
          fail("\(stage): an id is not found", "\(id)")
        }
      } catch {
        let isFine = error.isCorruption && !found.contains(number.rawValue)
        if !isFine { fail("\(stage): a look-up by id fails: \(error.kind)", error.description) }
      }
      do throws(ReelError) {
        let byNumber = try recording.event(number)
        if let byNumber, !isRecorded(byNumber, number.rawValue, answer) {
          fail("\(stage): a wrong event by number")
        }
        if byNumber == nil, found.contains(number.rawValue) {
          fail("\(stage): a sequence number is not found", "\(number)")
        }
      } catch {
        let isFine = error.isCorruption && !found.contains(number.rawValue)
        if !isFine { fail("\(stage): a look-up by number fails: \(error.kind)", "\(error)") }
      }
    }
  }

  private mutating func checkDocuments(_ recording: Recording, _ stage: String) throws(ReelError) {
    for info in try recording.documents(includingRemoved: true) where info.name != "plan" {
      fail("\(stage): a document of another name", info.name)
    }
    do throws(ReelError) {
      let document = try recording.document("plan")
      let version = Int(document.info.version)
      guard (1...2).contains(version), document.bytes == DamageRecipe.documents[version - 1] else {
        fail("\(stage): a wrong document", "\(document.info)")
        return
      }
      let second = "documents/plan.0000000002.document"
      if version == 1, document.info.newerDamages.isEmpty, harmed[second] != nil {
        fail("\(stage): an older document without a word about the newer one")
      }
    } catch {
      switch error {
      case .corrupted, .documentNotFound: break
      default: fail("\(stage): a document fails: \(error.kind)", error.description)
      }
    }
  }

  private mutating func checkVerification(
    _ recording: Recording, _ answer: Answer, _ stage: String
  ) throws(ReelError) {
    var findings: [VerificationFinding] = []
    let report = try recording.verify { findings.append($0) }
    for finding in findings where finding.corruption.reason.isEmpty {
      fail("\(stage): a finding without a reason", finding.corruption.description)
    }
    if answer.events.count < known.count, report.isSound {
      fail("\(stage): verify is silent about lost events", "\(answer.completeness.damages)")
    }
    if !answer.completeness.damages.isEmpty || !answer.completeness.missing.isEmpty,
      report.isSound
    {
      fail("\(stage): a query reports damage and verify none", "\(answer.completeness.damages)")
    }
  }

  /// Opens for writing, goes on, and reads again.
  private mutating func checkWriting() {
    let folder = MemoryFolder(harmed)
    var before: Set<UInt64> = []
    if let recording = try? Recording(folder: folder),
      let answer = try? recording.events(limit: nil)
    {
      before = Set(answer.events.compactMap { $0.sequenceNumber?.rawValue })
    }
    do throws(ReelError) {
      try writeOn(folder, before)
      checkEvidence(folder.image)
      let answer = try Recording(folder: folder).events(limit: nil)
      checkRest(answer, before, "after writing on")
    } catch {
      fail("writing: cannot go on: \(error.kind)", error.description)
    }
    if folder.openFiles.value != 0 { fail("writing leaves files open") }
  }

  private mutating func writeOn(
    _ folder: MemoryFolder, _ before: Set<UInt64>
  ) throws(ReelError) {
    let recorder = try Recorder(folder: folder, configuration: DamageRecipe.configuration)
    try recorder.append(Event(id: "later", timestamp: .max))
    let live = try recorder.recording.events(limit: nil)
    checkRest(live, before, "while writing on")
    try recorder.close()
  }

  private mutating func checkRest(_ answer: Answer, _ before: Set<UInt64>, _ stage: String) {
    var found: Set<UInt64> = []
    var hasLater = false
    for event in answer.events {
      let number = event.sequenceNumber?.rawValue ?? 0
      if event.id == "later" {
        hasLater = true
        continue
      }
      if !isRecorded(event, number, answer) { failWrong(event, answer, stage) }
      if !found.insert(number).inserted { fail("\(stage): an event twice", "\(number)") }
    }
    if !hasLater { fail("\(stage): the new event is not there") }
    let lost = before.intersection(known.keys).union(readable).subtracting(found).sorted()
    if !lost.isEmpty { fail("\(stage): events that could be read are lost", "\(lost)") }
    if found.count < known.count, answer.completeness.tellsNothing {
      let missing = Set(known.keys).subtracting(found).sorted()
      fail("\(stage): a query is silent about lost events", "\(missing)")
    }
  }

  /// Bytes that cannot be accounted for are left where they are.
  private mutating func checkEvidence(_ after: FolderImage) {
    for (name, bytes) in harmed where name.hasSuffix(FileName.segmentSuffix) {
      guard let now = after[name] ?? after[name + FileName.damagedSuffix] else {
        fail("writing removes a segment", name)
        continue
      }
      if now.count < bytes.count || !now.isSame(as: bytes, in: 0..<bytes.count) {
        // Only what no append had acknowledged may go: the original has none of it in a block.
        let isLost = recipe.blocks.contains { block in
          block.file == name
            && DamageRecipe.isSame(recipe.image[name], bytes, block.bytes)
            && !DamageRecipe.isSame(bytes, now, block.bytes)
        }
        if isLost { fail("writing destroys a whole block", name) }
      }
    }
  }
}

extension ReelError {
  /// The case, for sorting failures.
  var kind: String {
    switch self {
    case .io(let failure): "io \(failure.operation) \(failure.code)"
    case .corrupted: "corrupted"
    case .locked: "locked"
    case .notFound: "not found"
    case .notARecording: "not a recording"
    case .unsupportedFormat: "unsupported format"
    case .limitExceeded: "limit exceeded"
    case .invalidArgument: "invalid argument"
    case .duplicateID: "duplicate id"
    case .documentNotFound: "document not found"
    case .closed: "closed"
    case .poisoned: "poisoned"
    }
  }

  var isCorruption: Bool {
    if case .corrupted = self { return true }
    return false
  }
}

extension Completeness {
  /// Whether neither damage nor missing numbers are told.
  var tellsNothing: Bool { damages.isEmpty && missing.isEmpty }
}
