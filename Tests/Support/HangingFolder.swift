import Foundation
import Synchronization

@testable import Reel

/// A folder whose writes to segments and syncs can be held up, as by a disk that does not answer,
/// whose disk can be full, and which opens no more segments at once than it is told.
final class HangingFolder: ForwardingFolder {
  let base: any Folder
  private let gate: Gate

  /// What all files of the folder wait at.
  final class Gate: Sendable {
    private let condition = NSCondition()
    private let state = Mutex((isClosed: false, syncs: 0))

    func pass(isSync: Bool) {
      condition.lock()
      if isSync { state.withLock { $0.syncs += 1 } }
      while state.withLock({ $0.isClosed }) { condition.wait() }
      condition.unlock()
    }

    func set(isClosed: Bool) {
      condition.lock()
      state.withLock { $0.isClosed = isClosed }
      condition.broadcast()
      condition.unlock()
    }

    /// Segment files that are open, and how many may be; how often another was refused.
    let open = Counter()
    let maximum = Counter()
    let refused = Counter()

    private let isFull = Counter()

    /// Whether writes find no room on the disk.
    func set(isFull: Bool) { self.isFull.value = isFull ? 1 : 0 }

    func checkRoom(_ path: String) throws(ReelError) {
      if isFull.value == 1, path.contains(".segment") {
        throw .io(IOFailure(operation: "pwrite", path: path, code: ErrorNumber.noSpace))
      }
    }

    var syncCount: Int { state.withLock { $0.syncs } }
  }

  init(_ folder: any Folder) {
    base = folder
    gate = Gate()
  }

  private init(_ folder: any Folder, _ gate: Gate) {
    base = folder
    self.gate = gate
  }

  /// From now on nothing is written or synced.
  func hang() { gate.set(isClosed: true) }

  /// Lets everything go on that waits.
  func resume() { gate.set(isClosed: false) }

  /// Segments find no room, or find it again.
  func fill(_ isFull: Bool) { gate.set(isFull: isFull) }

  /// No more than `count` segments can be open at once.
  func limitSegments(to count: Int) { gate.maximum.value = count }

  /// How often a segment was not opened for that.
  var refusedCount: Int { gate.refused.value }

  /// How often a file was synced.
  var syncCount: Int { gate.syncCount }

  func open(_ name: String, _ access: FileAccess) throws(ReelError) -> any File {
    if name.contains(".segment"), gate.maximum.value > 0, gate.open.value >= gate.maximum.value {
      gate.refused.add(1)
      throw .io(IOFailure(operation: "openat", path: name, code: ErrorNumber.tooManyFiles))
    }
    return HangingFile(try base.open(name, access), gate)
  }

  func folder(_ name: String, create: Bool) throws(ReelError) -> any Folder {
    HangingFolder(try base.folder(name, create: create), gate)
  }
}

/// A file that waits at the gate of its folder.
private final class HangingFile: ForwardingFile {
  let base: any File
  private let gate: HangingFolder.Gate

  init(_ file: any File, _ gate: HangingFolder.Gate) {
    base = file
    self.gate = gate
    if path.contains(".segment") { gate.open.add(1) }
  }

  deinit { if path.contains(".segment") { gate.open.add(-1) } }

  func write(_ bytes: RawSpan, at offset: Int) throws(ReelError) {
    gate.pass(isSync: false)
    try gate.checkRoom(path)
    try base.write(bytes, at: offset)
  }
  func sync() throws(ReelError) {
    gate.pass(isSync: true)
    try base.sync()
  }
}
