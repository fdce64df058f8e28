/// Names what a cache holds: something of a segment, at a place in its file.
struct CacheKey: Hashable, Sendable {
  /// The segment's first sequence number.
  private let segment: UInt64
  /// The place in its file, with what is there in the lowest bits.
  private let place: UInt64

  enum Kind: UInt64 {
    case block, directory, index, keys, group, rowIndex, merged, file
  }

  init(_ kind: Kind, segment: UInt64, offset: Int = 0) {
    self.segment = segment
    place = UInt64(truncatingIfNeeded: offset) << 3 | kind.rawValue
  }

  /// A hash by multiplication with two odd numbers, of which the upper bits count.
  @inline(__always)
  func hash(_ first: UInt64, _ second: UInt64) -> UInt64 {
    let mixed = segment &* first &+ place &* second
    return (mixed ^ mixed >> 32) &* first
  }
}

/// A cache bounded in bytes, that forgets what has not been asked for lately.
///
/// The clock algorithm (Corbató, "A paging experiment with the Multics system", 1968), with counts
/// instead of marks: a look-up gives its entry as many rounds as it is worth, and a hand that goes
/// round passes over entries that have some left, taking one. So a look-up writes one byte, where a
/// list in order of use would write to three places of memory; and a scan of more than the cache
/// holds does not push out what is asked for often. The table of places is probed linearly and
/// never more than half full.
struct ClockCache<Value: Sendable>: Sendable {
  /// What to bring near as soon as a value is found: who goes from one to the next waits for the
  /// memory of each, who asks for all at once waits about as long as for one.
  struct Places: Sendable {
    var block = Address.none
    var blockByteCount = 64
    var page = Address.none

    @inline(__always)
    func prefetch() {
      block.prefetch(byteCount: blockByteCount)
      page.prefetch()
    }
  }

  /// What is known of a value beside it.
  private struct Note {
    var byteCount: Int
    /// The rounds of the hand that it will outlive, and that a look-up makes it outlive.
    var roundsLeft: UInt8
    let rounds: UInt8
    var places: Places
  }

  private let capacity: Int
  // An entry is at one place of three arrays: who asks for a value copies nothing else.
  private var keys: [CacheKey] = []
  private var values: [Value?] = []
  private var notes: [Note] = []
  private var free: [Int32] = []
  /// For each slot the place of an entry, or -1.
  private var table = [Int32](repeating: -1, count: 16)
  private var shift: UInt64 = 60
  private var count = 0
  private var hand = 0
  private(set) var byteCount = 0
  /// Drawn anew for each cache: a file cannot be made so that its places fall together.
  private let multipliers = (
    UInt64.random(in: .min ... .max) | 1, UInt64.random(in: .min ... .max) | 1
  )

  init(capacity: Int) {
    self.capacity = capacity
  }

  /// What is kept for `key`, of which the places were brought near; O(1).
  @inline(__always)
  mutating func value(for key: CacheKey) -> Value? {
    guard let slot = slot(of: key) else { return nil }
    let place = Int(table[slot])
    notes[place].roundsLeft = notes[place].rounds
    notes.span[place].places.prefetch()
    return values[place]
  }

  /// What `body` makes of what is kept for `key`, which is lent to it and not brought near; O(1).
  @inline(__always)
  mutating func withValue<R>(for key: CacheKey, _ body: (borrowing Value?) -> R?) -> R? {
    guard let slot = slot(of: key) else { return nil }
    let place = Int(table[slot])
    notes[place].roundsLeft = notes[place].rounds
    return body(values.span[place])
  }

  /// Brings near what is kept for `key`, if anything is; O(1).
  ///
  /// It changes nothing; mutating, it is done in place, else on a copy of the cache.
  @inline(__always)
  mutating func approach(_ key: CacheKey) {
    if let slot = slot(of: key) { notes.span[Int(table[slot])].places.prefetch() }
  }

  /// As ``approach(_:)``, but of a block its page alone.
  @inline(__always)
  mutating func approachPage(_ key: CacheKey) {
    if let slot = slot(of: key) { notes.span[Int(table[slot])].places.page.prefetch() }
  }

  /// Keeps `value`, with which goes what lies at `places`, unless it alone exceeds the capacity;
  /// O(1) on average.
  ///
  /// It outlives `rounds` of the hand after a look-up, and one less when nobody asks for it.
  mutating func insert(
    _ value: Value, for key: CacheKey, byteCount: Int, rounds: UInt8 = 1, places: Places = Places()
  ) {
    let roundsLeft = max(remove(key), rounds - 1)
    guard byteCount <= capacity else { return }
    while self.byteCount + byteCount > capacity, count > 0 { evict() }
    let note = Note(
      byteCount: byteCount, roundsLeft: roundsLeft, rounds: rounds, places: places)
    let place: Int
    if let reused = free.popLast() {
      place = Int(reused)
      keys[place] = key
      values[place] = value
      notes[place] = note
    } else {
      place = keys.count
      keys.append(key)
      values.append(value)
      notes.append(note)
    }
    if 2 * (count + 1) > table.count { grow() }
    put(place)
    count += 1
    self.byteCount += byteCount
  }

  /// Forgets everything.
  mutating func removeAll() { self = ClockCache(capacity: capacity) }

  /// Moves the hand to the next entry without a round left and removes it.
  private mutating func evict() {
    while true {
      hand = hand + 1 < keys.count ? hand + 1 : 0
      guard values[hand] != nil else { continue }
      guard notes[hand].roundsLeft > 0 else { break }
      notes[hand].roundsLeft -= 1
    }
    remove(keys[hand])
  }

  /// - Returns: The rounds that it had left.
  @discardableResult
  private mutating func remove(_ key: CacheKey) -> UInt8 {
    guard let slot = slot(of: key) else { return 0 }
    let place = Int(table[slot])
    byteCount -= notes[place].byteCount
    values[place] = nil
    free.append(Int32(place))
    count -= 1
    close(slot)
    return notes[place].roundsLeft
  }

  // MARK: The table

  private func home(_ key: CacheKey) -> Int {
    Int(truncatingIfNeeded: key.hash(multipliers.0, multipliers.1) >> shift)
  }

  @inline(__always)
  private func slot(of key: CacheKey) -> Int? {
    var slot = home(key)
    while table[slot] >= 0 {
      if keys[Int(table[slot])] == key { return slot }
      slot = (slot + 1) & (table.count - 1)
    }
    return nil
  }

  private mutating func put(_ place: Int) {
    var slot = home(keys[place])
    while table[slot] >= 0 { slot = (slot + 1) & (table.count - 1) }
    table[slot] = Int32(place)
  }

  private mutating func grow() {
    let places = table.filter { $0 >= 0 }
    table = [Int32](repeating: -1, count: table.count * 2)
    shift -= 1
    for place in places { put(Int(place)) }
  }

  /// Empties a slot and moves up those behind it that had to give way (Knuth, The Art of Computer
  /// Programming 3, 6.4, algorithm R).
  private mutating func close(_ emptied: Int) {
    let mask = table.count - 1
    var hole = emptied
    var slot = emptied
    table[hole] = -1
    while true {
      slot = (slot + 1) & mask
      guard table[slot] >= 0 else { return }
      let home = home(keys[Int(table[slot])])
      if (slot - home) & mask >= (slot - hole) & mask {
        table[hole] = table[slot]
        table[slot] = -1
        hole = slot
      }
    }
  }
}
