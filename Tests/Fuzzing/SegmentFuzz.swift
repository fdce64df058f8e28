@testable import Reel

/// A segment of any bytes.
///
/// The first byte of the input says what is done with the others: bit 0 mends the checksums, bit 1
/// opens the recording for writing, bit 2 repairs it.
enum SegmentFuzz {
  static func run(_ input: [UInt8], _ faults: inout FuzzFaults) {
    guard let mode = input.first else { return }
    var bytes = Array(input.dropFirst())
    if mode & 1 != 0 { ChecksumMending.segment(&bytes) }
    let image = [name(bytes): bytes]
    let sound = SoundRows(segment: bytes)
    faults.attempt("reading") { faults throws(ReelError) in
      let recording = try Recording(folder: MemoryFolder(image))
      defer { recording.close() }
      try RecordingFuzz(recording).ask(&faults) { view in
        let hasPayload = view.withPayloadBytes { $0.byteCount > 0 }
        return sound.vouch(for: view.sequenceNumber.rawValue, hasPayload: hasPayload)
      }
    }
    inspect(image, &faults)
    if mode & 2 != 0 { RecordingFuzz.writeOn(image, &faults) }
    if mode & 4 != 0 { RecordingFuzz.repair(image, &faults) }
  }

  /// The name that goes with the number in the header.
  static func name(_ bytes: [UInt8]) -> String {
    let number = bytes.count < 64 ? 1 : bytes.rawSpan.integer(at: 56, as: UInt64.self)
    return FileName.segment(firstSequence: min(max(number, 1), Limits.sequenceNumber))
  }

  private static func inspect(_ image: FolderImage, _ faults: inout FuzzFaults) {
    faults.attempt("inspection") { faults throws(ReelError) in
      guard let name = image.keys.first else { return }
      let file = try MemoryFolder(image).open(name, .read)
      let inspection = try SegmentInspection(file: file)
      var end = 0
      for part in inspection.parts {
        faults.expect(part.offset == end, "a gap between parts at \(end)")
        end = part.offset + part.byteCount
      }
      faults.expect(end == inspection.byteCount, "parts end at \(end)")
      for block in inspection.blocks.prefix(8) {
        faults.attempt("records") { faults throws(ReelError) in
          for record in try inspection.records(of: block) {
            if case .event(let event) = record.content { faults.expectSizes(event) }
          }
        }
      }
      for index in inspection.directory?.indexes.prefix(32) ?? [] {
        faults.attempt("an index") { faults throws(ReelError) in
          for key in try inspection.index(index).keys ?? [] {
            let isInside = key.blocks.allSatisfy { $0 < index.blocks.count }
            faults.expect(isInside, "a key in a block that is not there")
          }
        }
      }
    }
  }
}

/// Puts every kind of question to a recording that may be hostile.
struct RecordingFuzz {
  private let recording: Recording
  /// The events that are looked at as values: enough to meet every column.
  private static let closeLookCount = 500

  init(_ recording: Recording) { self.recording = recording }

  /// Asks; `vouch` says whether an event may be returned at all.
  func ask(
    _ faults: inout FuzzFaults, _ vouch: (EventView) -> Bool
  ) throws(ReelError) {
    var count = 0
    var sum: UInt64 = 0
    var isOrdered = true
    var last: Query.Position?
    var samples: [Event] = []
    try recording.forEach { view in
      count += 1
      sum &+= view.sequenceNumber.rawValue &* 0x9E37_79B9_7F4A_7C15
      if let last, !(last < view.position) { isOrdered = false }
      last = view.position
      if !vouch(view) { faults.expect(false, "event \(view.sequenceNumber) without a checksum") }
      guard count <= Self.closeLookCount else { return }
      let event = view.event
      faults.expectSizes(event)
      if count % 16 == 1 { samples.append(event) }
    }
    var descendingCount = 0
    var isDescending = true
    last = nil
    try recording.forEach(Query(order: .descending)) { view in
      descendingCount += 1
      sum &-= view.sequenceNumber.rawValue &* 0x9E37_79B9_7F4A_7C15
      if let last, !(view.position < last) { isDescending = false }
      last = view.position
    }
    for event in samples { try ask(about: event, &faults) }
    var damages = 0
    let report = try recording.verify { finding in
      if finding.severity == .damage { damages += 1 }
    }
    faults.expect(damages == report.damageCount, "\(damages) and \(report.damageCount) damages")
    _ = try recording.statistics()
    _ = try recording.moment()
    let total = try recording.count()
    for facet in [Facet.kind, .process, .function, .correlationID] {
      _ = try recording.facets(of: facet)
    }
    // A liar whose checksums are right may bring the order about, and a trailer or directory that
    // lies may hide events, of which verify warns; what verify finds nothing in may not.
    guard report.findingCount == 0 else { return }
    faults.expect(isOrdered && isDescending, "a sound recording answers out of order")
    faults.expect(count == descendingCount && sum == 0, "\(count) up, \(descendingCount) down")
    faults.expect(total == count, "a sound recording counts \(total) and has \(count)")
  }

  /// Asks for an event that was returned, in every way.
  private func ask(about event: Event, _ faults: inout FuzzFaults) throws(ReelError) {
    var queries: [Query] = []
    if let kind = event.kind { queries.append(Query { $0.kinds = [kind] }) }
    if let process = event.process { queries.append(Query { $0.process = process }) }
    if let correlation = event.correlationID {
      queries.append(Query { $0.correlationID = correlation })
    }
    if let function = event.function {
      queries.append(
        Query { ($0.module, $0.function) = (function.module, function.name) })
    }
    // A condition has one value.
    let single = event.attributes.sorted { $0.key < $1.key }.first {
      if case .many = $0.value { false } else { true }
    }
    if let (name, value) = single {
      queries.append(Query { $0.attributes[name] = value })
    }
    if let moment = event.timestamp {
      queries.append(Query { ($0.from, $0.to) = (moment, moment) })
    }
    for query in queries {
      _ = try recording.events(query, limit: 20)
      _ = try recording.count(query)
    }
    // A block that lies about its rows may throw here, and must not trap.
    faults.attempt("an id") { _ throws(ReelError) in
      if let id = event.id { _ = try recording.event(id: id) }
    }
    faults.attempt("a moment") { _ throws(ReelError) in
      _ = try recording.moment(at: event.timestamp ?? .max, process: event.process)
    }
    faults.attempt("a number") { _ throws(ReelError) in
      if let number = event.sequenceNumber { _ = try recording.event(number) }
    }
  }

  /// Opens a recording for writing and goes on.
  static func writeOn(_ image: FolderImage, _ faults: inout FuzzFaults) {
    let folder = MemoryFolder(image)
    var configuration = RecorderConfiguration()
    configuration.bufferByteCount = 8 << 10
    configuration.syncInterval = .zero
    configuration.clock = ManualClock()
    faults.attempt("writing on") { faults throws(ReelError) in
      let recorder = try Recorder(folder: folder, configuration: configuration)
      let number = try recorder.append(Event(id: "later", timestamp: .max))
      try recorder.close()
      let recording = try Recording(folder: folder)
      defer { recording.close() }
      guard let number else { return faults.expect(false, "nothing was appended") }
      let found = try recording.event(number)
      // A liar may have removed what had not come yet.
      let isRemoved = try recording.snapshot().removals.isRemoved(
        timestamp: .max, sequence: number.rawValue)
      faults.expect(
        found?.id == "later" || isRemoved, "what was appended behind is not found")
    }
    faults.expect(folder.openFiles.value == 0, "files are left open")
  }

  /// Repairs a recording; what comes of it must be sound, as the repair itself makes sure.
  static func repair(_ image: FolderImage, _ faults: inout FuzzFaults) {
    let source = MemoryFolder(image)
    let target = MemoryFolder(path: "repaired")
    faults.attempt("repair") { faults throws(ReelError) in
      do throws(ReelError) {
        let report = try Recording.repair(source, to: target) { _ in }
        guard report.hasSavedAnything else { return }
        let recording = try Recording(folder: target)
        defer { recording.close() }
        let count = try recording.count()
        faults.expect(count <= report.eventCount, "\(count) of \(report.eventCount) repaired")
      } catch {
        if case .corrupted = error { faults.expect(false, "the repaired one is damaged: \(error)") }
        throw error
      }
    }
    faults.expect(source.image == image, "a repair has changed its source")
  }
}

extension Query {
  fileprivate init(_ change: (inout Query) -> Void) {
    self.init()
    change(&self)
  }
}
