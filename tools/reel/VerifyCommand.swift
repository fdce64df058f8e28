import ArgumentParser
import Reel

/// `reel verify`: reads every byte and reports every fault.
struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Checks every byte of a recording and reports every fault.",
    discussion: """
      Examples:
        reel verify trace/
        reel verify trace/00000000000000000001.segment --json

      Works on a recording that is being written as well. Damage means lost events; a warning is \
      about derived content, such as an index, that readers pass over; a note is about files that \
      do not belong here, and losses that were reported before. Exit status 4 when anything is \
      damaged. With --json each finding is an object on a line of its own, and the last line holds \
      the sums.
      """)

  @Argument(help: "The folder of a recording, or a segment file.")
  var recording: String

  @Flag(help: "Print JSON Lines; integers of 64 bits are strings.")
  var json = false

  func run() throws {
    let source = try Recording(path: recording)
    var findings: [VerificationFinding] = []
    let report = try source.verify { findings.append($0) }
    var out = Output()
    for finding in findings {
      if json {
        out.json { Self.write(finding, to: &$0) }
      } else {
        out.line("\(finding.severity.rawValue): \(finding.corruption)")
      }
    }
    if json {
      out.json { Self.write(report, to: &$0) }
    } else {
      out.line(Self.closingLine(report))
    }
    out.flush()
    if !report.isSound { throw ExitCode(ExitStatus.damage.rawValue) }
  }

  private static func closingLine(_ report: VerificationReport) -> String {
    let read =
      "\(Wording.count(report.segmentCount, "segment")),"
      + " \(Wording.count(report.blockCount, "block")),"
      + " \(Wording.count(report.eventCount, "event")), \(Wording.bytes(report.byteCount)) read: "
    if report.findingCount == 0 { return read + "sound" }
    return read
      + (report.isSound ? "sound, " : "\(Wording.grouped(report.damageCount)) damaged, ")
      + Wording.count(report.findingCount, "finding")
  }

  private static func write(_ finding: VerificationFinding, to writer: inout JSONWriter) {
    writer.member("severity", finding.severity.rawValue)
    writer.members(finding.corruption)
  }

  private static func write(_ report: VerificationReport, to writer: inout JSONWriter) {
    writer.member("sound", report.isSound)
    writer.member("segments", report.segmentCount)
    writer.member("blocks", report.blockCount)
    writer.member("events", report.eventCount)
    writer.member("bytes", report.byteCount)
    writer.member("damaged", report.damageCount)
    writer.member("findings", report.findingCount)
  }
}

extension JSONWriter {
  /// Members that say what is damaged, where and why.
  mutating func members(_ damage: Corruption) {
    member("path", damage.path)
    member("offset", damage.bytes.lowerBound)
    member("bytes", damage.bytes.count)
    if let lost = damage.sequenceNumbers {
      member("first_sequence", lost.lowerBound)
      member("last_sequence", lost.upperBound)
    }
    member("reason", damage.reason)
  }
}
