/// Events as records side by side in memory: the form in which queries give them out.
///
/// A page never changes, so any number of threads may read it, and a view of an event in it is one
/// reference and an offset. An entry is a sequence number (`UInt64`), a run id (`UInt64`) and a
/// record like a ``Record``, but where that has the fields' lengths, here is where each ends, from
/// the beginning of the record, and ``presence(of:)`` says in the flags which there are: so any
/// field is found without adding up those before.
@usableFromInline
final class RecordPage: Sendable {
  @usableFromInline
  let region: Region
  /// Where each entry's record begins; ``unreadable`` for a row whose payload could not be read.
  let offsets: [UInt32]
  let schema: AttributeSchema
  /// Why rows are unreadable.
  let damage: Corruption?

  static let entryPrefixByteCount = 16

  /// The bit of the flags (offset 6) that says that a field is there.
  @inlinable @inline(__always)
  static func presence(of field: Record.Field) -> UInt16 { 2 << UInt16(field.rawValue) }

  static let unreadable = UInt32.max

  /// About what an event takes.
  @inlinable static var usualByteCount: Int { 320 }

  init(region: Region, offsets: [UInt32], schema: AttributeSchema, damage: Corruption? = nil) {
    self.region = region
    self.offsets = offsets
    self.schema = schema
    self.damage = damage
  }

  static let empty = RecordPage(
    region: Region(byteCount: 0), offsets: [], schema: AttributeSchema())

  var count: Int { offsets.count }
  /// About the memory it takes.
  var byteCount: Int { region.byteCount + offsets.count * 4 + 128 }

  /// Asks the processor to bring a record near.
  @usableFromInline
  func prefetch(_ offset: Int, byteCount: Int) {
    region.prefetch(at: offset, byteCount: byteCount)
  }

  /// Brings near what ``view(_:)`` goes by.
  @inline(__always)
  func prefetch() {
    offsets.prefetch(at: 0)
  }

  /// Brings the first of the records to be looked at near.
  func prefetch(_ offset: Int) { prefetch(offset, byteCount: Self.usualByteCount) }

  /// The event at `place`, or nothing when it could not be read.
  @inline(__always)
  func view(_ place: Int) -> EventView? {
    let offset = offsets[place]
    return offset == Self.unreadable ? nil : EventView(page: self, offset: Int(offset))
  }
}

/// Fills a page with entries copied from elsewhere.
struct RecordPageBuilder {
  private let schema: AttributeSchema
  private var region: Region
  private var filled = 0
  private var offsets: [UInt32] = []

  /// A page is full beyond this many bytes; a larger entry has a page of its own.
  private static let pageByteCount = 128 << 10

  init(schema: AttributeSchema) {
    self.schema = schema
    region = Region(byteCount: Self.pageByteCount)
  }

  var isEmpty: Bool { offsets.isEmpty }

  /// Whether an entry of `byteCount` bytes fits.
  func hasRoom(_ byteCount: Int) -> Bool { isEmpty || filled + byteCount <= region.byteCount }

  /// Appends an entry, for which there must be room.
  mutating func append(_ entry: RawSpan) {
    if entry.byteCount > region.byteCount { region = Region(byteCount: entry.byteCount) }
    region.copy(entry, at: filled)
    offsets.append(UInt32(filled + RecordPage.entryPrefixByteCount))
    filled += entry.byteCount
  }

  /// Ends the page and begins the next.
  mutating func finish() -> RecordPage {
    let page = RecordPage(region: region, offsets: offsets, schema: schema)
    region = Region(byteCount: Self.pageByteCount)
    filled = 0
    offsets = []
    return page
  }
}
