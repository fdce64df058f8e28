/// The merged indexes in a recording's folder, as far as they can be read.
struct MergedIndexes {
  /// By the first sequence numbers in their names; nothing for one that cannot be read.
  private var known: [UInt64: MergedIndex?] = [:]
  /// In order of their segments.
  private var indexes: [MergedIndex] = []
  /// By the first sequence numbers of their segments.
  private var members: [UInt64: (index: MergedIndex, ordinal: Int)] = [:]

  /// Reads the fronts of those that are new.
  ///
  /// - Throws: ``ReelError/io(_:)``; one that is damaged or gone is passed over.
  mutating func refresh(_ firstSequences: [UInt64], in folder: any Folder) throws(ReelError) {
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
      } catch .io(let failure) {
        guard failure.code == ErrorNumber.noEntry else { throw .io(failure) }
      } catch {
        found[sequence] = .some(nil)
      }
    }
    known = found
    indexes = firstSequences.compactMap { found[$0] ?? nil }
    members = [:]
    for index in indexes {
      for (ordinal, member) in index.members.enumerated() {
        members[member.trailer.summary.firstSequence] = (index, ordinal)
      }
    }
  }

  /// Those of a recording, in order of their segments.
  func of(_ recording: RecordingID?) -> [MergedIndex] {
    indexes.filter { $0.binding.recording == recording }
  }

  /// What is known of a segment of a recording that begins with `firstSequence`.
  func member(_ firstSequence: UInt64, of recording: RecordingID?) -> MergedIndex.Member? {
    guard let (index, ordinal) = members[firstSequence], index.binding.recording == recording
    else { return nil }
    return index.members[ordinal]
  }
}
