/// A decoded column of texts.
///
/// Everything lies in one region, so that handing a column out counts one reference: first the
/// lower bytes of the rows' codes and, with more than 255 texts, the upper ones; the tags of the
/// texts; where each text begins (u32) and the last ends; the texts.
struct TextColumn: Sendable {
  private let region: Region
  private let tagsStart: Int
  private let offsetsStart: Int
  private let textsStart: Int
  /// The number of distinct texts.
  let count: Int
  /// Bytes of the longest text.
  let longestByteCount: Int
  private let rowCount: Int

  /// Decodes a column of `count` rows; where `only` some rows are given, ascending, the others have
  /// no text.
  init(
    _ span: RawSpan, count rowCount: Int, only rows: [Int32]? = nil
  ) throws(ByteReader.Malformed) {
    if let rows {
      try self.init(span, count: rowCount, rows: rows)
    } else {
      try self.init(all: span, count: rowCount)
    }
  }

  private init(all span: RawSpan, count rowCount: Int) throws(ByteReader.Malformed) {
    var reader = ByteReader(span)
    let dictionary = try TextDictionary(
      measuring: &reader, limit: min(rowCount, span.byteCount))
    count = dictionary.count
    longestByteCount = dictionary.longestByteCount
    self.rowCount = rowCount
    tagsStart = count > 255 ? 2 * rowCount : rowCount
    guard reader.remaining == tagsStart else {
      throw ByteReader.Malformed("a column of codes", "has a wrong length", found: reader.remaining)
    }
    offsetsStart = (tagsStart + count + 3) & ~3
    textsStart = offsetsStart + 4 * (count + 1)
    region = Region(uninitializedByteCount: textsStart + dictionary.byteCount)
    region.copy(try reader.span(tagsStart, "a column of codes"), at: 0)
    var largest: UInt16 = 0
    for row in 0..<rowCount { largest = max(largest, code(row)) }
    guard Int(largest) <= count else {
      throw ByteReader.Malformed("a code", "is outside the dictionary", found: largest)
    }
    try dictionary.write(
      from: span, to: region, offsetsStart: offsetsStart, textsStart: textsStart)
    for index in 0..<count {
      let text = text(code: UInt16(index + 1))
      region.store(text.tag(of: 0..<text.byteCount), at: tagsStart + index)
    }
  }

  /// The texts of `rows` alone, for which the dictionary is passed over up to the last of them and
  /// no other text put together.
  private init(
    _ span: RawSpan, count rowCount: Int, rows: [Int32]
  ) throws(ByteReader.Malformed) {
    var reader = ByteReader(span)
    let total = try reader.count("a dictionary's length", limit: min(rowCount, span.byteCount))
    let isWide = total > 255
    let codesByteCount = isWide ? 2 * rowCount : rowCount
    guard reader.remaining >= codesByteCount else {
      throw ByteReader.Malformed("a column of codes", "has a wrong length", found: reader.remaining)
    }
    let codes = span.extracting((span.byteCount - codesByteCount)..<span.byteCount)
    var wanted: [(code: Int, row: Int)] = []
    for row in rows {
      let high = isWide ? Int(codes.byte(at: rowCount + Int(row))) << 8 : 0
      let code = Int(codes.byte(at: Int(row))) | high
      guard code <= total else {
        throw ByteReader.Malformed("a code", "is outside the dictionary", found: code)
      }
      if code != 0 { wanted.append((code, Int(row))) }
    }
    wanted.sort { $0.code < $1.code }
    var texts: [UInt8] = []
    var ends: [Int] = []
    var walk = FrontCodedWalk()
    var newCodes: [UInt8] = []
    for (index, (code, _)) in wanted.enumerated() {
      if index == 0 || wanted[index - 1].code != code {
        while walk.count < code { try walk.next(&reader) }
        walk.append(from: span, to: &texts)
        ends.append(texts.count)
      }
      newCodes.append(UInt8(ends.count))
    }
    count = ends.count
    self.rowCount = rowCount
    tagsStart = rowCount
    offsetsStart = (tagsStart + count + 3) & ~3
    textsStart = offsetsStart + 4 * (count + 1)
    region = Region(byteCount: textsStart + texts.count)
    for (index, (_, row)) in wanted.enumerated() { region.store(newCodes[index], at: row) }
    region.copy(texts.rawSpan, at: textsStart)
    var longest = 0
    for (index, end) in ends.enumerated() {
      let start = index == 0 ? 0 : ends[index - 1]
      longest = max(longest, end - start)
      region.store(UInt32(end), at: offsetsStart + 4 * (index + 1))
      region.store(texts.rawSpan.tag(of: start..<end), at: tagsStart + index)
    }
    longestByteCount = longest
  }

  /// Brings near what leads to the rows and texts.
  @inline(__always)
  func prefetch() { region.prefetch(at: 0, byteCount: 64) }

  /// The bytes it takes in memory beyond a small constant.
  var byteCount: Int { region.byteCount }

  /// The code of `row`: 0 when absent, else the number of the text plus one.
  @inline(__always)
  func code(_ row: Int) -> UInt16 {
    let low = UInt16(region.integer(at: row, as: UInt8.self))
    guard count > 255 else { return low }
    return low | UInt16(region.integer(at: rowCount &+ row, as: UInt8.self)) << 8
  }

  /// The bytes of a row's text, 0 when it is absent.
  @inline(__always)
  func byteCount(ofRow row: Int) -> Int {
    let code = code(row)
    guard code != 0 else { return 0 }
    let place = offsetsStart + 4 * (Int(code) - 1)
    return Int(region.integer(at: place + 4, as: UInt32.self))
      - Int(region.integer(at: place, as: UInt32.self))
  }

  /// The text with `code`, which is not 0.
  @_lifetime(borrow self)
  @inline(__always)
  func text(code: UInt16) -> RawSpan {
    let place = offsetsStart + 4 * (Int(code) - 1)
    let start = Int(region.integer(at: place, as: UInt32.self))
    let end = Int(region.integer(at: place + 4, as: UInt32.self))
    return region.bytes((textsStart + start)..<(textsStart + end))
  }

  /// The code of `text`, or nothing when the block does not have it; O(n), a byte each.
  func code(of text: RawSpan) -> UInt16? {
    let tag = text.tag(of: 0..<text.byteCount)
    var code: UInt16?
    region.bytes(tagsStart..<(tagsStart + count)).forEachIndex(of: tag) { index in
      if code == nil, self.text(code: UInt16(index + 1)).equals(text) { code = UInt16(index + 1) }
    }
    return code
  }

  /// The rows that have `code`, ascending; O(rows), a byte each.
  func rows(withCode code: UInt16) -> [Int32] {
    var rows: [Int32] = []
    appendRows(withCode: code, to: &rows)
    return rows
  }

  /// Appends the rows that have `code`, ascending; O(rows), a byte each.
  func appendRows(withCode code: UInt16, to rows: inout [Int32]) {
    region.bytes(0..<rowCount).forEachIndex(of: UInt8(truncatingIfNeeded: code)) { row in
      if self.code(row) == code { rows.append(Int32(row)) }
    }
  }

  /// The codes of the texts that begin with `prefix`; O(log n).
  func codes(withPrefix prefix: [UInt8]) -> Range<Int> {
    let first = firstIndex(count) {
      !self.text(code: UInt16($0 + 1)).isLexicographicallyBefore(prefix.rawSpan)
    }
    let end =
      first
      + firstIndex(count - first) {
        self.text(code: UInt16(first + $0 + 1)).commonPrefix(prefix.rawSpan) < prefix.count
      }
    return (first + 1)..<(end + 1)
  }

  /// The number of rows that have each text, by number.
  func rowCounts() -> [Int] {
    var counts = [Int](repeating: 0, count: count + 1)
    for row in 0..<rowCount { counts[Int(code(row))] += 1 }
    counts.removeFirst()
    return counts
  }
}

/// A sorted, front-coded dictionary: measured first, so that its texts can be put together again
/// where they are to lie.
private struct TextDictionary {
  let count: Int
  /// Bytes of all texts, and of the longest.
  let byteCount: Int
  let longestByteCount: Int
  /// Where the first entry begins.
  private let start: Int

  /// Passes over the number of texts, at most `limit`, and the texts.
  init(measuring reader: inout ByteReader, limit: Int) throws(ByteReader.Malformed) {
    count = try reader.count("a dictionary's length", limit: limit)
    start = reader.offset
    var previous = 0
    var total = 0
    var longest = 0
    for _ in 0..<count {
      let shared = try reader.count("a shared prefix", limit: previous)
      let length = try reader.count("a text's length", limit: Limits.dictionaryTextByteCount)
      try reader.skip(length)
      // Shared prefixes let few bytes stand for many: both one text and all of them are bounded.
      previous = shared + length
      total += previous
      longest = max(longest, previous)
      guard previous <= Limits.dictionaryTextByteCount, total <= Limits.frameByteCount else {
        throw ByteReader.Malformed("a text", "is too long", found: previous)
      }
    }
    byteCount = total
    longestByteCount = longest
  }

  /// Writes where each text begins and the last ends, and the texts.
  func write(
    from span: RawSpan, to region: Region, offsetsStart: Int, textsStart: Int
  ) throws(ByteReader.Malformed) {
    var reader = ByteReader(span)
    try reader.skip(start)
    var previous = textsStart..<textsStart
    for index in 0..<count {
      region.store(UInt32(previous.upperBound - textsStart), at: offsetsStart + 4 * index)
      let shared = Int(try reader.varint("a shared prefix"))
      let length = Int(try reader.varint("a text's length"))
      let rest = try reader.span(length, "a text")
      let isAfter =
        index == 0
        || length > 0
          && (shared == previous.count
            || rest.byte(at: 0)
              > region.integer(at: previous.lowerBound + shared, as: UInt8.self))
      guard isAfter else {
        throw ByteReader.Malformed("a dictionary", "is not sorted", found: length)
      }
      let place = previous.upperBound
      region.copyWithin(
        previous.lowerBound..<(previous.lowerBound + shared), to: place)
      region.copy(rest, at: place + shared)
      previous = place..<(place + shared + length)
    }
    region.store(UInt32(previous.upperBound - textsStart), at: offsetsStart + 4 * count)
  }
}

/// Passes over the texts of a front-coded dictionary; knows of which pieces the last one is made.
private struct FrontCodedWalk {
  /// From `start` in the text on, until the next piece begins, its bytes lie at `offset`.
  private var pieces: [(start: Int, offset: Int)] = []
  private var byteCount = 0
  /// The texts passed over.
  private(set) var count = 0

  mutating func next(_ reader: inout ByteReader) throws(ByteReader.Malformed) {
    let shared = try reader.count("a shared prefix", limit: byteCount)
    let length = try reader.count("a text's length", limit: Limits.dictionaryTextByteCount)
    while let last = pieces.last, last.start >= shared { pieces.removeLast() }
    pieces.append((shared, reader.offset))
    try reader.skip(length)
    byteCount = shared + length
    guard byteCount <= Limits.dictionaryTextByteCount else {
      throw ByteReader.Malformed("a text", "is too long", found: byteCount)
    }
    count += 1
  }

  /// Appends the text that was passed over last.
  func append(from span: RawSpan, to output: inout [UInt8]) {
    for (index, piece) in pieces.enumerated() {
      let end = index + 1 < pieces.count ? pieces[index + 1].start : byteCount
      let offset = piece.offset
      output.append(span.extracting(offset..<(offset + end - piece.start)))
    }
  }
}

/// Whether the text that shares `shared` bytes with `previous` and goes on with `rest` comes after
/// it in strict order of bytes, as sorted, front-coded dictionaries must.
func isAfter(_ rest: RawSpan, shared: Int, previous: ArraySlice<UInt8>) -> Bool {
  guard rest.byteCount > 0 else { return false }
  return shared == previous.count || rest.byte(at: 0) > previous[previous.startIndex + shared]
}
