/// A file with blocks in it, whatever its name.
struct SalvageSegment {
  let file: SegmentFile
  let byteCount: Int
  /// Of its first block that can be read.
  let firstSequence: UInt64

  /// The segments in a folder in the order of their first blocks, the recording that most of them
  /// belong to, what is wrong with files that are none or another's, and the first number that none
  /// of them shows to have been given: a segment is made when its first record is there.
  static func all(
    in folder: any Folder, _ files: RecordingFiles
  ) throws(ReelError) -> (
    segments: [SalvageSegment], recording: RecordingID?, damages: [Corruption], end: UInt64
  ) {
    var opened: [(segment: SegmentFile, damage: Corruption?)] = []
    var damages: [Corruption] = []
    var end: UInt64 = 1
    for name in files.segments.map(FileName.segment(firstSequence:)) + files.foreign {
      do throws(ReelError) {
        let found = try SegmentFile.mending(try folder.open(name, .read))
        // A foreign file is a segment that was renamed, or none.
        if found.damage != nil && files.foreign.contains(name) { continue }
        if found.damage != nil { end = max(end, FileName.nextSequence(ofSegment: name)) }
        opened.append(found)
      } catch .notARecording(let path, let reason) {
        if !files.foreign.contains(name) {
          damages.append(Corruption(path: path, bytes: 0..<0, reason: reason))
          end = max(end, FileName.nextSequence(ofSegment: name))
        }
      } catch .io where files.foreign.contains(name) {
        continue  // a symbolic link, say
      }
    }
    let whole = opened.filter { $0.damage == nil }.map(\.segment)
    let recording = try recording(of: whole, folder, files)
    var segments: [SalvageSegment] = []
    for (file, damage) in opened {
      if let damage { damages.append(damage) }
      guard let segment = try SalvageSegment(file, recording, isDamaged: damage != nil) else {
        continue
      }
      guard recording == nil || segment.file.header.binding.recording == recording else {
        damages.append(
          Corruption(
            path: file.path, bytes: 0..<SegmentHeader.byteCount,
            reason: "the segment belongs to another recording"))
        continue
      }
      segments.append(segment)
      if damage == nil { end = max(end, file.firstSequence + 1) }
    }
    segments.sort { $0.firstSequence < $1.firstSequence }
    return (segments, recording, damages, end)
  }

  /// The recording that most segments and buffers belong to, by those with names of their own if
  /// there are any.
  private static func recording(
    of segments: [SegmentFile], _ folder: any Folder, _ files: RecordingFiles
  ) throws(ReelError) -> RecordingID? {
    var identity = RecordingIdentity()
    try identity.addBuffers(of: folder, files)
    let named = segments.filter {
      $0.path.hasSuffix("/" + FileName.segment(firstSequence: $0.firstSequence))
    }
    let isNamed = !named.isEmpty || identity.winner != nil
    for segment in isNamed ? named : segments {
      identity.add(segment.header.binding.recording, first: segment.firstSequence)
    }
    if identity.isUndecided { try identity.addDocuments(of: folder, files) }
    return identity.winner
  }

  /// A segment of `recording`, as which one with a damaged header is read; nothing when it has no
  /// block that can be read.
  private init?(
    _ file: SegmentFile, _ recording: RecordingID?, isDamaged: Bool
  ) throws(ReelError) {
    var header = file.header
    if isDamaged, let recording { header.binding.recording = recording }
    let file = SegmentFile(file: file.file, header: header)
    let byteCount = try file.file.byteCount()
    var walk = SegmentWalk(file, from: SegmentHeader.byteCount, end: byteCount)
    var first: UInt64?
    while first == nil, let step = try walk.next() { first = step.block?.entry.firstSequence }
    guard let first = first ?? (isDamaged ? nil : header.firstSequence) else { return nil }
    self.file = file
    self.byteCount = byteCount
    firstSequence = first
  }
}

extension FileName {
  /// The number behind the first one of a segment.
  fileprivate static func nextSequence(ofSegment name: String) -> UInt64 {
    (firstSequence(ofSegment: name) ?? 0) + 1
  }
}
