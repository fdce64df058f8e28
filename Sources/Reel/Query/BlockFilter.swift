/// A query's conditions in the form in which blocks are filtered: byte strings to be found in their
/// dictionaries.
///
/// A class, so that handing it on counts one reference and not one for each condition.
final class BlockFilter: Sendable {
  /// One condition on a column of texts.
  struct TextCondition: Sendable {
    let columns: [ColumnID]
    /// The row has one of these.
    let keys: [[UInt8]]
    /// Of the keys, by which every segment's index is asked.
    let hashes: [UInt64]

    init(columns: [ColumnID], keys: [[UInt8]]) {
      self.columns = columns
      self.keys = keys
      hashes = keys.map { keyHash($0.rawSpan) }
    }
  }

  /// A condition on a function that names only some of its parts.
  struct FunctionCondition: Sendable {
    let module: [UInt8]?
    let name: [UInt8]?
    let arity: UInt16?

    /// Nothing when the query names no part.
    init?(_ query: Query) {
      guard query.module != nil || query.function != nil || query.arity != nil else { return nil }
      module = query.module.map { Array($0.utf8) }
      name = query.function.map { Array($0.utf8) }
      arity = query.arity
    }

    /// What every key that matches begins with.
    var prefix: [UInt8] { module.map { $0 + [FunctionKey.separator] } ?? [] }

    func matches(_ key: RawSpan) -> Bool {
      let parts = FunctionKey.parts(key)
      return matches(parts.module, module, key) && matches(parts.name, name, key)
        && (arity == nil || parts.arity == arity)
    }

    private func matches(_ range: Range<Int>?, _ wanted: [UInt8]?, _ key: RawSpan) -> Bool {
      guard let wanted else { return true }
      guard let range else { return false }
      return key.extracting(range).equals(wanted.rawSpan)
    }
  }

  /// Nothing for an empty range of time.
  let timestamps: ClosedRange<Int64>?
  let texts: [TextCondition]
  let function: FunctionCondition?
  /// Attribute indexes with the bytes of the value and their hash.
  let attributes: [(index: Int, key: [UInt8], hash: UInt64)]
  let id: EventID?
  /// Whether nothing can match: an empty range of time, an attribute that is not declared.
  let isImpossible: Bool
  /// Whether not every event matches, but for its time.
  let hasConditions: Bool
  /// The one condition beside time, where it is for one key.
  let soleCondition: TextCondition?
  /// The columns that ``select(_:of:range:removals:firstSequence:)`` looks at.
  let columns: ColumnSet
  /// The column of texts that it looks at first.
  let firstColumn: ColumnID?

  init(_ query: Query, schema: AttributeSchema) throws(ReelError) {
    var isImpossible = query.from > query.to
    timestamps = isImpossible ? nil : query.from.nanoseconds...query.to.nanoseconds
    id = query.id
    texts = Self.texts(query)
    firstColumn = texts.first?.columns.first
    function = query.isFunctionNamed ? nil : FunctionCondition(query)
    var attributes: [(index: Int, key: [UInt8], hash: UInt64)] = []
    for (name, value) in query.attributes {
      guard let index = schema.index(of: name) else {
        isImpossible = true
        continue
      }
      let key = try AttributeSchema.single(value, of: schema.declarations[index])
      attributes.append((index, key, keyHash(key.rawSpan)))
    }
    self.attributes = attributes
    self.isImpossible = isImpossible
    let isSole = texts.count == 1 && texts[0].keys.count == 1
    soleCondition = isSole && function == nil && attributes.isEmpty && id == nil ? texts[0] : nil
    hasConditions = !texts.isEmpty || function != nil || !attributes.isEmpty || id != nil
    var columns = ColumnSet([.recordType, .timestamp])
    if !hasConditions { columns.insert(.eventOrder) }
    for condition in texts { for column in condition.columns { columns.insert(column) } }
    if function != nil { columns.insert(.function) }
    for attribute in attributes { columns.insert(.attribute(attribute.index)) }
    if id != nil { columns.insert(.id) }
    self.columns = columns
  }

  private static func texts(_ query: Query) -> [TextCondition] {
    var texts: [TextCondition] = []
    if !query.kinds.isEmpty {
      texts.append(TextCondition(columns: [.kind], keys: query.kinds.map { Array($0.utf8) }))
    }
    if let process = query.process {
      let columns: [ColumnID] =
        switch query.role {
        case .either: [.process, .peerProcess]
        case .process: [.process]
        case .peer: [.peerProcess]
        }
      texts.append(TextCondition(columns: columns, keys: [Array(process.utf8)]))
    }
    for (column, text) in [
      (ColumnID.correlationID, query.correlationID), (.astNodeID, query.astNodeID),
      (.node, query.node),
    ] {
      if let text { texts.append(TextCondition(columns: [column], keys: [Array(text.utf8)])) }
    }
    if query.isFunctionNamed {
      let function = Function(module: query.module, name: query.function, arity: query.arity)
      texts.append(TextCondition(columns: [.function], keys: [FunctionKey.bytes(of: function)]))
    }
    return texts
  }

  /// The rows of a block that match, ascending.
  func rows(
    of block: DecodedBlock, range: ClosedRange<Int64>, removals: Removals, firstSequence: UInt64
  ) -> [Int32] {
    var rows: [Int32] = []
    select(&rows, of: block, range: range, removals: removals, firstSequence: firstSequence)
    return rows
  }

  /// Puts the rows of a block that match, ascending, in the place of `rows`.
  ///
  /// Left out are other timestamps than `range`, what is removed, and what arrived
  /// before `firstSequence`.
  func select(
    _ rows: inout [Int32], of block: DecodedBlock, range: ClosedRange<Int64>, removals: Removals,
    firstSequence: UInt64
  ) {
    rows.removeAll(keepingCapacity: true)
    var selection = Selection(rows: rows, isAll: true)
    // So that the array has one owner.
    rows = []
    defer { rows = selection.rows }
    guard texts.allSatisfy({ narrow(&selection, $0, block) }),
      narrowByFunction(&selection, block), narrowByAttributes(&selection, block)
    else { return selection.rows.removeAll(keepingCapacity: true) }
    if let id { narrow(&selection, id, block) }
    finish(&selection, block, range, removals, firstSequence)
  }

  /// Rows that are left, or all of a block.
  private struct Selection {
    var rows: [Int32]
    var isAll: Bool

    /// Keeps those of `count` rows for which `matches` is true.
    @inline(__always)
    mutating func keep(_ count: Int, _ matches: (Int) -> Bool) {
      guard isAll else { return rows.removeAll { !matches(Int($0)) } }
      for row in 0..<count where matches(row) { rows.append(Int32(row)) }
      isAll = false
    }
  }

  /// Keeps the rows that have one of a condition's keys.
  /// - Returns: Whether any can.
  private func narrow(
    _ selection: inout Selection, _ condition: TextCondition, _ block: DecodedBlock
  ) -> Bool {
    if selection.isAll, condition.columns.count == 1, condition.keys.count == 1 {
      guard let column = block.text(condition.columns[0]), case let key = condition.keys[0],
        let code = column.code(of: key.rawSpan)
      else { return false }
      column.appendRows(withCode: code, to: &selection.rows)
      selection.isAll = false
      return true
    }
    var found: [(column: TextColumn, codes: [UInt16])] = []
    for id in condition.columns {
      guard let column = block.text(id) else { continue }
      let codes = condition.keys.compactMap { key in column.code(of: key.rawSpan) }
      if !codes.isEmpty { found.append((column, codes)) }
    }
    guard let first = found.first else { return false }
    if found.count == 1, first.codes.count == 1 {
      let (column, code) = (first.column, first.codes[0])
      selection.keep(block.header.recordCount) { column.code($0) == code }
    } else {
      selection.keep(block.header.recordCount) { row in
        found.contains { $0.codes.contains($0.column.code(row)) }
      }
    }
    return true
  }

  /// - Returns: As ``narrow(_:_:_:)-(_,TextCondition,_)``.
  private func narrowByFunction(_ selection: inout Selection, _ block: DecodedBlock) -> Bool {
    guard let function else { return true }
    guard let column = block.text(.function) else { return false }
    var matching = [Bool](repeating: false, count: column.count + 1)
    for code in column.codes(withPrefix: function.prefix) {
      matching[code] = function.matches(column.text(code: UInt16(code)))
    }
    guard matching.contains(true) else { return false }
    selection.keep(block.header.recordCount) { matching[Int(column.code($0))] }
    return true
  }

  /// - Returns: As ``narrow(_:_:_:)-(_,TextCondition,_)``.
  private func narrowByAttributes(_ selection: inout Selection, _ block: DecodedBlock) -> Bool {
    for attribute in attributes {
      guard let column = block.attributeColumns[attribute.index] else { return false }
      var matching = [Bool](repeating: false, count: column.count + 1)
      for code in 1...max(column.count, 1) where code <= column.count {
        try? AttributeSchema.forEachValue(column.text(code: UInt16(code))) {
          if $0.equals(attribute.key.rawSpan) { matching[code] = true }
        }
      }
      selection.keep(block.header.recordCount) { matching[Int(column.code($0))] }
    }
    return true
  }

  private func narrow(_ selection: inout Selection, _ id: EventID, _ block: DecodedBlock) {
    let generated = id.generatedParts
    selection.keep(block.header.recordCount) { row in
      guard let ids = block.ids, ids.hasValue(row) else {
        // The store gave the id: it is not written down, but follows from the run and the place.
        return generated.map {
          $0.runID == block.header.runID && $0.sequenceNumber == block.sequence(row)
        } ?? false
      }
      return ids.bytes(row).equals(id.bytes.rawSpan)
    }
  }

  /// Leaves out control records, other times, and what has been removed.
  private func finish(
    _ selection: inout Selection, _ block: DecodedBlock, _ range: ClosedRange<Int64>,
    _ removals: Removals, _ firstSequence: UInt64
  ) {
    if selection.isAll { selection.keep(block.header.recordCount) { _ in true } }
    let isWhole =
      block.header.eventCount == block.header.recordCount
      && block.header.firstSequence >= firstSequence
      && range.contains(block.header.minimumTimestamp)
      && range.contains(block.header.maximumTimestamp)
    let mayBeRemoved = removals.mayRemove(from: block.header.stretch)
    if isWhole && !mayBeRemoved { return }
    selection.rows.removeAll { row in
      let row = Int(row)
      let timestamp = block.timestamps[row]
      let sequence = block.sequence(row)
      return sequence < firstSequence || !range.contains(timestamp) || block.recordType(row) != 0
        || mayBeRemoved && removals.isRemoved(timestamp: timestamp, sequence: sequence)
    }
  }
}

extension Query {
  /// Whether it names all parts of a function, which is then one key.
  fileprivate var isFunctionNamed: Bool { module != nil && function != nil && arity != nil }
}
