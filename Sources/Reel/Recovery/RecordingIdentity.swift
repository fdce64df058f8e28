/// Says whose recording a folder holds, where its files do not agree or tell nothing.
///
/// Each segment and buffer has one vote, so that one foreign file decides nothing among several.
/// Where as many speak for one recording as for another, their documents decide, and then the
/// newest file: that is where a writer went on. Normative: format-spec.md, R12.
struct RecordingIdentity {
  /// How often each recording is named, and the last number that a file of its has.
  private var votes: [RecordingID: (count: Int, newest: UInt64)] = [:]
  private var documents: [RecordingID: Int] = [:]

  /// Counts a segment or buffer that begins with the number `first`.
  mutating func add(_ recording: RecordingID, first: UInt64) {
    let known = votes[recording] ?? (0, 0)
    votes[recording] = (known.count + 1, max(known.newest, first))
  }

  /// The recording that most files name; nothing while none names any.
  var winner: RecordingID? {
    let most = votes.values.map(\.count).max() ?? 0
    let best = votes.filter { $0.value.count == most }.keys
    return (best.isEmpty ? Array(documents.keys) : Array(best)).max { rank($0) < rank($1) }
  }

  private func rank(_ recording: RecordingID) -> (Int, UInt64, UInt64, UInt64) {
    let newest = votes[recording]?.newest ?? 0
    return (documents[recording] ?? 0, newest, recording.high, recording.low)
  }

  /// Whether the documents have to be asked.
  var isUndecided: Bool {
    let most = votes.values.map(\.count).max() ?? 0
    return votes.values.count { $0.count == most } != 1
  }

  /// Looks into every file of a folder; files whose names are not theirs do not count.
  ///
  /// - Complexity: One read a file, so only to be asked where they may disagree.
  static func judge(
    _ folder: any Folder, _ files: RecordingFiles
  ) throws(ReelError) -> RecordingID? {
    var identity = RecordingIdentity()
    for first in files.segments {
      let file = try folder.open(FileName.segment(firstSequence: first), .read)
      let segment = try damageAsNothing { () throws(ReelError) in try SegmentFile(file: file) }
      guard let segment, segment.firstSequence == first else { continue }
      identity.add(segment.header.binding.recording, first: first)
    }
    try identity.addBuffers(of: folder, files)
    if identity.isUndecided { try identity.addDocuments(of: folder, files) }
    return identity.winner
  }

  /// Counts the buffers of a folder.
  mutating func addBuffers(of folder: any Folder, _ files: RecordingFiles) throws(ReelError) {
    for first in files.buffers {
      let file = try folder.open(FileName.buffer(firstSequence: first), .read)
      let reader = try damageAsNothing { () throws(ReelError) in try BufferReader(file: file) }
      guard let header = reader?.header, header.firstSequence == first else { continue }
      add(header.recording, first: first)
    }
  }

  /// Counts the documents of a folder, by what their first frames say.
  mutating func addDocuments(of folder: any Folder, _ files: RecordingFiles) throws(ReelError) {
    guard files.hasDocuments else { return }
    do throws(ReelError) {
      guard let store = try DocumentStore(folder: folder, recording: nil).open() else { return }
      for name in try store.list() where DocumentName.parse(name) != nil {
        try add(document: name, in: store)
      }
    } catch .io(let failure) where failure.code == ErrorNumber.notAFolder {
      _ = failure  // something else of that name
    }
  }

  private mutating func add(document name: String, in store: any Folder) throws(ReelError) {
    do throws(ReelError) {
      let bytes = try store.open(name, .read).read(
        at: 0, byteCount: DocumentFile.maximumFrameByteCount)
      guard let recording = DocumentFile.recording(in: bytes) else { return }
      documents[recording, default: 0] += 1
    } catch .notARecording {
      // No file: it says nothing.
    }
  }
}
