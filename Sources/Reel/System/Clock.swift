#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// The clocks and the source of randomness, which tests replace.
protocol Clock: Sendable {
  /// Nanoseconds since the Unix epoch; may jump.
  func wall() -> Int64
  /// Nanoseconds since some fixed moment; never goes back.
  func monotonic() -> Int64
  /// Nanoseconds since the system was started, those included in which it was suspended.
  func sinceBoot() -> Int64
  /// 64 random bits, different at each call.
  func random() -> UInt64
}

/// The operating system's clocks.
struct SystemClock: Clock {
  func wall() -> Int64 { read(CLOCK_REALTIME) }
  func monotonic() -> Int64 { read(CLOCK_MONOTONIC) }
  func sinceBoot() -> Int64 {
    #if canImport(Darwin)
      // It goes on while the system sleeps.
      read(CLOCK_MONOTONIC)
    #else
      read(CLOCK_BOOTTIME)
    #endif
  }
  func random() -> UInt64 { UInt64.random(in: .min ... .max) }

  private func read(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    unsafe clock_gettime(clock, &time)
    return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
  }
}

/// The id of the running process.
func currentProcessID() -> Int32 { getpid() }

/// The machine's name, or an empty text where the system does not tell it.
func hostName() -> String {
  var name = [CChar](repeating: 0, count: 256)
  guard unsafe gethostname(&name, name.count - 1) == 0 else { return "" }
  return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// The value of an environment variable, or nothing when it is not set or empty.
func environmentVariable(_ name: String) -> String? {
  // Safe: the text is copied at once; who changes the environment meanwhile breaks every program.
  guard let value = unsafe getenv(name) else { return nil }
  let text = unsafe String(cString: value)
  return text.isEmpty ? nil : text
}
