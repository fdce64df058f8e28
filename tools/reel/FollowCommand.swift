import ArgumentParser
import Reel

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// `reel follow`: events as they are recorded.
struct FollowCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "follow",
    abstract: "Prints events as they are recorded, in order of arrival, each once.",
    discussion: """
      Examples:
        reel follow trace/                       from now on
        reel follow trace/ --kind error --json
        reel follow trace/ --after '#1234'       go on where an earlier follow ended
        reel follow trace/ --from-start --for 10s

      It goes on across restarts and crashes of the recorder, and says on standard error when the \
      recorder is opened or closed, when it had to drop events, and what could not be given \
      because retention had removed it, no file has it, or its bytes are damaged. It never makes \
      the recorder wait.

      SIGINT or SIGTERM ends it with exit status 0; the last message then names the cursor to go \
      on --after, which gives everything that comes next and nothing twice. The exit status is 4 \
      when damage was met. A lone segment file is followed to its end.
      """)

  @Argument(help: "The folder of a recording, or a segment file.")
  var recording: String

  @OptionGroup(title: "Conditions") var filter: FilterOptions

  @Option(
    help: "Go on after this cursor, which an earlier follow named, such as '#1234'.",
    transform: Arguments.sequenceNumber)
  var after: SequenceNumber?

  @Flag(help: "Begin with the first event that is there, not with the next that comes.")
  var fromStart = false

  @Flag(help: "Wait for the recording while it does not exist.")
  var wait = false

  @Option(parsing: .unconditional, help: "End after so many events.")
  var limit: Int?

  @Option(
    name: .customLong("for"),
    help: ArgumentHelp("End after so long, such as 500ms or 10s.", valueName: "time"),
    transform: Arguments.duration)
  var time: UInt64?

  @OptionGroup var output: OutputOptions

  func validate() throws {
    if after != nil, fromStart { throw ValidationError("give --after or --from-start, not both") }
    if let limit, limit < 0 {
      throw ValidationError("the limit is \(limit); it must be 0 or more, or left out for all")
    }
  }

  func run() throws {
    guard let stopSignal = StopSignal() else {
      Console.error("pipe failed: \(systemMessage(errno)); close some files and try again")
      throw ExitCode.failure
    }
    let (end, overflow) = monotonicNanoseconds().addingReportingOverflow(
      Int64(clamping: time ?? .max))
    let deadline = overflow ? .max : end
    guard let follower = try open(stopSignal, deadline) else { return }
    follower.query = try filter.query { try follower.attributes }
    var loop = FollowLoop(
      follower: follower, stopSignal: stopSignal, deadline: deadline, limit: limit ?? .max,
      isLoneSegment: isFile(recording), isJSON: output.json)
    let outcome = Result { try loop.run() }
    Console.note("to go on, give --after '#\(follower.cursor.rawValue)'")
    try outcome.get()
    try loop.status.finish()
  }

  /// A follower; nothing when the end came before the recording did.
  private func open(_ stopSignal: StopSignal, _ deadline: Int64) throws -> Follower? {
    // A recording that is waited for has been followed from its first event.
    var start = fromStart ? SequenceNumber(rawValue: 0) : after
    var isSaid = false
    while true {
      do {
        return try Follower(path: recording, after: start)
      } catch {
        guard wait, case .notFound = error else { throw error }
        if after == nil { start = SequenceNumber(rawValue: 0) }
      }
      if !isSaid { Console.note("waiting for \(recording)") }
      isSaid = true
      let pause = min(20_000_000, deadline - monotonicNanoseconds())
      if pause <= 0 || stopSignal.wait(nanoseconds: pause) { return nil }
    }
  }
}

/// Prints what comes until it is told to end.
private struct FollowLoop {
  let follower: Follower
  let stopSignal: StopSignal
  let deadline: Int64
  let limit: Int
  let isLoneSegment: Bool
  let isJSON: Bool
  private(set) var status = AnswerStatus()

  /// Nanoseconds between two looks, soon after something came and when nothing has for a while.
  private static let shortPause: Int64 = 1_000_000
  private static let longPause: Int64 = 16_000_000

  init(
    follower: Follower, stopSignal: StopSignal, deadline: Int64, limit: Int, isLoneSegment: Bool,
    isJSON: Bool
  ) {
    self.follower = follower
    self.stopSignal = stopSignal
    self.deadline = deadline
    self.limit = limit
    self.isLoneSegment = isLoneSegment
    self.isJSON = isJSON
  }

  mutating func run() throws {
    var out = Output()
    var printer = try makePrinter()
    var pause = Self.shortPause
    var count = 0
    while count < limit {
      let batch = try follower.next(limit: min(1000, limit - count))
      if !batch.isEmpty { try print(batch, &printer, &out) }
      count += batch.events.count
      let rest = deadline - monotonicNanoseconds()
      if stopSignal.isRequested || rest <= 0 || isLoneSegment && batch.isAtEnd { return }
      guard batch.isEmpty, batch.isAtEnd else {
        pause = Self.shortPause
        continue
      }
      if stopSignal.wait(nanoseconds: min(pause, rest)) { return }
      pause = min(pause * 2, Self.longPause)
    }
  }

  private func makePrinter() throws -> EventPrinter {
    EventPrinter(isJSON: isJSON, attributes: try follower.attributes, writesAtOnce: true)
  }

  private mutating func print(
    _ batch: FollowedBatch, _ printer: inout EventPrinter, _ out: inout Output
  ) throws {
    var notices = batch.notices[...]
    for view in batch.events {
      while let notice = notices.first, notice.place < view.sequenceNumber {
        notices.removeFirst()
        try say(notice, &printer, &out)
      }
      printer.print(view, to: &out)
    }
    for notice in notices { try say(notice, &printer, &out) }
    out.flush()
  }

  /// Says what happened where it did: behind the events before it.
  private mutating func say(
    _ notice: FollowNotice, _ printer: inout EventPrinter, _ out: inout Output
  ) throws {
    out.flush()
    switch notice.content {
    case .opened(let run):
      Console.note("the recorder was opened by process \(run.processID) on \(run.host)")
      // It may have declared other attributes.
      if isJSON { printer = try makePrinter() }
    case .closed: Console.note("the recorder was closed")
    case .dropped(let gap):
      Console.note("the recorder had to drop \(Wording.count(gap.eventCount, "event")) here")
    case .missed(let numbers, let loss):
      let range = "#\(numbers.lowerBound) to #\(numbers.upperBound)"
      switch loss {
      case .removed: Console.note("missed: retention had removed \(range) before it was read")
      case .missing: Console.note("missed: no file holds \(range)")
      case .damaged(let damage):
        Console.note("missed: \(range) cannot be read")
        status.take([damage])
      }
    }
  }
}
