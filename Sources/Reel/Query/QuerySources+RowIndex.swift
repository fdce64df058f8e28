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
    return run.isAtEnd || begin(run) ? run : nil
  }

  /// Leaves out other times than `range`, and what the query goes on after.
  private func narrow(
    _ places: Range<Int>, of index: RowIndex, to range: ClosedRange<Int64>
  ) -> Range<Int> {
    func first(where predicate: (MergeKey) -> Bool) -> Int {
      places.lowerBound
        + firstIndex(places.count) { predicate(index.key(places.lowerBound + $0)) }
    }
    var lower = places.lowerBound
    var upper = places.upperBound
    guard let stretch = places.isEmpty ? nil : (index.key(lower), index.key(upper - 1)) else {
      return places
    }
    if stretch.0.timestamp < range.lowerBound {
      lower = first { $0.timestamp >= range.lowerBound }
    }
    if stretch.1.timestamp > range.upperBound {
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
}
