/// Holds every context against what the records before it come to.
struct ContextVerification {
  private var lives: ProcessLives
  private let schema: AttributeSchema
  /// The number of the record that comes next, where none is missing.
  private var expected: UInt64 = 0
  private var generation = 0
  private(set) var count = 0

  init(_ control: ControlState) {
    lives = ProcessLives(roles: control.roles)
    schema = control.attributes
  }

  /// Goes over a segment, and calls `tell` with each fault; segments come in order.
  mutating func verify(
    _ file: SegmentFile, _ scan: SegmentScanner.Result, _ tell: (Corruption) -> Void
  ) throws(ReelError) {
    var contexts = scan.contexts[...]
    for entry in scan.blocks {
      if entry.firstSequence != expected { lives.forget() }
      while let place = contexts.first, place.offset < entry.offset {
        contexts.removeFirst()
        if place.end == entry.offset { try verify(place, ahead: entry, file, tell) }
      }
      try take(entry, file)
      expected = entry.lastSequence + 1
    }
  }

  private mutating func verify(
    _ place: ContextPlace, ahead entry: DirectoryEntry, _ file: SegmentFile,
    _ tell: (Corruption) -> Void
  ) throws(ReelError) {
    let frame = try file.frame(at: place.offset, limit: place.byteCount).frame
    count += 1
    do throws(ByteReader.Malformed) {
      let context = try Context(decoding: frame.content.rawSpan)
      guard context.header.firstSequence == entry.firstSequence else {
        throw ByteReader.Malformed(
          "a context", "is not of its place", found: context.header.firstSequence)
      }
      // Of kinds that meant something else nothing is known.
      guard context.header.roles == lives.roles.fingerprint else { return lives.forget() }
      // At the start of a run there is nothing before; else what the context says is gone by.
      guard lives.isAnchored, lives.runID == context.header.runID else {
        return lives.load(context)
      }
      guard agrees(context) else {
        throw ByteReader.Malformed(
          "a context", "is not what the records before it come to", found: place.offset)
      }
    } catch {
      tell(
        Corruption(
          path: file.path, bytes: place.offset..<place.end, reason: error.reason))
    }
  }

  private func agrees(_ context: Context) -> Bool {
    // What did not fit is not there.
    if context.header.isOverfull { return true }
    let live = lives.lives.filter(\.isLive)
    guard live.count == context.lives.count, lives.latched.count == context.latched.count else {
      return false
    }
    let known = Dictionary(live.map { ($0.name, $0) }) { first, _ in first }
    return context.lives.allSatisfy { Self.agree(known[$0.name], $0) }
      && context.latched.allSatisfy { lives.latched[$0.kind]?.sequence == $0.item.sequence }
  }

  /// Whether two lives are the same but for payloads that one may lack.
  private static func agree(_ a: ProcessLives.Life?, _ b: ProcessLives.Life) -> Bool {
    guard let a else { return false }
    return a.calls.map(\.sequence) == b.calls.map(\.sequence)
      && a.calls.map(\.key) == b.calls.map(\.key)
      && a.unlistedCallCount == b.unlistedCallCount
      && a.spawn?.sequence == b.spawn?.sequence && a.state?.sequence == b.state?.sequence
      && a.registration?.sequence == b.registration?.sequence
  }

  private mutating func take(
    _ entry: DirectoryEntry, _ file: SegmentFile
  ) throws(ReelError) {
    generation += 1
    let block = try file.block(entry, wanted: .all)
    let kinds = block.text(.kind)
    let processes = block.text(.process)
    var row = 0
    while row < block.header.recordCount {
      let rest = (Int32(row)..<Int32(block.header.recordCount)).map { $0 }
      let page = try RecordRenderer.page(block, rows: rest, schema: schema)
      for place in 0..<page.count {
        defer { row += 1 }
        guard let bytes = page.view(place)?.record(), let record = try? RecordView(bytes.rawSpan)
        else { continue }
        let kind = kinds?.code(row) ?? 0
        let process = processes?.code(row) ?? 0
        lives.take(
          record, sequence: block.sequence(row), runID: block.header.runID,
          kind: kind == 0 ? RecordSymbols.absent : UInt32(kind),
          process: process == 0 ? RecordSymbols.absent : UInt32(process), generation: generation)
      }
    }
  }
}
