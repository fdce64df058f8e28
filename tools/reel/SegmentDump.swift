import Reel

/// What `reel dump` prints of a segment.
struct SegmentDump {
  let segment: SegmentInspection
  let json: Bool

  func write(records: Bool, index: String?, to out: inout Output) throws {
    if records { return try writeRecords(to: &out) }
    if let index { return try writeIndex(index, to: &out) }
    if json { return writeParts(to: &out) }
    writeHead(to: &out)
    writeBlocks(to: &out)
    try writeEnd(to: &out)
  }

  private func writeHead(to out: inout Output) {
    out.line("segment    \(segment.path), \(Wording.bytes(segment.byteCount))")
    if let header = segment.header {
      out.line("recording  \(header.recordingID)")
      out.line("created    \(TimestampText.rfc3339(header.created.nanoseconds))")
      out.line("sequence   from \(header.firstSequenceNumber.rawValue)")
    }
    if let state = segment.state {
      out.line(
        "state      \(Wording.count(state.runs.count, "run")),"
          + " \(Wording.count(state.gaps.count, "gap")), \(Wording.count(state.cutCount, "cut")),"
          + " \(Wording.count(state.removedEventCount, "event")) removed")
    }
    switch segment.ending {
    case .sealed: out.line("ends       sealed")
    case .checkpoint: out.line("ends       with a checkpoint; a later run may go on")
    case .open: out.line("ends       open: it is being written, or its writer died")
    case .torn(let corruption): out.line("ends       torn: \(corruption)")
    }
  }

  private func writeBlocks(to out: inout Output) {
    out.line("")
    out.line(
      Self.row(["block", "offset", "bytes", "ratio", "events", "sequence", "from", "to"]))
    for part in segment.parts {
      switch part.content {
      case .block(let block):
        let bytes = block.headerByteCount + block.storedByteCount
        let times = block.timestamps
        out.line(
          Self.row([
            "\(block.ordinal)", "\(part.offset)", "\(bytes)",
            Wording.fixed(Double(block.rawByteCount) / Double(max(bytes, 1)), digits: 1),
            "\(block.eventCount)", "\(block.sequenceNumbers.lowerBound.rawValue)",
            times.map { TimestampText.rfc3339($0.lowerBound.nanoseconds) } ?? "",
            times.map { TimestampText.rfc3339($0.upperBound.nanoseconds) } ?? "",
          ]))
      case .context(let context):
        out.line(
          "      at \(part.offset), \(part.byteCount) bytes: context,"
            + " \(Wording.count(context.processCount, "live process", plural: "live processes")),"
            + " \(Wording.count(context.callCount, "open call"))"
            + (context.isOverfull ? ", not all" : ""))
      case .unreadable:
        out.line("      at \(part.offset), \(part.byteCount) bytes: unreadable")
      default: continue
      }
      out.flushIfFull()
    }
  }

  /// Columns of a table, numbers to the right.
  private static func row(_ cells: [String]) -> String {
    let widths = [5, 10, 8, 6, 7, 12, 30, 30]
    return zip(cells, widths).map { cell, width in
      String(repeating: " ", count: max(0, width - cell.count)) + cell
    }.joined(separator: " ")
  }

  private func writeEnd(to out: inout Output) throws {
    if let directory = segment.directory {
      out.line("")
      for index in directory.indexes {
        let inspected = try? segment.index(index)
        let keys = inspected.map { Wording.count($0.keyCount, "key") } ?? "unreadable"
        out.line(
          "index      \(index.name): \(index.form.rawValue), \(keys), at \(index.offset),"
            + " \(Wording.bytes(index.byteCount)), blocks \(index.blocks.lowerBound) to"
            + " \(index.blocks.upperBound - 1)")
      }
    }
    if let trailer = segment.trailer {
      out.line(
        "trailer    \(trailer.isSeal ? "seal" : "checkpoint"): \(trailer.eventCount) events,"
          + " \(trailer.recordCount) records, directory at \(trailer.directory.lowerBound),"
          + " durable to \(trailer.watermark)")
    }
  }

  private func writeRecords(to out: inout Output) throws {
    for block in segment.blocks {
      // A damaged block is among the damages that are reported in the end.
      guard let records = try? segment.records(of: block) else { continue }
      for record in records {
        RecordLine.append(record, attributes: segment.attributes, to: &out)
      }
      out.flushIfFull()
    }
  }

  private func writeIndex(_ name: String, to out: inout Output) throws {
    for index in segment.directory?.indexes ?? [] where index.name == name {
      let inspected = try segment.index(index)
      guard let keys = inspected.keys else {
        out.line("\(inspected.keyCount) fingerprints; the keys themselves are not kept")
        continue
      }
      for key in keys {
        let text = key.bytes.map { $0 == 0xFF ? UInt8(ascii: " ") : $0 == 0xFE ? 0x2D : $0 }
        out.line(
          "\(key.rowCount)\t\(Wording.harmless(String(decoding: text, as: UTF8.self)))\t"
            + "blocks \(key.blocks.map(String.init).joined(separator: ","))")
      }
      out.flushIfFull()
    }
  }

  private func writeParts(to out: inout Output) {
    for part in segment.parts {
      out.json { writer in
        writer.member("part", part.name)
        writer.member("offset", part.offset)
        writer.member("bytes", part.byteCount)
        writer.member("damage", part.damage?.reason)
        guard case .block(let block) = part.content else { return }
        writer.member("block", block.ordinal)
        writer.member("records", block.recordCount)
        writer.member("events", block.eventCount)
        writer.member("first_sequence", block.sequenceNumbers.lowerBound.rawValue)
        writer.member("last_sequence", block.sequenceNumbers.upperBound.rawValue)
        writer.member("from_ns", block.timestamps?.lowerBound.nanoseconds)
        writer.member("to_ns", block.timestamps?.upperBound.nanoseconds)
        writer.member("raw_bytes", block.rawByteCount)
        writer.name("columns")
        writer.array { writer in
          for column in block.columns {
            writer.object { writer in
              writer.member("name", column.name)
              writer.member("encoding", column.encoding)
              writer.member("bytes", column.byteCount)
            }
          }
        }
      }
      out.flushIfFull()
    }
  }
}

/// What `reel dump` prints of a write-ahead buffer.
struct BufferDump {
  let buffer: BufferInspection
  let json: Bool

  func write(records: Bool, to out: inout Output) throws {
    if records {
      for frame in buffer.frames {
        guard let records = try? buffer.records(of: frame) else { continue }
        for record in records { RecordLine.append(record, attributes: [], to: &out) }
        out.flushIfFull()
      }
      return
    }
    if json { return writeFrames(to: &out) }
    out.line("buffer     \(buffer.path), a ring of \(Wording.bytes(buffer.capacity))")
    if let recording = buffer.recordingID { out.line("recording  \(recording)") }
    if let durability = buffer.durability { out.line("durability \(durability.rawValue)") }
    for lap in buffer.laps {
      out.line("lap        \(lap.number), from sequence \(lap.firstSequenceNumber.rawValue)")
    }
    if let progress = buffer.progress.last {
      out.line(
        "progress   in blocks up to sequence \(progress.nextSequenceNumber.rawValue) (not"
          + " included), durable to \(progress.watermark)")
    }
    let count = buffer.frames.reduce(0) { $0 + $1.recordCount }
    out.line(
      "holds      \(Wording.count(count, "record")) in"
        + " \(Wording.count(buffer.frames.count, "frame"))")
    out.line("ends       at \(buffer.end): \(buffer.endReason)")
  }

  private func writeFrames(to out: inout Output) {
    for frame in buffer.frames {
      out.json { writer in
        writer.member("offset", frame.offset)
        writer.member("bytes", frame.byteCount)
        writer.member("records", frame.recordCount)
        writer.member("first_sequence", frame.firstSequenceNumber.rawValue)
      }
      out.flushIfFull()
    }
  }
}
