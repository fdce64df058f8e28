/// Holds the merged indexes of a recording against its segments.
struct MergedIndexVerification {
  let snapshot: Snapshot
  let folder: any Folder
  private(set) var byteCount = 0

  init(_ snapshot: Snapshot, in folder: any Folder) {
    self.snapshot = snapshot
    self.folder = folder
  }

  /// Calls `tell` with each fault of the index in the file `name`.
  ///
  /// One whose segments are all there is made anew and compared; what a segment's own index lacks
  /// cannot be held against it.
  mutating func verify(_ name: String, _ tell: (Corruption) -> Void) {
    do throws(ReelError) {
      let index = try MergedIndex(name, in: folder)
      let file = try folder.open(name, .read)
      byteCount += index.byteCount
      guard index.binding.recording == snapshot.recording else {
        throw file.corrupted(0..<index.byteCount, "the merged index is of another recording")
      }
      for part in index.parts { _ = try index.index(part, in: file) }
      guard let merge = try merge(index) else { return }
      guard merge.members == index.members else {
        throw file.corrupted(
          0..<index.byteCount, "the merged index is not of the segments that are there")
      }
      let columns = try merge.columns() ?? []
      for part in index.parts {
        guard let wanted = columns.first(where: { $0.column == part.column }),
          wanted.uncovered == part.uncovered
        else { continue }
        let frame = try ReelFrame.read(
          file, at: part.offset, limit: part.byteCount, binding: index.binding
        ).frame
        guard frame.content == wanted.content else {
          throw file.corrupted(
            part.offset..<(part.offset + part.byteCount),
            "the merged index of the column \(part.column.name) is not that of the segments;"
              + " delete the file, the next run makes it anew")
        }
      }
    } catch {
      switch error {
      case .io(let failure) where failure.code == ErrorNumber.noEntry: return  // dropped meanwhile
      case .corrupted(let corruption): tell(corruption)
      default:
        // Whatever keeps it from being read, nothing else is lost.
        tell(Corruption(path: folder.path + "/" + name, bytes: 0..<0, reason: "\(error)"))
      }
    }
  }

  /// The segments of an index; nothing when not all of them are there and can be read.
  private func merge(_ index: MergedIndex) throws(ReelError) -> IndexMerge? {
    let wanted = index.members.map(\.trailer.summary.firstSequence)
    let there = Set(snapshot.segments.map(\.firstSequence))
    guard there.isSuperset(of: wanted) else { return nil }
    return try damageAsNothing { () throws(ReelError) in try IndexMerge(wanted, in: folder) }
  }
}
