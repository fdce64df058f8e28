#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Splits a file into lines, read in large pieces and looked at in place.
struct LineReader: ~Copyable {
  /// What comes next.
  enum Next {
    /// The bytes of ``buffer`` that are the next line, without its line feed.
    case line(Range<Int>)
    /// A line of more than ``lineByteLimit`` bytes, which was passed over.
    case tooLong
    /// The file has ended.
    case end
    /// Somebody asked to stop; a line begun is left out.
    case stopped
    /// Reading failed with this error number.
    case failed(Int32)
  }

  /// The longest line that is held in memory.
  static let lineByteLimit = 32 << 20
  private static let pieceByteCount = 256 << 10

  private(set) var buffer: [UInt8]
  /// Bytes of ``buffer`` that have been read from the file.
  private var end = 0
  /// Where the next line starts, and from where on no line feed has been looked for.
  private var start = 0
  private var searched = 0
  private var isPassingOver = false
  private var isAtEnd = false
  private let descriptor: Int32
  private let stopSignal: StopSignal?

  init(descriptor: Int32, stopSignal: StopSignal? = nil) {
    self.descriptor = descriptor
    self.stopSignal = stopSignal
    buffer = [UInt8](repeating: 0, count: Self.pieceByteCount)
  }

  /// Whether ``next()`` would have to read from the file first.
  var mustRead: Bool { lineFeed() == nil }

  mutating func next() -> Next {
    while true {
      if let lineFeed = lineFeed() {
        let line = start..<lineFeed
        start = lineFeed + 1
        searched = start
        guard isPassingOver else { return .line(line) }
        isPassingOver = false
        return .tooLong
      }
      searched = end
      if isAtEnd {
        let line = start..<end
        start = end
        if isPassingOver {
          isPassingOver = false
          return .tooLong
        }
        return line.isEmpty ? .end : .line(line)
      }
      if end - start > Self.lineByteLimit { isPassingOver = true }
      if isPassingOver {
        start = 0
        end = 0
        searched = 0
      }
      if let other = readMore() { return other }
    }
  }

  /// The offset of the next line feed in what has been read.
  private func lineFeed() -> Int? {
    guard searched < end else { return nil }
    // Safe: `memchr` looks at no more bytes than the array has, and its answer lies among them.
    return unsafe buffer.withUnsafeBytes { bytes -> Int? in
      guard let base = bytes.baseAddress,
        let found = unsafe memchr(base + searched, 0x0A, end - searched)
      else { return nil }
      return unsafe UnsafeRawPointer(found) - base
    }
  }

  private mutating func readMore() -> Next? {
    if start > 0, end + Self.pieceByteCount > buffer.count {
      let (from, count) = (start, end - start)
      // Safe: both ranges lie within the array, and `memmove` allows for an overlap.
      _ = unsafe buffer.withUnsafeMutableBytes { bytes in
        unsafe bytes.baseAddress.map { unsafe memmove($0, $0 + from, count) }
      }
      end = count
      searched -= start
      start = 0
    }
    if end + Self.pieceByteCount > buffer.count {
      buffer.append(contentsOf: repeatElement(0, count: buffer.count))
    }
    while true {
      if let stopSignal, !stopSignal.waitForInput(descriptor) { return .stopped }
      let room = buffer.count - end
      let offset = end
      // Safe: `read` writes at most `room` bytes, which is what is left from `offset` on.
      let count = unsafe buffer.withUnsafeMutableBytes { bytes in
        unsafe read(descriptor, bytes.baseAddress.map { unsafe $0 + offset }, room)
      }
      if count > 0 {
        end += count
        return nil
      }
      if count == 0 {
        isAtEnd = true
        return nil
      }
      let code = errno
      if code != EINTR && code != EAGAIN { return .failed(code) }
    }
  }
}
