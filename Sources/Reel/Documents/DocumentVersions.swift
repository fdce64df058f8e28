/// All versions of a document that can be read, to be taken over into another recording.
struct DocumentVersions: Equatable {
  private struct Version: Equatable {
    var bytes: [UInt8]
    var isRemoved: Bool
    var created: Int64
  }

  private var versions: [Version] = []
  /// What the recording that they are from is called.
  var source = ""

  /// The same versions may be in several recordings.
  static func == (a: DocumentVersions, b: DocumentVersions) -> Bool { a.versions == b.versions }

  init(_ name: String, of recording: Recording) throws(ReelError) {
    for info in try recording.documentVersions(name) where info.damage == nil {
      let bytes =
        info.isRemoved ? [] : try recording.document(info.name, version: info.version).bytes
      versions.append(
        Version(
          bytes: bytes, isRemoved: info.isRemoved, created: info.created?.nanoseconds ?? 0))
    }
  }

  var count: Int { versions.count }

  /// Writes them in their order and with their times, numbered from 1 on, under `name`.
  func write(
    _ name: String, to store: DocumentStore, _ recording: RecordingID
  ) throws(ReelError) {
    for version in versions {
      _ = try store.write(
        name, version.bytes, isRemoved: version.isRemoved, recording: recording,
        created: version.created)
    }
  }
}
