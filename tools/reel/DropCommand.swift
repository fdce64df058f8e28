import ArgumentParser
import Reel

/// `reel drop`: removes old events by hand.
struct DropCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "drop",
    abstract: "Removes the oldest events, or says what would be removed.",
    discussion: """
      Examples:
        reel drop trace/ --before 2026-11-20 --dry-run
        reel drop trace/ --keep-events 1000000
        reel drop trace/ --keep-bytes 2G

      --before and --keep-events are exact at once for every query; room on the disk comes back by \
      whole segments. --keep-bytes drops whole segments, the oldest first, and never the newest. \
      What is removed cannot be brought back. A recording that somebody writes to is refused: \
      there the recorder removes, as its --max-events, --max-bytes and --max-age say.
      """)

  @Argument(help: "The folder of a recording.")
  var recording: String

  @Option(
    parsing: .unconditional, help: "Remove events before this time.", transform: Arguments.time)
  var before: Timestamp?

  @Option(parsing: .unconditional, help: "Keep so many of the newest events, by arrival.")
  var keepEvents: Int?

  @Option(
    help: "Keep the newest segments, of so many bytes together (k, M, G: powers of 1,024).",
    transform: Arguments.byteCount)
  var keepBytes: Int?

  @Flag(help: "Remove nothing, only say what would be.")
  var dryRun = false

  @Flag(help: "Print what was removed as an object; integers of 64 bits are strings.")
  var json = false

  /// The least there is: it is gone when the command ends and should not weigh on what is kept.
  private static let bufferByteCount = 64 << 10

  func validate() throws {
    let given = [before != nil, keepEvents != nil, keepBytes != nil].filter { $0 }.count
    guard given == 1 else {
      throw ValidationError("give one of --before, --keep-events and --keep-bytes")
    }
    if let keepEvents, keepEvents < 0 {
      throw ValidationError("the number of events to keep is \(keepEvents); it must be 0 or more")
    }
  }

  func run() throws {
    // Before anything is written: a recorder would make a folder that is not there.
    let source = try Recording(path: recording)
    let report = dryRun ? try preview(source) : try drop(source)
    var out = Output()
    if json {
      out.json {
        $0.member("dry_run", dryRun)
        $0.member("events", report.events)
        $0.member("segments", report.segments)
        $0.member("bytes", report.bytes)
      }
    } else {
      let verb = dryRun ? "would be removed" : "removed"
      var line = "\(Wording.count(report.events, "event")) \(verb)"
      if let segments = report.segments, let bytes = report.bytes {
        line += ", \(Wording.count(segments, "segment")) unlinked, \(Wording.bytes(bytes)) freed"
      }
      out.line(line)
    }
    out.flush()
  }

  /// What went or would go; how many segments and bytes is not known before events are cut.
  private struct Report {
    var events: Int
    var segments: Int?
    var bytes: Int?
  }

  private func preview(_ source: Recording) throws -> Report {
    if let before { return Report(events: try source.eventCount(before: before)) }
    if let keepEvents { return Report(events: max(0, try source.count() - keepEvents)) }
    let report = try source.retentionPreview(
      keepingBytes: keepBytes ?? .max, bufferByteCount: Self.bufferByteCount)
    return Report(
      events: report.eventCount, segments: report.segmentCount, bytes: report.byteCount)
  }

  private func drop(_ source: Recording) throws -> Report {
    var configuration = RecorderConfiguration()
    configuration.bufferByteCount = Self.bufferByteCount
    let earlier = try source.statistics()
    let recorder = try Recorder(path: recording, configuration: configuration)
    let events: Int
    if let before {
      events = try recorder.removeEvents(before: before)
    } else if let keepEvents {
      events = try recorder.keepNewest(events: keepEvents)
    } else {
      events = try recorder.keepNewest(bytes: keepBytes ?? .max).eventCount
    }
    // By then the flusher has unlinked what nobody can see any more.
    try recorder.close()
    let later = try source.statistics()
    return Report(
      events: events, segments: max(0, earlier.segmentCount - later.segmentCount),
      bytes: max(0, earlier.segmentByteCount - later.segmentByteCount))
  }
}
