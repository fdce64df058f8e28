/// Brings more events into the order of the answer than memory holds: an external merge sort.
///
/// Events are copied until a budget is full, sorted, and written to a temporary file as a sorted
/// run; at the end all runs are merged. When a level has as many runs as can be merged at once,
/// they become one run of the next level. Time is proportional to the bytes, times a logarithm of
/// the number of events; the temporary files take about what they take in segments, twice that
/// while a level is merged.
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
  private var builder: RecordPageBuilder
  /// Bytes written to temporary files.
  private(set) var writtenByteCount = 0

  init(folder: any Folder, schema: AttributeSchema, isDescending: Bool, bounds: Bounds) {
    self.folder = folder
    builder = RecordPageBuilder(schema: schema)
    self.isDescending = isDescending
    self.bounds = bounds
  }

  /// Copies an event.
  ///
  /// - Throws: ``ReelError/io(_:)`` when there is no room for temporary files.
  func add(_ view: EventView) throws(ReelError) {
    copies.add(view)
    if copies.byteCount >= bounds.byteCount { try spill() }
  }

  /// Begins to give events out: no more are added.
  func finish() throws(ReelError) {
    try spill()
    copies = RecordCopies()
    merge = try RunMerge(levels.flatMap(\.runs), isDescending: isDescending)
  }

  /// The next events in the order of the answer, nothing after the last.
  func nextPage() throws(ReelError) -> RecordPage? {
    guard let merge else { return nil }
    while !merge.isEmpty {
      var page: RecordPage?
      try merge.take { entry in
        if !builder.hasRoom(entry.byteCount) { page = builder.finish() }
        builder.append(entry)
      }
      if let page { return page }
    }
    return builder.isEmpty ? nil : builder.finish()
  }

  private func spill() throws(ReelError) {
    guard !copies.entries.isEmpty else { return }
    copies.sort(isDescending: isDescending)
    try write(level: 0) { writer throws(ReelError) in
      for entry in copies.entries {
        try copies.withBytes(entry) { bytes throws(ReelError) in
          try writer.append(bytes, key: entry.key)
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
        guard let key = merge.firstKey else { break }
        try merge.take { entry throws(ReelError) in try writer.append(entry, key: key) }
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

  var firstKey: MergeKey? { heap.first?.key }

  /// Calls `body` with the first entry and passes over it.
  func take(_ body: (RawSpan) throws(ReelError) -> Void) throws(ReelError) {
    guard var item = heap.first else { return }
    if try item.reader.take(body) {
      item.key = item.reader.key
      heap.replaceFirst(item)
    } else {
      heap.removeFirst()
    }
  }
}
