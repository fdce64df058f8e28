import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The end of the pipe that signal handlers write the signal's number to; -1 before there is one.
private let signalPipe = Atomic<Int32>(-1)
/// Whether the terminal is not as it was found.
private let isTaken = Atomic<Bool>(false)
/// The settings of the terminal as they were found.
///
/// A pointer, because signal handlers may touch nothing that has to be made first.
private nonisolated(unsafe) let foundSettings = UnsafeMutablePointer<termios>.allocate(capacity: 1)

/// To another screen without a cursor and without line breaks of the terminal's own, and back.
private let takingText: StaticString = "\u{1B}[?1049h\u{1B}[?25l\u{1B}[?7l\u{1B}[2J"
private let leavingText: StaticString = "\u{1B}[0m\u{1B}[?7h\u{1B}[?25h\u{1B}[?1049l"

private func writeToTerminal(_ text: StaticString) {
  // Safe: the text lies in the program for good.
  _ = unsafe write(STDOUT_FILENO, text.utf8Start, text.utf8CodeUnitCount)
}

/// Leaves the terminal as it was found; may be called at any time, also by a signal handler, and as
/// often as one likes.
private func restoreTerminal() {
  guard isTaken.exchange(false, ordering: .sequentiallyConsistent) else { return }
  writeToTerminal(leavingText)
  // Safe: the settings were filled before the terminal was taken.
  _ = unsafe tcsetattr(STDIN_FILENO, TCSANOW, foundSettings)
}

private func notifySignal(_ number: Int32) {
  let code = errno
  var byte = UInt8(truncatingIfNeeded: number)
  // Safe: one byte is written.
  _ = unsafe write(signalPipe.load(ordering: .sequentiallyConsistent), &byte, 1)
  errno = code
}

/// Restores the terminal and lets the signal end the process as it would have.
private func dieOfSignal(_ number: Int32) {
  restoreTerminal()
  raise(number)
}

/// The terminal, taken over as a whole: every key is given as it is pressed, and nothing is shown
/// but what is written.
///
/// It is left as it was found whatever ends the process, `SIGKILL` excepted.
struct Terminal: ~Copyable {
  /// Why there is none.
  enum Fault: Error {
    /// Standard input or output is something else.
    case notATerminal
    /// A system call failed.
    case failed(String)
  }

  /// What ended a wait.
  enum Wake: Equatable {
    case input, timeout, stop, suspend, redraw
  }

  private let signals: Int32

  private static let stopSignals = [SIGINT, SIGTERM, SIGHUP, SIGQUIT]
  private static let fatalSignals = [SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGABRT, SIGFPE]

  /// Takes the terminal; there is one of these in a process.
  init() throws(Fault) {
    guard isatty(STDIN_FILENO) == 1, isatty(STDOUT_FILENO) == 1 else { throw .notATerminal }
    // Safe: the settings have room.
    guard unsafe tcgetattr(STDIN_FILENO, foundSettings) == 0 else {
      throw .failed("tcgetattr: \(systemMessage(errno))")
    }
    var ends: [Int32] = [0, 0]
    // Safe: `pipe` fills two descriptors.
    guard unsafe ends.withUnsafeMutableBufferPointer({ unsafe pipe($0.baseAddress) }) == 0 else {
      throw .failed("pipe: \(systemMessage(errno))")
    }
    signals = ends[0]
    // A handler must never wait.
    _ = fcntl(ends[1], F_SETFL, O_NONBLOCK)
    signalPipe.store(ends[1], ordering: .sequentiallyConsistent)
    for number in Self.stopSignals + [SIGWINCH, SIGCONT, SIGTSTP] { Self.install(number) }
    for number in Self.fatalSignals { Self.install(number, isFatal: true) }
    Self.unblockSignals()
    // A handler must find it made.
    _ = leavingText.utf8CodeUnitCount
    // For whoever ends the process by `exit`.
    atexit { restoreTerminal() }
    take()
  }

  deinit { restoreTerminal() }

  private static func install(_ number: Int32, isFatal: Bool = false) {
    var action = sigaction()
    // Safe: the handlers call nothing but atomics, `write`, `tcsetattr` and `raise`, which signals
    // allow.
    #if os(Linux)
      if isFatal {
        unsafe action.__sigaction_handler.sa_handler = { dieOfSignal($0) }
        action.sa_flags = Int32(bitPattern: UInt32(SA_RESETHAND)) | SA_NODEFER
      } else {
        unsafe action.__sigaction_handler.sa_handler = { notifySignal($0) }
        action.sa_flags = SA_RESTART
      }
    #else
      if isFatal {
        unsafe action.__sigaction_u.__sa_handler = { dieOfSignal($0) }
        action.sa_flags = SA_RESETHAND | SA_NODEFER
      } else {
        unsafe action.__sigaction_u.__sa_handler = { notifySignal($0) }
        action.sa_flags = SA_RESTART
      }
    #endif
    _ = unsafe sigaction(number, &action, nil)
  }

  /// Whoever started this may have had them blocked, and that is inherited.
  private static func unblockSignals() {
    var signals = sigset_t()
    // Safe: the set lies on the stack.
    unsafe sigemptyset(&signals)
    for number in stopSignals + [SIGWINCH, SIGCONT, SIGTSTP] { unsafe sigaddset(&signals, number) }
    unsafe pthread_sigmask(SIG_UNBLOCK, &signals, nil)
  }

  private func take() {
    // Safe: the settings were filled.
    var settings = unsafe foundSettings.pointee
    unsafe cfmakeraw(&settings)
    isTaken.store(true, ordering: .sequentiallyConsistent)
    _ = unsafe tcsetattr(STDIN_FILENO, TCSADRAIN, &settings)
    writeToTerminal(takingText)
  }

  /// The terminal's size in characters.
  var size: (columns: Int, rows: Int) {
    var size = winsize()
    // Safe: TIOCGWINSZ fills a winsize.
    guard unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else {
      return (80, 24)
    }
    return (Int(size.ws_col), Int(size.ws_row))
  }

  /// Waits for keys, signals or the end of the time; for good without one.
  func wait(nanoseconds: Int64?) -> Wake {
    var polled = [
      pollfd(fd: signals, events: Int16(POLLIN), revents: 0),
      pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0),
    ]
    let milliseconds = nanoseconds.map { Int32(clamping: ($0 + 999_999) / 1_000_000) } ?? -1
    // Safe: there are two entries.
    let count = unsafe polled.withUnsafeMutableBufferPointer {
      unsafe poll($0.baseAddress, 2, milliseconds)
    }
    if polled[0].revents != 0 { return takeSignal() }
    return count > 0 ? .input : count == 0 ? .timeout : .redraw
  }

  private func takeSignal() -> Wake {
    var byte: UInt8 = 0
    // Safe: one byte is read.
    guard unsafe read(signals, &byte, 1) == 1 else { return .redraw }
    switch Int32(byte) {
    case SIGTSTP: return .suspend
    case SIGWINCH: return .redraw
    case SIGCONT:
      // Whoever had the terminal meanwhile may have changed it.
      take()
      return .redraw
    default: return .stop
    }
  }

  /// What has been typed; nothing when no more can come.
  func input() -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: 1024)
    // Safe: `read` writes at most as many bytes as the array has.
    let count = unsafe bytes.withUnsafeMutableBytes {
      unsafe read(STDIN_FILENO, $0.baseAddress, $0.count)
    }
    if count > 0 { return Array(bytes[..<count]) }
    return count < 0 && (errno == EINTR || errno == EAGAIN) ? [] : nil
  }

  /// Writes to the screen.
  /// - Returns: Whether it could.
  func write(_ bytes: [UInt8]) -> Bool { writeAll(bytes, to: STDOUT_FILENO) }

  /// Stops the process as Control-Z does, and goes on when it is continued.
  func suspend() {
    restoreTerminal()
    signal(SIGTSTP, SIG_DFL)
    raise(SIGTSTP)
    Self.install(SIGTSTP)
    take()
  }
}
