/// What a merge has not taken yet, in the order in which it has to be looked at.
///
/// The heap holds keys alone; what they are of lies beside it and does not move.
struct MergeQueue {
  /// Each is one reference.
  enum Content {
    case segment(ReadableSegment)
    case segments(SettledWalk)
    case blocks(BlockWalk)
    case memory(DecodedBlock)
    case run(OpenRun)

    /// What is not opened goes first among equals: a row with the same key may be in it.
    fileprivate var rank: UInt8 {
      switch self {
      case .segment, .segments: 0
      case .blocks, .memory: 1
      case .run: 2
      }
    }
  }

  private struct Item: Prioritized {
    /// The first that its rows can have.
    var key: MergeKey
    let isDescending: Bool
    let rank: UInt8
    let place: Int32

    @inline(__always)
    func precedes(_ other: Item) -> Bool {
      if key != other.key { return isDescending ? other.key < key : key < other.key }
      return rank < other.rank
    }
  }

  private let isDescending: Bool
  private var heap = Heap<Item>()
  private var contents: [Content?] = []
  private var free: [Int32] = []

  init(isDescending: Bool) {
    self.isDescending = isDescending
  }

  /// What comes first, and the first key that it can have.
  var first: Content? { heap.isEmpty ? nil : contents[Int(heap.elements[0].place)] }
  var firstKey: MergeKey? { heap.isEmpty ? nil : heap.elements[0].key }

  /// Adds something that can have `key` first, or nothing when it can have no key.
  mutating func push(_ content: Content, _ key: MergeKey?) {
    guard let key else { return }
    let place: Int32
    if let reused = free.popLast() {
      place = reused
      contents[Int(place)] = content
    } else {
      place = Int32(contents.count)
      contents.append(content)
    }
    heap.push(Item(key: key, isDescending: isDescending, rank: content.rank, place: place))
  }

  mutating func removeFirst() {
    let place = heap.elements[0].place
    contents[Int(place)] = nil
    free.append(place)
    heap.removeFirst()
  }

  /// Goes on with what is first: behind what was taken of it comes `key`, or nothing.
  mutating func rekeyFirst(_ key: MergeKey?) {
    guard let key else { return removeFirst() }
    heap.updateFirst { $0.key = key }
  }
}
