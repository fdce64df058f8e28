public import ArgumentParser
public import Reel
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// What `reel record` and `reel import` have in common: options, and the frame around a recorder.
struct IntakeOptions: ParsableArguments {
  @Option(
    help: """
      What a recorded event survives: the death of this process (process) or a loss of power \
      (disk).
      """)
  var durability: Durability = .process

  @Option(
    help: ArgumentHelp(
      "Declare an attribute that queries may ask for: text, integer, double, boolean or bytes.",
      valueName: "name[:type]"),
    transform: Arguments.attribute)
  var attribute: [AttributeDeclaration] = []

  @Flag(help: "Stop at the first line or record that cannot be taken, with exit status 1.")
  var strict = false

  @Flag(help: "Show no progress, also on a terminal.")
  var noProgress = false

  @Flag(help: "Print at the end one object that says what was recorded.")
  var json = false

  func apply(to configuration: inout RecorderConfiguration) {
    configuration.durability = durability
    configuration.attributes = attribute
  }

  /// Opens the recording at `path`, lets `body` append to it, watched beside, and closes it.
  ///
  /// - Throws: What `body` throws, or else what opening and closing do; an exit status after a
  ///   message where no signal can be caught.
  func record<R>(
    to path: String, _ configuration: RecorderConfiguration, _ counters: RecordCounters,
    _ body: (Recorder, StopSignal) throws -> R
  ) throws -> R {
    guard let stopSignal = StopSignal() else {
      Console.error("pipe failed: \(systemMessage(errno)); close some files and try again")
      throw ExitCode.failure
    }
    let recorder = try Recorder(path: path, configuration: configuration)
    Self.report(recorder.recovery)
    let watcher = RecordWatcher(
      recorder: recorder, counters: counters, stopSignal: stopSignal,
      showsProgress: !noProgress && Console.isTerminal)
    return try SideThread.run({ watcher.run(on: $0) }) {
      let outcome = Result { try body(recorder, stopSignal) }
      // Still watched, because closing has to wait while the disk is full.
      let closing = Result { try recorder.close() }
      let taken = try outcome.get()
      try closing.get()
      return taken
    }
  }

  private static func report(_ recovery: RecoveryReport) {
    if recovery.recoveredRecordCount > 0 {
      Console.note(
        "recovered \(Wording.count(recovery.recoveredRecordCount, "record")) that an earlier run"
          + " had not written to a segment")
    }
    for torn in recovery.truncated { Console.note("cut off a torn tail: \(torn)") }
    for damage in recovery.damages { Console.error("damage: \(damage)") }
  }

  /// Says what was recorded, with `members` where JSON is asked for, and what was `skipped`, in
  /// words; ends the command with the status for what was not taken.
  func finish(
    _ counters: RecordCounters, skipped text: String, _ members: (inout JSONWriter) -> Void
  ) throws {
    let recorded = Wording.count(counters.events.load(ordering: .relaxed), "event")
    let skipped = counters.skipped.load(ordering: .relaxed)
    let dropped = counters.dropped.load(ordering: .relaxed)
    if skipped > 0 {
      Console.note("\(text) skipped, \(recorded) recorded")
    } else if Console.isTerminal {
      let time = UInt64(max(0, monotonicNanoseconds() - counters.start))
      Console.note("\(recorded) recorded in \(Wording.duration(time))")
    }
    if dropped > 0 { Console.note("\(Wording.count(dropped, "event")) dropped") }
    if json {
      var out = Output()
      out.json(members)
      out.flush()
    }
    if skipped > 0 || dropped > 0 { throw ExitCode(ExitStatus.loss.rawValue) }
  }
}

extension Durability: ExpressibleByArgument {
  /// Creates the durability that the command line names.
  public init?(argument: String) {
    switch argument {
    case "process": self = .process
    case "disk": self = .disk
    default: return nil
    }
  }

  /// Every name that there is.
  public static var allValueStrings: [String] { ["process", "disk"] }
}
