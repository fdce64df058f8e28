/// Opening after the writer was killed.
enum Opening {
  static func measureAfterKill<S: Store>(
    _: S.Type, _ bench: Workbench, _ results: inout Results
  ) throws {
    let folder = try TemporaryFolder(S.name + "-killed")
    defer { folder.remove() }
    let count = bench.events.count
    let child = try Child.start(
      .fillAndDie, S.name, path: folder.path, count: count, source: bench.source)
    guard !child.isSuccess else { throw StoreError(message: "the child was to be killed") }
    let start = nanoseconds()
    var store = try S(path: folder.path)
    let fold = try store.range(from: .min, limit: 1, isDescending: false)
    let time = Double(nanoseconds() - start) * 1e-6
    guard fold.count == 1, try store.replay().count == count else {
      throw StoreError(message: "\(S.name) lost events to a kill")
    }
    try store.close()
    results.operations.add(S.name, .openAfterKill, time)
  }
}
