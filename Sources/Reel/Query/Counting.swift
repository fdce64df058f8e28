/// Counts what matches a query, by block and dictionary where it can, by row where it must.
struct Counting {
  private let query: Query
  private let snapshot: Snapshot
  private let cache: ReadCache
  let sources: QuerySources

  init(_ query: Query, snapshot: Snapshot, cache: ReadCache) throws(ReelError) {
    self.query = query
    self.snapshot = snapshot
    self.cache = cache
    sources = QuerySources(
      filter: try BlockFilter(query, schema: snapshot.control.attributes), snapshot: snapshot,
      cache: cache, isDescending: query.order == .descending, after: query.after)
  }

  func count() throws(ReelError) -> Int {
    var total = 0
    try forEachCandidate { candidate throws(ReelError) in
      if let count = wholeCount(candidate) {
        total += count
      } else if let matches = try sources.matches(candidate, after: nil, isPartial: true) {
        total += matches.rows.count
      }
    }
    return total
  }

  /// The events of a block all of which match, as its directory entry tells.
  func wholeCount(_ candidate: BlockCandidate) -> Int? {
    guard case .stored(let origin) = candidate else { return nil }
    return wholeCount(origin.entry)
  }

  private func wholeCount(_ entry: DirectoryEntry) -> Int? {
    guard !sources.filter.hasConditions, query.after == nil, let range = sources.range
    else { return nil }
    guard range.contains(entry.minimumTimestamp), range.contains(entry.maximumTimestamp),
      !snapshot.removals.mayRemove(from: entry.stretch)
    else { return nil }
    return Int(entry.eventCount)
  }

  private func forEachCandidate(
    _ body: (BlockCandidate) throws(ReelError) -> Void
  ) throws(ReelError) {
    try sources.forEachCandidate { candidate, _ throws(ReelError) in try body(candidate) }
  }

  // MARK: Removal

  /// The number of events that `cut` covers and nothing has removed yet.
  func count(coveredBy cut: Cut) throws(ReelError) -> Int {
    var total = 0
    try forEachCandidate { candidate throws(ReelError) in
      if case .stored(let origin) = candidate, let count = wholeCount(candidate) {
        let entry = origin.entry
        if entry.lastSequence < cut.sequence,
          cut.before.map({ entry.maximumTimestamp < $0 }) ?? true
        {
          total += count
          return
        }
        if entry.firstSequence >= cut.sequence
          || cut.before.map({ entry.minimumTimestamp >= $0 }) ?? false
        {
          return
        }
      }
      guard let run = try sources.run(candidate) else { return }
      run.forEachRow { row in
        if cut.covers(timestamp: run.block.timestamps[row], sequence: run.block.sequence(row)) {
          total += 1
        }
      }
    }
    return total
  }

  /// The sequence number of the event with `rank` events before it in order of arrival, or `limit`
  /// when there are not so many.
  func sequence(ofEvent rank: Int, below limit: UInt64) throws(ReelError) -> UInt64 {
    var rest = rank
    var found: UInt64?
    try forEachCandidate { candidate throws(ReelError) in
      guard found == nil else { return }
      if let count = wholeCount(candidate), count <= rest {
        rest -= count
        return
      }
      guard let run = try sources.run(candidate) else { return }
      var sequences: [UInt64] = []
      run.forEachRow { sequences.append(run.block.sequence($0)) }
      sequences.sort()
      if rest < sequences.count { found = sequences[rest] } else { rest -= sequences.count }
    }
    return min(found ?? limit, limit)
  }

  // MARK: Facets

  func facets(_ facet: Facet) throws(ReelError) -> [FacetCount] {
    let column = try column(of: facet)
    var counts: [[UInt8]?: Int] = [:]
    try sources.forEachCandidate { segment, directory in
      count(column, segment, directory, into: &counts)
    } _: { candidate, _ throws(ReelError) in
      guard let run = try sources.run(candidate) else { return }
      var block = run.block
      if case .stored(let origin) = candidate {
        guard let decoded = try sources.decode(origin, ColumnSet([column])) else { return }
        block = decoded
      }
      count(column, run, block, into: &counts)
    }
    return merge(counts, facet)
  }

  private func column(of facet: Facet) throws(ReelError) -> ColumnID {
    switch facet {
    case .kind: return .kind
    case .process: return .process
    case .peerProcess: return .peerProcess
    case .module, .function: return .function
    case .correlationID: return .correlationID
    case .astNodeID: return .astNodeID
    case .node: return .node
    case .attribute(let name):
      guard let index = snapshot.control.attributes.index(of: name) else {
        throw .invalidArgument("the attribute '\(name)' is not declared in this recording")
      }
      return .attribute(index)
    }
  }

  /// Counts what the indexes of a segment say of blocks all of which match.
  /// - Returns: The ordinals of those blocks.
  private func count(
    _ column: ColumnID, _ segment: ReadableSegment, _ directory: ReadableDirectory,
    into counts: inout [[UInt8]?: Int]
  ) -> Set<Int> {
    // An event with several values of an attribute is in the index several times.
    guard column.attributeIndex == nil else { return [] }
    // The events of each block, -1 where not all match or no index counts them.
    var whole = directory.blocks.map { wholeCount($0) ?? -1 }
    for ordinal in directory.unindexed { whole[ordinal] = -1 }
    var absent = 0
    for part in directory.indexes where part.column == column {
      var cost = QueryCost()
      guard part.form == .postings, part.byteCount > 0,
        let index = try? cache.postings(part, of: segment, cost: &cost).value
      else {
        for ordinal in part.blocks { whole[ordinal] = -1 }
        continue
      }
      sources.countBytesRead(cost.bytesRead)
      index.forEachKey { key, postings in
        var total = 0
        index.forEachPosting(postings) { block, rowCount in
          if whole[part.blocks.lowerBound + block] >= 0 { total += rowCount }
        }
        guard total > 0 else { return }
        absent -= total
        counts[key.copied(), default: 0] += total
      }
    }
    let counted = whole.indices.filter { whole[$0] >= 0 }
    for ordinal in counted { absent += whole[ordinal] }
    if absent > 0 { counts[nil, default: 0] += absent }
    return Set(counted)
  }

  /// Counts the matching rows of a block by code and then by text.
  private func count(
    _ id: ColumnID, _ run: MergeRun, _ block: DecodedBlock, into counts: inout [[UInt8]?: Int]
  ) {
    let column = id.attributeIndex.map { block.attributeColumns[$0] } ?? block.text(id)
    guard let column else {
      counts[nil, default: 0] += run.count
      return
    }
    var byCode = [Int](repeating: 0, count: column.count + 1)
    run.forEachRow { byCode[Int(column.code($0))] += 1 }
    if byCode[0] > 0 { counts[nil, default: 0] += byCode[0] }
    for code in 1..<byCode.count where byCode[code] > 0 {
      counts[column.text(code: UInt16(code)).copied(), default: 0] += byCode[code]
    }
  }

  /// Turns keys into the texts that people read, which several keys may share, and sorts.
  private func merge(_ counts: [[UInt8]?: Int], _ facet: Facet) -> [FacetCount] {
    var byValue: [String?: Int] = [:]
    for (key, count) in counts {
      guard let key else {
        byValue[nil, default: 0] += count
        continue
      }
      for value in values(key, facet) { byValue[value, default: 0] += count }
    }
    return byValue.map { FacetCount(value: $0.key, count: $0.value) }.sorted { a, b in
      if a.count != b.count { return a.count > b.count }
      guard let first = a.value else { return false }
      guard let second = b.value else { return true }
      return first < second
    }
  }

  private func values(_ key: [UInt8], _ facet: Facet) -> [String?] {
    switch facet {
    case .module: return [FunctionKey.function(key.rawSpan).module]
    case .function: return [FunctionKey.function(key.rawSpan).description]
    case .attribute(let name):
      let schema = snapshot.control.attributes
      guard let index = schema.index(of: name),
        let value = schema.decode(key.rawSpan, index: index)
      else { return [nil] }
      if case .many(let values) = value { return Set(values.map(\.description)).map { $0 } }
      return [value.description]
    default: return [String(decoding: key, as: UTF8.self)]
    }
  }
}

extension MergeRun {
  func forEachRow(_ body: (Int) -> Void) {
    for index in 0..<rows.count { body(Int(rows[index])) }
  }
}

extension Function: CustomStringConvertible {
  /// Such as `GenServer.call/2`; what is unknown is left out.
  public var description: String {
    let name = [module, name].compactMap { $0 }.joined(separator: ".")
    return arity.map { "\(name)/\($0)" } ?? name
  }
}

extension AttributeValue: CustomStringConvertible {
  /// The value as text, several joined by commas.
  public var description: String {
    switch self {
    case .text(let text): text
    case .integer(let number): String(number)
    case .double(let number): String(number)
    case .boolean(let flag): String(flag)
    case .bytes(let bytes): hexadecimal(bytes.rawSpan)
    case .many(let values): values.map(\.description).joined(separator: ",")
    }
  }
}
