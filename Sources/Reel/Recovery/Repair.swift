/// What a repair has saved, and what is lost.
public struct RepairReport: Hashable, Sendable {
  /// Events in the new recording.
  public internal(set) var eventCount = 0
  /// Segments that it has.
  public internal(set) var segmentCount = 0
  /// Versions of documents that were saved.
  public internal(set) var documentCount = 0
  /// Bytes that could not be read, whether events are lost with them or not.
  public internal(set) var damages: [Corruption] = []
  /// Sequence numbers that are in no file, or in bytes that could not be read, ascending.
  ///
  /// Some may be those of the recording's own notes, which take numbers as well.
  public internal(set) var lostSequenceNumbers: [ClosedRange<UInt64>] = []
  /// Versions of documents that could not be read.
  public internal(set) var lostDocumentCount = 0

  /// Whether events have attributes whose declarations are lost: they are without them.
  public internal(set) var hasLostAttributes = false

  /// Whether nothing is lost that was ever written: damage of what is derived, such as an index,
  /// loses nothing.
  public var isComplete: Bool {
    lostSequenceNumbers.isEmpty && lostDocumentCount == 0 && !hasLostAttributes
  }
  /// Whether the new recording has anything in it.
  public var hasSavedAnything: Bool { segmentCount > 0 || documentCount > 0 }
}

extension Recording {
  /// Saves into a new recording at `newPath` all that can be read of the one at `path`, which is
  /// left as it is.
  ///
  /// Every file is read from end to end, whatever its name: what is damaged is skipped, and the
  /// rest keeps its sequence numbers, ids, runs and cuts. Events whose payload alone is damaged are
  /// lost, the others of their block are not. The new recording is written beside `newPath`, read
  /// back whole, and given its name only once it is sound; what is missing from it is noted in it,
  /// so that ``verify(_:)`` does not call it damage again. A cut or gap that was noted in damaged
  /// bytes after the last segment began is lost with them: events that it removed come back.
  ///
  /// - Parameters:
  ///   - path: The folder of a recording that nobody writes to.
  ///   - newPath: A place where nothing is, or an empty folder.
  ///   - report: Called with each damage as it is met.
  /// - Returns: What was saved and what is lost. When nothing could be saved, nothing is made.
  /// - Throws: ``ReelError/locked(path:holder:)``, ``ReelError/notFound(path:)``,
  ///   ``ReelError/notARecording(path:reason:)`` when something is at `newPath` already or nothing
  ///   of a recording is at `path`, ``ReelError/io(_:)``: a disk that does not give its bytes is no
  ///   damage, copy it first as well as can be. Nothing is then at `newPath`.
  /// - Complexity: O(bytes), in the memory of the buffer, one block and one segment's indexes.
  public static func repair(
    _ path: String, to newPath: String, _ report: (Corruption) -> Void = { _ in }
  ) throws(ReelError) -> RepairReport {
    let source = try POSIXFolder(path: path, create: false)
    return try NewRecording.make(at: newPath, by: "repair") { target throws(ReelError) in
      let result = try repair(source, to: target, report)
      return (result, result.hasSavedAnything)
    }
  }

  static func repair(
    _ source: any Folder, to target: any Folder, _ report: (Corruption) -> Void
  ) throws(ReelError) -> RepairReport {
    try expectNoWriter(source)
    var salvage = try Salvage(source, target)
    try salvage.run(report)
    guard salvage.report.hasSavedAnything else { return salvage.report }
    let saved = try Recording(folder: target)
    defer { saved.close() }
    var fault: Corruption?
    _ = try saved.verify { finding in
      if finding.severity == .damage { fault = fault ?? finding.corruption }
    }
    if let fault { throw .corrupted(fault) }
    return salvage.report
  }

  private static func expectNoWriter(_ source: any Folder) throws(ReelError) {
    do throws(ReelError) {
      let file = try source.open(FileName.lock, .read)
      guard try file.lock() else {
        let holder = String(decoding: try file.read(at: 0, byteCount: 256), as: UTF8.self)
        throw .locked(path: source.path, holder: holder)
      }
    } catch .io(let failure) where failure.code == ErrorNumber.noEntry {
      return
    }
  }
}
