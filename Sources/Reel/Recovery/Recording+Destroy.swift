extension Recording {
  /// Deletes the recording in the folder at `path`: its segments, buffers, documents, pins and
  /// lock, and the folder itself when nothing else is left in it.
  ///
  /// Files that are not a recording's stay, and a folder that is none is refused.
  ///
  /// - Throws: ``ReelError/notFound(path:)``, ``ReelError/notARecording(path:reason:)``, or
  ///   ``ReelError/locked(path:holder:)`` while somebody writes to it, nothing being deleted;
  ///   ``ReelError/io(_:)`` when a file cannot be removed: the rest is still there, and calling
  ///   again goes on.
  public static func destroy(path: String) throws(ReelError) {
    let folder: POSIXFolder
    do throws(ReelError) {
      folder = try POSIXFolder(path: path, create: false)
    } catch .io(let failure) where failure.code == ErrorNumber.noEntry {
      throw .notFound(path: path)
    } catch .io(let failure) where failure.code == ErrorNumber.notAFolder {
      throw .notARecording(path: path, reason: "it is a file, not the folder of a recording")
    }
    let files = RecordingFiles(try folder.list())
    guard files.isRecording else {
      throw .notARecording(path: path, reason: "the folder holds no file of a recording")
    }
    let lock = try LockFile(folder)
    defer { lock.release() }
    // Oldest first, as retention does: whoever looks meanwhile sees a recording that grows shorter.
    for sequence in files.segments {
      try folder.unlink(FileName.segment(firstSequence: sequence))
    }
    for sequence in files.buffers { try folder.unlink(FileName.buffer(firstSequence: sequence)) }
    for sequence in files.mergedIndexes {
      try folder.unlink(FileName.mergedIndex(firstSequence: sequence))
    }
    for name in files.leftovers { try folder.unlink(name) }
    if files.hasDocuments { try destroyDocuments(in: folder) }
    if files.hasPins { try destroyPins(in: folder) }
    if files.isPinned { try folder.unlink(FileName.pinned) }
    try folder.unlink(FileName.lock)
    try folder.sync()
    if files.foreign.isEmpty { try removeEmptyFolder(path) }
  }

  private static func destroyDocuments(in folder: any Folder) throws(ReelError) {
    let documents = try folder.folder(FileName.documents, create: false)
    var isEmpty = true
    for name in try documents.list() {
      let whole =
        name.hasSuffix(FileName.temporarySuffix)
        ? String(name.dropLast(FileName.temporarySuffix.count)) : name
      // A leftover has the document's name alone.
      let file = whole == name ? name : DocumentName.file(whole, version: 1)
      if DocumentName.parse(file) != nil { try documents.unlink(name) } else { isEmpty = false }
    }
    if isEmpty { try folder.removeFolder(FileName.documents) }
  }

  private static func destroyPins(in folder: any Folder) throws(ReelError) {
    let store = try folder.folder(FileName.pins, create: false)
    var isEmpty = true
    for name in try store.list() {
      let label =
        name.hasSuffix(FileName.temporarySuffix)
        ? String(name.dropLast(FileName.temporarySuffix.count)) : name
      if DocumentName.decode(label) != nil {
        try PinnedFiles.remove(name, from: store)
      } else {
        isEmpty = false
      }
    }
    if isEmpty { try folder.removeFolder(FileName.pins) }
  }

  private static func removeEmptyFolder(_ path: String) throws(ReelError) {
    let trimmed = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    let cut = trimmed.lastIndex(of: "/")
    let parent = cut.map { $0 == trimmed.startIndex ? "/" : String(trimmed[..<$0]) } ?? "."
    let name = cut.map { String(trimmed[trimmed.index(after: $0)...]) } ?? trimmed
    guard !name.isEmpty, name != ".", name != ".." else { return }
    try POSIXFolder(path: parent, create: false).removeFolder(name)
  }
}
