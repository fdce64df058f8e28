import ArgumentParser

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Where an export goes: standard output, or one file after the other.
///
/// A file gets its name when it is complete; until then `.part` is added to it.
struct ExportOutput: ~Copyable {
  private static let capacity = 64 << 10
  /// The files that have got their names.
  private(set) var files: [String] = []
  private let path: String?
  private let replaces: Bool
  private var descriptor = STDOUT_FILENO
  /// The file that is being written and the name that it gets; nothing for what is no plain file.
  private var part: (temporary: String, name: String)?

  /// - Parameters:
  ///   - path: The file; nothing for standard output.
  ///   - replaces: Whether a file that is there already is replaced.
  /// - Throws: An exit status after a message.
  init(path: String?, replaces: Bool) throws {
    self.path = path
    self.replaces = replaces
    if let path { try open(path) }
  }

  /// The bytes that the file being written has.
  private(set) var byteCount = 0

  /// Writes `bytes` out and empties them once there are 64 KiB; to be called after each event.
  @inline(__always)
  mutating func writeIfFull(_ bytes: inout [UInt8]) {
    if bytes.count >= Self.capacity { write(&bytes) }
  }

  /// Writes everything; ends the process quietly when nobody reads any more.
  private mutating func write(_ bytes: inout [UInt8]) {
    byteCount += bytes.count
    guard !writeAll(bytes, to: descriptor) else {
      return bytes.removeAll(keepingCapacity: true)
    }
    let code = errno
    if code == EPIPE { exit(0) }
    fail(code)
  }

  /// Writes what is left and completes the file.
  mutating func finish(_ bytes: inout [UInt8]) {
    write(&bytes)
    guard path != nil else { return }
    if close(descriptor) != 0 { fail(errno) }
    guard let part else { return }
    // Safe: both are C strings for the call.
    guard unsafe rename(part.temporary, part.name) == 0 else { return fail(errno) }
    files.append(part.name)
  }

  /// Completes the file and begins the next, whose name has the next number in it.
  ///
  /// - Throws: An exit status after a message.
  mutating func beginNext(_ bytes: inout [UInt8]) throws {
    guard let path else { return }
    finish(&bytes)
    try open(Self.name(path, files.count + 1))
  }

  /// `out.json` as `out.2.json`.
  static func name(_ path: String, _ number: Int) -> String {
    let folderEnd = path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex
    guard let point = path[folderEnd...].lastIndex(of: "."), point != folderEnd else {
      return "\(path).\(number)"
    }
    return "\(path[..<point]).\(number)\(path[point...])"
  }

  private mutating func open(_ name: String) throws {
    var status = stat()
    // Safe: the path is a C string for the call, and the structure is there.
    let exists = unsafe stat(name, &status) == 0
    let isPlain = !exists || status.st_mode & S_IFMT == S_IFREG
    if exists, isPlain, !replaces {
      Console.error("\(name) exists; give --force to replace it, or another --output")
      throw ExitCode(ExitStatus.failure.rawValue)
    }
    let temporary = isPlain ? name + ".part" : name
    descriptor = open3(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC)
    guard descriptor >= 0 else {
      Console.error("\(temporary): \(systemMessage(errno)); nothing was written")
      throw ExitCode(ExitStatus.failure.rawValue)
    }
    part = isPlain ? (temporary, name) : nil
    byteCount = 0
  }

  private func open3(_ path: String, _ flags: Int32) -> Int32 {
    // Safe: the path is a C string for the call.
    #if canImport(Glibc)
      unsafe Glibc.open(path, flags, 0o666)
    #elseif canImport(Musl)
      unsafe Musl.open(path, flags, 0o666)
    #else
      unsafe Darwin.open(path, flags, 0o666)
    #endif
  }

  private func fail(_ code: Int32) {
    let name = part?.temporary ?? path ?? "standard output"
    Console.error("\(name): \(systemMessage(code)); the export is not complete")
    // Safe: the path is a C string for the call.
    if let part { _ = unsafe unlink(part.temporary) }
    exit(ExitStatus.failure.rawValue)
  }
}
