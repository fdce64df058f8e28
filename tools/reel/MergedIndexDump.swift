import Reel

/// Prints what a merged index is of and how large the index of each column is.
struct MergedIndexDump {
  let merged: MergedIndexInspection
  let json: Bool

  func write(to out: inout Output) {
    for segment in merged.segments {
      guard json else {
        out.line(
          "segment from \(segment.firstSequenceNumber.rawValue):"
            + " \(Wording.count(Int(clamping: segment.eventCount), "event")),"
            + " \(Wording.bytes(segment.byteCount))")
        continue
      }
      out.json { writer in
        writer.member("part", "segment")
        writer.member("first_sequence_number", segment.firstSequenceNumber.rawValue)
        writer.member("records", segment.recordCount)
        writer.member("events", segment.eventCount)
        writer.member("bytes", segment.byteCount)
      }
    }
    for part in merged.parts {
      guard json else {
        out.line(line(part))
        continue
      }
      out.json { writer in
        writer.member("part", "index")
        writer.member("column", part.name)
        writer.member("offset", part.offset)
        writer.member("bytes", part.byteCount)
        writer.member("keys", part.keyCount)
        writer.member("uncovered_segments", part.uncovered.count)
      }
    }
  }

  private func line(_ part: MergedIndexInspection.Part) -> String {
    var line = "\(part.offset)  index of \(part.name): "
    line += part.keyCount.map { Wording.count($0, "key") } ?? "damaged"
    line += ", \(Wording.bytes(part.byteCount))"
    if !part.uncovered.isEmpty {
      line += ", without \(Wording.count(part.uncovered.count, "segment"))"
    }
    return line
  }
}
