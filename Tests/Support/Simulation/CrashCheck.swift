@testable import Reel

/// Opens recordings as crashes left them, by the engine's own recovery, and judges what is found.
struct CrashCheck {
  var configuration: RecorderConfiguration
  var events: [Event]
  var batches: [Range<Int>]

  /// Something that is not as promised.
  struct Fault {
    var reason: String
    /// Whether all events that are promised are there, and only the report is wrong of what a loss
    /// of power has left.
    var isOfReport = false
  }

  /// When a recording is opened: after so many starts of the system, and so many times since.
  struct Moment {
    var boot = 0
    var opening = 1

    /// After the next crash.
    func after(isCut: Bool) -> Moment {
      isCut ? Moment(boot: boot + 1, opening: 1) : Moment(boot: boot, opening: opening + 1)
    }
  }

  /// How a recorder opens at a moment.
  private func configuration(_ moment: Moment, seed: UInt64) -> RecorderConfiguration {
    var configuration = configuration
    configuration.clock = ManualClock.simulated(
      boot: moment.boot, hour: moment.opening, seed: seed)
    return configuration
  }

  func open(_ folder: any Folder, _ moment: Moment, seed: UInt64) throws -> Recorder {
    try Recorder(folder: folder, configuration: configuration(moment, seed: seed))
  }

  func find(_ recorder: Recorder, _ expectation: Expectation) throws -> Found {
    try find(try recorder.recording, recorder.recovery, expectation)
  }

  private func find(
    _ recording: Recording, _ recovery: RecoveryReport, _ expectation: Expectation
  ) throws -> Found {
    let answer = try recording.events(limit: nil)
    var documents: [String: [UInt8]?] = [:]
    for name in expectation.documents.keys {
      do throws(ReelError) {
        documents[name] = .some(try recording.document(name).bytes)
      } catch {
        guard case .documentNotFound = error else { throw error }
        documents[name] = .some(nil)
      }
    }
    return Found(
      events: answer.events, missing: answer.completeness.missing,
      damages: answer.completeness.damages, recovery: recovery.damages,
      documents: documents)
  }

  /// A recording that was opened by a whole recorder, or by what one does before it has threads.
  private struct Opened {
    var recording: Recording
    var recovery: RecoveryReport
    /// Keeps the lock.
    var start: RunStart?
    var recorder: Recorder?
  }

  /// Opens a recording as a recorder does.
  ///
  /// Its threads have nothing to do yet, and to start and end them takes as long as all else.
  private func open(
    _ disk: MemoryDisk, _ moment: Moment, isWhole: Bool, seed: UInt64
  ) throws -> Opened {
    if isWhole {
      let recorder = try open(disk.folder, moment, seed: seed)
      return Opened(
        recording: try recorder.recording, recovery: recorder.recovery, recorder: recorder)
    }
    let configuration = configuration(moment, seed: seed)
    let start = try RunStart(folder: disk.folder, configuration: configuration)
    try start.note()
    let log = start.log
    let recording = try Recording(
      folder: disk.folder, configuration: configuration.reading, clock: configuration.clock,
      mark: { log.mark })
    return Opened(recording: recording, recovery: start.recovery, start: start)
  }

  /// Opens what a crash left, twice if `isRepeated` is set.
  ///
  /// - Returns: What is wrong, or nothing.
  func fault(
    of image: DiskImage, _ expectation: Expectation, isCut: Bool, _ moment: Moment,
    isRepeated: Bool, seed: UInt64
  ) -> Fault? {
    let disk = MemoryDisk(image, isRecording: false)
    do {
      // Of four one is opened by a whole recorder that dies, and one by one that is closed.
      let isWhole = isRepeated && seed & 16 == 0
      var opened: Opened? = try open(disk, moment, isWhole: isWhole, seed: seed)
      guard let recording = opened?.recording, let recovery = opened?.recovery else { return nil }
      let found = try find(recording, recovery, expectation)
      if let fault = expectation.fault(of: found, events: events, batches: batches, isCut: isCut) {
        return fault
      }
      guard isRepeated else { return nil }
      if let reason = try contextFault(recording) { return Fault(reason: reason) }
      if seed & 32 == 0 { try opened?.recorder?.close() }
      // Gone before the next one asks for the lock.
      opened = nil
      return try repeatedFault(of: disk, found, expectation, isCut: isCut, moment, seed: seed)
    } catch {
      return Fault(reason: "\(error)")
    }
  }

  /// What is otherwise when a recording is opened again.
  private func repeatedFault(
    of disk: MemoryDisk, _ found: Found, _ expectation: Expectation, isCut: Bool, _ moment: Moment,
    seed: UInt64
  ) throws -> Fault? {
    let opened = try open(disk, moment.after(isCut: false), isWhole: false, seed: seed &+ 1)
    let again = try find(opened.recording, opened.recovery, expectation)
    // Retention may have dropped more by then.
    let isSame =
      configuration.maximumEventCount == nil
      ? again.events == found.events
      : found.events.suffix(again.events.count) == again.events[...]
    guard isSame else {
      return Fault(
        reason: "opened again it has \(again.events.count) events, not \(found.events.count)")
    }
    let below = try opened.recording.snapshot().control.dropped.below
    guard Self.isSameLoss(found.missing, again.missing, below), again.documents == found.documents
    else {
      return Fault(
        reason: "opened again it tells otherwise what is missing: \(again.missing), before"
          + " \(found.missing)",
        isOfReport: expectation.allowsHoles(isCut: isCut))
    }
    return nil
  }

  /// What of the contexts is not what the records before them come to, after recovery.
  private func contextFault(_ recording: Recording) throws -> String? {
    var reason: String?
    _ = try recording.verify { finding in
      let text = finding.corruption.reason
      if finding.severity == .warning, text.contains("context") { reason = reason ?? text }
    }
    return reason
  }

  /// Whether the same is missing a second time; what retention has dropped by then, all below a
  /// number, is not missed.
  private static func isSameLoss(
    _ first: [ClosedRange<UInt64>], _ again: [ClosedRange<UInt64>], _ below: UInt64
  ) -> Bool {
    let before = first.compactMap { range in
      range.upperBound < below ? nil : max(range.lowerBound, below)...range.upperBound
    }
    return joined(before) == joined(again)
  }

  /// Ranges without the borders between those that touch.
  private static func joined(_ ranges: [ClosedRange<UInt64>]) -> [ClosedRange<UInt64>] {
    var joined: [ClosedRange<UInt64>] = []
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if let last = joined.last, last.upperBound + 1 >= range.lowerBound {
        joined[joined.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
      } else {
        joined.append(range)
      }
    }
    return joined
  }
}
