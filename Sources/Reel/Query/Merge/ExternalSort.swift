/// Brings more rows into the order of the answer than memory holds: an external merge sort.
///
/// Rows are copied until a budget is full, sorted, and written to a temporary file as a sorted run;
/// at the end all runs are merged. When a level has as many runs as can be merged at once, they
/// become one run of the next level. Time is proportional to the bytes, times a logarithm of the
/// number of rows; the temporary files take about what the rows take in segments, twice that while
/// a level is merged.
final class ExternalSort {
  /// What a sort may hold; tests lower it to see several levels on few events.
  struct Bounds {
    /// Bytes of records in memory while runs are made.
    var byteCount = 24 << 20
    /// Runs merged at once; each takes a frame of ``SortedRun/frameByteCount`` and as much again.
    var fanIn = 384
  }

  private struct Level {
    var file: any File
    var runs: [SortedRun] = []
    var end: Int { runs.last?.range.upperBound ?? 0 }
  }

  private let folder: any Folder
  private let isDescending: Bool
  private let bounds: Bounds
  private var copies = RecordCopies()
  private var levels: [Level] = []
  private var merge: RunMerge?
  private var packer = RowPacker()
  /// Bytes written to temporary files.
  private(set) var writtenByteCount = 0

  init(folder: any Folder, isDescending: Bool, bounds: Bounds) {
    self.folder = folder
    self.isDescending = isDescending
    self.bounds = bounds
  }

  /// Copies a row's record.
  ///
  /// - Throws: ``ReelError/io(_:)`` when there is no room for temporary files, and
  ///   ``ReelError/corrupted(_:)`` when the row's payload cannot be read: it is then left out.
  func add(_ block: DecodedBlock, row: Int) throws(ReelError) {
    try copies.add(block, row: row)
    if copies.byteCount >= bounds.byteCount { try spill() }
  }

  /// Begins to give rows out: no more are added.
  func finish() throws(ReelError) {
    try spill()
    copies = RecordCopies()
    merge = try RunMerge(levels.flatMap(\.runs), isDescending: isDescending)
  }

  /// The next rows in the order of the answer, none after the last.
  func nextRows() throws(ReelError) -> [MergeRow] {
    while let merge, !merge.isEmpty, packer.rows.isEmpty {
      try merge.take { record, key, runID throws(ReelError) in
        // Every record was checked when its block was decoded, and its frame has a checksum.
        if let view = try? RecordView(record) { packer.append(view, key: key, runID: runID) }
      }
    }
    return packer.takeRows()
  }

  private func spill() throws(ReelError) {
    guard !copies.entries.isEmpty else { return }
    copies.sort(isDescending: isDescending)
    try write(level: 0) { writer throws(ReelError) in
      for entry in copies.entries {
        try copies.withRecord(entry) { record throws(ReelError) in
          try writer.append(record, key: entry.key, runID: entry.runID)
        }
      }
    }
    copies.removeAll()
  }

  /// Appends a run to a level, and merges the level first when it is full.
  private func write(
    level: Int, _ body: (inout SortedRunWriter) throws(ReelError) -> Void
  ) throws(ReelError) {
    if level == levels.count { levels.append(Level(file: try folder.temporaryFile())) }
    if levels[level].runs.count >= bounds.fanIn { try mergeUp(level) }
    var writer = SortedRunWriter(file: levels[level].file, at: levels[level].end)
    try body(&writer)
    let run = try writer.finish()
    levels[level].runs.append(run)
    writtenByteCount += run.range.count
  }

  /// Makes all runs of a level one run of the next.
  private func mergeUp(_ level: Int) throws(ReelError) {
    let merge = try RunMerge(levels[level].runs, isDescending: isDescending)
    try write(level: level + 1) { writer throws(ReelError) in
      while !merge.isEmpty {
        try merge.take { record, key, runID throws(ReelError) in
          try writer.append(record, key: key, runID: runID)
        }
      }
    }
    levels[level].runs = []
    try levels[level].file.truncate(to: 0)
  }
}

/// A merge of sorted runs.
private final class RunMerge {
  private struct Item: Prioritized {
    var key: MergeKey
    var isDescending: Bool
    var reader: SortedRunReader

    func precedes(_ other: Item) -> Bool {
      isDescending ? other.key < key : key < other.key
    }
  }

  private var heap = Heap<Item>()

  var isEmpty: Bool { heap.isEmpty }

  init(_ runs: [SortedRun], isDescending: Bool) throws(ReelError) {
    for run in runs {
      guard let reader = try SortedRunReader(run) else { continue }
      heap.push(Item(key: reader.key, isDescending: isDescending, reader: reader))
    }
  }

  /// Calls `body` with the first record, its key and its run, and passes over it.
  func take(
    _ body: (RawSpan, MergeKey, UInt64) throws(ReelError) -> Void
  ) throws(ReelError) {
    guard var item = heap.first else { return }
    if try item.reader.take(body) {
      item.key = item.reader.key
      heap.replaceFirst(item)
    } else {
      heap.removeFirst()
    }
  }
}
