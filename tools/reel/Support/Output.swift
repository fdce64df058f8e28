import ArgumentParser

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Standard output behind a buffer of 64 KiB: data only, and one system call for many lines.
struct Output: ~Copyable {
  private static let capacity = 64 << 10
  /// What has not been written yet; whoever appends calls ``flushIfFull()`` after each line.
  var bytes: [UInt8] = []

  init() {
    bytes.reserveCapacity(Self.capacity + (16 << 10))
  }

  mutating func line(_ text: String) {
    bytes.append(contentsOf: text.utf8)
    bytes.append(UInt8(ascii: "\n"))
    flushIfFull()
  }

  /// Writes one line of JSON.
  mutating func json(_ body: (inout JSONWriter) -> Void) {
    var writer = JSONWriter()
    writer.object(body)
    writer.endLine()
    bytes.append(contentsOf: writer.bytes)
    flushIfFull()
  }

  mutating func flushIfFull() {
    if bytes.count >= Self.capacity { flush() }
  }

  /// Writes everything out; ends the process quietly when nobody reads any more, as in
  /// `reel query … | head`.
  mutating func flush() {
    guard !writeAll(bytes, to: STDOUT_FILENO) else {
      bytes.removeAll(keepingCapacity: true)
      return
    }
    let code = errno
    if code == EPIPE { exit(0) }
    Console.error("standard output: \(systemMessage(code)); the rest is not written")
    exit(ExitStatus.failure.rawValue)
  }
}

/// Messages for people, on standard error, one line each and at once.
enum Console {
  /// A message that says why the program did not do all that was asked.
  static func error(_ text: String) { write("reel: \(text)\n") }

  /// A remark about what was done.
  static func note(_ text: String) { write("reel: \(text)\n") }

  /// Text as it is, such as a line of progress.
  static func write(_ text: String) { _ = writeAll(Array(text.utf8), to: STDERR_FILENO) }

  static var isTerminal: Bool { isatty(STDERR_FILENO) == 1 }
}

/// The exit statuses of every command.
enum ExitStatus: Int32 {
  case done = 0
  case failure = 1
  case notFound = 2
  case loss = 3
  case damage = 4
  case usage = 64
}

/// Writes all of `bytes`; on failure `errno` says why.
func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
  var offset = 0
  while offset < bytes.count {
    // Safe: the pointer is used inside the closure, for no more bytes than there are.
    let count = unsafe bytes.withUnsafeBytes { buffer in
      unsafe write(descriptor, buffer.baseAddress.map { unsafe $0 + offset }, buffer.count - offset)
    }
    if count >= 0 {
      offset += count
    } else if errno != EINTR {
      return false
    }
  }
  return true
}

/// The system's words for an error number.
func systemMessage(_ code: Int32) -> String {
  // Safe: the text is a C string that stays valid until the next call, and is copied here.
  unsafe String(cString: strerror(code))
}

/// The monotonic clock in nanoseconds.
func monotonicNanoseconds() -> Int64 {
  var time = timespec()
  // Safe: the structure is there for the call.
  _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
  return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

/// Sleeps until the monotonic clock shows `deadline`, however often signals wake it, so that many
/// sleeps in a row do not drift.
func sleep(untilMonotonic deadline: Int64) {
  while true {
    let rest = deadline - monotonicNanoseconds()
    guard rest > 0 else { return }
    var time = timespec(
      tv_sec: time_t(rest / 1_000_000_000), tv_nsec: Int(rest % 1_000_000_000))
    // Safe: the structure is there for the call, and the rest is not asked for.
    _ = unsafe nanosleep(&time, nil)
  }
}

/// Whether `path` names something that is not a folder.
func isFile(_ path: String) -> Bool {
  var status = stat()
  // Safe: the structure is there for the call.
  guard unsafe stat(path, &status) == 0 else { return false }
  return status.st_mode & S_IFMT != S_IFDIR
}

/// The columns of the terminal that standard output is, or nothing when it goes elsewhere.
func terminalColumnCount() -> Int? {
  guard isatty(STDOUT_FILENO) == 1 else { return nil }
  var size = winsize()
  // Safe: TIOCGWINSZ fills a winsize.
  if unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 {
    return Int(size.ws_col)
  }
  return 80
}

/// The next bytes of a descriptor, or nothing at its end.
/// - Throws: The exit status of a failure, which has been reported.
func readPiece(from descriptor: Int32) throws -> [UInt8]? {
  var piece = [UInt8](repeating: 0, count: 64 << 10)
  while true {
    // Safe: `read` writes at most as many bytes as the array has.
    let count = unsafe piece.withUnsafeMutableBytes { buffer in
      unsafe read(descriptor, buffer.baseAddress, buffer.count)
    }
    if count > 0 { return Array(piece[..<count]) }
    if count == 0 { return nil }
    if errno != EINTR {
      Console.error("reading the input failed: \(systemMessage(errno))")
      throw ExitCode(ExitStatus.failure.rawValue)
    }
  }
}
