/// Where the record of each id lies: of one segment all records of which are in memory.
///
/// By fingerprints an id is in one of some blocks, in which it is then sought; here one place of
/// memory tells which record it is. An open-addressing table, as large as five thirds of the ids.
final class IDRows: Sendable {
  enum Answer {
    /// No event has the id.
    case absent
    case found(EventView)
    /// Its block's records are not in memory any more.
    case unknown
  }

  private let firstSequence: UInt64
  /// Where each block lies in its file.
  private let blockOffsets: [Int]
  /// The lowest 16 bits of an id's hash, the ordinal of its block, and where its record begins in
  /// the page; ``empty`` where there is none.
  private let slots: [UInt64]

  private static let empty = UInt64.max

  /// Takes in the ids of `segment`; nothing when not all its records are in memory and whole.
  ///
  /// Where several events have an id, it is that of the last.
  init?(_ segment: ReadableSegment, _ directory: ReadableDirectory, cache: ReadCache) {
    guard directory.damages.isEmpty, directory.blocks.count < UInt16.max,
      let blocks = cache.wholeBlocks(directory, of: segment, with: .id)
    else { return nil }
    let count = blocks.reduce(0) { $0 + $1.block.header.recordCount }
    var slots = [UInt64](repeating: Self.empty, count: count * 5 / 3 + 2)
    var pages = [RecordPage?](repeating: nil, count: directory.blocks.count)
    for whole in blocks {
      let block = whole.block
      pages[whole.ordinal] = whole.page
      guard let ids = block.ids else { continue }
      for row in 0..<block.header.recordCount
      where ids.hasValue(row) && block.recordType(row) == 0 {
        let id = ids.bytes(row)
        let hash = Self.hash(id)
        var slot = Self.home(hash, slots.count)
        while slots[slot] != Self.empty {
          let known = Place(slots[slot])
          if known.tag == UInt16(truncatingIfNeeded: hash), let page = pages[known.ordinal],
            EventView(page: page, offset: known.offset).hasID(id)
          {
            break
          }
          slot = slot + 1 < slots.count ? slot + 1 : 0
        }
        slots[slot] =
          Place(
            hash, ordinal: whole.ordinal, offset: whole.page.offsets[row]
          ).bits
      }
    }
    firstSequence = segment.firstSequence
    blockOffsets = directory.blocks.map(\.offset)
    self.slots = slots
  }

  private struct Place {
    let bits: UInt64

    init(_ bits: UInt64) { self.bits = bits }

    init(_ hash: UInt64, ordinal: Int, offset: UInt32) {
      bits = hash << 48 | UInt64(ordinal) << 32 | UInt64(offset)
    }

    var tag: UInt16 { UInt16(bits >> 48) }
    var ordinal: Int { Int(bits >> 32 & 0xFFFF) }
    var offset: Int { Int(bits & 0xFFFF_FFFF) }
  }

  /// Drawn anew for each process: nobody can choose ids that share their places.
  private static let seed = UInt64.random(in: .min ... .max)

  static func hash(_ id: RawSpan) -> UInt64 { textHash(id, seed: seed) }

  @inline(__always)
  private static func home(_ hash: UInt64, _ slotCount: Int) -> Int {
    Int(hash.multipliedFullWidth(by: UInt64(slotCount)).high)
  }

  var byteCount: Int { slots.count * 8 + blockOffsets.count * 8 + 64 }

  /// Brings near where a hash is looked for.
  @inline(__always)
  func prefetch(_ hash: UInt64) { slots.prefetch(at: Self.home(hash, slots.count)) }

  /// The event with `id`, of which ``hash(_:)`` is `hash`; O(1).
  func find(_ id: RawSpan, _ hash: UInt64, in cache: ReadCache) -> Answer {
    var slot = Self.home(hash, slots.count)
    while slots[slot] != Self.empty {
      let place = Place(slots[slot])
      if place.tag == UInt16(truncatingIfNeeded: hash) {
        let key = CacheKey(.block, segment: firstSequence, offset: blockOffsets[place.ordinal])
        guard let page = cache.page(key, next: nil), page.damage == nil else { return .unknown }
        let view = EventView(page: page, offset: place.offset)
        if view.hasID(id) { return .found(view) }
      }
      slot = slot + 1 < slots.count ? slot + 1 : 0
    }
    return .absent
  }
}

extension EventView {
  /// Whether its id, as the caller gave it, is `id`.
  fileprivate func hasID(_ id: RawSpan) -> Bool {
    withIDBytes { bytes in
      guard let bytes else { return false }
      return bytes.equals(id)
    }
  }
}
