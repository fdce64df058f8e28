import ArgumentParser
import Reel

/// `reel repair`: saves what can be read of a damaged recording into a new one.
struct RepairCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "repair",
    abstract: "Saves all that can be read of a damaged recording into a new one.",
    discussion: """
      Examples:
        reel repair trace/ trace-repaired/
        reel repair trace/ trace-repaired/ --json

      The damaged recording is only read, and nobody may be writing to it. Every file is read from \
      end to end, whatever its name; what is damaged is skipped, and what is left keeps its \
      sequence numbers, ids, runs and removals. The new recording gets its name only once it has \
      been read back whole. Lists every damaged stretch of bytes and every sequence number that \
      is lost; those of the recording's own notes are numbered too.

      Exit status 0 when nothing is lost, 3 when something is, 1 when nothing could be saved.
      """)

  @Argument(help: "The folder of the damaged recording.")
  var recording: String

  @Argument(help: "The folder to make: it must not exist yet, or be empty.")
  var output: String

  @Flag(help: "Print JSON Lines; integers of 64 bits are strings.")
  var json = false

  func run() throws {
    var out = Output()
    let report = try Recording.repair(recording, to: output) { damage in
      if json {
        out.json { $0.members(damage) }
      } else {
        out.line("damage: \(damage)")
      }
    }
    if json {
      out.json { Self.write(report, to: &$0) }
    } else {
      for range in report.lostSequenceNumbers { out.line("lost: \(Self.text(range))") }
      out.line(closingLine(report))
    }
    out.flush()
    if !report.hasSavedAnything { throw ExitCode(ExitStatus.failure.rawValue) }
    if !report.isComplete { throw ExitCode(ExitStatus.loss.rawValue) }
  }

  private static func text(_ range: ClosedRange<UInt64>) -> String {
    let count = range.upperBound - range.lowerBound + 1
    return count == 1
      ? "sequence number \(range.lowerBound)"
      : "sequence numbers \(range.lowerBound) to \(range.upperBound), \(count) records"
  }

  private func closingLine(_ report: RepairReport) -> String {
    guard report.hasSavedAnything else {
      return "nothing could be saved of \(recording); nothing was made"
    }
    let saved =
      "\(Wording.count(report.eventCount, "event")) in"
      + " \(Wording.count(report.segmentCount, "segment"))"
      + " and \(Wording.count(report.documentCount, "document version"))"
      + " saved in \(output), which is sound: "
    if report.isComplete { return saved + "nothing is lost" }
    if report.hasLostAttributes && report.lostSequenceNumbers.isEmpty {
      return saved + "attributes whose declarations are lost are not in it"
    }
    let lost = report.lostSequenceNumbers.reduce(0) { $0 + $1.upperBound - $1.lowerBound + 1 }
    return saved
      + "\(Wording.count(Int(clamping: lost), "record")) and"
      + " \(Wording.count(report.lostDocumentCount, "document version")) lost"
  }

  private static func write(_ report: RepairReport, to writer: inout JSONWriter) {
    writer.member("complete", report.isComplete)
    writer.member("events", report.eventCount)
    writer.member("segments", report.segmentCount)
    writer.member("documents", report.documentCount)
    writer.member("documents_lost", report.lostDocumentCount)
    writer.member("attributes_lost", report.hasLostAttributes)
    writer.member("damages", report.damages.count)
    writer.name("lost")
    writer.array { lost in
      for range in report.lostSequenceNumbers {
        lost.object {
          $0.member("first_sequence", range.lowerBound)
          $0.member("last_sequence", range.upperBound)
        }
      }
    }
  }
}
