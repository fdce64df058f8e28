/// A cache bounded in bytes, that forgets what was used longest ago.
///
/// Entries lie in an array linked by index, so a look-up moves one to the front without allocating.
struct LeastRecentlyUsed<Key: Hashable & Sendable, Value: Sendable>: Sendable {
  private struct Entry {
    var key: Key
    var value: Value?
    var byteCount: Int
    var previous: Int
    var next: Int
  }

  private let capacity: Int
  private var places: [Key: Int] = [:]
  private var entries: [Entry] = []
  private var free: [Int] = []
  private var newest = -1
  private var oldest = -1
  private(set) var byteCount = 0

  init(capacity: Int) {
    self.capacity = capacity
  }

  mutating func value(for key: Key) -> Value? {
    guard let place = places[key] else { return nil }
    if place != newest {
      unlink(place)
      link(place)
    }
    return entries[place].value
  }

  /// Keeps `value`, unless it alone exceeds the capacity.
  mutating func insert(_ value: Value, for key: Key, byteCount: Int) {
    remove(key)
    guard byteCount <= capacity else { return }
    while self.byteCount + byteCount > capacity, oldest >= 0 { remove(entries[oldest].key) }
    let entry = Entry(key: key, value: value, byteCount: byteCount, previous: -1, next: -1)
    let place: Int
    if let reused = free.popLast() {
      place = reused
      entries[place] = entry
    } else {
      place = entries.count
      entries.append(entry)
    }
    places[key] = place
    self.byteCount += byteCount
    link(place)
  }

  mutating func remove(_ key: Key) {
    guard let place = places.removeValue(forKey: key) else { return }
    unlink(place)
    byteCount -= entries[place].byteCount
    entries[place].value = nil
    free.append(place)
  }

  private mutating func link(_ place: Int) {
    entries[place].previous = -1
    entries[place].next = newest
    if newest >= 0 { entries[newest].previous = place }
    newest = place
    if oldest < 0 { oldest = place }
  }

  private mutating func unlink(_ place: Int) {
    let (previous, next) = (entries[place].previous, entries[place].next)
    if previous >= 0 { entries[previous].next = next } else { newest = next }
    if next >= 0 { entries[next].previous = previous } else { oldest = previous }
  }
}
