/// What covers a stretch of time and of sequence numbers: a block, its entry in a directory, a
/// segment.
protocol TimeCovering {
  associatedtype Count: BinaryInteger

  var firstSequence: UInt64 { get }
  var lastSequence: UInt64 { get }
  /// Events among its records; without any, the timestamps mean nothing.
  var eventCount: Count { get }
  var minimumTimestamp: Int64 { get }
  var maximumTimestamp: Int64 { get }
}

extension TimeCovering {
  /// What its events cover.
  var stretch: TimeOrder.Stretch {
    TimeOrder.Stretch(
      minimum: minimumTimestamp, maximum: maximumTimestamp, first: firstSequence,
      last: lastSequence)
  }

  /// Whether any of its events can lie within `range`.
  func overlaps(_ range: ClosedRange<Int64>) -> Bool {
    eventCount > 0 && minimumTimestamp <= range.upperBound && maximumTimestamp >= range.lowerBound
  }
}

/// The order in time of things that each cover a stretch of it, such as blocks or segments.
///
/// They come nearly in order and overlap a little. With the running extremes beside the order, the
/// first that can reach into a range is found by halves.
final class TimeOrder: Sendable {
  /// What one thing covers: timestamps and sequence numbers.
  struct Stretch: Hashable, Sendable {
    var minimum: Int64
    var maximum: Int64
    var first: UInt64
    var last: UInt64

    /// The first key that an event in it can have in an answer.
    func key(isDescending: Bool) -> MergeKey {
      isDescending
        ? MergeKey(timestamp: maximum, sequence: last)
        : MergeKey(timestamp: minimum, sequence: first)
    }
  }

  let stretches: [Stretch]
  /// By least timestamp, and the greatest timestamp so far.
  private let ascending: [Int32]
  private let maxima: [Int64]
  /// By greatest timestamp from the last on, and the least timestamp so far.
  private let descending: [Int32]
  private let minima: [Int64]

  init(_ stretches: [Stretch]) {
    self.stretches = stretches
    let indexes = (0..<Int32(stretches.count)).map { $0 }
    ascending = indexes.sorted {
      stretches[Int($0)].key(isDescending: false) < stretches[Int($1)].key(isDescending: false)
    }
    descending = indexes.sorted {
      stretches[Int($1)].key(isDescending: true) < stretches[Int($0)].key(isDescending: true)
    }
    var maximum = Int64.min
    maxima = ascending.map {
      maximum = max(maximum, stretches[Int($0)].maximum)
      return maximum
    }
    var minimum = Int64.max
    minima = descending.map {
      minimum = min(minimum, stretches[Int($0)].minimum)
      return minimum
    }
  }

  /// Goes through the indexes of the stretches that reach into a range of time, in the order in
  /// which a merge must open them.
  struct Walk {
    private let order: TimeOrder
    private let range: ClosedRange<Int64>
    private let isDescending: Bool
    private var place: Int

    fileprivate init(_ order: TimeOrder, _ range: ClosedRange<Int64>, isDescending: Bool) {
      self.order = order
      self.range = range
      self.isDescending = isDescending
      place =
        isDescending
        ? firstIndex(order.minima.count) { order.minima[$0] <= range.upperBound }
        : firstIndex(order.maxima.count) { order.maxima[$0] >= range.lowerBound }
    }

    /// The next index, nothing after the last.
    mutating func next() -> Int? {
      while place < order.ascending.count {
        let index = Int(isDescending ? order.descending[place] : order.ascending[place])
        let stretch = order.stretches[index]
        let isBeyond =
          isDescending
          ? stretch.maximum < range.lowerBound : stretch.minimum > range.upperBound
        if isBeyond { return nil }
        place += 1
        if stretch.minimum <= range.upperBound && stretch.maximum >= range.lowerBound {
          return index
        }
      }
      return nil
    }
  }

  /// The stretches that reach into `range`.
  ///
  /// - Complexity: A step costs as much as there are stretches that overlap the range's beginning
  ///   and end before it; finding the first is logarithmic.
  func walk(_ range: ClosedRange<Int64>, isDescending: Bool) -> Walk {
    Walk(self, range, isDescending: isDescending)
  }

  func key(_ index: Int, isDescending: Bool) -> MergeKey {
    stretches[index].key(isDescending: isDescending)
  }
}

/// The first of `count` indexes for which `predicate`, once true, stays true.
func firstIndex(_ count: Int, _ predicate: (Int) -> Bool) -> Int {
  var low = 0
  var high = count
  while low < high {
    let middle = (low + high) / 2
    if predicate(middle) { high = middle } else { low = middle + 1 }
  }
  return low
}
