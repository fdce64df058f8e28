/// Makes one index out of those of some sealed segments.
///
/// Those of fingerprints need no look at the keys, and one segment's indexes are in memory at a
/// time: each is read three times, to tell how many keys there are, to count those of each bucket
/// and to put them into it.
struct IndexMerge {
  /// Of a key in a merged index: with buckets of 8 to 16, one look-up in some twenty names a
  /// segment in vain, whose own index then says no.
  static let fingerprintBits = 8

  /// A segment with its directory.
  private struct Source {
    let file: SegmentFile
    let member: MergedIndex.Member
    let directory: ReadableDirectory
  }

  private let sources: [Source]
  private let isCancelled: () -> Bool

  /// Opens the segments that begin with `firstSequences`, ascending.
  ///
  /// - Parameter isCancelled: Asked now and then whether to give up.
  /// - Throws: ``ReelError/corrupted(_:)`` when one is not sealed or cannot be read,
  ///   ``ReelError/io(_:)``.
  init(
    _ firstSequences: [UInt64], in folder: any Folder, isCancelled: @escaping () -> Bool = { false }
  ) throws(ReelError) {
    var sources: [Source] = []
    for sequence in firstSequences {
      let file = try folder.open(FileName.segment(firstSequence: sequence), .read)
      let segment = try SegmentFile(file: file)
      let byteCount = try file.byteCount()
      guard let trailer = try segment.trailer(endingAt: byteCount), trailer.isSeal else {
        throw segment.corrupted(0..<byteCount, "the segment is not sealed")
      }
      let member = MergedIndex.Member(
        salt: segment.header.binding.salt, byteCount: byteCount, trailer: trailer)
      sources.append(
        Source(
          file: segment, member: member,
          directory: ReadableDirectory(try segment.directory(trailer))))
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
    let columns = Set(sources.flatMap { $0.directory.indexes.map(\.column.rawValue) })
    for column in columns.sorted() {
      if isCancelled() { return nil }
      if let merged = try merge(ColumnID(rawValue: column)) { found.append(merged) }
    }
    return isCancelled() ? nil : found
  }

  /// The index of a column; nothing when no index of it is of use.
  private func merge(_ column: ColumnID) throws(ReelError) -> MergedColumn? {
    var uncovered: UInt64 = 0
    var keyCounts: [Int] = []
    var hashBits: [Int] = []
    for (ordinal, source) in sources.enumerated() {
      var count = 0
      let bits = try forEachHash(column, of: source) { _ in count += 1 }
      if bits == nil { uncovered |= 1 << UInt64(ordinal) }
      keyCounts.append(bits == nil ? 0 : count)
      hashBits.append(bits ?? 0)
    }
    let keyCount = keyCounts.reduce(0, +)
    let needed = FingerprintIndexBuilder.bucketBits(keyCount) + Self.fingerprintBits
    // A segment of very few keys knows too little of their hashes.
    for (ordinal, bits) in hashBits.enumerated() where bits < needed {
      uncovered |= 1 << UInt64(ordinal)
    }
    var builder = FingerprintIndexBuilder(
      keyCount: keyCount, ordinalCount: sources.count, fingerprintBits: Self.fingerprintBits)
    for (ordinal, source) in sources.enumerated() where uncovered >> UInt64(ordinal) & 1 == 0 {
      let bits = try forEachHash(column, of: source) { builder.count($0) }
      guard bits != nil else { return nil }
    }
    guard uncovered.nonzeroBitCount < sources.count, !isCancelled(), builder.beginEntries() else {
      return nil
    }
    for (ordinal, source) in sources.enumerated() where uncovered >> UInt64(ordinal) & 1 == 0 {
      let bits = try forEachHash(column, of: source) {
        builder.add($0, ordinal: UInt32(ordinal))
      }
      guard bits != nil else { return nil }
    }
    let content = builder.finish()
    guard content.count <= ReelFrame.maximumByteCount / 2 else { return nil }
    return MergedColumn(column: column, uncovered: uncovered, content: content)
  }

  /// Calls `body` with the hash of each key that the column has in a segment, or its highest bits.
  ///
  /// - Returns: How many bits of each hash are known; nothing when not all keys are.
  private func forEachHash(
    _ column: ColumnID, of source: Source, _ body: (UInt64) -> Void
  ) throws(ReelError) -> Int? {
    guard source.directory.unindexed.isEmpty, !isCancelled() else { return nil }
    var hashBits = UInt64.bitWidth
    for part in source.directory.indexes where part.column == column {
      guard part.byteCount > 0 else { return nil }
      do throws(ReelError) {
        let raw = try source.file.indexContent(part)
        do throws(ByteReader.Malformed) {
          switch part.form {
          case .postings:
            let index = try PostingIndex(decoding: raw, blockCount: part.blocks.count)
            index.forEachKey { key, _ in body(keyHash(key)) }
          case .fingerprints:
            let index = try FingerprintIndex(decoding: raw, ordinalCount: part.blocks.count)
            hashBits = min(hashBits, index.hashBits)
            // An id is in one block, as a rule.
            index.forEachHash(isDistinct: column != .id, body)
          }
        } catch {
          return nil
        }
      } catch .corrupted {
        return nil
      }
    }
    return hashBits
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
    let bytes = MergedIndex.encode(
      merge.members, columns, binding: FileBinding(recording: recording, salt: salt))
    let name = FileName.mergedIndex(firstSequence: first)
    let temporary = name + FileName.temporarySuffix
    do throws(ReelError) {
      try? folder.unlink(temporary)
      let file = try folder.open(temporary, .createNew)
      try file.write(bytes.rawSpan, at: 0)
      try folder.rename(temporary, to: name)
    } catch {
      try? folder.unlink(temporary)
      throw error
    }
    return try MergedIndex(name, in: folder)
  }
}
