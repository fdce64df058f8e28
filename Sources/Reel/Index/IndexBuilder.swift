/// Builds all indexes over a run of blocks of one segment: from the columns of each block as it is
/// built, or from decoded blocks when what an earlier run left must be indexed.
struct IndexBuilder {
  private let seed: UInt64
  private var attributes: AttributeSchema
  private var columns: [UInt8: PostingIndexBuilder] = [:]
  /// Columns that have values and no index: a part of no bytes tells readers so.
  private var unindexed: Set<UInt8> = []
  private var ids: [(hash: UInt64, block: UInt32)] = []
  /// The ordinal of the first block, and how many were added.
  private(set) var firstBlock: Int
  private(set) var blockCount = 0

  /// The columns that an index is built from.
  static let wanted: ColumnSet = {
    var set = ColumnSet(ColumnID.texts + [.id])
    for index in 0..<Limits.attributeCount { set.insert(.attribute(index)) }
    return set
  }()

  /// Starts indexes over the blocks from the ordinal `firstBlock` on.
  init(firstBlock: Int, attributes: AttributeSchema, seed: UInt64) {
    self.firstBlock = firstBlock
    self.attributes = attributes
    self.seed = seed
  }

  /// Goes on with other declarations.
  ///
  /// An attribute that is to be indexed only from now on has no index over the blocks of this
  /// builder at all, because it would lack the earlier ones.
  mutating func declare(_ new: AttributeSchema) {
    for (index, declaration) in new.declarations.enumerated() where declaration.isIndexed {
      let wasIndexed =
        index < attributes.declarations.count && attributes.declarations[index].isIndexed
      if !wasIndexed, blockCount > 0 { unindexed.insert(ColumnID.attribute(index).rawValue) }
    }
    attributes = new
  }

  /// An empty builder for the blocks from the ordinal `firstBlock` on.
  func next(after firstBlock: Int) -> IndexBuilder {
    IndexBuilder(firstBlock: firstBlock, attributes: attributes, seed: seed)
  }

  /// Forgets all blocks and keeps the memory, but for much that a part of it would do; the next
  /// block has the ordinal `firstBlock`.
  mutating func restart(at firstBlock: Int) {
    self.firstBlock = firstBlock
    guard blockCount > 0 else { return }
    blockCount = 0
    unindexed = []
    ids.forget()
    // Each is out of the dictionary while it changes: its arrays would be copied else.
    for id in Array(columns.keys) {
      guard var builder = columns.removeValue(forKey: id) else { continue }
      builder.removeAll()
      columns[id] = builder
    }
  }

  // MARK: From a block that is being built

  /// Adds the next block, which is made of `rows`; `texts` know those of its columns, in order of
  /// ``BlockRows/texts``.
  mutating func add(_ rows: BlockRows, texts: [TextColumnEncoder]) {
    for index in rows.texts.indices where !rows.texts[index].isEmpty {
      add(BlockRows.textColumn(index), rows.texts[index], texts[index])
    }
    let ordinal = UInt32(blockCount)
    for hash in rows.ids.hashes() { ids.append((hash, ordinal)) }
    blockCount += 1
  }

  private mutating func add(_ id: ColumnID, _ rows: TextRows, _ texts: TextColumnEncoder) {
    guard id.attributeIndex == nil else {
      var values: [(value: [UInt8], count: Int)] = []
      texts.forEachText(rows) { _, count, text in values.append((text.copied(), count)) }
      return addAttribute(id, values)
    }
    var builder = columns.removeValue(forKey: id.rawValue) ?? PostingIndexBuilder(seed: seed)
    builder.renumber(rows.generation)
    let ordinal = blockCount
    texts.forEachText(rows) { symbol, count, text in
      builder.add(text, symbol: symbol, block: ordinal, count: count)
    }
    columns[id.rawValue] = builder
  }

  // MARK: From a decoded block

  /// Adds the next block, of which ``wanted`` columns are decoded.
  mutating func add(_ block: DecodedBlock) {
    let ordinal = blockCount
    for id in ColumnID.texts {
      guard let column = block.text(id) else { continue }
      let counts = column.rowCounts()
      for index in 0..<column.count {
        columns[id.rawValue, default: PostingIndexBuilder(seed: seed)].add(
          column.text(code: UInt16(index + 1)), block: ordinal, count: counts[index])
      }
    }
    for (index, column) in block.attributeColumns {
      let counts = column.rowCounts()
      addAttribute(
        .attribute(index),
        counts.indices.map { (column.text(code: UInt16($0 + 1)).copied(), counts[$0]) })
    }
    if let column = block.ids {
      for row in 0..<block.header.recordCount where column.hasValue(row) {
        ids.append((keyHash(column.bytes(row)), UInt32(ordinal)))
      }
    }
    blockCount += 1
  }

  /// Adds an attribute's values one by one; an event with several counts once under each.
  private mutating func addAttribute(_ id: ColumnID, _ entries: [(value: [UInt8], count: Int)]) {
    guard let index = id.attributeIndex, index < attributes.declarations.count,
      attributes.declarations[index].isIndexed
    else {
      unindexed.insert(id.rawValue)
      return
    }
    var builder = columns.removeValue(forKey: id.rawValue) ?? PostingIndexBuilder(seed: seed)
    var keys: [[UInt8]: Int] = [:]
    for entry in entries {
      var distinct: Set<[UInt8]> = []
      try? AttributeSchema.forEachValue(entry.value.rawSpan) { distinct.insert($0.copied()) }
      for key in distinct { keys[key, default: 0] += entry.count }
    }
    for (key, count) in keys.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
      builder.add(key.rawSpan, block: blockCount, count: count)
    }
    columns[id.rawValue] = builder
  }

  /// The contents of the index frames, in order of their columns; none for a column that has values
  /// and is not indexed.
  func encode(state: LZ4.State) -> [(
    column: ColumnID, form: IndexPart.Form, content: [UInt8]
  )] {
    var parts: [(column: ColumnID, form: IndexPart.Form, content: [UInt8])] = []
    for rawValue in columns.keys.sorted() {
      guard var builder = columns[rawValue], !builder.isEmpty, !unindexed.contains(rawValue) else {
        continue
      }
      let id = ColumnID(rawValue: rawValue)
      if builder.prefersFingerprints {
        appendFingerprints(builder.hashes(), id, to: &parts)
      } else {
        let raw = builder.encode()
        // An index that no reader would accept is left out.
        let content =
          raw.count <= ReelFrame.maximumByteCount / 2
            && builder.keyByteCount <= ReelFrame.maximumByteCount
          ? CompressedContent.encode(raw, state: state) : []
        parts.append((id, .postings, content))
      }
    }
    if !ids.isEmpty { appendFingerprints(ids, .id, to: &parts) }
    for rawValue in unindexed.sorted() {
      parts.append((ColumnID(rawValue: rawValue), .fingerprints, []))
    }
    return parts
  }

  private func appendFingerprints(
    _ keys: [(hash: UInt64, block: UInt32)], _ id: ColumnID,
    to parts: inout [(column: ColumnID, form: IndexPart.Form, content: [UInt8])]
  ) {
    parts.append((id, .fingerprints, FingerprintIndex.encode(keys, blockCount: blockCount)))
  }
}
