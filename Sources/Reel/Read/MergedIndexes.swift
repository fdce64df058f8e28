/// The merged indexes in a recording's folder, as far as they can be read.
struct MergedIndexes {
  /// By the first sequence numbers in their names; nothing for one that is damaged.
  private var known: [UInt64: MergedIndex?] = [:]
  /// In order of their segments.
  private var indexes: [MergedIndex] = []

  /// Reads the fronts of those that are new.
  ///
  /// One that cannot be read is done without: one that is damaged from then on, one that the system
  /// does not give until the next time.
  mutating func refresh(_ firstSequences: [UInt64], in folder: any Folder) {
    guard known.count != firstSequences.count || !firstSequences.allSatisfy({ known[$0] != nil })
    else { return }
    var found: [UInt64: MergedIndex?] = [:]
    for sequence in firstSequences {
      if let index = known[sequence] {
        found[sequence] = .some(index)
        continue
      }
      do throws(ReelError) {
        let name = FileName.mergedIndex(firstSequence: sequence)
        found[sequence] = .some(try MergedIndex(name, in: folder))
      } catch .io {
        continue
      } catch {
        found[sequence] = .some(nil)
      }
    }
    known = found
    indexes = firstSequences.compactMap { found[$0] ?? nil }
  }

  /// Those of a recording, in order of their segments.
  func of(_ recording: RecordingID?) -> [MergedIndex] {
    indexes.filter { $0.binding.recording == recording }
  }

  /// What is known of a segment of a recording that begins with `firstSequence`; O(log n).
  func member(_ firstSequence: UInt64, of recording: RecordingID?) -> MergedIndex.Member? {
    let after = firstIndex(indexes.count) { indexes[$0].firstSequence > firstSequence }
    guard after > 0, indexes[after - 1].binding.recording == recording else { return nil }
    let members = indexes[after - 1].members
    func first(_ place: Int) -> UInt64 { members[place].trailer.summary.firstSequence }
    let place = firstIndex(members.count) { first($0) >= firstSequence }
    return place < members.count && first(place) == firstSequence ? members[place] : nil
  }
}
