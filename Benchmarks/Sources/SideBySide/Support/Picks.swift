/// A repeatable choice of events.
struct Picks {
  private var state: UInt64 = 42
  private let count: Int

  init(count: Int) { self.count = count }

  mutating func next() -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int((state >> 33) % UInt64(count))
  }
}
