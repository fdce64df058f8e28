/// The seam between Reel and the operating system's files: a recording's folder and its files.
///
/// Everything the engine does to a disk goes through these two protocols, so that tests can record
/// it and make it fail. One existential call a system call costs nothing that can be measured.
protocol Folder: AnyObject, Sendable {
  /// The path that messages name.
  var path: String { get }
  /// The names of all entries but `.` and `..`, in no order.
  func list() throws(ReelError) -> [String]
  /// Opens an entry that must be a regular file; symbolic links are refused.
  func open(_ name: String, _ access: FileAccess) throws(ReelError) -> any File
  /// A new file for reading and writing that has no name: nobody else sees it, and it is gone when
  /// it is closed.
  func temporaryFile() throws(ReelError) -> any File
  /// The folder `name` inside this one, made first when `create` is set.
  func folder(_ name: String, create: Bool) throws(ReelError) -> any Folder
  func unlink(_ name: String) throws(ReelError)
  func removeFolder(_ name: String) throws(ReelError)
  func rename(_ name: String, to newName: String) throws(ReelError)
  /// Gives the file `name`, which never changes again, the same name in `folder` too.
  func link(_ name: String, into folder: any Folder) throws(ReelError)
  /// The length of an entry that is a regular file, without opening it.
  func byteCount(of name: String) throws(ReelError) -> Int
  /// Makes created, renamed and unlinked entries durable.
  func sync() throws(ReelError)
  /// Nanoseconds of the last change to the entries, as the file system tells it.
  func modificationTime() throws(ReelError) -> Int64
}

extension Folder {
  func byteCount(of name: String) throws(ReelError) -> Int {
    try open(name, .read).byteCount()
  }

  /// Where no file has two names, a copy does as well.
  func link(_ name: String, into folder: any Folder) throws(ReelError) {
    try PinnedFiles.copy(name, from: self, to: folder)
  }
}

/// An open file of a recording.
///
/// Offsets and lengths are bytes.
protocol File: AnyObject, Sendable {
  var path: String { get }
  func byteCount() throws(ReelError) -> Int
  /// The bytes at `offset`, fewer than asked for only at the end of the file.
  func read(at offset: Int, byteCount: Int) throws(ReelError) -> [UInt8]
  /// Writes all of `bytes` at `offset`; on an error an unknown part of them is written.
  func write(_ bytes: RawSpan, at offset: Int) throws(ReelError)
  /// Makes the file's bytes and length durable (`fdatasync`).
  func sync() throws(ReelError)
  func truncate(to byteCount: Int) throws(ReelError)
  /// Maps the first `byteCount` bytes for reading and writing, with every page present.
  func map(byteCount: Int) throws(ReelError) -> Region
  /// Takes the exclusive lock on the file, which the kernel frees when the process ends.
  /// - Returns: Whether it was free.
  func lock() throws(ReelError) -> Bool
}

extension File {
  /// What is thrown where bytes of the file are not what they should be.
  func corrupted(_ bytes: Range<Int>, _ reason: String) -> ReelError {
    .corrupted(Corruption(path: path, bytes: bytes, reason: reason))
  }
}

/// How a file is opened.
enum FileAccess {
  case read
  case readWrite
  /// Read and write, made when missing.
  case create
  /// Read and write, and it must not exist yet.
  case createNew
}
