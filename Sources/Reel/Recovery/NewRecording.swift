/// A recording that is made out of others: under another name first, so that one that was broken
/// off is never taken for a whole one.
struct NewRecording {
  private let parent: any Folder
  private let name: String
  /// What makes it, as messages and the other name say.
  private let work: String
  private var temporaryName: String { "\(name).\(work)" }

  /// Makes a recording at `path`, of which `body` says whether it is to be kept.
  ///
  /// - Throws: ``ReelError/notARecording(path:reason:)`` when something is there already, what
  ///   `body` throws, ``ReelError/io(_:)``. Nothing is then at `path`.
  static func make<R>(
    at path: String, by work: String,
    _ body: (any Folder) throws(ReelError) -> (result: R, isKept: Bool)
  ) throws(ReelError) -> R {
    let place = try NewRecording(path, work)
    let folder = try place.makeFolder()
    let made: (result: R, isKept: Bool)
    do throws(ReelError) {
      made = try body(folder)
    } catch {
      try? place.discard(folder)
      throw error
    }
    if made.isKept { try place.finish(folder) } else { try place.discard(folder) }
    return made.result
  }

  private init(_ path: String, _ work: String) throws(ReelError) {
    self.work = work
    var parts = path.split(separator: "/", omittingEmptySubsequences: true).map(String.init)
    guard let name = parts.popLast(), name != ".", name != ".." else {
      throw .invalidArgument("'\(path)' is no name for a new folder")
    }
    let root = path.hasPrefix("/") ? "/" : ""
    let folder = root + parts.joined(separator: "/")
    parent = try POSIXFolder(path: folder.isEmpty ? "." : folder, create: false)
    self.name = name
    if let existing = try Self.existing(parent, name), try !existing.list().isEmpty {
      throw .notARecording(
        path: path, reason: "something is there already; name a folder that does not exist yet")
    }
  }

  private static func existing(
    _ parent: any Folder, _ name: String
  ) throws(ReelError) -> (any Folder)? {
    do throws(ReelError) {
      return try parent.folder(name, create: false)
    } catch .io(let failure) where failure.code == ErrorNumber.noEntry {
      return nil
    } catch .io(let failure) where failure.code == ErrorNumber.notAFolder {
      throw .notARecording(
        path: failure.path, reason: "a file is there; name a folder that does not exist yet")
    }
  }

  private func makeFolder() throws(ReelError) -> any Folder {
    if let existing = try Self.existing(parent, temporaryName) {
      guard try existing.list().isEmpty else {
        throw .notARecording(
          path: existing.path, reason: "a \(work) was broken off here; remove this folder first")
      }
    }
    do throws(ReelError) {
      return try parent.folder(temporaryName, create: true)
    } catch {
      // It may have been made, and then not opened.
      try? parent.removeFolder(temporaryName)
      throw error
    }
  }

  /// Gives the new recording its name.
  ///
  /// - Throws: ``ReelError/io(_:)``; nothing has the name then, or all of the recording does.
  private func finish(_ folder: any Folder) throws(ReelError) {
    do throws(ReelError) {
      try folder.sync()
      try parent.rename(temporaryName, to: name)
    } catch {
      try? discard(folder)
      throw error
    }
    do throws(ReelError) {
      try parent.sync()
    } catch {
      // The name may not last; where it cannot be taken back either, it stays with all its files.
      if (try? parent.rename(name, to: temporaryName)) != nil { try? discard(folder) }
      throw error
    }
  }

  private func discard(_ folder: any Folder) throws(ReelError) {
    for name in try folder.list() {
      if name == FileName.documents {
        let documents = try folder.folder(name, create: false)
        for file in try documents.list() { try documents.unlink(file) }
        try folder.removeFolder(name)
      } else {
        try folder.unlink(name)
      }
    }
    try parent.removeFolder(temporaryName)
  }
}
