import ArgumentParser
import Reel

/// `reel info`: what a recording holds and how it came about.
struct InfoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "info",
    abstract: "Says what a recording holds.",
    discussion: """
      Examples:
        reel info trace/
        reel info trace/ --json | jq .events

      The ratio is that of the events as they are stored before compression to the segment files, \
      indexes included. With --json one object is printed; integers of 64 bits are strings.
      """)

  @Argument(help: "The folder of a recording, or a segment file.")
  var recording: String

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    let source = try Recording(path: recording)
    let statistics = try source.statistics()
    let kinds = try source.tally(by: .kind)
    var damages = statistics.damages
    for damage in kinds.completeness.damages where !damages.contains(damage) {
      damages.append(damage)
    }
    let report = InfoReport(
      path: source.path, statistics: statistics, kinds: kinds.facets, damages: damages,
      missing: kinds.completeness.missing, documents: try source.documents())
    var out = Output()
    if json { out.json(report.write) } else { report.lines.forEach { out.line($0) } }
    out.flush()
    if !damages.isEmpty { throw ExitCode(ExitStatus.damage.rawValue) }
  }
}

/// What `reel info` prints, in both forms, part by part.
struct InfoReport {
  let path: String
  let statistics: Statistics
  let kinds: [FacetCount]
  let damages: [Corruption]
  let missing: [ClosedRange<UInt64>]
  let documents: [DocumentInfo]

  private var ratio: Double? {
    guard statistics.segmentByteCount > 0 else { return nil }
    return Double(statistics.rawByteCount) / Double(statistics.segmentByteCount)
  }

  private var bytesPerEvent: Double? {
    let stored =
      statistics.eventCount + statistics.hiddenEventCount - statistics.bufferedEventCount
    guard stored > 0 else { return nil }
    return Double(statistics.segmentByteCount + statistics.mergedIndexByteCount)
      / Double(stored)
  }

  private var span: UInt64? {
    guard let oldest = statistics.oldest, let newest = statistics.newest else { return nil }
    return UInt64(bitPattern: newest.nanoseconds &- oldest.nanoseconds)
  }

  // MARK: For people

  var lines: [String] {
    var lines = ["recording   \(path)"]
    lines.append(field("events", Wording.grouped(statistics.eventCount)))
    if let oldest = statistics.oldest, let newest = statistics.newest, let span {
      lines.append(field("from", TimestampText.rfc3339(oldest.nanoseconds)))
      lines.append(field("to", TimestampText.rfc3339(newest.nanoseconds)))
      lines.append(field("span", Wording.duration(span)))
    }
    lines += sizes
    if !statistics.attributes.isEmpty {
      let names = statistics.attributes.map { "\(Wording.harmless($0.name)):\($0.type)" }
      lines.append(field("attributes", names.joined(separator: ", ")))
    }
    lines += losses
    if !kinds.isEmpty {
      lines += ["", "kinds"]
      lines += kinds.map {
        "  \(padded($0.count))  \(Wording.harmless($0.value ?? "(none)"))"
      }
    }
    lines += runs
    if !documents.isEmpty {
      lines += ["", "documents"]
      lines += documents.map {
        "  \(Wording.harmless($0.name)), version \($0.version), \(Wording.bytes($0.byteCount))"
      }
    }
    if !damages.isEmpty { lines += ["", "damage"] + damages.map { "  \($0)" } }
    return lines
  }

  private func field(_ name: String, _ value: String) -> String {
    name + String(repeating: " ", count: max(1, 12 - name.count)) + value
  }

  private func padded(_ count: Int) -> String {
    let width = kinds.map { Wording.grouped($0.count).count }.max() ?? 0
    let text = Wording.grouped(count)
    return String(repeating: " ", count: max(0, width - text.count)) + text
  }

  private var sizes: [String] {
    var lines = [
      field(
        "segments",
        "\(Wording.grouped(statistics.segmentCount)) with"
          + " \(Wording.count(statistics.blockCount, "block"))")
    ]
    var size =
      "\(Wording.bytes(statistics.segmentByteCount)), of which"
      + " \(Wording.bytes(statistics.indexByteCount)) indexes"
    if statistics.mergedIndexByteCount > 0 {
      size += ", and \(Wording.bytes(statistics.mergedIndexByteCount)) merged indexes"
    }
    if let bytesPerEvent { size += ", \(Wording.fixed(bytesPerEvent, digits: 1)) bytes an event" }
    lines.append(field("on disk", size))
    if let ratio {
      lines.append(
        field(
          "ratio",
          "\(Wording.fixed(ratio, digits: 1)) (\(Wording.bytes(statistics.rawByteCount)) raw)"))
    }
    if statistics.bufferByteCount > 0 {
      lines.append(
        field(
          "buffer",
          "\(Wording.bytes(statistics.bufferByteCount)),"
            + " \(Wording.count(statistics.bufferedEventCount, "event")) in it"))
    }
    return lines
  }

  private var losses: [String] {
    var lines: [String] = []
    if statistics.removedEventCount > 0 {
      lines.append(
        field("removed", "\(Wording.count(statistics.removedEventCount, "event")) by retention"))
    }
    if statistics.hiddenEventCount > 0 {
      lines.append(
        field(
          "hidden",
          "\(Wording.count(statistics.hiddenEventCount, "event")) removed, in files until their"
            + " segments go"))
    }
    if statistics.droppedEventCount > 0 {
      let count = Wording.count(statistics.droppedEventCount, "event")
      lines.append(field("dropped", "\(count) for lack of room in the buffer"))
      for gap in statistics.gaps {
        lines.append(
          field(
            "  gap",
            "\(Wording.count(gap.eventCount, "event")) from \(TimestampText.rfc3339(gap.from)) to"
              + " \(TimestampText.rfc3339(gap.to))"))
      }
    }
    for range in missing {
      lines.append(
        field("missing", "sequence numbers \(range.lowerBound) to \(range.upperBound)"))
    }
    return lines
  }

  private var runs: [String] {
    guard !statistics.runs.isEmpty else { return [] }
    var lines = ["", "runs"]
    if statistics.forgottenRunCount > 0 {
      lines.append("  \(Wording.count(statistics.forgottenRunCount, "earlier run"))")
    }
    for run in statistics.runs {
      var line = "  \(TimestampText.rfc3339(run.startWall).prefix(19))Z  \(Self.word(run.end))"
      line += String(repeating: " ", count: 8 - Self.word(run.end).count)
      line += "sequence numbers from \(Wording.grouped(run.firstSequence.rawValue))"
      if let last = run.lastSequence { line += " to \(Wording.grouped(last.rawValue))" }
      lines.append(line + ", process \(run.processID) on \(Wording.harmless(run.host))")
    }
    return lines
  }

  private static func word(_ end: Run.End) -> String {
    switch end {
    case .open: "open"
    case .closed: "closed"
    case .crashed: "crashed"
    }
  }
}
