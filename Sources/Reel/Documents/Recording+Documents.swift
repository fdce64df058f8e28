extension Recording {
  /// The newest readable version of each document, by name.
  ///
  /// A newer version that is damaged is passed over and told in ``DocumentInfo/newerDamages``.
  /// Where no version can be read, the newest is listed with its ``DocumentInfo/damage``.
  ///
  /// - Parameter includingRemoved: Also those whose newest version removes them.
  /// - Returns: One entry a document.
  /// - Throws: ``ReelError/io(_:)``, ``ReelError/closed``.
  /// - Complexity: One listing; reads the newest version of each.
  public func documents(includingRemoved: Bool = false) throws(ReelError) -> [DocumentInfo] {
    guard let store = try documentStore() else { return [] }
    var infos: [DocumentInfo] = []
    for (encoded, entry) in try store.list().sorted(by: { $0.key < $1.key }) {
      let (file, damages) = try store.newest(encoded, entry)
      if let file {
        guard includingRemoved || !file.isRemoved else { continue }
        var info = DocumentInfo(file)
        info.newerDamages = damages.map(\.1)
        infos.append(info)
      } else if let (version, damage) = damages.first {
        infos.append(DocumentInfo(name: entry.name, version: version, damage: damage))
      }
    }
    return infos
  }

  /// The document `name`.
  ///
  /// - Parameters:
  ///   - name: The name it was stored under.
  ///   - version: Which; nothing means the newest that can be read, newer ones that cannot being
  ///     told in ``DocumentInfo/newerDamages``.
  /// - Returns: Its bytes, and what is known of it.
  /// - Throws: ``ReelError/documentNotFound(name:)`` when there is no such document or version, or
  ///   it removes the document; ``ReelError/corrupted(_:)`` when the version asked for, or every
  ///   one, is damaged; ``ReelError/io(_:)``, ``ReelError/closed``.
  /// - Complexity: O(bytes), and one listing.
  public func document(_ name: String, version: UInt64? = nil) throws(ReelError) -> Document {
    guard let store = try documentStore(), let encoded = try? DocumentName.encode(name),
      var entry = try store.list()[encoded]
    else { throw .documentNotFound(name: name) }
    if let version { entry.versions = entry.versions.filter { $0 == version } }
    let (found, damages) = try store.newest(encoded, entry)
    guard let file = found else {
      if let (_, damage) = damages.first { throw .corrupted(damage) }
      throw .documentNotFound(name: name)
    }
    guard !file.isRemoved else { throw .documentNotFound(name: name) }
    var info = DocumentInfo(file)
    info.newerDamages = damages.map(\.1)
    return Document(info: info, bytes: file.content)
  }

  /// All versions of the document `name`, ascending, the damaged and the removing ones included.
  ///
  /// - Throws: ``ReelError/documentNotFound(name:)`` when there never was one,
  ///   ``ReelError/io(_:)``, ``ReelError/closed``.
  /// - Complexity: Reads every version, one after the other.
  public func documentVersions(_ name: String) throws(ReelError) -> [DocumentInfo] {
    guard let store = try documentStore(), let encoded = try? DocumentName.encode(name),
      let entry = try store.list()[encoded], let folder = try store.open()
    else { throw .documentNotFound(name: name) }
    var infos: [DocumentInfo] = []
    for version in entry.versions {
      do throws(ReelError) {
        infos.append(
          DocumentInfo(
            try DocumentStore.read(
              encoded, version: version, in: folder, recording: store.recording)))
      } catch {
        guard case .corrupted(let corruption) = error else { throw error }
        infos.append(DocumentInfo(name: entry.name, version: version, damage: corruption))
      }
    }
    return infos
  }

  /// The documents of the folder; nothing for a lone segment, which has none.
  private func documentStore() throws(ReelError) -> DocumentStore? {
    let snapshot = try snapshot()
    guard let folder = recordingFolder else { return nil }
    return DocumentStore(folder: folder, recording: snapshot.recording)
  }
}
