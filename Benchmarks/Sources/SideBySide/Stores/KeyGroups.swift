/// Counts equal keys that come one after another, as a scan of an ordered index gives them.
struct KeyGroups {
  private var key: [UInt8] = []
  private var count = 0
  private var fold = Fold()

  mutating func add(_ next: UnsafeRawBufferPointer) {
    if count == 0 || key.count != next.count || !key.elementsEqual(next) {
      close()
      key = Array(next)
    }
    count += 1
  }

  private mutating func close() {
    var sum = fold
    if count > 0 { sum.add(key: key.span.bytes, count: count) }
    fold = sum
    count = 0
  }

  mutating func finish() -> Fold {
    close()
    return fold
  }
}
