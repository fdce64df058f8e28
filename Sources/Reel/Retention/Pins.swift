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
    let range = from.nanoseconds...max(from, to).nanoseconds
    let wanted = PinnedFiles(try snapshot(), range)
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
    do throws(ReelError) {
      try fill(temporary, in: store, from: folder, range)
      try store.rename(temporary, to: name)
      try store.sync()
    } catch {
      try? PinnedFiles.remove(temporary, from: store)
      throw error
    }
    return try Pin(label, try store.folder(name, create: false))
  }

  /// Makes the folder `temporary` with all files that have events of `range`.
  ///
  /// A segment that retention drops while it is at work is looked for no more: it begins anew.
  private func fill(
    _ temporary: String, in store: any Folder, from folder: any Folder,
    _ range: ClosedRange<Int64>
  ) throws(ReelError) {
    var attempt = 0
    while true {
      try PinnedFiles.remove(temporary, from: store)
      do throws(ReelError) {
        let target = try store.folder(temporary, create: true)
        let before = try snapshot()
        guard PinnedFiles(before, range).needsBuffers else {
          return try PinnedFiles(before, range).link(from: folder, into: target)
        }
        // What goes from the copied buffers into blocks before their copy is there is in segments
        // that are looked at after that.
        try PinnedFiles.copyBuffers(from: folder, to: target)
        let newest = before.segments.last?.firstSequence ?? 0
        return try PinnedFiles(try snapshot(), range, allFrom: newest).link(
          from: folder, into: target)
      } catch {
        guard case .io(let failure) = error, failure.code == ErrorNumber.noEntry,
          attempt < Self.maximumPinAttempts
        else { throw error }
        attempt += 1
      }
    }
  }

  /// How often retention may come in between before a file is taken to be gone for another reason.
  private static var maximumPinAttempts: Int { 20 }

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
  /// Names of those that may be written to, or that a recovery has left without a trailer.
  private var unsealed: [String] = []
  /// Whether what is in the buffers is wanted too.
  private(set) var needsBuffers = false
  private(set) var byteCount = 0

  var isEmpty: Bool { sealed.isEmpty && unsealed.isEmpty && !needsBuffers }

  /// The files that have events of `range`, and all segments from the one that begins with
  /// `newest` on.
  init(_ snapshot: Snapshot, _ range: ClosedRange<Int64>, allFrom newest: UInt64 = .max) {
    for segment in snapshot.segments {
      let stretch = segment.summary.stretch
      let isWanted =
        segment.summary.eventCount > 0 && stretch.minimum <= range.upperBound
        && stretch.maximum >= range.lowerBound && !snapshot.removals.removesAll(of: stretch)
      guard isWanted || segment.firstSequence >= newest else { continue }
      byteCount += segment.byteCount
      if segment.isSealed { sealed.append(segment.name) } else { unsealed.append(segment.name) }
    }
    if !unsealed.isEmpty || snapshot.buffered.contains(where: { $0.header.overlaps(range) }) {
      byteCount += snapshot.bufferByteCount
      needsBuffers = true
    }
  }

  /// Gives the segments second names, or copies of those that may change.
  func link(from folder: any Folder, into target: any Folder) throws(ReelError) {
    for name in unsealed { try Self.copy(name, from: folder, to: target) }
    for name in sealed { try folder.link(name, into: target) }
    _ = try target.open(FileName.pinned, .create)
    try target.sync()
  }

  private static let pieceByteCount = 1 << 20

  /// Copies a file that does not change, or only grows.
  static func copy(
    _ name: String, from folder: any Folder, to target: any Folder
  ) throws(ReelError) {
    let source = try folder.open(name, .read)
    let copy = try target.open(name, .createNew)
    try transfer(source, from: 0, to: copy)
    try copy.sync()
  }

  private static func transfer(
    _ source: any File, from start: Int, to copy: any File
  ) throws(ReelError) {
    var offset = start
    while true {
      let piece = try source.read(at: offset, byteCount: pieceByteCount)
      if piece.isEmpty { break }
      try copy.write(piece.rawSpan, at: offset)
      offset += piece.count
    }
  }

  /// Copies what the buffers have, each so that its header page is newer than its ring.
  ///
  /// Room from the page's `released` on has not been used again by then, so all frames are in the
  /// copy that were there before it was begun and that no segment has. Where they end in it, is not
  /// where the page says: that hint is left out.
  static func copyBuffers(
    from folder: any Folder, to target: any Folder
  ) throws(ReelError) {
    for first in RecordingFiles(try folder.list()).buffers {
      let name = FileName.buffer(firstSequence: first)
      let source: any File
      do throws(ReelError) {
        source = try folder.open(name, .read)
      } catch .io(let failure) where failure.code == ErrorNumber.noEntry {
        continue  // a run ended: what it held is in the segment
      }
      let copy = try target.open(name, .createNew)
      try transfer(source, from: BufferHeader.byteCount, to: copy)
      var page = try source.read(at: 0, byteCount: BufferHeader.byteCount)
      if page.count == BufferHeader.byteCount {
        page.overwrite(UInt64(0), at: BufferHeader.publishedOffset)
      }
      try copy.write(page.rawSpan, at: 0)
      try copy.sync()
    }
  }

  /// Removes a pin, whole or not, if it is there.
  static func remove(_ name: String, from store: any Folder) throws(ReelError) {
    guard try store.list().contains(name) else { return }
    let folder = try store.folder(name, create: false)
    for file in try folder.list() { try folder.unlink(file) }
    try store.removeFolder(name)
  }
}
