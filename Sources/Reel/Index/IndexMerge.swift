/// Makes one index out of those of some sealed segments.
///
/// Those of fingerprints need no look at the keys, and one index of one segment is in memory at a
/// time, beside what has been merged: each is read three times, to tell how many keys there are, to
/// count those of each bucket and to put them into it.
struct IndexMerge {
  /// The bits of a key's fingerprint, as far as the segments' own indexes know them.
  ///
  /// With 12 and buckets of 8 to 16, one look-up in 350 names a segment in vain, whose own index
  /// then has to be read to say no. Ids are as many as events: each bit of theirs is an eighth of a
  /// byte an event. Of other keys there are few.
  private static func fingerprintBits(_ column: ColumnID) -> Int { column == .id ? 12 : 16 }
  private static let leastFingerprintBits = 8
  /// Keys of a column beyond which it is left out: as many as sixteen segments have events at most.
  private static let maximumKeyCount = 1 << 23

  /// A segment with its directory; nothing where that is damaged, so that it may have any key.
  private struct Source {
    let file: SegmentFile
    let member: MergedIndex.Member
    let directory: ReadableDirectory?
  }

  private let sources: [Source]
  private let isCancelled: () -> Bool

  /// Opens the segments that begin with `firstSequences`, ascending.
  ///
  /// - Parameters:
  ///   - firstSequences: Of segments that are sealed.
  ///   - folder: The recording's.
  ///   - isCancelled: Asked now and then whether to give up.
  /// - Throws: ``ReelError/corrupted(_:)`` when one is not sealed, not what its name says or not of
  ///   the recording of the others, ``ReelError/notARecording(path:reason:)``,
  ///   ``ReelError/io(_:)``.
  init(
    _ firstSequences: [UInt64], in folder: any Folder, isCancelled: @escaping () -> Bool = { false }
  ) throws(ReelError) {
    var sources: [Source] = []
    for sequence in firstSequences {
      let file = try folder.open(FileName.segment(firstSequence: sequence), .read)
      let segment = try SegmentFile(file: file)
      let byteCount = try file.byteCount()
      let recording = segment.header.binding.recording
      guard let trailer = try segment.trailer(endingAt: byteCount), trailer.isSeal,
        segment.firstSequence == sequence,
        sources.allSatisfy({ $0.file.header.binding.recording == recording })
      else { throw segment.corrupted(0..<byteCount, "the segment is not a sealed one of these") }
      let member = MergedIndex.Member(
        salt: segment.header.binding.salt, byteCount: byteCount, trailer: trailer)
      let directory = try damageAsNothing { () throws(ReelError) in
        try segment.directory(trailer)
      }
      sources.append(
        Source(file: segment, member: member, directory: directory.map { ReadableDirectory($0) }))
    }
    self.sources = sources
    self.isCancelled = isCancelled
  }

  var members: [MergedIndex.Member] { sources.map(\.member) }

  /// The indexes of all columns; nothing when it was cancelled.
  ///
  /// They are the same whenever they are made.
  /// - Throws: ``ReelError/io(_:)``.
  func columns() throws(ReelError) -> [MergedColumn]? {
    var found: [MergedColumn] = []
    // Of a column that is empty everywhere it is worth to be known that it is.
    var columns = Set((ColumnID.texts + [.id]).map(\.rawValue))
    for part in sources.lazy.compactMap(\.directory).flatMap(\.indexes)
    where IndexBuilder.wanted.contains(part.column) { columns.insert(part.column.rawValue) }
    for column in columns.sorted() {
      if isCancelled() { return nil }
      if let merged = try merge(ColumnID(rawValue: column)) { found.append(merged) }
    }
    return isCancelled() ? nil : found
  }

  /// The index of a column; nothing when no index of it is of use.
  private func merge(_ column: ColumnID) throws(ReelError) -> MergedColumn? {
    var uncovered: UInt64 = 0
    var keyCount = 0
    var hashBits: [Int] = []
    for (ordinal, source) in sources.enumerated() {
      guard let keys = try countKeys(column, of: source) else {
        uncovered |= 1 << UInt64(ordinal)
        hashBits.append(.max)
        continue
      }
      keyCount += keys.count
      hashBits.append(keys.hashBits)
    }
    let bucketBits = FingerprintIndexBuilder.bucketBits(keyCount)
    // A segment of very few keys knows too little of their hashes.
    for (ordinal, bits) in hashBits.enumerated()
    where bits < bucketBits + Self.leastFingerprintBits {
      uncovered |= 1 << UInt64(ordinal)
      hashBits[ordinal] = .max
    }
    guard uncovered.nonzeroBitCount < sources.count, keyCount <= Self.maximumKeyCount else {
      return nil
    }
    let known = (hashBits.min() ?? 0) - bucketBits
    var builder = FingerprintIndexBuilder(
      keyCount: keyCount, ordinalCount: sources.count,
      fingerprintBits: min(known, Self.fingerprintBits(column)))
    for (ordinal, source) in sources.enumerated() where uncovered >> UInt64(ordinal) & 1 == 0 {
      guard try forEachHash(column, of: source, { builder.count($0) }) else { return nil }
    }
    guard !isCancelled(), builder.beginEntries() else { return nil }
    for (ordinal, source) in sources.enumerated() where uncovered >> UInt64(ordinal) & 1 == 0 {
      let ordinal = UInt32(ordinal)
      guard try forEachHash(column, of: source, { builder.add($0, ordinal: ordinal) }) else {
        return nil
      }
    }
    let content = builder.finish()
    guard content.count <= ReelFrame.maximumByteCount / 2 else { return nil }
    return MergedColumn(column: column, uncovered: uncovered, content: content)
  }

  /// How many keys the column has in a segment, and how many bits of their hashes its indexes know;
  /// nothing when they do not know all keys.
  private func countKeys(
    _ column: ColumnID, of source: Source
  ) throws(ReelError) -> (count: Int, hashBits: Int)? {
    var count = 0
    var hashBits = UInt64.bitWidth
    let isKnown = try forEachIndex(column, of: source) { index throws(ByteReader.Malformed) in
      switch index {
      case .postings(let scan): count += try scan.keyCount()
      case .fingerprints(let index):
        count += index.keyCount
        hashBits = min(hashBits, index.hashBits)
      }
    }
    return isKnown ? (count, hashBits) : nil
  }

  /// Calls `body` with the hash of each key that the column has in a segment, or the bits of it
  /// that are known.
  /// - Returns: Whether these are all keys.
  private func forEachHash(
    _ column: ColumnID, of source: Source, _ body: (UInt64) -> Void
  ) throws(ReelError) -> Bool {
    try forEachIndex(column, of: source) { index throws(ByteReader.Malformed) in
      switch index {
      case .postings(let scan): try scan.forEachKey { body(keyHash($0)) }
      case .fingerprints(let index):
        // An id is in one block, as a rule.
        index.forEachHash(isDistinct: column != .id, body)
      }
    }
  }

  private enum Index {
    case postings(PostingScan)
    case fingerprints(FingerprintIndex)
  }

  /// Calls `body` with each index of the column in a segment.
  /// - Returns: Whether they cover all its blocks and are whole.
  private func forEachIndex(
    _ column: ColumnID, of source: Source,
    _ body: (Index) throws(ByteReader.Malformed) -> Void
  ) throws(ReelError) -> Bool {
    guard let directory = source.directory, directory.unindexed.isEmpty else { return false }
    for part in directory.indexes where part.column == column {
      guard part.byteCount > 0, !isCancelled() else { return false }
      do throws(ReelError) {
        let raw = try source.file.indexContent(part)
        do throws(ByteReader.Malformed) {
          switch part.form {
          case .postings:
            try body(.postings(PostingScan(raw, blockCount: part.blocks.count)))
          case .fingerprints:
            try body(
              .fingerprints(FingerprintIndex(decoding: raw, ordinalCount: part.blocks.count)))
          }
        } catch {
          return false
        }
      } catch .corrupted {
        return false
      }
    }
    return true
  }

  /// Writes the index of the segments that begin with `firstSequences` under its name.
  ///
  /// It is not synced: what a loss of power leaves of it is found out by its checksums.
  /// - Returns: The file; nothing when it was cancelled.
  /// - Throws: As ``init(_:in:isCancelled:)``; nothing new is then in the folder.
  static func write(
    _ firstSequences: [UInt64], in folder: any Folder, salt: UInt64,
    isCancelled: @escaping () -> Bool
  ) throws(ReelError) -> MergedIndex? {
    let merge = try IndexMerge(firstSequences, in: folder, isCancelled: isCancelled)
    guard let first = firstSequences.first, let columns = try merge.columns(),
      let recording = merge.sources.first?.file.header.binding.recording
    else { return nil }
    let binding = FileBinding(recording: recording, salt: salt)
    let name = FileName.mergedIndex(firstSequence: first)
    let temporary = name + FileName.temporarySuffix
    do throws(ReelError) {
      try? folder.unlink(temporary)
      let file = try folder.open(temporary, .createNew)
      try MergedIndex.write(merge.members, columns, binding: binding, to: file)
      try folder.rename(temporary, to: name)
    } catch {
      try? folder.unlink(temporary)
      throw error
    }
    do throws(ReelError) {
      return try MergedIndex(name, in: folder)
    } catch {
      try? folder.unlink(name)
      throw error
    }
  }
}
