#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// A folder opened by descriptor; its files are reached relative to that, never through a path
/// that somebody may have changed meanwhile.
final class POSIXFolder: Folder {
  let path: String
  private let descriptor: Int32

  /// Opens the folder at `path`; `create` makes it, and the folders above it, when missing.
  init(path: String, create: Bool) throws(ReelError) {
    self.path = path
    if create { try Self.makeFolders(path) }
    descriptor = try failable("open", path) {
      unsafe Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    }
  }

  private init(path: String, descriptor: Int32) {
    self.path = path
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }

  private static func makeFolders(_ path: String) throws(ReelError) {
    var partial = path.hasPrefix("/") ? "/" : ""
    for component in path.split(separator: "/") {
      partial += component + "/"
      if unsafe mkdir(partial, 0o777) != 0, errno != EEXIST, errno != EISDIR {
        let code = errno
        // An existing parent on a read-only file system may answer EROFS rather than EEXIST.
        var status = stat()
        if unsafe stat(partial, &status) == 0 { continue }
        throw .io(IOFailure(operation: "mkdir", path: partial, code: code))
      }
    }
  }

  func list() throws(ReelError) -> [String] {
    let copy = try failable("openat", path) {
      unsafe openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    }
    guard let stream = unsafe fdopendir(copy) else {
      let code = errno
      close(copy)
      throw .io(IOFailure(operation: "readdir", path: path, code: code))
    }
    defer { unsafe closedir(stream) }
    var names: [String] = []
    errno = 0
    while let entry = unsafe readdir(stream) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
        unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    guard errno == 0 else {
      throw .io(IOFailure(operation: "readdir", path: path, code: errno))
    }
    return names
  }

  func open(_ name: String, _ access: FileAccess) throws(ReelError) -> any File {
    let flags: Int32 =
      switch access {
      case .read: O_RDONLY
      case .readWrite: O_RDWR
      case .create: O_RDWR | O_CREAT
      case .createNew: O_RDWR | O_CREAT | O_EXCL
      }
    let full = path + "/" + name
    // O_NONBLOCK: a FIFO in place of a file must not hang the opener; it has no effect on files.
    let file = try failable("open", full) {
      unsafe openat(descriptor, name, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o666)
    }
    var status = stat()
    guard unsafe fstat(file, &status) == 0 else {
      let code = errno
      close(file)
      throw .io(IOFailure(operation: "stat", path: full, code: code))
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      close(file)
      throw .notARecording(path: full, reason: "it is not a regular file")
    }
    return POSIXFile(path: full, descriptor: file)
  }

  func byteCount(of name: String) throws(ReelError) -> Int {
    let full = path + "/" + name
    var status = stat()
    _ = try failable("stat", full) {
      unsafe fstatat(descriptor, name, &status, AT_SYMLINK_NOFOLLOW)
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw .notARecording(path: full, reason: "it is not a regular file")
    }
    return Int(status.st_size)
  }

  func temporaryFile() throws(ReelError) -> any File {
    // Not O_TMPFILE, which not every file system has. 0600: until it is unlinked it has a name.
    let name = ".reel-\(UInt64.random(in: .min ... .max))"
    let file = try failable("open", path + "/" + name) {
      unsafe openat(
        descriptor, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    }
    let open = POSIXFile(path: path + "/(temporary file)", descriptor: file)
    try unlink(name)
    return open
  }

  /// The folder for temporary files: TMPDIR, or one that is on a disk rather than in memory.
  static func temporary() throws(ReelError) -> POSIXFolder {
    if let path = environmentVariable("TMPDIR") {
      return try POSIXFolder(path: path, create: false)
    }
    do {
      return try POSIXFolder(path: "/var/tmp", create: false)
    } catch {
      return try POSIXFolder(path: "/tmp", create: false)
    }
  }

  func folder(_ name: String, create: Bool) throws(ReelError) -> any Folder {
    let full = path + "/" + name
    if create, unsafe mkdirat(descriptor, name, 0o777) != 0, errno != EEXIST {
      throw .io(IOFailure(operation: "mkdir", path: full, code: errno))
    }
    let opened = try failable("open", full) {
      unsafe openat(descriptor, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
    }
    return POSIXFolder(path: full, descriptor: opened)
  }

  func unlink(_ name: String) throws(ReelError) {
    _ = try failable("unlink", path + "/" + name) { unsafe unlinkat(descriptor, name, 0) }
  }

  func removeFolder(_ name: String) throws(ReelError) {
    _ = try failable("rmdir", path + "/" + name) {
      unsafe unlinkat(descriptor, name, Int32(AT_REMOVEDIR))
    }
  }

  func rename(_ name: String, to newName: String) throws(ReelError) {
    _ = try failable("rename", path + "/" + name) {
      unsafe renameat(descriptor, name, descriptor, newName)
    }
  }

  func link(_ name: String, into folder: any Folder) throws(ReelError) {
    guard let folder = folder as? POSIXFolder,
      unsafe linkat(descriptor, name, folder.descriptor, name, 0) == 0
    else {
      // Another file system, or one without links; where the file is gone, so is what to copy.
      return try PinnedFiles.copy(name, from: self, to: folder)
    }
  }

  func sync() throws(ReelError) {
    _ = try failable("fsync", path) { fsync(descriptor) }
  }

  func modificationTime() throws(ReelError) -> Int64 {
    var status = stat()
    _ = try failable("stat", path) { unsafe fstat(descriptor, &status) }
    return status.modificationNanoseconds
  }
}

/// A regular file opened by descriptor.
final class POSIXFile: File {
  let path: String
  private let descriptor: Int32
  /// The process that took the lock, set once before anybody shares the file.
  private nonisolated(unsafe) var lockHolder: Int32 = 0

  fileprivate init(path: String, descriptor: Int32) {
    self.path = path
    self.descriptor = descriptor
  }

  /// Closing alone would leave the lock to a child that was forked and has not reached its `exec`.
  deinit {
    if unsafe lockHolder == getpid() { flock(descriptor, LOCK_UN) }
    close(descriptor)
  }

  func byteCount() throws(ReelError) -> Int {
    var status = stat()
    _ = try failable("stat", path) { unsafe fstat(descriptor, &status) }
    return Int(status.st_size)
  }

  func read(at offset: Int, byteCount: Int) throws(ReelError) -> [UInt8] {
    var code: Int32 = 0
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, filled in
      while filled < byteCount {
        // Safe: the range filled ..< byteCount lies inside the buffer.
        let result = unsafe pread(
          descriptor, buffer.baseAddress.map { unsafe $0 + filled }, byteCount - filled,
          off_t(offset + filled))
        if result > 0 {
          filled += result
        } else if result == 0 {
          return
        } else if errno != EINTR {
          code = errno
          return
        }
      }
    }
    guard code == 0 else { throw .io(IOFailure(operation: "read", path: path, code: code)) }
    return bytes
  }

  func write(_ bytes: RawSpan, at offset: Int) throws(ReelError) {
    // Safe: the pointer is used only inside the closure and within the span's length.
    let code = unsafe bytes.withUnsafeBytes { buffer -> Int32 in
      var written = 0
      while written < buffer.count {
        let result = unsafe pwrite(
          descriptor, buffer.baseAddress.map { unsafe $0 + written }, buffer.count - written,
          off_t(offset + written))
        if result > 0 {
          written += result
        } else if result == 0 {
          return ENOSPC
        } else if errno != EINTR {
          return errno
        }
      }
      return 0
    }
    guard code == 0 else { throw .io(IOFailure(operation: "write", path: path, code: code)) }
  }

  func sync() throws(ReelError) {
    #if canImport(Darwin)
      _ = try failable("fsync", path) { fcntl(descriptor, F_FULLFSYNC) }
    #else
      _ = try failable("fdatasync", path) { fdatasync(descriptor) }
    #endif
  }

  func truncate(to byteCount: Int) throws(ReelError) {
    _ = try failable("ftruncate", path) { ftruncate(descriptor, off_t(byteCount)) }
  }

  func map(byteCount: Int) throws(ReelError) -> Region {
    guard
      let base = unsafe mmap(
        nil, byteCount, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0),
      unsafe base != MAP_FAILED
    else { throw .io(IOFailure(operation: "mmap", path: path, code: errno)) }
    #if canImport(Glibc) || canImport(Musl)
      // Takes the write faults of all pages now, not in the recorded program's calls. MAP_POPULATE
      // does not: on a shared mapping it leaves the first store to each page to fault. A kernel
      // before 5.14 answers EINVAL, and the faults come one by one.
      let populateForWriting: Int32 = 23
      unsafe _ = madvise(base, byteCount, populateForWriting)
    #endif
    return unsafe Region(adopting: base, byteCount: byteCount) { base, byteCount in
      unsafe munmap(base, byteCount)
    }
  }

  func lock() throws(ReelError) -> Bool {
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      if errno == EWOULDBLOCK { return false }
      if errno != EINTR { throw .io(IOFailure(operation: "flock", path: path, code: errno)) }
    }
    unsafe lockHolder = getpid()
    return true
  }
}

/// Runs a call that answers -1 and sets `errno` on failure; the one loop over EINTR.
private func failable(
  _ operation: String, _ path: String, _ call: () -> Int32
) throws(ReelError) -> Int32 {
  while true {
    let result = call()
    if result != -1 { return result }
    if errno != EINTR { throw .io(IOFailure(operation: operation, path: path, code: errno)) }
  }
}

extension stat {
  fileprivate var modificationNanoseconds: Int64 {
    #if canImport(Darwin)
      Int64(st_mtimespec.tv_sec) &* 1_000_000_000 &+ Int64(st_mtimespec.tv_nsec)
    #else
      Int64(st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(st_mtim.tv_nsec)
    #endif
  }
}

#if canImport(Darwin) || canImport(Musl)
  private enum Glibc {
    static func open(_ path: String, _ flags: Int32) -> Int32 {
      #if canImport(Darwin)
        unsafe Darwin.open(path, flags)
      #else
        unsafe Musl.open(path, flags)
      #endif
    }
  }
#endif

/// The system's words for an error number, such as `No space left on device`.
func systemMessage(_ code: Int32) -> String {
  unsafe strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)"
}

/// Error numbers that Reel treats apart.
enum ErrorNumber {
  static let noSpace = ENOSPC
  static let quotaExceeded = EDQUOT
  static let noEntry = ENOENT
  static let exists = EEXIST
  static let readOnly = EROFS
  static let noAccess = EACCES
  static let notPermitted = EPERM
  static let tooManyFiles = EMFILE
  static let tooManyFilesInSystem = ENFILE
  static let fileTooLarge = EFBIG
  static let inputOutput = EIO
  static let notAFolder = ENOTDIR
}
