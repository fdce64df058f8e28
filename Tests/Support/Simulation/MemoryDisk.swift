@testable import Reel

/// What a disk holds: files by number, and folders of names.
struct DiskImage {
  static let root = 0

  var files: [Int: [UInt8]] = [:]
  var folders: [Int: [String: Int]] = [DiskImage.root: [:]]

  /// A hash of all that can be reached by name, the same for the same names and bytes.
  func hash(seed: UInt64) -> UInt64 { hash(DiskImage.root, seed) }

  /// Writes the files and folders that have names to the system's disk.
  func write(to path: String, _ folder: Int = DiskImage.root) throws {
    let system = try POSIXFolder(path: path, create: true)
    for (name, node) in folders[folder] ?? [:] {
      guard let bytes = files[node] else {
        try write(to: path + "/" + name, node)
        continue
      }
      try system.open(name, .create).write(bytes.rawSpan, at: 0)
    }
  }

  private func hash(_ folder: Int, _ seed: UInt64) -> UInt64 {
    var bytes: [UInt8] = []
    for (name, node) in (folders[folder] ?? [:]).sorted(by: { $0.key < $1.key }) {
      bytes.append(lengthPrefixed: name)
      if let file = files[node] {
        bytes.append(littleEndian: Checksum.xxh3(file.rawSpan))
      } else {
        bytes.append(littleEndian: hash(node, 1))
      }
    }
    return Checksum.xxh3(bytes.rawSpan, seed: seed)
  }
}

/// A disk in memory, which notes everything that is done to it.
///
/// The twin of a mapped file is memory of the heap. Nobody tells when something is stored there, so
/// it is compared with what was last seen whenever anything else happens: a store may then be seen
/// half done, as the kernel sees it that writes pages back at any moment.
final class MemoryDisk: @unchecked Sendable {
  private let lock = Lock()
  private var image: DiskImage
  private var mapped: [Int: Region] = [:]
  private var locked: Set<Int> = []
  private var nextNode: Int
  private var operations: [DiskOperation] = []
  private var changeCount: Int64 = 0
  private let isRecording: Bool

  /// - Parameters:
  ///   - image: What it holds at first.
  ///   - isRecording: Whether it notes what is done.
  init(_ image: DiskImage = DiskImage(), isRecording: Bool = true) {
    self.image = image
    self.isRecording = isRecording
    nextNode = 1 + max(image.files.keys.max() ?? 0, image.folders.keys.max() ?? 0)
  }

  /// The folder that everything is in.
  var folder: DiskFolder { DiskFolder(self, DiskImage.root, path: "/memory") }

  /// Everything that has been done.
  var log: [DiskOperation] {
    lock.withLock {
      captureStores()
      return operations
    }
  }

  /// Notes what a test knows at this moment.
  func mark(_ marker: Marker) { lock.withLock { note(.marker(marker)) } }

  /// Whether a file is mapped, and has a name.
  func isMapped(_ file: Int) -> Bool { lock.withLock { mapped[file] != nil } }

  private func note(_ operation: @autoclosure () -> DiskOperation) {
    guard isRecording else { return }
    captureStores()
    operations.append(operation())
  }

  private func captureStores() {
    for (node, region) in mapped.sorted(by: { $0.key < $1.key }) {
      let pieces = capture(node, region)
      if isRecording, !pieces.isEmpty { operations.append(.store(file: node, pieces: pieces)) }
    }
  }

  /// Takes over what was stored in a mapped file.
  private func capture(_ node: Int, _ region: Region) -> [DiskOperation.Piece] {
    var pieces: [DiskOperation.Piece] = []
    let seen = image.files[node] ?? []
    let seenBytes = seen.rawSpan
    var offset = 0
    while offset < region.byteCount {
      let end = min(offset + DiskOperation.sectorByteCount, region.byteCount)
      if !region.bytes(offset..<end).equals(seenBytes.extracting(offset..<end)) {
        pieces.append(
          DiskOperation.Piece(offset: offset, bytes: region.bytes(offset..<end).copied()))
      }
      offset = end
    }
    for piece in pieces { image.files[node]?.write(piece) }
    return pieces
  }

  // MARK: Files

  fileprivate func byteCount(_ node: Int) -> Int {
    lock.withLock { image.files[node]?.count ?? 0 }
  }

  fileprivate func read(_ node: Int, _ range: Range<Int>) -> [UInt8] {
    lock.withLock {
      if let region = mapped[node] {
        // A disk that notes nothing need not know what has changed.
        guard isRecording else {
          let start = min(range.lowerBound, region.byteCount)
          return region.bytes(start..<min(range.upperBound, region.byteCount)).copied()
        }
        captureStores()
      }
      let file = image.files[node] ?? []
      let start = min(range.lowerBound, file.count)
      return file.bytes(start..<min(range.upperBound, file.count))
    }
  }

  fileprivate func write(_ node: Int, _ bytes: RawSpan, at offset: Int) {
    lock.lock()
    defer { lock.unlock() }
    if isRecording {
      note(.write(file: node, piece: DiskOperation.Piece(offset: offset, bytes: bytes.copied())))
    }
    image.files[node]?.write(bytes, at: offset)
  }

  fileprivate func truncate(_ node: Int, to byteCount: Int) {
    lock.withLock {
      note(.truncate(file: node, byteCount: byteCount))
      image.files[node]?.resize(to: byteCount)
    }
  }

  fileprivate func sync(_ node: Int) { lock.withLock { note(.sync(file: node)) } }

  fileprivate func map(_ node: Int, byteCount: Int) -> Region {
    lock.withLock {
      let region = Region(byteCount: byteCount)
      let file = image.files[node] ?? []
      region.copy(file.rawSpan.extracting(0..<min(byteCount, file.count)), at: 0)
      mapped[node] = region
      return region
    }
  }

  fileprivate func takeLock(_ node: Int) -> Bool {
    lock.withLock { locked.insert(node).inserted }
  }

  fileprivate func releaseLock(_ node: Int) { lock.withLock { _ = locked.remove(node) } }

  // MARK: Folders

  fileprivate func names(_ folder: Int) -> [String] {
    lock.withLock { image.folders[folder].map { $0.keys.sorted() } ?? [] }
  }

  fileprivate func modificationTime() -> Int64 { lock.withLock { changeCount } }

  /// The file or folder of a name; with `makes`, one that is new when there is none.
  fileprivate func node(
    _ folder: Int, _ name: String, makes: Bool, isFolder: Bool = false
  ) -> (node: Int, isFolder: Bool, isNew: Bool)? {
    lock.withLock {
      if let node = image.folders[folder]?[name] {
        return (node, image.folders[node] != nil, false)
      }
      guard makes else { return nil }
      let node = nextNode
      nextNode += 1
      note(.link(folder: folder, name: name, node: node, isFolder: isFolder))
      if isFolder { image.folders[node] = [:] } else { image.files[node] = [] }
      image.folders[folder]?[name] = node
      changeCount += 1
      return (node, isFolder, true)
    }
  }

  fileprivate func makeNameless() -> Int {
    lock.withLock {
      nextNode += 1
      image.files[nextNode - 1] = []
      return nextNode - 1
    }
  }

  fileprivate func unlink(_ folder: Int, _ name: String) -> Bool {
    lock.withLock {
      guard let node = image.folders[folder]?[name] else { return false }
      note(.unlink(folder: folder, name: name))
      image.folders[folder]?[name] = nil
      // Nobody finds what is stored there from now on, but who has it open.
      if let region = mapped.removeValue(forKey: node) {
        image.files[node] = region.bytes(0..<region.byteCount).copied()
      }
      changeCount += 1
      return true
    }
  }

  fileprivate func rename(_ folder: Int, _ name: String, to newName: String) -> Bool {
    lock.withLock {
      guard let node = image.folders[folder]?[name] else { return false }
      note(.rename(folder: folder, name: name, newName: newName, node: node))
      image.folders[folder]?[name] = nil
      image.folders[folder]?[newName] = node
      changeCount += 1
      return true
    }
  }

  fileprivate func syncFolder(_ folder: Int) { lock.withLock { note(.syncFolder(folder)) } }
}

/// A folder of a ``MemoryDisk``.
final class DiskFolder: Folder {
  let path: String
  let disk: MemoryDisk
  private let node: Int

  fileprivate init(_ disk: MemoryDisk, _ node: Int, path: String) {
    self.disk = disk
    self.node = node
    self.path = path
  }

  private func failure(_ operation: String, _ name: String, _ code: Int32) -> ReelError {
    .io(IOFailure(operation: operation, path: path + "/" + name, code: code))
  }

  func list() throws(ReelError) -> [String] { disk.names(node) }

  func open(_ name: String, _ access: FileAccess) throws(ReelError) -> any File {
    let makes =
      switch access {
      case .create, .createNew: true
      case .read, .readWrite: false
      }
    guard let found = disk.node(node, name, makes: makes) else {
      throw failure("open", name, ErrorNumber.noEntry)
    }
    if case .createNew = access, !found.isNew {
      throw failure("open", name, ErrorNumber.exists)
    }
    guard !found.isFolder else {
      throw .notARecording(path: path + "/" + name, reason: "it is not a regular file")
    }
    return DiskFile(disk, found.node, path: path + "/" + name)
  }

  func temporaryFile() throws(ReelError) -> any File {
    DiskFile(disk, disk.makeNameless(), path: path + "/(temporary file)")
  }

  func folder(_ name: String, create: Bool) throws(ReelError) -> any Folder {
    guard let found = disk.node(node, name, makes: create, isFolder: true) else {
      throw failure("open", name, ErrorNumber.noEntry)
    }
    guard found.isFolder else { throw failure("open", name, ErrorNumber.notAFolder) }
    return DiskFolder(disk, found.node, path: path + "/" + name)
  }

  func unlink(_ name: String) throws(ReelError) {
    guard disk.unlink(node, name) else { throw failure("unlink", name, ErrorNumber.noEntry) }
  }

  func removeFolder(_ name: String) throws(ReelError) { try unlink(name) }

  func rename(_ name: String, to newName: String) throws(ReelError) {
    guard disk.rename(node, name, to: newName) else {
      throw failure("rename", name, ErrorNumber.noEntry)
    }
  }

  func sync() throws(ReelError) { disk.syncFolder(node) }
  func modificationTime() throws(ReelError) -> Int64 { disk.modificationTime() }
}

/// An open file of a ``MemoryDisk``.
final class DiskFile: File {
  let path: String
  private let disk: MemoryDisk
  private let node: Int
  /// Set once, before anybody shares the file.
  private nonisolated(unsafe) var hasLock = false

  fileprivate init(_ disk: MemoryDisk, _ node: Int, path: String) {
    self.disk = disk
    self.node = node
    self.path = path
  }

  deinit { if unsafe hasLock { disk.releaseLock(node) } }

  func byteCount() throws(ReelError) -> Int { disk.byteCount(node) }
  func read(at offset: Int, byteCount: Int) throws(ReelError) -> [UInt8] {
    disk.read(node, offset..<(offset + byteCount))
  }
  func write(_ bytes: RawSpan, at offset: Int) throws(ReelError) {
    disk.write(node, bytes, at: offset)
  }
  func sync() throws(ReelError) { disk.sync(node) }
  func truncate(to byteCount: Int) throws(ReelError) { disk.truncate(node, to: byteCount) }
  func map(byteCount: Int) throws(ReelError) -> Region { disk.map(node, byteCount: byteCount) }
  func lock() throws(ReelError) -> Bool {
    let isFree = disk.takeLock(node)
    if isFree { unsafe hasLock = true }
    return isFree
  }
}
