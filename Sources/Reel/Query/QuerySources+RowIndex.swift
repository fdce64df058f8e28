extension QuerySources {
  /// The matching rows of a segment by an index of the rows of each key; nothing when the filter is
  /// no question for one key, or its rows are not indexed, or their records are in memory no more.
  ///
  /// Such an answer looks at no other index and, where the records of all rows are still there, at
  /// no block's columns.
  func indexedRun(_ segment: ReadableSegment) -> IndexedRun? {
    guard let range, let condition = filter.soleCondition, mayBeIndexed(segment) else {
      return nil
    }
    var found: (index: RowIndex, places: Range<Int>)?
    let key = condition.keys[0]
    for column in condition.columns {
      guard let index = rowIndex(column, segment) else { return nil }
      let places = index.places(of: key.rawSpan)
      // Of two columns that both have it, each row would have to be given once.
      if let found, !found.places.isEmpty, !places.isEmpty { return nil }
      if found == nil || !places.isEmpty { found = (index, places) }
    }
    guard let (index, places) = found else { return nil }
    let run = IndexedRun(
      index, narrow(places, of: index, to: range), isDescending: isDescending)
    return run.isAtEnd || run.begin(in: cache) ? run : nil
  }

  /// Leaves out other times than `range`, and what the query goes on after.
  private func narrow(
    _ places: Range<Int>, of index: RowIndex, to range: ClosedRange<Int64>
  ) -> Range<Int> {
    func first(where predicate: (MergeKey) -> Bool) -> Int {
      places.lowerBound
        + firstIndex(places.count) { predicate(index.key(places.lowerBound + $0)) }
    }
    guard !places.isEmpty else { return places }
    var (lower, upper) = (places.lowerBound, places.upperBound)
    if index[lower].timestamp < range.lowerBound {
      lower = first { $0.timestamp >= range.lowerBound }
    }
    if index[upper - 1].timestamp > range.upperBound {
      upper = first { $0.timestamp > range.upperBound }
    }
    if let after {
      if isDescending {
        upper = min(upper, first { !($0 < after) })
      } else {
        lower = max(lower, first { after < $0 })
      }
    }
    return lower..<max(lower, upper)
  }

  /// Where the rows of each key of a column of a segment are, if that is indexed and nothing of its
  /// blocks has to be told.
  private func rowIndex(_ column: ColumnID, _ segment: ReadableSegment) -> RowIndex? {
    guard let index = cache.rowIndex(column, of: segment), index.attributeCount <= declarationCount
    else { return nil }
    return index
  }

  /// Whether nothing has been removed from a segment: an index does not know of that.
  func mayBeIndexed(_ segment: ReadableSegment) -> Bool {
    !snapshot.removals.mayRemove(from: segment.summary.stretch)
  }

  /// The records of rows that an index found, if their block's are in memory.
  func page(_ group: IndexedRun.Group, of run: IndexedRun) -> RecordPage? {
    cost.rowsExamined += group.range.count
    return run.take(group, in: cache)
  }

  /// The rows that an index found in a block of which not all records are in memory; nothing when
  /// it is damaged or gone.
  func run(_ group: IndexedRun.Group, of run: IndexedRun) throws(ReelError) -> MergeRun? {
    let origin = run.origin(group)
    guard let kept = try find(origin, columns) else { return nil }
    let rows = run.blockRows(group)
    return self.run(
      kept, origin: origin, RowSelection(rows, 0..<rows.count, isReversed: false))
  }
}
