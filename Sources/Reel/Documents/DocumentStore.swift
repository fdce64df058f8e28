/// The documents in a recording's folder: found by listing it, so what another process has stored
/// is seen at once.
struct DocumentStore {
  let folder: any Folder
  /// The recording they must belong to; nothing while it is not known.
  let recording: RecordingID?

  /// The versions of one document.
  struct Entry: Hashable {
    var name: String
    /// Ascending.
    var versions: [UInt64] = []
  }

  /// The versions that there are, by encoded name.
  func list() throws(ReelError) -> [String: Entry] {
    guard let documents = try open() else { return [:] }
    var entries: [String: Entry] = [:]
    for file in try documents.list() {
      guard let parsed = DocumentName.parse(file) else { continue }
      entries[parsed.encoded, default: Entry(name: parsed.name)].versions.append(parsed.version)
    }
    for key in entries.keys { entries[key]?.versions.sort() }
    return entries
  }

  /// The folder of documents, or nothing when none was ever stored.
  func open() throws(ReelError) -> (any Folder)? {
    do {
      return try folder.folder(FileName.documents, create: false)
    } catch .io(let failure) where failure.code == ErrorNumber.noEntry {
      return nil
    }
  }

  /// A version, checked.
  ///
  /// - Throws: ``ReelError/corrupted(_:)`` for whatever the bytes lack.
  static func read(
    _ encoded: String, version: UInt64, in folder: any Folder, recording: RecordingID?
  ) throws(ReelError) -> DocumentFile {
    let file = try folder.open(DocumentName.file(encoded, version: version), .read)
    let byteCount = try file.byteCount()
    let damage: String
    do throws(ReelError) {
      guard byteCount <= DocumentFile.maximumByteCount else {
        throw .notARecording(path: file.path, reason: "it is longer than a document can be")
      }
      let document = try DocumentFile(
        decoding: try file.read(at: 0, byteCount: byteCount), path: file.path)
      let found = try? DocumentName.encode(document.name)
      guard found == encoded, document.version == version,
        recording == nil || recording == document.recording
      else {
        throw .notARecording(
          path: file.path, reason: "the document belongs to another name or recording")
      }
      return document
    } catch {
      switch error {
      case .notARecording(_, let reason): damage = reason
      case .unsupportedFormat: damage = error.description
      default: throw error
      }
    }
    throw .corrupted(Corruption(path: file.path, bytes: 0..<byteCount, reason: damage))
  }

  /// The newest version that can be read, and the damage of newer ones.
  func newest(
    _ encoded: String, _ entry: Entry
  ) throws(ReelError) -> (file: DocumentFile?, damages: [(UInt64, Corruption)]) {
    var damages: [(UInt64, Corruption)] = []
    guard let documents = try open() else { return (nil, []) }
    for version in entry.versions.reversed() {
      do throws(ReelError) {
        let file = try Self.read(
          encoded, version: version, in: documents, recording: recording)
        return (file, damages)
      } catch {
        guard case .corrupted(let corruption) = error else { throw error }
        damages.append((version, corruption))
      }
    }
    return (nil, damages)
  }

  /// Stores a version above every one that exists, readable or not.
  ///
  /// - Throws: ``ReelError/io(_:)``: the version is then not there, or, when only the last sync
  ///   failed, there and perhaps not durable.
  func write(
    _ name: String, _ content: [UInt8], isRemoved: Bool, recording: RecordingID, created: Int64
  ) throws(ReelError) -> UInt64 {
    let encoded = try DocumentName.encode(name)
    let last = try list()[encoded]?.versions.last ?? 0
    guard last < DocumentName.maximumVersion else {
      throw .limitExceeded(
        what: "the version of a document", found: Int(last),
        limit: Int(DocumentName.maximumVersion))
    }
    let document = DocumentFile(
      recording: recording, name: name, version: last + 1, created: created, isRemoved: isRemoved,
      content: content)
    let isNew = try open() == nil
    let documents = try folder.folder(FileName.documents, create: true)
    if isNew { try folder.sync() }
    let file = DocumentName.file(encoded, version: document.version)
    // One temporary name for all versions, so that a crash leaves at most one file.
    let temporary = encoded + FileName.temporarySuffix
    do throws(ReelError) {
      let open = try documents.open(temporary, .create)
      try open.truncate(to: 0)
      let bytes = document.encode(state: LZ4.State())
      try open.write(bytes.rawSpan, at: 0)
      try open.sync()
      try documents.rename(temporary, to: file)
    } catch {
      try? documents.unlink(temporary)
      throw error
    }
    try documents.sync()
    return document.version
  }
}
