import Foundation
import Synchronization

@testable import Reel

/// The bytes of every file of a recording, by path: `documents/…` for what lies in a folder.
typealias FolderImage = [String: [UInt8]]

/// A folder in memory: what a sweep of many thousand cases needs to end within seconds.
///
/// It keeps to what the engine may expect of a file system: an unlinked file lives on while it is
/// open, a rename takes the place of what was there, a lock goes with the file that holds it.
final class MemoryFolder: Folder {
  let path: String
  private let contents: Mutex<Contents>
  /// Files that are open anywhere below.
  let openFiles: Counter

  private struct Contents: Sendable {
    var nodes: [String: MemoryNode] = [:]
    var folders: [String: MemoryFolder] = [:]
    /// Stands for the time of the last change; small numbers, so that it always seems long ago.
    var changes: Int64 = 1
  }

  /// A folder with the files of `image`.
  init(path: String = "memory", _ image: FolderImage = [:], openFiles: Counter = Counter()) {
    self.path = path
    self.openFiles = openFiles
    var contents = Contents()
    var inner: [String: FolderImage] = [:]
    for (name, bytes) in image {
      guard let slash = name.firstIndex(of: "/") else {
        contents.nodes[name] = MemoryNode(bytes)
        continue
      }
      let rest = String(name[name.index(after: slash)...])
      inner[String(name[..<slash]), default: [:]][rest] = bytes
    }
    for (name, files) in inner {
      contents.folders[name] = MemoryFolder(
        path: path + "/" + name, files, openFiles: openFiles)
    }
    self.contents = Mutex(contents)
  }

  /// What the death of the process would leave at this moment, also while a recorder is at work.
  ///
  /// Nothing gets or loses a name meanwhile, and buffers are looked at first: a record that goes
  /// from one into a block then is in both, never in neither.
  var image: FolderImage {
    contents.withLock { contents in
      var image: FolderImage = [:]
      for isBuffer in [true, false] {
        for (name, node) in contents.nodes
        where name.hasSuffix(FileName.bufferSuffix) == isBuffer { image[name] = node.bytes }
      }
      for (name, folder) in contents.folders {
        for (file, bytes) in folder.image { image[name + "/" + file] = bytes }
      }
      return image
    }
  }

  /// The files once nobody has written to them for a while: a recorder's threads have come to rest.
  var imageAtRest: FolderImage {
    var image = image
    while true {
      usleep(10_000)
      let next = self.image
      if next.isSame(as: image) { return image }
      image = next
    }
  }

  private func failure(_ operation: String, _ name: String, _ code: Int32) -> ReelError {
    .io(IOFailure(operation: operation, path: path + "/" + name, code: code))
  }

  /// Changes entries under the lock.
  private func change<R>(_ body: (inout Contents) throws(ReelError) -> R) throws(ReelError) -> R {
    let result = contents.withLock { contents -> Result<R, ReelError> in
      do throws(ReelError) {
        return .success(try body(&contents))
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  func list() throws(ReelError) -> [String] {
    contents.withLock { Array($0.nodes.keys) + Array($0.folders.keys) }
  }

  func open(_ name: String, _ access: FileAccess) throws(ReelError) -> any File {
    let node = try change { contents throws(ReelError) in
      if contents.folders[name] != nil {
        throw .notARecording(path: path + "/" + name, reason: "it is not a regular file")
      }
      if let node = contents.nodes[name] {
        if access == .createNew { throw failure("open", name, ErrorNumber.exists) }
        return node
      }
      guard access == .create || access == .createNew else {
        throw failure("open", name, ErrorNumber.noEntry)
      }
      let node = MemoryNode([])
      contents.nodes[name] = node
      contents.changes += 1
      return node
    }
    return MemoryFile(path: path + "/" + name, node, openFiles)
  }

  func temporaryFile() throws(ReelError) -> any File {
    MemoryFile(path: path + "/(temporary file)", MemoryNode([]), openFiles)
  }

  func folder(_ name: String, create: Bool) throws(ReelError) -> any Folder {
    try change { contents throws(ReelError) in
      if let folder = contents.folders[name] { return folder }
      if contents.nodes[name] != nil { throw failure("open", name, ErrorNumber.notAFolder) }
      guard create else { throw failure("open", name, ErrorNumber.noEntry) }
      let folder = MemoryFolder(path: path + "/" + name, openFiles: openFiles)
      contents.folders[name] = folder
      contents.changes += 1
      return folder
    }
  }

  func unlink(_ name: String) throws(ReelError) {
    try change { contents throws(ReelError) in
      guard contents.nodes.removeValue(forKey: name) != nil else {
        throw failure("unlink", name, ErrorNumber.noEntry)
      }
      contents.changes += 1
    }
  }

  func removeFolder(_ name: String) throws(ReelError) {
    try change { contents throws(ReelError) in
      guard contents.folders.removeValue(forKey: name) != nil else {
        throw failure("rmdir", name, ErrorNumber.noEntry)
      }
      contents.changes += 1
    }
  }

  func rename(_ name: String, to newName: String) throws(ReelError) {
    try change { contents throws(ReelError) in
      if let node = contents.nodes.removeValue(forKey: name) {
        contents.nodes[newName] = node
      } else if let folder = contents.folders.removeValue(forKey: name) {
        contents.folders[newName] = folder
      } else {
        throw failure("rename", name, ErrorNumber.noEntry)
      }
      contents.changes += 1
    }
  }

  func sync() throws(ReelError) {}
  func modificationTime() throws(ReelError) -> Int64 { contents.withLock { $0.changes } }
}

/// The bytes of a file, whatever its names: an array until it is mapped, then the mapped memory.
private final class MemoryNode: @unchecked Sendable {
  private let lock = Lock()
  private var content: [UInt8]
  private var region: Region?
  private var isLocked = false

  init(_ bytes: [UInt8]) { content = bytes }

  var bytes: [UInt8] {
    lock.withLock { region.map { $0.bytes(0..<$0.byteCount).copied() } ?? content }
  }
  var byteCount: Int { lock.withLock { region?.byteCount ?? content.count } }

  func read(_ range: Range<Int>) -> [UInt8] {
    lock.withLock {
      let count = region?.byteCount ?? content.count
      let range = min(range.lowerBound, count)..<min(range.upperBound, count)
      return region.map { $0.bytes(range).copied() } ?? content.bytes(range)
    }
  }

  func write(_ bytes: [UInt8], at offset: Int) {
    lock.withLock {
      if let region {
        region.copy(bytes.rawSpan, at: offset)
        return
      }
      content.write(bytes.rawSpan, at: offset)
    }
  }

  func truncate(to byteCount: Int) {
    lock.withLock { content.resize(to: byteCount) }
  }

  func map(byteCount: Int) -> Region {
    lock.withLock {
      let region = Region(byteCount: byteCount)
      let content = content
      region.copy(content.rawSpan.extracting(0..<min(byteCount, content.count)), at: 0)
      self.region = region
      return region
    }
  }

  func takeLock() -> Bool {
    lock.withLock {
      defer { isLocked = true }
      return !isLocked
    }
  }

  func freeLock() { lock.withLock { isLocked = false } }
}

/// An open file of a folder in memory.
private final class MemoryFile: File {
  let path: String
  private let node: MemoryNode
  private let openFiles: Counter
  private let holdsLock = Counter()

  init(path: String, _ node: MemoryNode, _ openFiles: Counter) {
    self.path = path
    self.node = node
    self.openFiles = openFiles
    openFiles.add(1)
  }

  deinit {
    if holdsLock.value > 0 { node.freeLock() }
    openFiles.add(-1)
  }

  func byteCount() throws(ReelError) -> Int { node.byteCount }
  func read(at offset: Int, byteCount: Int) throws(ReelError) -> [UInt8] {
    node.read(offset..<(offset + byteCount))
  }
  func write(_ bytes: RawSpan, at offset: Int) throws(ReelError) {
    node.write(bytes.copied(), at: offset)
  }
  func sync() throws(ReelError) {}
  func truncate(to byteCount: Int) throws(ReelError) { node.truncate(to: byteCount) }
  func map(byteCount: Int) throws(ReelError) -> Region { node.map(byteCount: byteCount) }
  func lock() throws(ReelError) -> Bool {
    guard node.takeLock() else { return false }
    holdsLock.value = 1
    return true
  }
}
