#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif
import Reel

/// Removing the older half of all events, exactly.
enum Drop {
  static func measure<S: Store>(_: S.Type, _ bench: Workbench, _ results: inout Results) throws {
    let folder = try TemporaryFolder(S.name + "-drop")
    defer { folder.remove() }
    var store = try S(path: folder.path)
    for batch in bench.batches { try store.append(batch: batch) }
    try store.close()
    let copies = S.self == ReelStore.self ? try Copies(of: folder) : nil
    defer { copies?.remove() }
    let before = try folder.byteCount()
    let timestamps = bench.events.map { $0.timestamp?.nanoseconds ?? 0 }.sorted()
    let cut = timestamps[timestamps.count / 2]
    store = try S(path: folder.path)
    let start = nanoseconds()
    try store.removeEvents(before: cut)
    let oldest = try store.range(from: .min, limit: 1, isDescending: false)
    let right = nanoseconds()
    try store.reclaim()
    let free = nanoseconds()
    let rest = try store.replay()
    guard rest.count == timestamps.count - timestamps.count / 2 || timestamps.count < 2 else {
      throw StoreError(message: "\(S.name) kept \(rest.count) events after a cut")
    }
    try results.check("the oldest event after a cut", S.name, oldest)
    try results.check("all events after a cut", S.name, rest)
    let unlink = try copies?.unlinkAll(but: folder.fileNames())
    try store.close()
    let after = try folder.byteCount()
    results.operations.add(S.name, .drop, Double(right - start) * 1e-6)
    results.operations.add(S.name, .reclaim, Double(free - start) * 1e-6)
    results.add(.drop, S.name, "until the answer is right (ms)", Double(right - start) * 1e-6)
    results.add(.drop, S.name, "until the space is back (ms)", Double(free - start) * 1e-6)
    results.add(.drop, S.name, "before (MB)", Double(before) / 1e6)
    results.add(.drop, S.name, "after (MB)", Double(after) / 1e6)
    if let unlink {
      let row = "unlinking copies of the files that Reel dropped"
      results.add(.drop, row, "until the space is back (ms)", unlink)
    }
  }

  /// Copies of a folder's files, to see what a plain program needs to unlink them.
  private struct Copies {
    private let folder: TemporaryFolder
    private let names: [String]

    init(of original: TemporaryFolder) throws {
      names = try original.fileNames()
      folder = try TemporaryFolder("copies")
      guard system("cp -a '\(original.path)/.' '\(folder.path)' && sync") == 0 else {
        folder.remove()
        throw StoreError(message: "cannot copy \(original.path)")
      }
    }

    /// Unlinks the copies of files that are not there any more.
    /// - Returns: Milliseconds.
    func unlinkAll(but kept: [String]) -> Double {
      let dropped = names.filter { !kept.contains($0) }.map { folder.path + "/" + $0 }
      return seconds { for path in dropped { unlink(path) } } * 1e3
    }

    func remove() { folder.remove() }
  }
}
