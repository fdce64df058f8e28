@testable import Reel

/// Which of the changes that are not durable a failure of the power leaves.
struct CrashChoice {
  enum Data: Hashable {
    case nothing
    case everything
    /// Those made before a moment.
    case before(Int)
    /// The length of the file, and zeros or garbage where it has grown.
    case lengthAlone(isGarbage: Bool)
    /// The bytes, but for those beyond the old length.
    case oldLength
    /// Each sector as it was at some moment; see ``DiskModel``.
    case random(weight: Int, isGarbage: Bool)
  }

  enum Entries: Hashable {
    case nothing
    case everything
    case before(Int)
    /// The change number *i* when bit *i* is set.
    case subset(UInt64)
    case random
  }

  var data: Data
  var entries: Entries
  /// One file or folder that fares otherwise.
  var oddFile: (node: Int, data: Data)?
  var oddFolder: (node: Int, entries: Entries)?
  var seed: UInt64 = 0

  func data(of file: Int) -> Data {
    if let oddFile, oddFile.node == file { return oddFile.data }
    return data
  }

  func entries(of folder: Int) -> Entries {
    if let oddFolder, oddFolder.node == folder { return oddFolder.entries }
    return entries
  }
}

extension CrashChoice {
  /// Changes of a folder up to which every subset is tried.
  private static let subsetLimit = 4
  /// Moments at most after which nothing is there.
  private static let momentLimit = 8

  /// The states that are tried before random ones: nothing, everything, lengths without bytes, each
  /// prefix, each subset of a few names, each file alone.
  static func systematic(_ model: DiskModel, _ random: inout SeededRandom) -> [CrashChoice] {
    var choices: [CrashChoice] = []
    let datas: [Data] = [
      .nothing, .everything, .lengthAlone(isGarbage: false), .lengthAlone(isGarbage: true),
      .oldLength,
    ]
    for data in datas {
      choices.append(CrashChoice(data: data, entries: .nothing))
      choices.append(CrashChoice(data: data, entries: .everything))
    }
    for folder in model.pendingFolders {
      for entries in subsets(model.folders[folder]?.pending ?? []) {
        for data in [Data.nothing, .everything, .lengthAlone(isGarbage: false)] {
          choices.append(
            CrashChoice(data: data, entries: .everything, oddFolder: (folder, entries)))
        }
      }
    }
    for file in model.pendingFiles {
      for data in datas {
        choices.append(
          CrashChoice(data: .everything, entries: .everything, oddFile: (file, data)))
        choices.append(CrashChoice(data: .nothing, entries: .everything, oddFile: (file, data)))
      }
    }
    var moments = model.pendingTimes
    moments.shuffle(using: &random)
    for moment in moments.prefix(momentLimit) {
      choices.append(CrashChoice(data: .before(moment), entries: .before(moment)))
      choices.append(CrashChoice(data: .before(moment), entries: .everything))
      choices.append(CrashChoice(data: .everything, entries: .before(moment)))
    }
    for index in choices.indices { choices[index].seed = random.next() }
    return choices
  }

  private static func subsets(_ pending: [DiskModel.Pending<DiskModel.EntryChange>]) -> [Entries] {
    if pending.count <= subsetLimit {
      return (0..<(UInt64(1) << UInt64(pending.count))).map { .subset($0) }
    }
    return pending.map { .before($0.time) }
  }

  /// A choice of sectors, lengths and names.
  static func random(_ random: inout SeededRandom) -> CrashChoice {
    CrashChoice(
      data: .random(weight: random.pick([0, 1, 8, 32]), isGarbage: random.chance(4)),
      entries: random.pick([.everything, .everything, .random]), seed: random.next())
  }

  /// What the death of a process leaves: everything that was written.
  static let kill = CrashChoice(data: .everything, entries: .everything)
}

/// What the death of a process leaves while it stores into a mapped buffer.
enum TornStore {
  /// The pieces of a store as they may be there in part: bytes of a record up to or from some place
  /// on, or a progress entry in half.
  ///
  /// The processor stores in the order of the program. A progress entry is stored after frames that
  /// it covers, and what it frees is overwritten after it; so it is torn alone, and whole when
  /// frames are torn. Of two that have changed, the older was whole before the newer was begun.
  static func states(
    of file: [UInt8], _ pieces: [DiskOperation.Piece], _ random: inout SeededRandom
  ) -> [[UInt8]] {
    var after = file
    for piece in pieces { after.write(piece) }
    guard file.count == after.count else { return [] }
    let entries = progressEntries(after).map { changes(file, after, $0) }
    let progress = entries.flatMap { $0 }
    let ring = changes(file, after, BufferHeader.byteCount..<file.count)
    let laps = changes(file, after, 128..<256)
    var states: [[UInt8]] = []
    var before = file
    for entry in entries where !entry.isEmpty {
      for cut in [entry.count / 2, random.below(entry.count)] {
        states.append(applying(entry.prefix(cut), of: after, to: before))
        states.append(applying(entry.suffix(cut), of: after, to: before))
      }
      before = applying(entry, of: after, to: before)
    }
    // With a new lap the filler before it and its entry come first.
    let base = applying(progress + laps, of: after, to: file)
    guard laps.isEmpty, ring.count > 1 else { return states + [base] }
    for cut in [1, ring.count / 2, ring.count - 1, random.below(ring.count)] {
      states.append(applying(ring.prefix(cut), of: after, to: base))
      states.append(applying(ring.suffix(cut), of: after, to: base))
    }
    return states
  }

  /// Where the two progress entries lie, the older first.
  private static func progressEntries(_ file: [UInt8]) -> [Range<Int>] {
    let (even, odd) = (256..<320, 320..<BufferHeader.usedByteCount)
    func counter(_ entry: Range<Int>) -> UInt64 {
      file.rawSpan.integer(at: entry.lowerBound, as: UInt64.self)
    }
    return counter(even) < counter(odd) ? [even, odd] : [odd, even]
  }

  private static func changes(_ a: [UInt8], _ b: [UInt8], _ range: Range<Int>) -> [Int] {
    guard range.upperBound <= a.count else { return [] }
    var found: [Int] = []
    var start = range.lowerBound
    let aBytes = a.rawSpan
    let bBytes = b.rawSpan
    while start < range.upperBound {
      let end = min(start + 64, range.upperBound)
      if !aBytes.extracting(start..<end).equals(bBytes.extracting(start..<end)) {
        found += (start..<end).filter { a[$0] != b[$0] }
      }
      start = end
    }
    return found
  }

  private static func applying(
    _ places: some Sequence<Int>, of source: [UInt8], to bytes: [UInt8]
  ) -> [UInt8] {
    var bytes = bytes
    for place in places { bytes[place] = source[place] }
    return bytes
  }
}
