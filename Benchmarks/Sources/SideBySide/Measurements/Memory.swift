#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif
import Workload

/// The peak memory of a process that makes events and stores them, beyond that of one which only
/// makes them.
enum Memory {
  static func measure<S: Store>(_: S.Type, _ bench: Workbench, _ results: inout Results) throws {
    guard residentBytes(.peak) != nil else { return }
    let count = bench.events.count
    let caller = try peak(Child.noStore, count, bench.source)
    let one = try peak(S.name, count, bench.source) - caller
    results.operations.add(S.name, .memory, one)
    results.add(.memory, S.name, "all events (MB)", one)
    // A recording in a file ends; generated events do not.
    guard S.self == ReelStore.self, case .generated = bench.source else { return }
    let ten = try peak(S.name, 10 * count, bench.source) - caller
    results.add(.memory, S.name, "ten times as many (MB)", ten, target: .atMost(64))
  }

  /// The peak memory of a child, in megabytes.
  private static func peak(
    _ store: String, _ count: Int, _ source: TraceSource
  ) throws -> Double {
    let folder = try TemporaryFolder("memory")
    defer { folder.remove() }
    let child = try Child.start(
      .tellMemory, store, path: folder.path, count: count, source: source)
    guard child.isSuccess, let bytes = Int(child.output) else {
      throw StoreError(message: "a child that was to tell its memory failed")
    }
    return Double(bytes) / 1e6
  }

  enum Extent: String {
    case peak = "VmHWM:"
    case now = "VmRSS:"
  }

  /// The memory of this process that is in the machine, mapped files included; nothing where the
  /// system does not tell.
  static func residentBytes(_ extent: Extent) -> Int? {
    guard let file = fopen("/proc/self/status", "r") else { return nil }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 256)
    while fgets(&line, 256, file) != nil {
      let bytes = line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:))
      let words = String(decoding: bytes, as: UTF8.self).split { $0 == " " || $0 == "\t" }
      if words.count > 1, words[0] == extent.rawValue { return Int(words[1]).map { $0 << 10 } }
    }
    return nil
  }
}
