#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The seconds that `body` takes.
func seconds(_ body: () throws -> Void) rethrows -> Double {
  let start = nanoseconds()
  try body()
  return Double(nanoseconds() - start) * 1e-9
}

/// The monotonic clock.
@inline(__always)
func nanoseconds() -> Int64 {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
}

/// The processor time of this process, all threads, in seconds.
func processorSeconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

/// The median.
func middle(of values: [Double]) -> Double {
  values.isEmpty ? 0 : values.sorted()[values.count / 2]
}
