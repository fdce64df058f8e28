/// The lock that keeps a recording to one writer.
///
/// The kernel frees it when the process ends, however it ends; the file stays, because a lock on a
/// removed file would exclude nobody.
final class LockFile: Sendable {
  private let lock = Lock()
  private nonisolated(unsafe) var file: (any File)?

  /// Takes the lock and notes who holds it.
  /// - Throws: ``ReelError/locked(path:holder:)`` when somebody has it, and
  ///   ``ReelError/notARecording(path:reason:)`` when the folder is something else.
  init(_ folder: any Folder) throws(ReelError) {
    let files = RecordingFiles(try folder.list())
    guard files.isRecording || files.foreign.isEmpty else {
      throw .notARecording(
        path: folder.path,
        reason: "the folder holds other files, such as '\(files.foreign[0])'; name an empty or new"
          + " folder")
    }
    let file = try folder.open(FileName.lock, .create)
    guard try file.lock() else {
      let holder = String(decoding: try file.read(at: 0, byteCount: 256), as: UTF8.self)
      throw .locked(
        path: folder.path, holder: holder.isEmpty ? "it does not say who it is" : holder)
    }
    let holder = Array("process \(currentProcessID()) on \(hostName())".utf8)
    try file.truncate(to: 0)
    try file.write(holder.rawSpan, at: 0)
    unsafe self.file = file
  }

  /// Gives the lock up.
  func release() {
    lock.withLock { unsafe file = nil }
  }
}
