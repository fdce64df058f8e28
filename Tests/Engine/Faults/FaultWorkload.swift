import Foundation

@testable import Reel

/// Two runs of a recorder that use everything once, on a folder with a fault, and what must hold of
/// the files afterwards.
final class FaultWorkload: @unchecked Sendable {
  enum Kind: String, CaseIterable, Sendable {
    case process, disk, retention
  }

  let folder: FaultyFolder
  private let memory = MemoryFolder()
  private let kind: Kind
  private let fault: Fault?
  private var failures: [Sweep.Failure] = []
  /// Whatever was offered, in order; whether it was acknowledged; and the batch it belongs to.
  private var sent: [(event: Event, isAcknowledged: Bool, batch: Int)] = []
  private var batchCount = 0
  /// The documents that were stored, and those that may have been.
  private var documents: [(bytes: [UInt8], isAcknowledged: Bool)] = []
  /// What a removal that returned, or one that failed, hides.
  private var removedCount = 0

  private static let maximumEventCount = 32

  init(_ kind: Kind, _ fault: Fault?) {
    self.kind = kind
    self.fault = fault
    folder = FaultyFolder(memory, fault)
  }

  private var configuration: RecorderConfiguration {
    var configuration = DamageRecipe.configuration
    configuration.bufferByteCount = 32 << 10
    configuration.attributes = []
    configuration.durability = kind == .disk ? .disk : .process
    if kind == .retention { configuration.maximumEventCount = Self.maximumEventCount }
    return configuration
  }

  private func fail(_ kind: String, _ details: String = "") {
    failures.append(Sweep.Failure(kind: kind, details: details))
  }

  /// Runs `body`; an error must tell of the fault.
  /// - Returns: Whether it went well.
  @discardableResult
  private func attempt(_ step: String, _ body: () throws(ReelError) -> Void) -> Bool {
    do throws(ReelError) {
      try body()
      return true
    } catch {
      guard let fault, FaultCase.tells(error, fault) else {
        fail("\(step) fails with another error: \(error.kind)", error.description)
        return false
      }
      return false
    }
  }

  /// Runs everything.
  /// - Returns: What is wrong.
  func run() -> [Sweep.Failure] {
    attempt("the first run") { () throws(ReelError) in try firstRun() }
    attempt("the second run") { () throws(ReelError) in try secondRun() }
    folder.set(nil)
    checkFiles("before recovery")
    do throws(ReelError) {
      let recorder = try Recorder(folder: memory, configuration: configuration)
      if !recorder.recovery.damages.isEmpty {
        fail("recovery tells of damage", "\(recorder.recovery.damages)")
      }
      append(recorder, 1)
      try recorder.close()
      if sent.last?.isAcknowledged != true { fail("recording does not go on after recovery") }
    } catch {
      fail("recovery fails: \(error.kind)", error.description)
    }
    checkFiles("after recovery")
    let leftovers = memory.image.keys.filter { $0.hasSuffix(FileName.temporarySuffix) }
    if leftovers.count > 1 { fail("more than one file is left over", "\(leftovers)") }
    if memory.openFiles.value != 0 { fail("files are left open") }
    return failures
  }

  private func firstRun() throws(ReelError) {
    let recorder = try Recorder(folder: folder, configuration: configuration)
    let before = folder.failed.count
    letRoomComeBack()
    append(recorder, 10)
    append(recorder, batchOf: 6)
    attempt("flush") { () throws(ReelError) in try recorder.flush() }
    store(recorder)
    append(recorder, 8)
    append(recorder, batchOf: 5)
    attempt("sync") { () throws(ReelError) in try recorder.sync() }
    checkLive(recorder)
    if kind == .process { remove(recorder) }
    store(recorder)
    if kind == .retention {
      attempt("retention") { () throws(ReelError) in _ = try recorder.enforceRetention() }
    }
    append(recorder, 12)
    attempt("flush") { () throws(ReelError) in try recorder.flush() }
    checkPromise(recorder, Array(folder.failed[before...]))
    attempt("close") { () throws(ReelError) in try recorder.close() }
  }

  private func secondRun() throws(ReelError) {
    let recorder = try Recorder(folder: folder, configuration: configuration)
    letRoomComeBack()
    append(recorder, 5)
    append(recorder, batchOf: 4)
    attempt("close") { () throws(ReelError) in try recorder.close() }
  }

  /// With durability `disk` an append waits on a full disk: it becomes less full by itself.
  private func letRoomComeBack() {
    guard kind == .disk, var fault, fault.call == .write, fault.isSticky else { return }
    guard fault.code == ErrorNumber.noSpace || fault.code == ErrorNumber.quotaExceeded else {
      return
    }
    fault.failureLimit = folder.failed.count + 3
    folder.limit(to: fault)
  }

  // MARK: Steps

  private func append(_ recorder: Recorder, _ count: Int) {
    for _ in 0..<count {
      let event = numbered(sent.count + 1)
      let isTaken = attempt("append") { () throws(ReelError) in try recorder.append(event) }
      sent.append((event, isTaken, 0))
    }
  }

  private func append(_ recorder: Recorder, batchOf count: Int) {
    batchCount += 1
    let events = (1...count).map { numbered(sent.count + $0) }
    let isTaken = attempt("append a batch") { () throws(ReelError) in
      try recorder.append(contentsOf: events)
    }
    for event in events { sent.append((event, isTaken, batchCount)) }
  }

  private func store(_ recorder: Recorder) {
    let bytes = Array("document \(documents.count)".utf8)
    let isStored = attempt("store a document") { () throws(ReelError) in
      try recorder.setDocument("plan", bytes)
    }
    documents.append((bytes, isStored))
  }

  private func remove(_ recorder: Recorder) {
    attempt("remove") { () throws(ReelError) in
      try recorder.removeEvents(before: 5)
      removedCount = 4
    }
  }

  private func checkLive(_ recorder: Recorder) {
    attempt("a query") { () throws(ReelError) in
      let answer = try recorder.recording.events(limit: nil)
      // A file that is not there is taken for one that was dropped, which is told.
      if fault?.code == ErrorNumber.noEntry, !answer.completeness.tellsNothing { return }
      check(answer, "while recording")
    }
  }

  /// A failed sync, or a failed write for another reason than lack of room, ends the recorder;
  /// a full disk does not.
  private func checkPromise(_ recorder: Recorder, _ failed: [IOFailure]) {
    guard let fault, !failed.isEmpty else { return }
    let isOfLog = failed.contains {
      $0.path.hasSuffix(FileName.segmentSuffix) || $0.path.hasSuffix(FileName.bufferSuffix)
        || $0.path.hasSuffix(FileName.temporarySuffix) && !$0.path.contains(FileName.documents)
    }
    let isFull = failed[0].isOutOfSpace
    guard isOfLog else { return }
    if fault.call == .sync || fault.call == .write && !isFull {
      attempt("flush") { () throws(ReelError) in try recorder.flush() }
      do throws(ReelError) {
        try recorder.append(numbered(sent.count + 1))
        fail("a recorder goes on after a failed \(fault.call)")
        sent.append((numbered(sent.count + 1), true, 0))
      } catch .poisoned(let cause) {
        if cause.code != fault.code { fail("poisoned by another failure", "\(cause)") }
        sent.append((numbered(sent.count + 1), false, 0))
      } catch {
        fail("a recorder that has failed says: \(error.kind)", error.description)
      }
    } else if isFull, fault.call == .write {
      folder.set(nil)
      for attempt in 0..<100 {
        do throws(ReelError) {
          try recorder.flush()
          append(recorder, 1)
          return
        } catch {
          if case .poisoned = error { return fail("a full disk ends a recorder", "\(error)") }
          if attempt == 99 { fail("a recorder does not go on when there is room", "\(error)") }
          usleep(10_000)
        }
      }
    }
  }

  // MARK: What must hold

  private func checkFiles(_ stage: String) {
    guard sent.contains(where: \.isAcknowledged) || !memory.image.isEmpty else { return }
    do throws(ReelError) {
      let recording = try Recording(folder: memory)
      check(try recording.events(limit: nil), stage)
      let report = try recording.verify { finding in
        if finding.severity == .damage { fail("\(stage): verify finds damage", "\(finding)") }
      }
      _ = report
      checkDocument(recording, stage)
    } catch {
      let isNone = error.kind == "not found" && !sent.contains(where: \.isAcknowledged)
      if !isNone { fail("\(stage): reading fails: \(error.kind)", error.description) }
    }
  }

  private func checkDocument(_ recording: Recording, _ stage: String) {
    let least = documents.lastIndex { $0.isAcknowledged }
    let found = try? recording.document("plan")
    guard let found else {
      if least != nil { fail("\(stage): a document is lost") }
      return
    }
    let index = documents.lastIndex { $0.bytes == found.bytes } ?? -1
    if index < least ?? 0 { fail("\(stage): a wrong document", "\(found)") }
  }

  private func check(_ answer: Answer, _ stage: String) {
    if !answer.completeness.tellsNothing {
      fail("\(stage): damage is told", "\(answer.completeness)")
    }
    // In one answer every number comes once and in order: they are their own timestamps.
    let numbers = answer.events.map { Int($0.timestamp?.nanoseconds ?? 0) }
    if numbers != numbers.sorted() || Set(numbers).count != numbers.count {
      fail("\(stage): not in order", "\(numbers)")
    }
    for event in answer.events {
      var plain = event
      plain.sequenceNumber = nil
      let number = Int(event.timestamp?.nanoseconds ?? 0)
      guard (1...max(1, sent.count)).contains(number), plain == sent[number - 1].event else {
        fail("\(stage): a wrong event", "\(event)")
        continue
      }
    }
    let found = Set(numbers)
    let lost = sent.indices.map { $0 + 1 }.filter { sent[$0 - 1].isAcknowledged }
      .filter { !found.contains($0) }
    checkLost(lost, numbers, stage)
    for batch in Set(sent.map(\.batch)) where batch > 0 {
      let members = sent.indices.filter { sent[$0].batch == batch }.map { $0 + 1 }
      let count = members.filter(found.contains).count
      if count != 0, count != members.count, kind != .retention {
        fail("\(stage): a batch in part", "\(members)")
      }
    }
  }

  private func checkLost(_ lost: [Int], _ found: [Int], _ stage: String) {
    guard !lost.isEmpty else { return }
    if kind == .retention {
      // The oldest may go, down to an eighth below the maximum.
      let least = Self.maximumEventCount * 7 / 8
      if found.count < least { fail("\(stage): retention has dropped too many", "\(found)") }
      guard let first = found.first, lost.allSatisfy({ $0 < first }) else {
        return fail("\(stage): acknowledged events are lost", "\(lost)")
      }
      return
    }
    if lost.contains(where: { $0 > removedCount }) {
      fail("\(stage): acknowledged events are lost", "\(lost)")
    }
  }
}
