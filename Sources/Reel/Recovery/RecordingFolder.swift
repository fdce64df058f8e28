/// The files of a recording, as a listing of its folder finds them.
struct RecordingFiles: Hashable, Sendable {
  /// First sequence numbers, ascending.
  var segments: [UInt64] = []
  var buffers: [UInt64] = []
  /// Of the first segment of each merged index, ascending.
  var mergedIndexes: [UInt64] = []
  var hasDocuments = false
  var hasLock = false
  var hasPins = false
  /// Whether it is a part of a recording that was pinned: nothing else is missing.
  var isPinned = false
  var leftovers: [String] = []
  var foreign: [String] = []

  init(_ names: [String]) {
    for name in names {
      if let sequence = FileName.firstSequence(ofSegment: name) {
        segments.append(sequence)
      } else if let sequence = FileName.firstSequence(ofBuffer: name) {
        buffers.append(sequence)
      } else if let sequence = FileName.firstSequence(ofMergedIndex: name) {
        mergedIndexes.append(sequence)
      } else if name == FileName.lock {
        hasLock = true
      } else if name == FileName.documents {
        hasDocuments = true
      } else if name == FileName.pinned {
        isPinned = true
      } else if name == FileName.pins {
        hasPins = true
      } else if name.hasSuffix(FileName.temporarySuffix),
        FileName.isOurs(String(name.dropLast(FileName.temporarySuffix.count)))
      {
        leftovers.append(name)
      } else {
        foreign.append(name)
      }
    }
    segments.sort()
    buffers.sort()
    mergedIndexes.sort()
  }

  /// Whether the folder holds anything of a recording.
  var isRecording: Bool { !segments.isEmpty || !buffers.isEmpty || hasLock }
}

extension FileName {
  /// Whether `name` is that of a segment, a buffer or a merged index.
  static func isOurs(_ name: String) -> Bool {
    firstSequence(ofSegment: name) != nil || firstSequence(ofBuffer: name) != nil
      || firstSequence(ofMergedIndex: name) != nil
  }
}
