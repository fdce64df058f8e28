@testable import Reel

/// A folder that does what another does, but for what it says itself; a file that gets a second
/// name is copied.
protocol ForwardingFolder: Folder {
  var base: any Folder { get }
}

extension ForwardingFolder {
  var path: String { base.path }
  func list() throws(ReelError) -> [String] { try base.list() }
  func open(_ name: String, _ access: FileAccess) throws(ReelError) -> any File {
    try base.open(name, access)
  }
  func temporaryFile() throws(ReelError) -> any File { try base.temporaryFile() }
  func folder(_ name: String, create: Bool) throws(ReelError) -> any Folder {
    try base.folder(name, create: create)
  }
  func unlink(_ name: String) throws(ReelError) { try base.unlink(name) }
  func removeFolder(_ name: String) throws(ReelError) { try base.removeFolder(name) }
  func rename(_ name: String, to newName: String) throws(ReelError) {
    try base.rename(name, to: newName)
  }
  func sync() throws(ReelError) { try base.sync() }
  func modificationTime() throws(ReelError) -> Int64 { try base.modificationTime() }
}

/// A file that does what another does, but for what it says itself.
protocol ForwardingFile: File {
  var base: any File { get }
}

extension ForwardingFile {
  var path: String { base.path }
  func byteCount() throws(ReelError) -> Int { try base.byteCount() }
  func read(at offset: Int, byteCount: Int) throws(ReelError) -> [UInt8] {
    try base.read(at: offset, byteCount: byteCount)
  }
  func write(_ bytes: RawSpan, at offset: Int) throws(ReelError) {
    try base.write(bytes, at: offset)
  }
  func sync() throws(ReelError) { try base.sync() }
  func truncate(to byteCount: Int) throws(ReelError) { try base.truncate(to: byteCount) }
  func map(byteCount: Int) throws(ReelError) -> Region { try base.map(byteCount: byteCount) }
  func lock() throws(ReelError) -> Bool { try base.lock() }
}
