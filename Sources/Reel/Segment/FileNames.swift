/// The names of a recording's files, made and taken apart here alone.
enum FileName {
  static let segmentSuffix = ".segment"
  static let bufferSuffix = ".buffer"
  static let mergedIndexSuffix = ".index"
  /// Held locked by the one writer; never unlinked, because a lock on a removed file excludes
  /// nobody.
  static let lock = "writer.lock"
  static let documents = "documents"
  static let documentSuffix = ".document"
  /// Holds parts of the recording that retention does not take away, each a folder.
  static let pins = "pins"
  /// Says in such a folder that what is not there was not pinned.
  static let pinned = "pinned"
  /// Ends the name of a damaged file that is evidence only.
  static let damagedSuffix = ".damaged"
  /// Ends the name of a file that is not complete yet; leftovers are ignored and removed.
  static let temporarySuffix = ".tmp"
  private static let digitCount = 20

  /// Such as `00000000000000000001.segment`.
  static func segment(firstSequence: UInt64) -> String { padded(firstSequence) + segmentSuffix }

  /// Such as `00000000000000000001.buffer`.
  static func buffer(firstSequence: UInt64) -> String { padded(firstSequence) + bufferSuffix }

  /// Such as `00000000000000000001.index`, by the first of its segments.
  static func mergedIndex(firstSequence: UInt64) -> String {
    padded(firstSequence) + mergedIndexSuffix
  }

  /// The first sequence number in the name of a segment, or nothing for another name.
  static func firstSequence(ofSegment name: String) -> UInt64? { number(name, segmentSuffix) }

  /// The first sequence number in the name of a buffer, or nothing for another name.
  static func firstSequence(ofBuffer name: String) -> UInt64? { number(name, bufferSuffix) }

  /// The first sequence number in the name of a merged index, or nothing for another name.
  static func firstSequence(ofMergedIndex name: String) -> UInt64? {
    number(name, mergedIndexSuffix)
  }

  private static func padded(_ value: UInt64) -> String {
    let digits = String(value)
    return String(repeating: "0", count: digitCount - digits.utf8.count) + digits
  }

  private static func number(_ name: String, _ suffix: String) -> UInt64? {
    guard name.hasSuffix(suffix) else { return nil }
    let digits = name.dropLast(suffix.count)
    guard digits.utf8.count == digitCount,
      digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let value = UInt64(digits), value > 0,
      value <= Limits.sequenceNumber
    else { return nil }
    return value
  }
}
