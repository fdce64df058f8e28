#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif
import CLZ4Library

/// What the machine does with the same bytes when nothing but the one step is done.
enum Limits {
  static let decompression = "LZ4 decompression, all processors"
  static let eventRate = "events/s"
  private static let blockByteCount = 128 << 10
  private static let shortestRun: Int64 = 500_000_000

  static func measure(_ bench: Workbench, _ results: inout Results) throws {
    let rows = EncodedRows(bench.events.prefix(200_000))
    try copy(rows, &results)
    try compression(rows, &results)
    try overwrites(&results)
  }

  /// Event by event into a mapped file whose pages are there.
  private static func copy(_ rows: EncodedRows, _ results: inout Results) throws {
    let folder = try TemporaryFolder("limits")
    defer { folder.remove() }
    var file = try PlainMemory(path: folder.path + "/mapped", byteCount: rows.bytes.count)
    defer { file.free() }
    let rounds = 3
    let time = rows.bytes.withUnsafeBytes { bytes in
      seconds {
        for _ in 0..<rounds {
          for index in 0..<rows.count { file.append(bytes, rows.range(index)) }
        }
      }
    }
    let row = "copy of each event into a mapped file, one thread"
    add(row, rows, rounds: Double(rounds), time, &results)
  }

  private static func add(
    _ row: String, _ rows: EncodedRows, rounds: Double, _ time: Double, _ results: inout Results
  ) {
    results.add(.limits, row, eventRate, Double(rows.count) * rounds / time)
    results.add(.limits, row, "GB/s", Double(rows.bytes.count) * rounds / time / 1e9)
  }

  // MARK: LZ4

  /// The same rows in blocks as large as Reel's, every processor with its share.
  private static func compression(_ rows: EncodedRows, _ results: inout Results) throws {
    let blocks = stride(from: 0, to: rows.bytes.count, by: blockByteCount).map {
      Array(rows.bytes[$0..<min($0 + blockByteCount, rows.bytes.count)])
    }
    let compressed = try blocks.map(compress)
    let (rounds, time) = try onAllProcessors { index, count in
      for block in stride(from: index, to: blocks.count, by: count) {
        _ = try compress(blocks[block])
      }
    }
    add("LZ4 compression, all processors", rows, rounds: rounds, time, &results)
    let (readRounds, readTime) = try onAllProcessors { index, count in
      var target = [CChar](repeating: 0, count: blockByteCount)
      for block in stride(from: index, to: blocks.count, by: count) {
        let length = compressed[block].withUnsafeBufferPointer {
          LZ4_decompress_safe($0.baseAddress, &target, Int32($0.count), Int32(blockByteCount))
        }
        guard Int(length) == blocks[block].count else {
          throw StoreError(message: "LZ4 cannot decompress a block")
        }
      }
    }
    add(decompression, rows, rounds: readRounds, readTime, &results)
  }

  @Sendable private static func compress(_ block: [UInt8]) throws -> [CChar] {
    let bound = Int(LZ4_compressBound(Int32(block.count)))
    let bytes = [CChar](unsafeUninitializedCapacity: bound) { target, count in
      let length = block.withUnsafeBytes {
        LZ4_compress_default(
          $0.baseAddress?.assumingMemoryBound(to: CChar.self), target.baseAddress,
          Int32($0.count), Int32(bound))
      }
      count = max(0, Int(length))
    }
    guard !bytes.isEmpty else { throw StoreError(message: "LZ4 cannot compress a block") }
    return bytes
  }

  /// Runs `body` on a thread a processor, again and again for half a second.
  ///
  /// - Parameter body: Gets the number of its thread and that of all threads.
  /// - Returns: How often all of the work was done, and the seconds it took.
  /// - Throws: What `body` throws.
  private static func onAllProcessors(
    _ body: @escaping @Sendable (Int, Int) throws -> Void
  ) throws -> (rounds: Double, seconds: Double) {
    let count = processorCount
    var rounds = 0.0
    let start = nanoseconds()
    repeat {
      try onThreads(count) { try body($0, count) }
      rounds += 1
    } while nanoseconds() - start < shortestRun
    return (rounds, Double(nanoseconds() - start) * 1e-9)
  }

  // MARK: The disk

  /// Writes of 4 KiB over blocks that the file has already, each with a sync of its data.
  private static func overwrites(_ results: inout Results) throws {
    let folder = try TemporaryFolder("limits")
    defer { folder.remove() }
    let file = open(folder.path + "/overwritten", O_RDWR | O_CREAT, 0o644)
    guard file >= 0 else { throw StoreError(message: "cannot write into \(folder.path)") }
    defer { close(file) }
    let page = [UInt8](repeating: 7, count: 4096)
    let pages = 256
    for index in 0..<pages { try write(page, file, index) }
    fsync(file)
    sync()
    var times: [Int64] = []
    for index in 0..<pages {
      let start = nanoseconds()
      try write(page, file, index)
      #if canImport(Glibc)
        let code = fdatasync(file)
      #else
        let code = fsync(file)
      #endif
      guard code == 0 else { throw StoreError(message: "a sync failed") }
      times.append(nanoseconds() - start)
    }
    let row = "fdatasync of 4 KiB written over preallocated space"
    results.add(.limits, row, "µs", Percentiles(times).median / 1e3)
  }

  private static func write(_ page: [UInt8], _ file: Int32, _ index: Int) throws {
    guard pwrite(file, page, page.count, off_t(index * page.count)) == page.count else {
      throw StoreError(message: "a write failed")
    }
  }
}
