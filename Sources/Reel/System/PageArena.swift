#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Where the memory of large regions comes from: chunks that the system can back with one huge page
/// each, cut into slots that are used again.
///
/// What a cache of blocks holds is looked at here and there, and on small pages the processor also
/// waits for the address of nearly each of them to be found: loads that follow each other through
/// 256 MB in random order took 300 to 390 ns each, on huge pages 250, in a virtual machine. And
/// memory that is used again has not to be cleared by the system each time.
///
/// A region takes slots that follow each other in the first chunk that has them, so chunks fill up
/// from the oldest, and one without regions is given back to the system, but for one.
final class PageArena: Sendable {
  /// The one that all regions of the process share.
  static let shared = PageArena()

  /// A huge page of the processors that Reel knows.
  static let chunkByteCount = 2 << 20
  static let slotByteCount = chunkByteCount / UInt128.bitWidth

  /// Sizes that it gives out: smaller ones would waste too much of a slot, larger ones have no
  /// chunk.
  static let byteCounts = slotByteCount...chunkByteCount

  @safe private struct Chunk {
    let base: UnsafeMutableRawPointer
    /// A bit for each slot.
    var used: UInt128 = 0
  }

  private let lock = Lock()
  // Guarded by the lock alone.
  @exclusivity(unchecked) private nonisolated(unsafe) var chunks: [Chunk] = []

  /// The bytes that it has from the system.
  var byteCount: Int { lock.withLock { unsafe chunks.count } * Self.chunkByteCount }

  /// Memory for `byteCount` bytes, which must be one of ``byteCounts``: of any content, aligned to
  /// a slot, to be given back by ``release(_:_:)``.
  ///
  /// - Returns: Nothing when the system gives no memory.
  /// - Complexity: O(chunks).
  func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer? {
    precondition(Self.byteCounts.contains(byteCount), "a size that the arena does not give")
    let count = Self.slotCount(byteCount)
    return unsafe lock.withLock {
      for index in unsafe chunks.indices {
        guard let slot = unsafe Self.firstRun(of: count, in: ~chunks[index].used) else { continue }
        return unsafe take(count, slot, index)
      }
      guard let base = unsafe Self.map() else { return nil }
      unsafe chunks.append(Chunk(base: base))
      return unsafe take(count, 0, chunks.count - 1)
    }
  }

  private func take(_ count: Int, _ slot: Int, _ index: Int) -> UnsafeMutableRawPointer {
    unsafe chunks[index].used |= Self.mask(count) << UInt128(slot)
    // Safe: the slot lies inside the chunk.
    return unsafe chunks[index].base + slot * Self.slotByteCount
  }

  /// Takes back what ``allocate(_:)`` gave for as many bytes.
  func release(_ pointer: UnsafeMutableRawPointer, _ byteCount: Int) {
    let address = UInt(bitPattern: pointer)
    let base = address & ~UInt(Self.chunkByteCount - 1)
    let slot = Int(address - base) / Self.slotByteCount
    lock.withLock {
      guard
        let index = unsafe chunks.firstIndex(where: { unsafe UInt(bitPattern: $0.base) == base })
      else { return assertionFailure("not from this arena") }
      unsafe chunks[index].used &= ~(Self.mask(Self.slotCount(byteCount)) << UInt128(slot))
      let hasSpare = unsafe chunks.contains { unsafe $0.used == 0 && $0.base != chunks[index].base }
      guard unsafe chunks[index].used == 0, hasSpare else { return }
      // Safe: a whole mapping that `map()` made, of which nobody has a slot any more.
      unsafe munmap(chunks.remove(at: index).base, Self.chunkByteCount)
    }
  }

  private static func slotCount(_ byteCount: Int) -> Int {
    (byteCount + slotByteCount - 1) / slotByteCount
  }

  private static func mask(_ count: Int) -> UInt128 {
    count == UInt128.bitWidth ? .max : (1 << UInt128(count)) - 1
  }

  /// The first of `count` bits that are set side by side.
  static func firstRun(of count: Int, in bits: UInt128) -> Int? {
    // Each step leaves the bits with so many more set above them (Warren, Hacker's Delight, 6-2).
    var bits = bits
    var rest = count
    while rest > 1 {
      let shift = rest / 2
      bits &= bits >> UInt128(shift)
      rest -= shift
    }
    return bits == 0 ? nil : bits.trailingZeroBitCount
  }

  /// A chunk of its own size and alignment, of which nothing is there before it is written to.
  private static func map() -> UnsafeMutableRawPointer? {
    // Twice as much surely has an aligned chunk in it; the rest goes back at once.
    let byteCount = 2 * chunkByteCount
    guard
      let base = unsafe mmap(
        nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0),
      unsafe base != MAP_FAILED
    else { return nil }
    let address = UInt(bitPattern: base)
    let ahead = Int((0 &- address) & UInt(chunkByteCount - 1))
    let chunk = unsafe base + ahead
    let behind = chunkByteCount - ahead
    if ahead > 0 { unsafe munmap(base, ahead) }
    if behind > 0 { unsafe munmap(chunk + chunkByteCount, behind) }
    #if canImport(Glibc) || canImport(Musl)
      // Without huge pages it is as good as any memory.
      unsafe _ = madvise(chunk, chunkByteCount, MADV_HUGEPAGE)
    #endif
    return unsafe chunk
  }
}
