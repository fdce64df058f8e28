import ArgumentParser
import Reel
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// What `reel record` has done so far; also looked at by the task that shows progress.
final class RecordCounters: Sendable {
  /// When the work began, on the monotonic clock.
  let start = monotonicNanoseconds()
  let events = Atomic<Int>(0)
  let skipped = Atomic<Int>(0)
  let dropped = Atomic<Int>(0)
  /// Events passed over because their ids were in the recording.
  let known = Atomic<Int>(0)
}

/// Takes lines into a recorder, one by one or in batches.
struct LineIntake: ~Copyable {
  struct Options {
    var batch = 1
    var isStrict = false
    var acknowledges = false
    /// The file that the lines are of; nothing for standard input.
    var file: String?
  }

  /// Skipped lines of which each is reported.
  static let reportLimit = 20

  private let recorder: Recorder
  private let reader: EventReader
  private let counters: RecordCounters
  private var options: Options
  private var encoder = EventEncoder()
  private var lineNumber = 0
  private var eventCount = 0
  private var skippedCount = 0
  private var droppedCount = 0
  /// Events of the batch begun and the lines they came from.
  private var waiting: [(event: Event, line: Int)] = []

  init(
    recorder: Recorder, reader: EventReader, counters: RecordCounters, options: Options
  ) {
    self.recorder = recorder
    self.reader = reader
    self.counters = counters
    self.options = options
  }

  /// Says that the lines that follow are of another file.
  mutating func begin(file: String) {
    options.file = file
    lineNumber = 0
    eventCount = counters.events.load(ordering: .relaxed)
    skippedCount = counters.skipped.load(ordering: .relaxed)
    droppedCount = counters.dropped.load(ordering: .relaxed)
  }

  /// Takes every line of `lines`, until it ends or somebody asks to stop.
  ///
  /// - Throws: ``ReelError`` when recording cannot go on, or an exit status after a message.
  mutating func run(_ lines: consuming LineReader) throws {
    while true {
      switch lines.next() {
      case .line(let range):
        lineNumber += 1
        try take(lines.buffer.byteSpan.extracting(range))
      case .tooLong:
        lineNumber += 1
        try skip(lineNumber, "longer than \(Wording.bytes(LineReader.lineByteLimit))")
      case .end, .stopped:
        return try appendBatch()
      case .failed(let code):
        try appendBatch()
        let file = options.file ?? "standard input"
        Console.error("\(file): read failed: \(systemMessage(code)) (errno \(code))")
        throw ExitCode(ExitStatus.failure.rawValue)
      }
    }
  }

  private mutating func take(_ line: RawSpan) throws {
    guard !Self.isBlank(line) else { return }
    do throws(JSONFault) {
      if options.batch > 1 {
        waiting.append((try reader.event(from: line), lineNumber))
      } else {
        try reader.read(line, into: &encoder)
      }
    } catch {
      return try skip(lineNumber, error.message(in: line))
    }
    if options.batch == 1 {
      try appendEncoded()
    } else if waiting.count == options.batch {
      try appendBatch()
    }
  }

  private static func isBlank(_ line: RawSpan) -> Bool {
    guard line.byteCount <= 1 || line.loadByte(at: 0) != UInt8(ascii: "{") else { return false }
    for offset in 0..<line.byteCount {
      switch line.loadByte(at: offset) {
      case 0x20, 0x09, 0x0D: continue
      default: return false
      }
    }
    return true
  }

  private mutating func appendEncoded() throws {
    do throws(ReelError) {
      taken(try recorder.append(encoder) == nil ? 0 : 1, of: 1)
    } catch {
      guard try isKnown(error, lineNumber) else { return }
    }
    try acknowledge(lineNumber)
  }

  private mutating func appendBatch() throws {
    guard let last = waiting.last else { return }
    let batch = waiting
    waiting.removeAll(keepingCapacity: true)
    do throws(ReelError) {
      taken(try recorder.append(contentsOf: batch.map(\.event)), of: batch.count)
    } catch {
      guard Self.isAboutEvents(error) else { throw error }
      // Nothing of it was stored; one by one, only the events at fault are left out.
      for (event, line) in batch {
        do throws(ReelError) {
          taken(try recorder.append(event) == nil ? 0 : 1, of: 1)
        } catch {
          guard try isKnown(error, line) else { continue }
        }
        try acknowledge(line)
      }
      return
    }
    try acknowledge(last.line)
  }

  private mutating func taken(_ count: Int, of offered: Int) {
    eventCount += count
    counters.events.store(eventCount, ordering: .relaxed)
    guard count < offered else { return }
    droppedCount += offered - count
    counters.dropped.store(droppedCount, ordering: .relaxed)
  }

  // MARK: Refusals

  static func isAboutEvents(_ error: ReelError) -> Bool {
    switch error {
    case .limitExceeded, .invalidArgument, .duplicateID: true
    default: false
    }
  }

  /// Whether the event of `line` was refused because it is recorded already, which is as good as
  /// taking it; the line is skipped when something else is wrong with it.
  private mutating func isKnown(_ error: ReelError, _ line: Int) throws -> Bool {
    guard Self.isAboutEvents(error) else { throw error }
    if case .duplicateID = error {
      counters.known.wrappingAdd(1, ordering: .relaxed)
      return true
    }
    try skip(line, error.description)
    return false
  }

  private mutating func skip(_ line: Int, _ reason: String) throws {
    skippedCount += 1
    counters.skipped.store(skippedCount, ordering: .relaxed)
    if options.isStrict {
      try appendBatch()
      Console.error("\(place(line)): \(reason); stopped there, as --strict asks")
      throw ExitCode(ExitStatus.failure.rawValue)
    }
    if skippedCount <= Self.reportLimit { Console.write("\(place(line)): \(reason)\n") }
    if skippedCount == Self.reportLimit {
      Console.note("further lines that cannot be taken are only counted")
    }
  }

  private func place(_ line: Int) -> String {
    (options.file.map { "\($0): " } ?? "") + "line \(line)"
  }

  // MARK: Acknowledgement

  /// Writes the number of a line that has been recorded, and with it all before.
  private func acknowledge(_ line: Int) throws {
    guard options.acknowledges else { return }
    var text: [UInt8] = []
    text.append(decimal: line, isQuoted: false)
    text.append(UInt8(ascii: "\n"))
    guard !writeAll(text, to: STDOUT_FILENO) else { return }
    let code = errno
    Console.error("standard output: \(systemMessage(code)); stopped after line \(line)")
    throw ExitCode(ExitStatus.failure.rawValue)
  }
}
