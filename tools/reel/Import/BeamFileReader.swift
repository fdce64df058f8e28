#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Splits a file that OTP's `dbg:trace_port(file, …)` has written into its records.
///
/// A record is the byte 0, the length of a term in 32 bits, most significant byte first, and the
/// term; or the byte 1 and the number of messages that were lost
/// (`lib/runtime_tools/c_src/trace_file_drv.c` of OTP). Nothing tells where a record begins once
/// that is lost, so behind damage the next record is looked for: a header whose term has just the
/// length that it says. In memory is one record, and a piece of the file.
struct BeamFileReader: ~Copyable {
  /// What comes next.
  enum Next {
    /// The bytes of ``buffer`` that are the next term.
    case record(Range<Int>)
    /// So many messages were lost while tracing.
    case dropped(Int)
    /// So many bytes from ``recordOffset`` on are no records, or one beyond the limit.
    case damage(Int)
    /// The file ends within a record, of which so many bytes are missing.
    case cutOff(Int)
    /// The file has ended.
    case end
    /// Somebody asked to stop.
    case stopped
    /// Reading failed with this error number.
    case failed(Int32)
  }

  /// The longest term that is held in memory: what is longer is more likely a damaged length.
  static let recordByteLimit = 64 << 20
  private static let headerByteCount = 5
  private static let pieceByteCount = 256 << 10

  private(set) var buffer: [UInt8]
  /// Where in the file the record begins that was given last.
  private(set) var recordOffset = 0
  /// Where in the file ``buffer`` begins.
  private var base = 0
  private var start = 0
  private var end = 0
  private var isAtEnd = false
  private let descriptor: Int32
  private let stopSignal: StopSignal?
  private let recordByteLimit: Int

  init(
    descriptor: Int32, stopSignal: StopSignal? = nil, recordByteLimit: Int = Self.recordByteLimit
  ) {
    self.descriptor = descriptor
    self.stopSignal = stopSignal
    self.recordByteLimit = recordByteLimit
    buffer = [UInt8](repeating: 0, count: 2 * Self.pieceByteCount)
  }

  /// Why a record cannot be given.
  private enum Stop: Error {
    case stopped
    case failed(Int32)
  }

  mutating func next() -> Next {
    do {
      return try advance()
    } catch Stop.failed(let code) {
      return .failed(code)
    } catch {
      return .stopped
    }
  }

  private mutating func advance() throws(Stop) -> Next {
    recordOffset = base + start
    guard try fill(1) else { return .end }
    guard try fill(Self.headerByteCount) else {
      let missing = Self.headerByteCount - (end - start)
      start = end
      return .cutOff(missing)
    }
    let length = length(at: start)
    switch buffer[start] {
    case 0:
      guard length <= recordByteLimit else { return .damage(try resynchronize()) }
      guard try fill(Self.headerByteCount + length) else {
        // The file may end here, or the length be wrong and records follow.
        let missing = Self.headerByteCount + length - (end - start)
        let damaged = try resynchronize()
        return start < end ? .damage(damaged) : .cutOff(missing)
      }
      let term = (start + Self.headerByteCount)..<(start + Self.headerByteCount + length)
      start = term.upperBound
      return .record(term)
    case 1:
      start += Self.headerByteCount
      return .dropped(length)
    default: return .damage(try resynchronize())
    }
  }

  /// Says that the record given last is none: unless another follows it, the next is looked for
  /// within it.
  ///
  /// - Returns: How many bytes are passed over, the record's own when another follows; nothing when
  ///   reading fails, which ``next()`` tells again.
  mutating func reject() -> Int {
    let length = base + start - recordOffset
    start = recordOffset - base
    do throws(Stop) {
      let hasMore = try fill(length + 1)
      let hasHeader = try fill(length + Self.headerByteCount + 1)
      let next = start + length
      let isRecord =
        hasHeader && buffer[next] == 0
        && buffer[next + Self.headerByteCount] == ExternalTermReader.version
      guard hasMore, !isRecord, !(hasHeader && buffer[next] == 1) else {
        start = next
        return length
      }
      return try resynchronize()
    } catch {
      start += length
      return length
    }
  }

  // MARK: Behind damage

  /// Looks for the next record behind the byte at ``start`` and goes there.
  /// - Returns: How many bytes were passed over.
  private mutating func resynchronize() throws(Stop) -> Int {
    let first = base + start
    repeat {
      start += 1
      guard try fill(Self.headerByteCount + 2) else {
        start = end
        break
      }
    } while try !isRecord()
    return base + start - first
  }

  /// Whether a whole record begins at ``start``: a tuple with just the length that it says.
  private mutating func isRecord() throws(Stop) -> Bool {
    guard buffer[start] == 0, buffer[start + 5] == ExternalTermReader.version,
      buffer[start + 6] == TermTag.smallTuple
    else { return false }
    let length = length(at: start)
    guard length <= recordByteLimit, try fill(Self.headerByteCount + length) else {
      return false
    }
    let begin = start + Self.headerByteCount
    do throws(TermFault) {
      var reader = ExternalTermReader(buffer.byteSpan.extracting(begin..<(begin + length)))
      try reader.skipVersion()
      try reader.skipTerm()
      return reader.left == 0
    } catch {
      return false
    }
  }

  // MARK: Bytes

  private func length(at place: Int) -> Int {
    Int(buffer[place + 1]) << 24 | Int(buffer[place + 2]) << 16 | Int(buffer[place + 3]) << 8
      | Int(buffer[place + 4])
  }

  /// Reads until `count` bytes from ``start`` on are there.
  /// - Returns: False when the file ends before.
  private mutating func fill(_ count: Int) throws(Stop) -> Bool {
    while end - start < count {
      guard !isAtEnd else { return false }
      if start > 0, end + Self.pieceByteCount > buffer.count {
        let (from, kept) = (start, end - start)
        // Safe: both ranges lie within the array, and `memmove` allows for an overlap.
        _ = unsafe buffer.withUnsafeMutableBytes { bytes in
          unsafe bytes.baseAddress.map { unsafe memmove($0, $0 + from, kept) }
        }
        base += start
        end = kept
        start = 0
      }
      if end + Self.pieceByteCount > buffer.count {
        buffer += [UInt8](repeating: 0, count: buffer.count)
      }
      try readMore()
    }
    return true
  }

  private mutating func readMore() throws(Stop) {
    while true {
      if let stopSignal, !stopSignal.waitForInput(descriptor) { throw .stopped }
      let room = buffer.count - end
      let offset = end
      // Safe: `read` writes at most `room` bytes, which is what is left from `offset` on.
      let count = unsafe buffer.withUnsafeMutableBytes { bytes in
        unsafe read(descriptor, bytes.baseAddress.map { unsafe $0 + offset }, room)
      }
      if count > 0 { return end += count }
      if count == 0 { return isAtEnd = true }
      let code = errno
      if code != EINTR && code != EAGAIN { throw .failed(code) }
    }
  }
}
