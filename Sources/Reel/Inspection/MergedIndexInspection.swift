/// A merged index, taken apart.
public struct MergedIndexInspection: Sendable {
  /// A segment that it is of.
  public struct Segment: Hashable, Sendable {
    /// Its first sequence number, which is its file's name.
    public let firstSequenceNumber: SequenceNumber
    /// Sequence numbers from its first to its last.
    public let recordCount: UInt64
    /// Events in it.
    public let eventCount: UInt64
    /// Bytes of its file.
    public let byteCount: Int
  }

  /// The index of a column.
  public struct Part: Hashable, Sendable {
    /// The column's id and name, as in the directory of a segment.
    public let column: UInt8
    /// The column's name.
    public let name: String
    /// Where its frame lies, in bytes.
    public let offset: Int
    /// The whole frame.
    public let byteCount: Int
    /// How many keys it has, one for each segment that has it; nothing when it is damaged.
    public let keyCount: Int?
    /// Of the segments, by their places, those that it does not cover: they may have any key.
    public let uncovered: [Int]
  }

  /// The file.
  public let path: String
  /// Its length.
  public let byteCount: Int
  /// The recording it belongs to; nothing when its front cannot be read.
  public let recordingID: RecordingID?
  /// The segments, in order.
  public let segments: [Segment]
  /// The columns, in order of their ids.
  public let parts: [Part]
  /// What of it cannot be read.
  public let damages: [Corruption]
  private let file: any File

  /// Reads the merged index at `path`.
  ///
  /// - Throws: ``ReelError/notFound(path:)``, ``ReelError/io(_:)``. Damage is told in ``damages``.
  public init(path: String) throws(ReelError) {
    let file = try InspectedFile.open(path)
    self.file = file
    self.path = path
    byteCount = try file.byteCount()
    var damages: [Corruption] = []
    var index: MergedIndex?
    do throws(ReelError) {
      index = try MergedIndex(InspectedFile.name(path), file)
    } catch .corrupted(let corruption) {
      damages.append(corruption)
    }
    recordingID = index?.binding.recording
    segments = (index?.members ?? []).map {
      let summary = $0.trailer.summary
      return Segment(
        firstSequenceNumber: SequenceNumber(rawValue: summary.firstSequence),
        recordCount: summary.recordCount, eventCount: summary.eventCount, byteCount: $0.byteCount)
    }
    var parts: [Part] = []
    for part in index?.parts ?? [] {
      var keyCount: Int?
      do throws(ReelError) {
        keyCount = try index?.index(part, in: file).keyCount
      } catch .corrupted(let corruption) {
        damages.append(corruption)
      }
      parts.append(
        Part(
          column: part.column.rawValue, name: part.column.name, offset: part.offset,
          byteCount: part.byteCount, keyCount: keyCount,
          uncovered: segments.indices.filter { part.uncovered >> UInt64($0) & 1 == 1 }))
    }
    self.parts = parts
    self.damages = damages
  }

  /// The bytes of the file in `range`, as far as it has them.
  public func bytes(_ range: Range<Int>) throws(ReelError) -> [UInt8] {
    try file.read(clamped: range)
  }
}
