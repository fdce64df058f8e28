/// Tells which keys a column of a segment cannot have, so that a query passes over the segment
/// without a look at its directory and indexes.
///
/// Over many segments those take more memory than the cache has, and decoding them for one key took
/// a millisecond a segment; this takes two bytes a key.
final class SegmentKeys: Sendable {
  private enum Part {
    case filter(KeyFilter)
    /// The front of an index of very many keys, whose rest is asked in the file.
    case fingerprints(FingerprintIndex)
  }

  /// One for each index part of the column; nothing when some blocks may have any key, as they have
  /// no index, or a damaged one.
  private let parts: [Part]?

  /// Reads the indexes of `column` through `cache`, which keeps those that may have one of
  /// `hashes`.
  init(
    _ column: ColumnID, of segment: ReadableSegment, _ directory: ReadableDirectory,
    having hashes: [UInt64], cache: ReadCache, cost: inout QueryCost
  ) throws(ReelError) {
    var parts: [Part]? = directory.unindexed.isEmpty ? [] : nil
    do throws(ReelError) {
      for part in directory.indexes where part.column == column && parts != nil {
        switch part.form {
        case _ where part.byteCount == 0:
          parts = nil
        case .postings:
          let filter = try cache.filter(part, of: segment, having: hashes, cost: &cost)
          parts?.append(.filter(filter))
        case .fingerprints:
          let index = try cache.fingerprints(part, of: segment, isKept: false, cost: &cost)
          parts?.append(.fingerprints(index.front))
        }
      }
    } catch .corrupted {
      parts = nil
    }
    self.parts = parts
  }

  /// The bytes it takes.
  var byteCount: Int {
    (parts ?? []).reduce(64) { total, part in
      switch part {
      case .filter(let filter): total + filter.byteCount
      case .fingerprints(let index): total + index.byteCount
      }
    }
  }

  /// Whether the column may have a key with one of `hashes`; false is certain.
  func mayHaveAny(
    _ hashes: [UInt64], of segment: ReadableSegment, cache: ReadCache
  ) throws(ReelError) -> Bool {
    guard let parts else { return true }
    for part in parts {
      for hash in hashes {
        switch part {
        case .filter(let filter): if filter.mayHave(hash) { return true }
        case .fingerprints(let index):
          if try !index.ordinals(hash, in: cache.file(segment).file).isEmpty { return true }
        }
      }
    }
    return false
  }
}
