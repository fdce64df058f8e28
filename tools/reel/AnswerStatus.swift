import ArgumentParser
import Reel

/// Says on standard error what an answer lacks and what it took, and ends with the status for it.
struct AnswerStatus {
  private let explain: Bool
  private let isJSON: Bool
  private var status = ExitStatus.done

  init(explain: Bool = false, isJSON: Bool = false) {
    self.explain = explain
    self.isJSON = isJSON
  }

  mutating func take(_ completeness: Completeness, _ cost: QueryCost) {
    if explain { say(cost) }
    take(completeness)
  }

  mutating func take(_ completeness: Completeness) {
    if completeness.droppedEventCount > 0 {
      let count = Wording.count(completeness.droppedEventCount, "event")
      Console.note("incomplete: the recorder had to drop \(count) in this time")
    }
    if completeness.removedEventCount > 0 {
      let count = Wording.count(completeness.removedEventCount, "event")
      Console.note("incomplete: retention has removed \(count) from this recording")
    }
    if completeness.isCut {
      Console.note("incomplete: older events of this time have been removed")
    }
    for range in completeness.missing {
      Console.note(
        "incomplete: no file holds the sequence numbers \(range.lowerBound) to"
          + " \(range.upperBound)")
    }
    take(completeness.damages)
  }

  mutating func take(_ moment: Moment) {
    if explain { say(moment.cost) }
    take(moment.damages)
  }

  mutating func take(_ damages: [Corruption]) {
    for damage in damages { Console.error("damage: \(damage)") }
    if !damages.isEmpty { status = .damage }
  }

  /// Tells an empty answer from an empty recording, and what did not happen from what nobody looked
  /// at.
  func nothingMatches(ofRecording count: Int, _ instrumentation: Instrumentation? = nil) {
    Console.note(
      count == 0
        ? "the recording has no events"
        : "none of the recording's \(Wording.count(count, "event")) matches")
    guard let instrumentation else { return }
    if instrumentation.stretches.isEmpty {
      Console.note("no instrumentation plan held in that time")
    }
    for stretch in instrumentation.stretches {
      let from = TimestampText.rfc3339(stretch.from.nanoseconds)
      let to = stretch.to.map { " to \(TimestampText.rfc3339($0.nanoseconds))" } ?? ""
      let told =
        stretch.isNamed
        ? "names it: it was instrumented, and did not happen"
        : "does not name it: nobody looked"
      Console.note("instrumentation plan \(stretch.version), from \(from)\(to), \(told)")
    }
  }

  mutating func idNotFound(_ id: String, _ path: String) {
    Console.error("\(path): there is no event '\(id)' that the conditions hold for")
    if status == .done { status = .notFound }
  }

  private func say(_ cost: QueryCost) {
    guard !isJSON else {
      var writer = JSONWriter()
      writer.object {
        $0.name("cost")
        $0.object {
          $0.member("segments", cost.segmentCount)
          $0.member("segments_opened", cost.segmentsOpened)
          $0.member("blocks", cost.blockCount)
          $0.member("blocks_decoded", cost.blocksDecoded)
          $0.member("rows_examined", cost.rowsExamined)
          $0.member("bytes_read", cost.bytesRead)
          $0.member("passes", cost.passCount)
          $0.member("bytes_sorted", cost.sortedByteCount)
        }
      }
      writer.endLine()
      return Console.write(writer.text)
    }
    Console.note(
      "cost: \(Wording.grouped(cost.segmentsOpened)) of"
        + " \(Wording.count(cost.segmentCount, "segment")) opened,"
        + " \(Wording.grouped(cost.blocksDecoded)) of"
        + " \(Wording.count(cost.blockCount, "block")) there decoded,"
        + " \(Wording.count(cost.rowsExamined, "event")) examined,"
        + " \(Wording.bytes(cost.bytesRead)) read in \(Wording.count(cost.passCount, "round"))"
        + (cost.sortedByteCount > 0
          ? ", \(Wording.bytes(cost.sortedByteCount)) sorted in temporary files" : ""))
  }

  /// Ends the command with the status when it is not 0.
  func finish() throws {
    if status != .done { throw ExitCode(status.rawValue) }
  }
}

/// Prints events in one of the two forms.
struct EventPrinter {
  private enum Form {
    case lines(EventWriter)
    case table(EventTable)
  }
  private var form: Form

  init(isJSON: Bool, attributes: [AttributeDeclaration], writesAtOnce: Bool) {
    form =
      isJSON
      ? .lines(EventWriter(attributes: attributes, asStrings: true))
      : .table(EventTable(columnCount: terminalColumnCount(), writesAtOnce: writesAtOnce))
  }

  mutating func print(_ view: EventView, to output: inout Output) {
    switch form {
    case .lines(let writer):
      writer.write(view.event, to: &output.bytes)
      output.flushIfFull()
    case .table(var table):
      // Not kept twice while it is changed.
      form = .lines(EventWriter())
      table.add(view, to: &output)
      form = .table(table)
    }
  }

  mutating func flush(to output: inout Output) {
    guard case .table(var table) = form else { return }
    table.flush(to: &output)
    form = .table(table)
  }
}
