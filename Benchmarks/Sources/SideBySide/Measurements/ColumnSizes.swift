import Reel

/// What the bytes of Reel's files are spent on, as its own inspection tells.
enum ColumnSizes {
  private static let stored = "bytes an event"
  private static let raw = "before compression"

  static func measure(
    _ folder: TemporaryFolder, _ bench: Workbench, _ results: inout Results
  ) throws {
    var sizes = Sizes()
    for name in try folder.fileNames() where name.hasSuffix(".segment") {
      let segment = try SegmentInspection(path: folder.path + "/" + name)
      let indexes = segment.directory?.indexes ?? []
      let names = Dictionary(indexes.map { ($0.offset, $0.name) }) { first, _ in first }
      for part in segment.parts { sizes.add(part, index: names[part.offset]) }
    }
    let count = Double(bench.events.count)
    for (name, size) in sizes.parts {
      if size.stored > 0 { results.add(.columns, name, stored, Double(size.stored) / count) }
      if size.raw > 0 { results.add(.columns, name, raw, Double(size.raw) / count) }
    }
  }

  /// Bytes by the name of what they hold, in the order in which the names were first met.
  private struct Sizes {
    private(set) var parts: [(name: String, size: (stored: Int, raw: Int))] = []

    /// Adds a part; `index` is the name of the column whose index it is.
    mutating func add(_ part: SegmentPart, index: String?) {
      switch part.content {
      case .block(let block): add(block)
      case .index: add("index of \(index ?? "an unknown column")", stored: part.byteCount)
      default: add("\(part.name) frames", stored: part.byteCount)
      }
    }

    private mutating func add(_ block: BlockInspection) {
      add("block headers", stored: block.headerByteCount)
      for (index, frame) in block.frames.enumerated() {
        let name = index == 0 ? "attributes, all columns" : "payloads"
        add(name, stored: frame.byteCount, raw: frame.rawByteCount)
      }
      for column in block.columns { add("column \(column.name)", raw: column.byteCount) }
    }

    private mutating func add(_ name: String, stored: Int = 0, raw: Int = 0) {
      guard let index = parts.firstIndex(where: { $0.name == name }) else {
        return parts.append((name, (stored, raw)))
      }
      parts[index].size.stored += stored
      parts[index].size.raw += raw
    }
  }
}
