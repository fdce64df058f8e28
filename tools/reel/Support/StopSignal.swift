import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The end of the pipe that a signal's handler writes to.
///
/// It is set before a handler is installed.
private let stopPipe = Atomic<Int32>(-1)

/// Tells the reader of ``StopSignal`` that a signal has come.
private func notifyStop() {
  let code = errno
  var byte: UInt8 = 0
  // Safe: one byte is written.
  _ = unsafe write(stopPipe.load(ordering: .sequentiallyConsistent), &byte, 1)
  errno = code
}

/// Turns the first SIGINT or SIGTERM into the end of the input.
///
/// So what was read is recorded and the recording closed. A second one ends the process, as if
/// nothing were installed.
struct StopSignal: Sendable {
  private let readEnd: Int32

  /// Installs the handlers; there is one of these in a process.
  init?() {
    var ends: [Int32] = [0, 0]
    // Safe: `pipe` fills two descriptors.
    guard unsafe ends.withUnsafeMutableBufferPointer({ unsafe pipe($0.baseAddress) }) == 0 else {
      return nil
    }
    readEnd = ends[0]
    stopPipe.store(ends[1], ordering: .sequentiallyConsistent)
    for number in [SIGINT, SIGTERM] { Self.install(number) }
    // Whoever started this may have had them blocked, and that is inherited.
    var signals = sigset_t()
    // Safe: the set lies on the stack.
    unsafe sigemptyset(&signals)
    unsafe sigaddset(&signals, SIGINT)
    unsafe sigaddset(&signals, SIGTERM)
    unsafe pthread_sigmask(SIG_UNBLOCK, &signals, nil)
  }

  private static func install(_ number: Int32) {
    var action = sigaction()
    // Safe: the handler calls nothing but an atomic load and `write`, which signals allow.
    #if os(Linux)
      unsafe action.__sigaction_handler.sa_handler = { _ in notifyStop() }
      action.sa_flags = Int32(bitPattern: UInt32(SA_RESETHAND))
    #else
      unsafe action.__sigaction_u.__sa_handler = { _ in notifyStop() }
      action.sa_flags = SA_RESETHAND
    #endif
    _ = unsafe sigaction(number, &action, nil)
  }

  /// Whether a signal has come; waits for nothing.
  var isRequested: Bool {
    var polled = pollfd(fd: readEnd, events: Int16(POLLIN), revents: 0)
    // Safe: there is one entry.
    return unsafe poll(&polled, 1, 0) > 0
  }

  /// Waits for as long, or until a signal comes.
  /// - Returns: Whether one has come.
  func wait(nanoseconds: Int64) -> Bool {
    let deadline = monotonicNanoseconds() + nanoseconds
    while true {
      let rest = deadline - monotonicNanoseconds()
      guard rest > 0 else { return isRequested }
      var polled = pollfd(fd: readEnd, events: Int16(POLLIN), revents: 0)
      // Rounded up: a wait of less than a millisecond would be none.
      let milliseconds = Int32(clamping: (rest + 999_999) / 1_000_000)
      // Safe: there is one entry.
      if unsafe poll(&polled, 1, milliseconds) > 0 { return true }
    }
  }

  /// Waits until `descriptor` can be read.
  /// - Returns: Whether it can; false when a signal has come.
  func waitForInput(_ descriptor: Int32) -> Bool {
    var polled = [
      pollfd(fd: readEnd, events: Int16(POLLIN), revents: 0),
      pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
    ]
    while true {
      // Safe: there are two entries.
      let count = unsafe polled.withUnsafeMutableBufferPointer {
        unsafe poll($0.baseAddress, 2, -1)
      }
      if polled[0].revents != 0 { return false }
      if count > 0 || (count < 0 && errno != EINTR) { return true }
    }
  }
}
