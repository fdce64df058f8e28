/// A part of a recording that retention does not take away.
public struct Pin: Hashable, Sendable {
  /// What it is called; 1 to 64 bytes.
  public let label: String
  /// The folder it is in: a recording of its own, to be opened like any other.
  public let path: String
  /// Bytes of its files.
  ///
  /// While the segments are in the recording as well, they take no other room.
  public let byteCount: Int
}

extension Recording {
  /// Keeps the segments that have events from one moment to another, whatever retention does.
  ///
  /// They get a second name in the folder `pins/LABEL`, which is a recording of its own: they take
  /// no room until the recording drops them, and removed events stay removed in it as of now. Of
  /// the segment that is being written, and the buffer, copies are made. A writer need not be
  /// there, and one that is there is not disturbed.
  ///
  /// - Parameters:
  ///   - label: 1 to 64 bytes.
  ///   - from: The earliest timestamp, inclusive.
  ///   - to: The latest, inclusive.
  ///   - byteBudget: What all pins may take together; nothing means any.
  /// - Returns: The pin.
  /// - Throws: ``ReelError/invalidArgument(_:)`` when there is a pin of that label, nothing to pin,
  ///   or this is a lone segment; ``ReelError/limitExceeded(what:found:limit:)`` beyond the budget;
  ///   ``ReelError/io(_:)``. No pin is then made.
  /// - Complexity: A link a segment, and a copy of the last one.
  @discardableResult
  public func pin(
    _ label: String, from: Timestamp = .min, to: Timestamp = .max, byteBudget: Int? = nil
  ) throws(ReelError) -> Pin {
    guard let folder = recordingFolder else {
      throw .invalidArgument("\(path) is a lone segment; pin parts of the recording it belongs to")
    }
    let name = try DocumentName.encode(label)
    let wanted = try PinnedFiles(try snapshot(), from...max(from, to))
    guard !wanted.isEmpty, from <= to else {
      throw .invalidArgument("\(path) has no events in that time; nothing is pinned")
    }
    let known = try pins()
    guard !known.contains(where: { $0.label == label }) else {
      throw .invalidArgument("\(path) has a pin '\(label)' already; remove it or choose another")
    }
    if let byteBudget {
      let total = known.reduce(wanted.byteCount) { $0 + $1.byteCount }
      guard total <= byteBudget else {
        throw .limitExceeded(what: "the bytes of all pins", found: total, limit: byteBudget)
      }
    }
    let store = try folder.folder(FileName.pins, create: true)
    let temporary = name + FileName.temporarySuffix
    try PinnedFiles.remove(temporary, from: store)
    do throws(ReelError) {
      let target = try store.folder(temporary, create: true)
      try wanted.link(from: folder, into: target)
      try target.sync()
      try store.rename(temporary, to: name)
      try store.sync()
    } catch {
      try? PinnedFiles.remove(temporary, from: store)
      throw error
    }
    return try Pin(label, try store.folder(name, create: false))
  }

  /// The pins, by label.
  public func pins() throws(ReelError) -> [Pin] {
    guard let store = try pinStore() else { return [] }
    var pins: [Pin] = []
    for name in try store.list().sorted() {
      guard let label = DocumentName.decode(name) else { continue }
      pins.append(try Pin(label, try store.folder(name, create: false)))
    }
    return pins
  }

  /// Removes a pin: what the recording has dropped meanwhile is gone with it.
  ///
  /// - Throws: ``ReelError/invalidArgument(_:)`` when there is none of that label,
  ///   ``ReelError/io(_:)``.
  public func unpin(_ label: String) throws(ReelError) {
    let name = try DocumentName.encode(label)
    guard let store = try pinStore(), try store.list().contains(name) else {
      throw .invalidArgument("\(path) has no pin '\(label)'")
    }
    try PinnedFiles.remove(name, from: store)
    try store.sync()
  }

  private func pinStore() throws(ReelError) -> (any Folder)? {
    guard let folder = recordingFolder, try folder.list().contains(FileName.pins) else {
      return nil
    }
    return try folder.folder(FileName.pins, create: false)
  }
}

extension Pin {
  fileprivate init(_ label: String, _ folder: any Folder) throws(ReelError) {
    self.label = label
    path = folder.path
    var total = 0
    for name in try folder.list() where FileName.isOurs(name) {
      total += try folder.open(name, .read).byteCount()
    }
    byteCount = total
  }
}

/// The files that have the events of some time.
struct PinnedFiles {
  /// Names of segments that never change again.
  private var sealed: [String] = []
  /// Of the segment that may be written to.
  private var active: String?
  private(set) var byteCount = 0

  var isEmpty: Bool { sealed.isEmpty && active == nil }

  init(_ snapshot: Snapshot, _ range: ClosedRange<Timestamp>) throws(ReelError) {
    let range = range.lowerBound.nanoseconds...range.upperBound.nanoseconds
    for segment in snapshot.segments {
      let stretch = segment.summary.stretch
      guard segment.summary.eventCount > 0, stretch.minimum <= range.upperBound,
        stretch.maximum >= range.lowerBound, !snapshot.control.removesAll(of: stretch)
      else { continue }
      byteCount += segment.byteCount
      if segment.isSealed { sealed.append(segment.name) } else { active = segment.name }
    }
    if snapshot.buffered.contains(where: { $0.header.overlaps(range) }) {
      byteCount += snapshot.bufferByteCount
      active = active ?? snapshot.segments.last.flatMap { $0.isSealed ? nil : $0.name } ?? ""
    }
  }

  /// Gives the files second names, or copies of those that may change; the buffers first, since
  /// blocks may go from them into the segment meanwhile.
  func link(from folder: any Folder, into target: any Folder) throws(ReelError) {
    if let active {
      for first in RecordingFiles(try folder.list()).buffers {
        try Self.copy(FileName.buffer(firstSequence: first), from: folder, to: target)
      }
      if !active.isEmpty { try Self.copy(active, from: folder, to: target) }
    }
    for name in sealed { try folder.link(name, into: target) }
    _ = try target.open(FileName.pinned, .create)
  }

  private static let pieceByteCount = 1 << 20

  static func copy(
    _ name: String, from folder: any Folder, to target: any Folder
  ) throws(ReelError) {
    let source: any File
    do throws(ReelError) {
      source = try folder.open(name, .read)
    } catch .io(let failure) where failure.code == ErrorNumber.noEntry {
      return  // a run ended: what it held is in the segment
    }
    let copy = try target.open(name, .createNew)
    var offset = 0
    while true {
      let piece = try source.read(at: offset, byteCount: pieceByteCount)
      if piece.isEmpty { break }
      try copy.write(piece.rawSpan, at: offset)
      offset += piece.count
    }
    try copy.sync()
  }

  /// Removes a pin, whole or not, if it is there.
  static func remove(_ name: String, from store: any Folder) throws(ReelError) {
    guard try store.list().contains(name) else { return }
    let folder = try store.folder(name, create: false)
    for file in try folder.list() { try folder.unlink(file) }
    try store.removeFolder(name)
  }
}
