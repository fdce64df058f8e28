import ArgumentParser
import Reel
import Synchronization

/// Looks at a recorder twice a second: shows progress on a terminal, and says when the disk is full
/// and when there is room again.
struct RecordWatcher: Sendable {
  let recorder: Recorder
  let counters: RecordCounters
  let stopSignal: StopSignal
  let showsProgress: Bool

  /// Watches until the work beside is done.
  func run(on thread: SideThread) {
    let start = monotonicNanoseconds()
    var isStalled = false
    var last: (time: Int64, events: Int) = (start, 0)
    var sizes = ""
    var nextLook = start
    while thread.pause(nanoseconds: 500_000_000) {
      report(recorder.status.stall, &isStalled)
      guard showsProgress else { continue }
      let now = monotonicNanoseconds()
      let events = counters.events.load(ordering: .relaxed)
      let rate = Double(events - last.events) / (Double(now - last.time) / 1e9)
      last = (now, events)
      if now >= nextLook {
        sizes = describeSizes()
        // A look at many segments takes time; it may take a tenth of it.
        nextLook = now + max(1_000_000_000, (monotonicNanoseconds() - now) * 10)
      }
      let line =
        "\(Wording.grouped(events)) events, \(Wording.fixed(rate, digits: 0)) events/s\(sizes)"
      Console.write("\r\u{1B}[K\(line)")
    }
    if showsProgress { Console.write("\r\u{1B}[K") }
  }

  private func report(_ stall: IOFailure?, _ isStalled: inout Bool) {
    if let stall, !isStalled {
      Console.error("recording waits: \(stall)")
    } else if stall == nil, isStalled {
      Console.note("there is room again; recording goes on")
    }
    isStalled = stall != nil
    guard isStalled, stopSignal.isRequested else { return }
    // The append that waits for room cannot be called off. Ending the process here is safe: what
    // was acknowledged is in the buffer, from which the next opening takes it.
    Console.error(
      "stopped while there is no room; what was recorded is kept, and the next `reel record` on it"
        + " finishes the segment")
    RecordCommand.exit(withError: ExitCode(ExitStatus.failure.rawValue))
  }

  private func describeSizes() -> String {
    guard let statistics = try? recorder.recording.statistics(), statistics.segmentByteCount > 0
    else { return "" }
    let ratio = Double(statistics.rawByteCount) / Double(statistics.segmentByteCount)
    return ", \(Wording.bytes(statistics.segmentByteCount)) on disk,"
      + " ratio \(Wording.fixed(ratio, digits: 1))"
  }
}
