/// Opens a single file for inspection.
enum InspectedFile {
  /// The file at `path`, relative to its folder as all files are.
  ///
  /// - Throws: ``ReelError/notFound(path:)``, ``ReelError/notARecording(path:reason:)`` for what is
  ///   no regular file, ``ReelError/io(_:)``.
  static func open(_ path: String) throws(ReelError) -> any File {
    let cut = path.lastIndex(of: "/")
    let parent = cut.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let name = cut.map { String(path[path.index(after: $0)...]) } ?? path
    do {
      return try POSIXFolder(path: parent, create: false).open(name, .read)
    } catch .io(let failure)
      where failure.code == ErrorNumber.noEntry || failure.code == ErrorNumber.notAFolder
    {
      throw .notFound(path: path)
    }
  }

  /// The last component of `path`.
  static func name(_ path: String) -> String {
    path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
  }
}

/// What a file of a recording is, by its first bytes or, where these are damaged, by its name.
public enum InspectedFileKind: String, Hashable, Sendable {
  /// A segment.
  case segment
  /// A write-ahead buffer.
  case buffer
  /// A version of a document.
  case document
  /// An index over several segments.
  case mergedIndex

  /// Looks at the file at `path`.
  ///
  /// - Throws: ``ReelError/notFound(path:)``, ``ReelError/notARecording(path:reason:)`` when it is
  ///   none of them, ``ReelError/io(_:)``.
  public init(path: String) throws(ReelError) {
    let start = try InspectedFile.open(path).read(at: 0, byteCount: 28)
    let name = InspectedFile.name(path)
    if start.starts(with: BufferHeader.signature) {
      self = .buffer
    } else if start.count == 28, start[20...].elementsEqual(SegmentHeader.signature) {
      self = .segment
    } else if start.count == 28, start[20...].elementsEqual(DocumentFile.signature) {
      self = .document
    } else if start.count == 28, start[20...].elementsEqual(MergedIndex.signature) {
      self = .mergedIndex
    } else if FileName.firstSequence(ofSegment: name) != nil {
      self = .segment
    } else if FileName.firstSequence(ofBuffer: name) != nil {
      self = .buffer
    } else if DocumentName.parse(name) != nil {
      self = .document
    } else if FileName.firstSequence(ofMergedIndex: name) != nil {
      self = .mergedIndex
    } else {
      throw .notARecording(
        path: path,
        reason: "it is neither a segment nor a buffer, a document or a merged index of Reel's")
    }
  }
}

/// A version of a document, taken apart.
public struct DocumentInspection: Sendable {
  /// The file.
  public let path: String
  /// Its length.
  public let byteCount: Int
  /// The recording it belongs to; nothing when it cannot be read.
  public let recordingID: RecordingID?
  /// The version; nothing when it cannot be read.
  public let document: Document?
  /// Why it cannot be read.
  public let damage: Corruption?
  private let file: any File

  /// Reads the document at `path`.
  ///
  /// - Throws: ``ReelError/notFound(path:)``,
  ///   ``ReelError/unsupportedFormat(path:found:supported:)``, ``ReelError/io(_:)``. Damage is told
  ///   in ``damage``.
  public init(path: String) throws(ReelError) {
    file = try InspectedFile.open(path)
    self.path = path
    byteCount = try file.byteCount()
    let bytes = try file.read(at: 0, byteCount: min(byteCount, DocumentFile.maximumByteCount + 1))
    var found: DocumentFile?
    var damage: Corruption?
    do throws(ReelError) {
      found = try DocumentFile(decoding: bytes, path: path)
    } catch {
      switch error {
      case .corrupted(let corruption): damage = corruption
      case .notARecording(_, let reason):
        damage = Corruption(path: path, bytes: 0..<bytes.count, reason: reason)
      default: throw error
      }
    }
    recordingID = found?.recording
    document = found.map { Document(info: DocumentInfo($0), bytes: $0.content) }
    self.damage = damage
  }

  /// The bytes of the file in `range`, as far as it has them.
  public func bytes(_ range: Range<Int>) throws(ReelError) -> [UInt8] {
    try file.read(clamped: range)
  }
}

extension File {
  /// The bytes in `range`, as far as they exist.
  func read(clamped range: Range<Int>) throws(ReelError) -> [UInt8] {
    let range = range.clamped(to: 0..<(try byteCount()))
    return try read(at: range.lowerBound, byteCount: range.count)
  }
}
