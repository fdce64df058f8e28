@testable import Reel

/// A disk after some operations: what is seen on it while it runs, what is durable, and what may be
/// on it or not when the power fails.
///
/// Weaker than any one file system, as POSIX allows: bytes are durable once their file is synced,
/// names once their folder is. Before that each sector has any one of the contents that it has had
/// since, each file any of its lengths, and each change of a folder is there or not.
struct DiskModel {
  /// A change that is not durable yet, and when it was made.
  struct Pending<Change> {
    var time: Int
    var change: Change
  }

  enum DataChange {
    case write(DiskOperation.Piece)
    case truncate(Int)
  }

  enum EntryChange {
    case set(name: String, node: Int)
    case remove(name: String)
    case rename(name: String, newName: String, node: Int)
  }

  struct FileState {
    var durable: [UInt8] = []
    var live: [UInt8] = []
    var pending: [Pending<DataChange>] = []
  }

  struct FolderState {
    var durable: [String: Int] = [:]
    var live: [String: Int] = [:]
    var pending: [Pending<EntryChange>] = []
  }

  private(set) var files: [Int: FileState] = [:]
  private(set) var folders: [Int: FolderState] = [:]

  /// A disk on which all of `image` is durable.
  init(_ image: DiskImage = DiskImage()) {
    files = image.files.mapValues { FileState(durable: $0, live: $0) }
    folders = image.folders.mapValues { FolderState(durable: $0, live: $0) }
  }

  /// What is seen on it while it runs, and after the death of a process.
  var live: DiskImage {
    DiskImage(files: files.mapValues(\.live), folders: folders.mapValues(\.live))
  }

  mutating func apply(_ operation: DiskOperation, at time: Int) {
    switch operation {
    case .write(let file, let piece): change(file, .write(piece), time)
    case .store(let file, let pieces):
      for piece in pieces { change(file, .write(piece), time) }
    case .truncate(let file, let byteCount): change(file, .truncate(byteCount), time)
    case .sync(let file):
      guard let state = files[file] else { return }
      files[file] = FileState(durable: state.live, live: state.live)
    case .link(let folder, let name, let node, let isFolder):
      if isFolder { folders[node] = FolderState() } else { files[node] = FileState() }
      change(folder, .set(name: name, node: node), time)
    case .rename(let folder, let name, let newName, let node):
      change(folder, .rename(name: name, newName: newName, node: node), time)
    case .unlink(let folder, let name): change(folder, .remove(name: name), time)
    case .syncFolder(let folder):
      guard let state = folders[folder] else { return }
      folders[folder] = FolderState(durable: state.live, live: state.live)
      forgetNameless()
    case .marker: break
    }
  }

  private mutating func change(_ file: Int, _ change: DataChange, _ time: Int) {
    change.apply(to: &files[file, default: FileState()].live)
    files[file]?.pending.append(Pending(time: time, change: change))
  }

  private mutating func change(_ folder: Int, _ change: EntryChange, _ time: Int) {
    change.apply(to: &folders[folder, default: FolderState()].live)
    folders[folder]?.pending.append(Pending(time: time, change: change))
  }

  /// Forgets files that no name can lead to any more.
  private mutating func forgetNameless() {
    var named: Set<Int> = []
    for folder in folders.values {
      named.formUnion(folder.durable.values)
      named.formUnion(folder.live.values)
      for pending in folder.pending {
        switch pending.change {
        case .set(_, let node), .rename(_, _, let node): named.insert(node)
        case .remove: break
        }
      }
    }
    files = files.filter { named.contains($0.key) }
  }

  // MARK: What is not durable

  /// Files and folders with changes that are not durable, ascending.
  var pendingFiles: [Int] { files.filter { !$0.value.pending.isEmpty }.keys.sorted() }
  var pendingFolders: [Int] { folders.filter { !$0.value.pending.isEmpty }.keys.sorted() }

  /// When the changes were made that are not durable, ascending.
  var pendingTimes: [Int] {
    var times: Set<Int> = []
    for file in files.values { times.formUnion(file.pending.map(\.time)) }
    for folder in folders.values { times.formUnion(folder.pending.map(\.time)) }
    return times.sorted()
  }

  /// What a failure of the power leaves.
  func image(_ choice: CrashChoice) -> DiskImage {
    var image = DiskImage()
    var random = SeededRandom(choice.seed)
    for node in folders.keys.sorted() {
      guard let folder = folders[node] else { continue }
      image.folders[node] = folder.entries(choice.entries(of: node), &random)
    }
    for node in files.keys.sorted() {
      guard let file = files[node] else { continue }
      image.files[node] =
        file.pending.isEmpty ? file.live : file.bytes(choice.data(of: node), &random)
    }
    return image
  }
}

extension DiskModel.DataChange {
  func apply(to bytes: inout [UInt8]) {
    switch self {
    case .write(let piece): bytes.write(piece)
    case .truncate(let byteCount): bytes.resize(to: byteCount)
    }
  }
}

extension DiskModel.EntryChange {
  /// Each change stands for itself, so that one may be there without those before it.
  func apply(to entries: inout [String: Int]) {
    switch self {
    case .set(let name, let node): entries[name] = node
    case .remove(let name): entries[name] = nil
    case .rename(let name, let newName, let node):
      entries[name] = nil
      entries[newName] = node
    }
  }
}

extension DiskModel.FolderState {
  func entries(_ choice: CrashChoice.Entries, _ random: inout SeededRandom) -> [String: Int] {
    var entries = durable
    for (index, pending) in pending.enumerated() {
      let isThere =
        switch choice {
        case .nothing: false
        case .everything: true
        case .before(let time): pending.time < time
        case .subset(let mask): mask >> UInt64(index) & 1 == 1
        case .random: random.chance(2)
        }
      if isThere { pending.change.apply(to: &entries) }
    }
    return entries
  }
}

extension DiskModel.FileState {
  func bytes(_ choice: CrashChoice.Data, _ random: inout SeededRandom) -> [UInt8] {
    switch choice {
    case .nothing: return durable
    case .everything: return live
    case .before(let time):
      var bytes = durable
      for pending in pending where pending.time < time { pending.change.apply(to: &bytes) }
      return bytes
    case .lengthAlone(let isGarbage):
      return resized(durable, to: live.count, isGarbage, &random)
    case .oldLength:
      return resized(live, to: durable.count, false, &random)
    case .random(let weight, let isGarbage):
      return randomBytes(weight, isGarbage, &random)
    }
  }

  /// Bytes cut to a length, or made longer by what the disk held before.
  private func resized(
    _ bytes: [UInt8], to byteCount: Int, _ isGarbage: Bool, _ random: inout SeededRandom
  ) -> [UInt8] {
    var bytes = bytes
    let start = bytes.count
    bytes.resize(to: byteCount)
    if isGarbage { bytes.fillWithGarbage(from: start, &random) }
    return bytes
  }

  /// Each sector with one of the contents it has had, the length one of those it has had.
  ///
  /// A later content takes an earlier one's place so often in `weight` + 1 times; 0 stands for each
  /// content with the same probability.
  private func randomBytes(
    _ weight: Int, _ isGarbage: Bool, _ random: inout SeededRandom
  ) -> [UInt8] {
    let sector = DiskOperation.sectorByteCount
    var running = durable
    var chosen = durable
    if isGarbage {
      // Rounded, because a sector that is only begun is written whole.
      let longest = pending.reduce(durable.count) { longest, next in
        if case .write(let piece) = next.change { max(longest, piece.end) } else { longest }
      }
      chosen.resize(to: longest)
      chosen.fillWithGarbage(from: durable.count, &random)
    }
    var lengths = [durable.count]
    var versionCounts: [Int] = []
    for next in pending {
      next.change.apply(to: &running)
      lengths.append(running.count)
      guard case .write(let piece) = next.change else { continue }
      if chosen.count < running.count { chosen.resize(to: running.count) }
      let sectors = (piece.offset / sector)...(max(piece.end - 1, piece.offset) / sector)
      while versionCounts.count <= sectors.upperBound { versionCounts.append(1) }
      for index in sectors {
        versionCounts[index] += 1
        let isTaken =
          weight == 0
          ? random.chance(versionCounts[index]) : random.below(weight + 1) < weight
        let start = index * sector
        let end = min(start + sector, running.count)
        if isTaken, start < end { chosen.copy(running, from: start..<end, to: start) }
      }
    }
    chosen.resize(to: random.chance(2) ? live.count : random.pick(lengths))
    return chosen
  }
}

extension [UInt8] {
  fileprivate mutating func fillWithGarbage(from start: Int, _ random: inout SeededRandom) {
    guard start < count else { return }
    let words = (0..<((count - start + 7) / 8)).map { _ in random.next().littleEndian }
    // Safe: numbers have no bytes that stand for nothing.
    let garbage = unsafe words.span.bytes
    write(garbage.extracting(0..<(count - start)), at: start)
  }
}
