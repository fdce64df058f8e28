import ArgumentParser
import Reel

/// `reel pin`: parts of a recording that retention does not take away.
struct PinCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pin",
    abstract: "Keeps a part of a recording whatever its limits drop later.",
    discussion: """
      Examples:
        reel pin trace/ --from 1795223980700000000 --to 1795223980800000000 --label crash
        reel pin trace/ --label today --from 2026-11-21T00:00:00Z --budget 2G
        reel pin trace/ --list
        reel query trace/pins/crash --count
        reel pin trace/ --remove crash

      All segments with events of that time are kept whole, in the folder pins/LABEL of the \
      recording, which is a recording itself. They are the same files: they take room of their \
      own only once the recording has dropped them. The recording may be written to meanwhile.
      """)

  @Argument(help: "The folder of a recording.")
  var recording: String

  @Option(
    parsing: .unconditional, help: "The earliest time, inclusive.", transform: Arguments.time)
  var from: Timestamp?

  @Option(
    parsing: .unconditional, help: "The latest time, inclusive.", transform: Arguments.time)
  var to: Timestamp?

  @Option(help: "What to call it.")
  var label: String?

  @Option(
    help: "Refuse when all pins together would take more bytes (k, M, G: powers of 1,024).",
    transform: Arguments.byteCount)
  var budget: Int?

  @Flag(help: "List the pins.")
  var list = false

  @Option(help: "Remove the pin of this label.")
  var remove: String?

  @OptionGroup var output: OutputOptions

  func validate() throws {
    let given = [label != nil, list, remove != nil].count { $0 }
    if given != 1 { throw ValidationError("give one of --label, --list and --remove") }
  }

  func run() throws {
    let source = try Recording(path: recording)
    var out = Output()
    if let remove {
      guard try source.pins().contains(where: { $0.label == remove }) else {
        Console.error("\(source.path) has no pin '\(remove)'")
        throw ExitCode(ExitStatus.notFound.rawValue)
      }
      try source.unpin(remove)
    } else if let label {
      let pin = try source.pin(label, from: from ?? .min, to: to ?? .max, byteBudget: budget)
      write(pin, to: &out)
    } else {
      for pin in try source.pins() { write(pin, to: &out) }
    }
    out.flush()
  }

  private func write(_ pin: Pin, to out: inout Output) {
    if output.json {
      out.json {
        $0.member("label", pin.label)
        $0.member("path", pin.path)
        $0.member("bytes", pin.byteCount)
      }
    } else {
      out.line(
        "\(Wording.harmless(pin.label))  \(Wording.bytes(pin.byteCount))  "
          + Wording.harmless(pin.path))
    }
  }
}
