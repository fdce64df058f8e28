/// One fault that ``Recording/verify(_:)`` found.
public struct VerificationFinding: Hashable, Sendable {
  /// How bad it is.
  public enum Severity: String, Sendable {
    /// Events are lost, or wrong answers were possible had the bytes been believed.
    case damage
    /// Derived content, such as an index, that readers pass over.
    case warning
    /// Something that does not belong here and does no harm, or was reported before.
    case note
  }

  /// How bad it is.
  public let severity: Severity
  /// Where it is and what is wrong.
  public let corruption: Corruption
}

/// What a verification went through.
public struct VerificationReport: Hashable, Sendable {
  /// Segments read.
  public internal(set) var segmentCount = 0
  /// Blocks decoded whole.
  public internal(set) var blockCount = 0
  /// Events in them.
  public internal(set) var eventCount = 0
  /// Contexts held against the records before them.
  public internal(set) var contextCount = 0
  /// Bytes read.
  public internal(set) var byteCount = 0
  /// Findings that are damage.
  public internal(set) var damageCount = 0
  /// Findings of any severity.
  public internal(set) var findingCount = 0

  /// Whether nothing is damaged.
  public var isSound: Bool { damageCount == 0 }
}

extension Recording {
  /// Reads every byte of the recording as it is at this moment and reports every fault, not just
  /// the first; also while a recorder writes to it: what it is writing is not looked at, and a
  /// segment that it drops meanwhile is no fault.
  ///
  /// Each frame's checksum is computed and each block decoded; directories and trailers are held
  /// against the blocks, indexes and contexts against such as are built anew from them, merged
  /// indexes against such as are made anew of the segments, and
  /// sequence numbers must join from segment to segment.
  ///
  /// - Parameter report: Called with each fault as it is found.
  /// - Returns: What was gone through.
  /// - Throws: ``ReelError/io(_:)``, ``ReelError/closed``.
  /// - Complexity: O(bytes), in the memory of one segment's indexes, or of one merged index made
  ///   anew.
  public func verify(
    _ report: (VerificationFinding) -> Void
  ) throws(ReelError) -> VerificationReport {
    let snapshot = try snapshot()
    var verification = Verification(snapshot: snapshot, cache: cache)
    for segment in snapshot.segments { try verification.verify(segment, report) }
    for damage in snapshot.otherDamages { verification.add(damage, .damage, report) }
    verification.verifyAttributes(path, report)
    for range in snapshot.missing {
      let isKnown = snapshot.control.isLost(range)
      let reason =
        "no file holds these sequence numbers"
        + (isKnown ? ", as an earlier recovery or repair has reported" : "")
      let corruption = Corruption(
        path: path, bytes: 0..<0, sequenceNumbers: range, reason: reason)
      verification.add(corruption, isKnown ? .note : .damage, report)
    }
    if let folder = recordingFolder {
      let files = RecordingFiles(try folder.list())
      var merged = MergedIndexVerification(snapshot, in: folder)
      for sequence in files.mergedIndexes {
        merged.verify(FileName.mergedIndex(firstSequence: sequence)) {
          verification.add($0, .warning, report)
        }
      }
      verification.report.byteCount = verification.report.byteCount.saturatingAdd(merged.byteCount)
      for name in files.foreign {
        let corruption = Corruption(
          path: folder.path + "/" + name, bytes: 0..<0, reason: "not a file of a recording")
        verification.add(corruption, .note, report)
      }
    }
    for document in try documents(includingRemoved: true) {
      for damage in document.newerDamages + (document.damage.map { [$0] } ?? []) {
        verification.add(damage, .damage, report)
      }
    }
    return verification.report
  }
}

/// Goes through the segments of one snapshot.
private struct Verification {
  let snapshot: Snapshot
  let cache: ReadCache
  var report = VerificationReport()
  /// How many attributes must be declared for all segments to be understood.
  private var attributeCount = 0
  private var contexts: ContextVerification

  init(snapshot: Snapshot, cache: ReadCache) {
    self.snapshot = snapshot
    self.cache = cache
    contexts = ContextVerification(snapshot.control)
  }

  mutating func add(
    _ corruption: Corruption, _ severity: VerificationFinding.Severity,
    _ tell: (VerificationFinding) -> Void
  ) {
    report.findingCount += 1
    if severity == .damage { report.damageCount += 1 }
    tell(VerificationFinding(severity: severity, corruption: corruption))
  }

  mutating func verify(
    _ segment: ReadableSegment, _ tell: (VerificationFinding) -> Void
  ) throws(ReelError) {
    if case .unreadable(let corruption) = segment.form {
      add(corruption, .damage, tell)
      return
    }
    do throws(ReelError) {
      let file = try cache.file(segment)
      let scan = try SegmentScanner(file, byteCount: segment.byteCount, check: .everything).scan()
      report.segmentCount += 1
      report.blockCount += scan.blocks.count
      report.eventCount = report.eventCount.saturatingAdd(Int(clamping: scan.summary.eventCount))
      report.byteCount = report.byteCount.saturatingAdd(segment.byteCount)
      attributeCount = max(attributeCount, scan.attributeCount)
      for damage in scan.damages { add(damage, .damage, tell) }
      if case .torn(let corruption) = scan.ending { add(corruption, .damage, tell) }
      do throws(ReelError) {
        _ = try file.state()
      } catch .corrupted(let corruption) {
        add(corruption, .damage, tell)
      }
      for damage in scan.derivedDamages { add(damage, .warning, tell) }
      try verifyDerived(segment, file, scan, tell)
      try verifyContexts(file, scan, tell)
    } catch .corrupted(let corruption) {
      // A merged index says that the segment ends as it should: its front has not been looked at.
      add(corruption, .damage, tell)
    } catch .io(let failure) where failure.code == ErrorNumber.noEntry {
      return  // dropped meanwhile
    }
  }

  /// Tells whether values of attributes have lost their declarations.
  mutating func verifyAttributes(_ path: String, _ tell: (VerificationFinding) -> Void) {
    let needed = snapshot.buffered.reduce(attributeCount) { max($0, $1.header.attributeCount) }
    guard needed > snapshot.control.attributes.declarations.count else { return }
    add(Corruption(path: path, bytes: 0..<0, reason: AttributeSchema.lostReason), .damage, tell)
  }

  /// Holds the directory, the trailer and the indexes against the blocks.
  private mutating func verifyDerived(
    _ segment: ReadableSegment, _ file: SegmentFile, _ scan: SegmentScanner.Result,
    _ tell: (VerificationFinding) -> Void
  ) throws(ReelError) {
    guard case .complete(let trailer) = segment.form else { return }
    let place = trailer.directoryOffset..<(trailer.directoryOffset + trailer.directoryByteCount)
    do throws(ReelError) {
      let directory = try file.directory(trailer)
      let isWhole = scan.damages.isEmpty && scan.ending == .clean
      if isWhole, directory.blocks != scan.blocks {
        throw file.corrupted(place, "the directory does not list the blocks that are there")
      }
      if isWhole, !agrees(trailer.summary, scan.summary) {
        let end = segment.byteCount
        throw file.corrupted(
          (end - Trailer.byteCount)..<end, "the trailer's sums are not those of the blocks")
      }
      if isWhole { try verifyIndexes(file, directory, tell) }
    } catch .corrupted(let corruption) {
      add(corruption, .warning, tell)
    }
  }

  private mutating func verifyContexts(
    _ file: SegmentFile, _ scan: SegmentScanner.Result, _ tell: (VerificationFinding) -> Void
  ) throws(ReelError) {
    var faults: [Corruption] = []
    do throws(ReelError) {
      try contexts.verify(file, scan) { faults.append($0) }
    } catch .corrupted(let corruption) {
      faults.append(corruption)
    }
    report.contextCount = contexts.count
    for fault in faults { add(fault, .warning, tell) }
  }

  private func agrees(_ a: SegmentSummary, _ b: SegmentSummary) -> Bool {
    a.firstSequence == b.firstSequence && a.recordCount == b.recordCount
      && a.eventCount == b.eventCount && a.minimumTimestamp == b.minimumTimestamp
      && a.maximumTimestamp == b.maximumTimestamp
  }

  /// Builds the indexes of each checkpoint anew and compares.
  private mutating func verifyIndexes(
    _ file: SegmentFile, _ directory: Directory, _ tell: (VerificationFinding) -> Void
  ) throws(ReelError) {
    var start = 0
    while let end = directory.indexes.first(where: { $0.blocks.lowerBound == start })?.blocks
      .upperBound, end > start
    {
      var builder = IndexBuilder(
        firstBlock: start, attributes: snapshot.control.attributes, seed: 0)
      for entry in directory.blocks[start..<end] {
        builder.add(try file.block(entry, wanted: IndexBuilder.wanted))
      }
      let rebuilt = builder.encode(state: LZ4.State())
      for part in directory.indexes where part.blocks == start..<end && part.byteCount > 0 {
        // An attribute whose declaration changed since has no index to be held against.
        guard let expected = rebuilt.first(where: { $0.column == part.column }),
          !expected.content.isEmpty
        else { continue }
        do throws(ReelError) {
          let found = try file.frame(at: part.offset, limit: part.byteCount).frame
          guard found.content == expected.content, part.form == expected.form else {
            throw file.corrupted(
              part.offset..<(part.offset + part.byteCount),
              "the index of the column \(part.column.name) is not that of the blocks")
          }
        } catch .corrupted(let corruption) {
          add(corruption, .warning, tell)
        }
      }
      start = end
    }
  }
}
