import Foundation
import Synchronization

@testable import Reel

/// A folder whose writes to segments and syncs can be held up, as by a disk that does not answer,
/// whose disk can be full, and which opens no more segments at once than it is told.
final class HangingFolder: Folder {
  private let folder: any Folder
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
    self.folder = folder
    gate = Gate()
  }

  private init(_ folder: any Folder, _ gate: Gate) {
    self.folder = folder
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

  var path: String { folder.path }
  func list() throws(ReelError) -> [String] { try folder.list() }
  func open(_ name: String, _ access: FileAccess) throws(ReelError) -> any File {
    if name.contains(".segment"), gate.maximum.value > 0, gate.open.value >= gate.maximum.value {
      gate.refused.add(1)
      throw .io(IOFailure(operation: "openat", path: name, code: ErrorNumber.tooManyFiles))
    }
    return HangingFile(try folder.open(name, access), gate)
  }
  func temporaryFile() throws(ReelError) -> any File { try folder.temporaryFile() }

  func folder(_ name: String, create: Bool) throws(ReelError) -> any Folder {
    HangingFolder(try folder.folder(name, create: create), gate)
  }
  func unlink(_ name: String) throws(ReelError) { try folder.unlink(name) }
  func removeFolder(_ name: String) throws(ReelError) { try folder.removeFolder(name) }
  func rename(_ name: String, to newName: String) throws(ReelError) {
    try folder.rename(name, to: newName)
  }
  func sync() throws(ReelError) { try folder.sync() }
  func modificationTime() throws(ReelError) -> Int64 { try folder.modificationTime() }
}

/// A file that waits at the gate of its folder.
private final class HangingFile: File {
  private let file: any File
  private let gate: HangingFolder.Gate

  init(_ file: any File, _ gate: HangingFolder.Gate) {
    self.file = file
    self.gate = gate
    if file.path.contains(".segment") { gate.open.add(1) }
  }

  deinit { if file.path.contains(".segment") { gate.open.add(-1) } }

  var path: String { file.path }
  func byteCount() throws(ReelError) -> Int { try file.byteCount() }
  func read(at offset: Int, byteCount: Int) throws(ReelError) -> [UInt8] {
    try file.read(at: offset, byteCount: byteCount)
  }
  func write(_ bytes: RawSpan, at offset: Int) throws(ReelError) {
    gate.pass(isSync: false)
    try gate.checkRoom(path)
    try file.write(bytes, at: offset)
  }
  func sync() throws(ReelError) {
    gate.pass(isSync: true)
    try file.sync()
  }
  func truncate(to byteCount: Int) throws(ReelError) { try file.truncate(to: byteCount) }
  func map(byteCount: Int) throws(ReelError) -> Region { try file.map(byteCount: byteCount) }
  func lock() throws(ReelError) -> Bool { try file.lock() }
}
