import Reel

/// The JSON object of `reel info`.
extension InfoReport {
  func write(_ writer: inout JSONWriter) {
    writer.member("path", path)
    writer.member("recording_id", statistics.recordingID.map { "\($0)" })
    writer.member("events", statistics.eventCount)
    writer.member("from_ns", statistics.oldest?.nanoseconds)
    writer.member("to_ns", statistics.newest?.nanoseconds)
    writer.member("next_sequence_number", statistics.nextSequenceNumber.rawValue)
    writer.member("segments", statistics.segmentCount)
    writer.member("blocks", statistics.blockCount)
    writer.member("segment_bytes", statistics.segmentByteCount)
    writer.member("index_bytes", statistics.indexByteCount)
    writer.member("merged_index_bytes", statistics.mergedIndexByteCount)
    writer.member("raw_bytes", statistics.rawByteCount)
    writer.member("buffer_bytes", statistics.bufferByteCount)
    writer.member("buffered_events", statistics.bufferedEventCount)
    writer.member("dropped_events", statistics.droppedEventCount)
    writer.member("removed_events", statistics.removedEventCount)
    writer.member("hidden_events", statistics.hiddenEventCount)
    list("kinds", kinds, &writer) {
      $1.member("value", $0.value)
      $1.member("count", $0.count)
    }
    list("attributes", statistics.attributes, &writer) {
      $1.member("name", $0.name)
      $1.member("type", "\($0.type)")
      $1.member("indexed", $0.isIndexed)
    }
    writer.member("forgotten_runs", statistics.forgottenRunCount)
    list("runs", statistics.runs, &writer, Self.write)
    list("gaps", statistics.gaps, &writer) {
      $1.member("events", $0.eventCount)
      $1.member("from_ns", $0.from)
      $1.member("to_ns", $0.to)
    }
    list("documents", documents, &writer) {
      $1.member("name", $0.name)
      $1.member("version", $0.version)
      $1.member("bytes", $0.byteCount)
    }
    list("missing", missing, &writer) {
      $1.member("first", $0.lowerBound)
      $1.member("last", $0.upperBound)
    }
    list("damages", damages, &writer) {
      $1.member("file", $0.path)
      $1.member("from", $0.bytes.lowerBound)
      $1.member("to", $0.bytes.upperBound)
      $1.member("first_lost", $0.sequenceNumbers?.lowerBound)
      $1.member("last_lost", $0.sequenceNumbers?.upperBound)
      $1.member("reason", $0.reason)
    }
  }

  private static func write(_ run: Run, _ writer: inout JSONWriter) {
    writer.member("id", run.id)
    writer.member("first_sequence_number", run.firstSequence.rawValue)
    writer.member("last_sequence_number", run.lastSequence?.rawValue)
    writer.member("start_ns", run.startWall)
    writer.member("end_ns", run.endWall)
    writer.member("end", "\(run.end)")
    writer.member("process_id", run.processID)
    writer.member("host", run.host)
  }

  private func list<Element>(
    _ name: String, _ elements: [Element], _ writer: inout JSONWriter,
    _ body: (Element, inout JSONWriter) -> Void
  ) {
    writer.name(name)
    writer.array { writer in
      for element in elements { writer.object { body(element, &$0) } }
    }
  }
}
