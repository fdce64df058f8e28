import Reel

/// Folded stacks, as flame graphs are made of: `process;outer;inner N` a line, in the order of
/// text.
///
/// N is the nanoseconds that calls with this stack took themselves, or their number. Only calls
/// count that have an entry and an exit. In memory are the distinct stacks.
struct FoldedExport: CallSink {
  /// Distinct stacks that are kept.
  static let stackLimit = 1 << 20

  private struct Child: Hashable {
    var parent: Int
    var name: Int
  }

  /// Calls whose stacks there was no room for, which count for the stacks around them.
  private(set) var mergedCount = 0
  private let counts: Bool
  private var names = CallNames()
  /// The first is for what there is no room for.
  private var stacks: [(parent: Int, name: Int, total: UInt64)] = [(-1, 0, 0)]
  private var children: [Child: Int] = [:]

  /// - Parameter counts: Whether calls are counted rather than their time.
  init(counts: Bool) {
    self.counts = counts
  }

  mutating func enter(_ view: EventView, _ frame: inout CallFrame, in lane: CallLane) {
    let name = names.number { EventParts.appendName(view, to: &$0) }
    frame.tag = stack(lane, name)
  }

  mutating func resume(_ entry: Event, _ frame: inout CallFrame, in lane: CallLane) {
    let name = names.number {
      $0.append(contentsOf: (entry.function?.description ?? entry.kind ?? "").utf8)
    }
    frame.tag = stack(lane, name)
  }

  mutating func leave(
    _ view: EventView?, _ frame: CallFrame, in lane: CallLane, at time: Int64
  ) {
    guard view != nil else { return }
    let duration = UInt64(bitPattern: time &- frame.start)
    let own = duration - min(duration, frame.inner)
    let sum = stacks[frame.tag].total.addingReportingOverflow(counts ? 1 : own)
    stacks[frame.tag].total = sum.overflow ? .max : sum.partialValue
    if let parent = lane.frames.indices.last { lane.frames[parent].inner &+= duration }
  }

  mutating func happen(
    _ view: EventView, _ role: EventRole, _ flow: MessageFlow, in lane: CallLane
  ) {}

  /// Appends the lines to `output`, which `write` may empty after each.
  func append(linesTo output: inout [UInt8], _ write: (inout [UInt8]) -> Void) {
    var lines: [(text: [UInt8], total: UInt64)] = []
    for place in stacks.indices where stacks[place].total > 0 {
      lines.append((path(place), stacks[place].total))
    }
    lines.sort { $0.text.lexicographicallyPrecedes($1.text) }
    for line in lines {
      output.append(contentsOf: line.text)
      output.append(UInt8(ascii: " "))
      output.append(decimal: line.total, isQuoted: false)
      output.append(UInt8(ascii: "\n"))
      write(&output)
    }
  }

  /// Names without what would end one: a semicolon, or a line.
  private func path(_ place: Int) -> [UInt8] {
    var parts: [[UInt8]] = []
    var next = place
    while next >= 0 {
      parts.append(
        names[stacks[next].name].map { byte in
          byte == UInt8(ascii: ";") ? UInt8(ascii: ":") : byte < 0x20 ? UInt8(ascii: "?") : byte
        })
      next = stacks[next].parent
    }
    return Array(parts.reversed().joined(separator: [UInt8(ascii: ";")]))
  }

  /// The stack of a call that begins in `lane`.
  private mutating func stack(_ lane: CallLane, _ name: Int) -> Int {
    if let caller = lane.frames.last { return child(of: caller.tag, name) }
    let process = names.number {
      $0.append(contentsOf: EventParts.name(lane.process).utf8)
    }
    return child(of: child(of: -1, process), name)
  }

  private mutating func child(of parent: Int, _ name: Int) -> Int {
    let key = Child(parent: parent, name: name)
    if let place = children[key] { return place }
    guard stacks.count < Self.stackLimit else {
      mergedCount += 1
      return max(parent, 0)
    }
    stacks.append((parent, name, 0))
    children[key] = stacks.count - 1
    return stacks.count - 1
  }
}
