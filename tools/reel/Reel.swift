import ArgumentParser
import Reel

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The tool: one binary, a subcommand for each thing to do with a recording.
@main
struct ReelCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reel",
    abstract: "Records what a program does and answers questions about it.",
    discussion: """
      A recording is a folder; wherever one is read, a single segment file may be given too.

      Examples:
        my-program | reel record trace/          record JSON Lines
        reel info trace/                         what is in it
        reel query trace/ --process '<0.157.0>' --kind message_send
        reel query trace/ --correlation req-17 --json > req-17.jsonl
        reel at trace/ 2026-11-21T03:22:00.5Z    processes, states and stacks at a moment
        reel replay trace/ --speed 10            see it happen again
        reel follow trace/ --kind error          see it happen now
        reel play trace/                         go through it in the terminal

      Standard output carries data only; messages go to standard error. With --json, integers of \
      64 bits are strings. Exit status: 0 done, also when nothing matches; 1 failure; 2 the \
      recording, id or document does not exist; 3 input lines skipped, events dropped, or lost in \
      a repair; 4 damage met (the rest is printed); 64 wrong usage.

      Completions: reel --generate-completion-script bash|zsh|fish
      """,
    version: "reel 0.1.0 (recording format 0)",
    subcommands: [
      RecordCommand.self, InfoCommand.self, QueryCommand.self, AtCommand.self, TreeCommand.self,
      WhyCommand.self, SliceCommand.self, MergeCommand.self, PinCommand.self,
      ReplayCommand.self, FollowCommand.self, PlayCommand.self,
      DropCommand.self, DumpCommand.self, VerifyCommand.self, RepairCommand.self,
      DocumentCommand.self,
    ])

  /// Runs the command that the arguments name.
  ///
  /// Nothing here is asynchronous: the language's runtime would need descriptors of its own, and
  /// end the process by a trap when there are none left.
  static func main() {
    // A reader that goes away shows as EPIPE where it is written to, and a limit on the size of
    // files as EFBIG.
    _ = signal(SIGPIPE, SIG_IGN)
    _ = signal(SIGXFSZ, SIG_IGN)
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch let error as ReelError {
      Console.error(error.description)
      exit(withError: ExitCode(status(of: error).rawValue))
    } catch {
      exit(withError: error)
    }
  }

  /// The exit status that tells of `error`.
  static func status(of error: ReelError) -> ExitStatus {
    switch error {
    case .notFound, .documentNotFound: .notFound
    case .corrupted: .damage
    case .invalidArgument: .usage
    default: .failure
    }
  }
}
