import Testing

@testable import Reel

/// Every call that a reader makes fails, once or for ever: it says so with the error number, or
/// answers as if nothing had happened; it changes no byte and keeps nothing wrong in mind.
@Suite struct ReadFaultTests {
  /// What a reader finds, step by step; a step that failed has its error.
  private struct Findings {
    var answers: [String: String] = [:]
    var errors: [String: ReelError] = [:]

    mutating func take(_ step: String, _ body: () throws(ReelError) -> String) {
      do throws(ReelError) {
        answers[step] = try body()
      } catch {
        errors[step] = error
      }
    }
  }

  private func text(_ answer: Answer) -> String {
    // Not the cost, which retries change.
    answer.events.map(text).joined() + "\(answer.completeness)"
  }

  /// Dictionaries have no order of their own.
  private func text(_ event: Event) -> String {
    var plain = event
    plain.attributes = [:]
    return "\(plain)\(event.attributes.sorted { $0.key < $1.key })"
  }

  private func read(_ recording: Recording) -> Findings {
    var found = Findings()
    found.take("all") { () throws(ReelError) in text(try recording.events(limit: nil)) }
    found.take("descending") { () throws(ReelError) in
      text(try recording.events(Query(order: .descending), limit: 7))
    }
    var query = Query()
    query.process = "<0.3.0>"
    query.attributes = ["tenant": .text("t1")]
    found.take("by key") { [query] () throws(ReelError) in text(try recording.events(query)) }
    for id in ["event-1-70", "event-1-97", "nobody"] as [EventID] {
      found.take("id \(id)") { () throws(ReelError) in
        try recording.event(id: id).map(text) ?? "none"
      }
    }
    found.take("number") { () throws(ReelError) in
      try recording.event(SequenceNumber(rawValue: 30)).map(text) ?? "none"
    }
    found.take("count") { () throws(ReelError) in "\(try recording.count())" }
    found.take("facets") { () throws(ReelError) in "\(try recording.facets(of: .process))" }
    found.take("statistics") { () throws(ReelError) in
      let statistics = try recording.statistics()
      return "\(statistics.eventCount) \(statistics.runs)"
    }
    found.take("document") { () throws(ReelError) in "\(try recording.document("plan"))" }
    found.take("versions") { () throws(ReelError) in
      "\(try recording.documentVersions("plan"))"
    }
    found.take("verify") { () throws(ReelError) in "\(try recording.verify { _ in })" }
    return found
  }

  @Test(arguments: [false, true])
  func everyCallThatAReaderMakesMayFail(isClosed: Bool) throws {
    let recipe = try DamageRecipe(isClosed: isClosed)
    let plain = FaultyFolder(MemoryFolder(recipe.image))
    let wanted = read(try Recording(folder: plain))
    try #require(wanted.errors.isEmpty, "\(wanted.errors)")
    let cases = FaultCase.all(plain.counts)
    var sweep = Sweep("read faults, \(isClosed ? "closed" : "crashed")")
    sweep.run(
      cases.count, sample: 60, label: { "\(cases[$0])" },
      { number in check(cases[number], recipe.image, wanted) })
    sweep.finish(of: cases.count)
  }

  private func check(
    _ fault: Fault, _ image: FolderImage, _ wanted: Findings
  ) -> [Sweep.Failure] {
    var failures: [Sweep.Failure] = []
    let memory = MemoryFolder(image)
    let folder = FaultyFolder(memory, fault)
    do throws(ReelError) {
      let recording = try Recording(folder: folder)
      let found = read(recording)
      for (step, error) in found.errors where !FaultCase.tells(error, fault) {
        failures.fail("\(step) fails with another error: \(error.kind)", error.description)
      }
      for (step, answer) in found.answers where answer != wanted.answers[step] {
        // A file that is not there was dropped, which is told apart from its events.
        if fault.code == ErrorNumber.noEntry { continue }
        failures.fail("\(step) answers wrongly while \(fault.call) fails", answer)
      }
      folder.set(nil)
      let after = read(recording)
      for (step, answer) in wanted.answers where after.answers[step] != answer {
        let told = after.errors[step]?.description ?? after.answers[step] ?? ""
        failures.fail("\(step) remains wrong after \(fault.call) has failed", told)
      }
    } catch {
      if !FaultCase.tells(error, fault) {
        failures.fail("opening fails with another error: \(error.kind)", error.description)
      }
    }
    if memory.image != image { failures.fail("a reader has changed a file") }
    if memory.openFiles.value != 0 { failures.fail("a reader leaves files open") }
    return failures
  }
}

/// The faults of a sweep, and how errors are judged.
enum FaultCase {
  static let codes: [Int32] = [
    ErrorNumber.inputOutput, ErrorNumber.noSpace, ErrorNumber.quotaExceeded, ErrorNumber.readOnly,
    ErrorNumber.noAccess, ErrorNumber.tooManyFiles, ErrorNumber.tooManyFilesInSystem,
    4 /* EINTR */, ErrorNumber.noEntry, ErrorNumber.fileTooLarge,
  ]

  /// Every call of a run that made so many of each kind, with every error, once and for ever.
  static func all(_ counts: [Call: Int]) -> [Fault] {
    var cases: [Fault] = []
    for call in Call.allCases {
      for index in 0..<(counts[call] ?? 0) {
        for code in codes {
          for isSticky in [false, true] {
            cases.append(Fault(call: call, index: index, code: code, isSticky: isSticky))
            guard call == .write else { continue }
            cases.append(
              Fault(call: call, index: index, code: code, isSticky: isSticky, isShort: true))
          }
        }
      }
    }
    return cases
  }

  /// Whether an error says what failed, where, and with which number.
  static func tells(_ error: ReelError, _ fault: Fault) -> Bool {
    switch error {
    case .io(let failure), .poisoned(let failure):
      return failure.code == fault.code && failure.path.hasPrefix("memory")
        && error.description.contains("errno \(fault.code)")
    case .notFound, .documentNotFound: return fault.code == ErrorNumber.noEntry
    default: return false
    }
  }
}
