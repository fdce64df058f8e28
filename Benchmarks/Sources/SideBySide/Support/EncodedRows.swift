#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif
import Reel

/// Events as rows of bytes that lie side by side in memory.
final class EncodedRows: Sendable {
  let bytes: [UInt8]
  private let ends: [Int]

  init(_ events: ArraySlice<Event>) {
    var bytes: [UInt8] = []
    var ends: [Int] = []
    var row: [UInt8] = []
    for event in events {
      EventRow.encode(event, into: &row)
      bytes.append(contentsOf: row)
      ends.append(bytes.count)
    }
    self.bytes = bytes
    self.ends = ends
  }

  var count: Int { ends.count }

  /// The place of a row in `bytes`.
  @inline(__always)
  func range(_ index: Int) -> Range<Int> { (index == 0 ? 0 : ends[index - 1])..<ends[index] }
}

/// A ring of memory or of a mapped file, all pages of which are there before the first copy.
struct PlainMemory {
  private let start: UnsafeMutableRawPointer
  private let byteCount: Int
  private let isMapped: Bool
  private var offset = 0

  /// Takes memory from the heap.
  init(byteCount: Int) {
    start = .allocate(byteCount: byteCount, alignment: 4096)
    self.byteCount = byteCount
    isMapped = false
    memset(start, 1, byteCount)
  }

  /// Maps a new file.
  init(path: String, byteCount: Int) throws {
    let file = open(path, O_RDWR | O_CREAT, 0o644)
    guard file >= 0 else { throw StoreError(message: "cannot make \(path)") }
    defer { close(file) }
    guard ftruncate(file, off_t(byteCount)) == 0,
      let mapped = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0),
      mapped != MAP_FAILED
    else { throw StoreError(message: "cannot map \(path)") }
    start = mapped
    self.byteCount = byteCount
    isMapped = true
    memset(start, 1, byteCount)
  }

  /// Copies some bytes behind the last ones, or to the beginning where they would not fit.
  @inline(__always)
  mutating func append(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) {
    if offset + range.count > byteCount { offset = 0 }
    if let source = bytes.baseAddress {
      memcpy(start + offset, source + range.lowerBound, range.count)
    }
    offset += range.count
  }

  func free() {
    if isMapped { munmap(start, byteCount) } else { start.deallocate() }
  }
}
