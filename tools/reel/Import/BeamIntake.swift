import ArgumentParser
import Reel
import Synchronization

/// Takes the records of trace files into a recorder.
struct BeamIntake: ~Copyable {
  /// What happened besides the events.
  struct Outcome {
    /// Messages that OTP's tracer says were lost.
    var lostCount = 0
    /// Records without a timestamp.
    var untimedCount = 0
    /// Whether timestamps were of the monotonic clock and taken as they are.
    var isMonotonic = false
    /// Whether somebody asked to stop.
    var isStopped = false
  }

  private(set) var outcome = Outcome()
  private let recorder: Recorder
  private let counters: RecordCounters
  private let isStrict: Bool
  /// The moment that the first timestamp stands for; nothing means that it is one itself.
  private let start: Int64?
  /// What is added to the timestamps of a clock; nothing before its first.
  private var shift: Int64?
  private var untimed: Int64
  private var encoder = EventEncoder()
  private var reader = BeamEventReader()
  private var eventCount = 0
  private var skippedCount = 0
  private var droppedCount = 0
  private var recordNumber = 0
  private var file = ""

  init(recorder: Recorder, counters: RecordCounters, isStrict: Bool, start: Timestamp?) {
    self.recorder = recorder
    self.counters = counters
    self.isStrict = isStrict
    self.start = start?.nanoseconds
    untimed = start?.nanoseconds ?? 0
  }

  /// Takes every record of the file called `name`.
  ///
  /// - Throws: ``ReelError`` when recording cannot go on, or an exit status after a message.
  mutating func run(_ records: consuming BeamFileReader, name: String) throws {
    file = name
    recordNumber = 0
    eventCount = counters.events.load(ordering: .relaxed)
    skippedCount = counters.skipped.load(ordering: .relaxed)
    droppedCount = counters.dropped.load(ordering: .relaxed)
    while true {
      switch records.next() {
      case .record(let range):
        recordNumber += 1
        let refusal = try take(records.buffer.byteSpan.extracting(range))
        guard let refusal else { continue }
        let offset = records.recordOffset
        guard refusal.isMalformed else {
          try skip(offset, refusal.reason)
          continue
        }
        let byteCount = records.reject()
        try skip(offset, "\(refusal.reason); \(Wording.count(byteCount, "byte")) passed over")
      case .dropped(let count): lose(count)
      case .damage(let byteCount):
        recordNumber += 1
        try skip(
          records.recordOffset,
          "\(Wording.count(byteCount, "byte")) are no records of a trace file, or one of more than"
            + " \(Wording.bytes(BeamFileReader.recordByteLimit)), and were passed over")
      case .cutOff(let missing):
        recordNumber += 1
        try skip(
          records.recordOffset,
          "the file ends within this record, which lacks \(Wording.count(missing, "byte")): was the"
            + " trace port closed before it was copied?")
      case .end: return
      case .stopped:
        outcome.isStopped = true
        return
      case .failed(let code):
        Console.error("\(name): read failed: \(systemMessage(code)) (errno \(code))")
        throw ExitCode(ExitStatus.failure.rawValue)
      }
    }
  }

  /// Why a record is not taken, and whether its bytes cannot be understood.
  private typealias Refusal = (reason: String, isMalformed: Bool)

  /// Takes a record.
  /// - Returns: Nothing, or what is wrong with it.
  private mutating func take(_ record: RawSpan) throws -> Refusal? {
    let result: BeamEventReader.Result
    do throws(TermFault) {
      result = try reader.read(record, into: &encoder)
    } catch {
      return (error.description, true)
    }
    switch result {
    case .dropped(let count): lose(count)
    case .event(let time):
      guard let timestamp = timestamp(time) else {
        return ("its timestamp is out of range; give another --start", false)
      }
      encoder.timestamp = Timestamp(nanoseconds: timestamp)
      do throws(ReelError) {
        let isTaken = try recorder.append(encoder) != nil
        eventCount += isTaken ? 1 : 0
        counters.events.store(eventCount, ordering: .relaxed)
        if !isTaken {
          droppedCount += 1
          counters.dropped.store(droppedCount, ordering: .relaxed)
        }
      } catch {
        guard LineIntake.isAboutEvents(error) else { throw error }
        return (error.description, false)
      }
    }
    return nil
  }

  private mutating func lose(_ count: Int) {
    let sum = outcome.lostCount.addingReportingOverflow(count)
    outcome.lostCount = sum.overflow ? .max : sum.partialValue
  }

  /// The moment that a message tells; nothing when it is beyond 64 bits.
  private mutating func timestamp(_ time: BeamEventReader.Time) -> Int64? {
    let value: Int64
    switch time {
    case .none:
      outcome.untimedCount += 1
      defer { untimed &+= 1 }
      return untimed
    case .wall(let nanoseconds): value = nanoseconds
    case .monotonic(let nanoseconds):
      if start == nil { outcome.isMonotonic = true }
      value = nanoseconds
    }
    if shift == nil {
      guard let start else {
        shift = 0
        return value
      }
      let (difference, overflow) = start.subtractingReportingOverflow(value)
      guard !overflow else { return nil }
      shift = difference
    }
    let (sum, overflow) = value.addingReportingOverflow(shift ?? 0)
    return overflow ? nil : sum
  }

  private mutating func skip(_ offset: Int, _ reason: String) throws {
    skippedCount += 1
    counters.skipped.store(skippedCount, ordering: .relaxed)
    let place = "\(file): record \(recordNumber), at byte \(offset)"
    if isStrict {
      Console.error("\(place): \(reason); stopped there, as --strict asks")
      throw ExitCode(ExitStatus.failure.rawValue)
    }
    if skippedCount <= LineIntake.reportLimit { Console.write("\(place): \(reason)\n") }
    if skippedCount == LineIntake.reportLimit {
      Console.note("further records that cannot be taken are only counted")
    }
  }
}
