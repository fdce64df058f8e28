import Testing

@testable import Reel

/// The columns of a block, each alone: what is encoded comes back, and malformed bytes throw.
@Suite struct ColumnCodecTests {
  private static let edges: [Int64] = [.min, .min + 1, -1, 0, 1, 1000, .max - 1, .max]

  private func deltas(_ values: [Int64]) throws -> [Int64] {
    var bytes: [UInt8] = []
    IntegerColumn.appendDeltas(values, to: &bytes)
    return try IntegerColumn.decodeDeltas(bytes.rawSpan, count: values.count)
  }

  @Test func deltasComeBackForEverySequenceOfThreeEdges() throws {
    #expect(try deltas([]) == [])
    for first in Self.edges {
      for second in Self.edges {
        for third in Self.edges {
          let values = [first, second, third]
          #expect(try deltas(values) == values)
        }
      }
    }
  }

  @Test(arguments: seeds(20))
  func randomIntegersComeBackAsDeltasAndAsPlanes(seed: UInt64) throws {
    var random = SeededRandom(seed)
    let count = random.below(300)
    let unit = random.pick([1, 1000, 7])
    let values = (0..<count).map { _ in Int64(random.below(1 << 40)) &* Int64(unit) }
    #expect(try deltas(values) == values, "seed \(seed)")
    let limit = random.pick([1, 2, 256, 257, 1 << 16, (1 << 24) + 1, 1 << 32])
    let numbers = (0..<count).map { _ in UInt32(random.below(limit)) }
    var bytes: [UInt8] = []
    IntegerColumn.appendPlanes(numbers, to: &bytes)
    #expect(try IntegerColumn.decodePlanes(bytes.rawSpan, count: count) == numbers)
    let flags = (0..<count).map { _ in random.chance(2) }
    var bitmap: [UInt8] = []
    PresenceBitmap.append(flags, to: &bitmap)
    let decoded = try PresenceBitmap.decode(bitmap.rawSpan, count: count)
    #expect(decoded.indexes.map { $0 >= 0 } == flags, "seed \(seed)")
    #expect(decoded.valueCount == flags.filter { $0 }.count)
    #expect(decoded.byteCount == (count + 7) / 8)
  }

  /// Texts by row, nothing where a row has none.
  private func texts(_ rows: [[UInt8]?]) throws -> (found: [[UInt8]?], column: TextColumn) {
    var builder = TextColumnBuilder(seed: 7)
    var encoder = TextColumnEncoder()
    return try texts(rows, &builder, &encoder)
  }

  private func texts(
    _ rows: [[UInt8]?], _ builder: inout TextColumnBuilder, _ encoder: inout TextColumnEncoder
  ) throws -> (found: [[UInt8]?], column: TextColumn) {
    for (row, text) in rows.enumerated() {
      if let text { builder.append(text.rawSpan, row: row) }
    }
    var taken = TextRows()
    builder.take(&taken)
    var bytes: [UInt8] = []
    encoder.takeTexts(taken)
    encoder.encode(&taken, rowCount: rows.count, to: &bytes)
    let column = try TextColumn(bytes.rawSpan, count: rows.count)
    let found = rows.indices.map { row -> [UInt8]? in
      let code = column.code(row)
      return code == 0 ? nil : column.text(code: code).copied()
    }
    return (found, column)
  }

  /// Numbers begin anew behind 4 MiB of texts, which the encoder has to notice.
  @Test func textsComeBackFromBlockToBlockAlsoWhenTheirNumbersBeginAnew() throws {
    var random = SeededRandom(3)
    var builder = TextColumnBuilder(seed: 7)
    var encoder = TextColumnEncoder()
    var generations: Set<Int> = []
    for block in 0..<12 {
      // Some texts of every block are those of the one before.
      let rows: [[UInt8]?] = (0..<300).map { row in
        if random.chance(5) { return nil }
        let number = random.chance(2) ? row : block * 1_000 + row
        return Array("\(number)/".utf8) + [UInt8](repeating: 7, count: 5_000)
      }
      generations.insert(builder.generation)
      #expect(try texts(rows, &builder, &encoder).found == rows, "block \(block)")
    }
    #expect(generations.count > 1)
  }

  @Test(arguments: [1, 2, 254, 255, 256, 257, 700])
  func dictionariesOfAnySizeComeBackSortedAndAreFound(distinct: Int) throws {
    var random = SeededRandom(UInt64(distinct))
    let pool = (0..<distinct).map { Array("prefix/\($0 * 7919 % 1000)/\($0)".utf8) }
    var rows: [[UInt8]?] = pool.map { $0 }
    rows += (0..<200).map { _ in random.chance(3) ? nil : random.pick(pool) }
    rows.append([])
    rows.shuffle(using: &random)
    let (found, column) = try texts(rows)
    #expect(found == rows)
    #expect(column.count == distinct + 1)
    for text in pool {
      let known = column.code(of: text.rawSpan)
      let code = try #require(known)
      #expect(column.text(code: code).copied() == text)
    }
    let missing = Array("prefix/none".utf8)
    let none = column.code(of: missing.rawSpan)
    #expect(none == nil)
    #expect(column.rowCounts().reduce(0, +) == rows.filter { $0 != nil }.count)
  }

  private func encoded(_ rows: [[UInt8]?]) -> (bytes: [UInt8], encoding: UInt8) {
    var builder = IdentifierColumnBuilder()
    for (row, id) in rows.enumerated() {
      if let id { builder.append(id.rawSpan, row: row) }
    }
    var bytes: [UInt8] = []
    let encoding = builder.encode(rowCount: rows.count, to: &bytes)
    return (bytes, encoding)
  }

  private func identifiers(_ rows: [[UInt8]?]) throws -> (found: [[UInt8]?], encoding: UInt8) {
    let (bytes, encoding) = encoded(rows)
    let column = try IdentifierColumn(bytes.rawSpan, encoding: encoding, count: rows.count)
    let found = rows.indices.map { column.hasValue($0) ? column.bytes($0).copied() : nil }
    return (found, encoding)
  }

  private static let forms: [(name: String, make: @Sendable (Int) -> String)] = [
    ("counted hexadecimal", { "ee49625500" + String(0x100000 + $0 * 3, radix: 16) }),
    ("odd hexadecimal", { "abc" + String(0x1000 + $0, radix: 16) }),
    ("uppercase", { "AB" + String(0x10000 + $0, radix: 16) }),
    ("of any length", { String(repeating: "x", count: 1 + $0 % 9) + "\($0)" }),
    ("UUIDs", { "6fa459ea-ee8a-3ca4-894e-" + String(0xdb77_e160_355e + $0, radix: 16) }),
    ("UUIDs but for a letter", { ($0 == 5 ? "G" : "6") + "fa459ea-ee8a-3ca4-894e-db77e160355e" }),
    ("long", { String(repeating: "a", count: 247) + String(10_000_000 + $0) }),
    ("of 36 without hyphens", { "6fa459eaxee8a-3ca4-894e-db77e160" + String(1000 + $0) }),
  ]

  @Test(arguments: 0..<8)
  func identifiersOfEveryFormComeBack(form: Int) throws {
    let make = Self.forms[form].make
    let all = (0..<60).map { Array(make($0).utf8) }
    #expect(try identifiers(all).found == all, "\(Self.forms[form].name)")
    let some: [[UInt8]?] = all.enumerated().map { $0 % 3 == 1 ? nil : $1 }
    let (found, encoding) = try identifiers(some)
    #expect(found == some, "\(Self.forms[form].name)")
    #expect(encoding & ColumnEncoding.presenceFlag != 0)
    #expect(try identifiers([all[0]]).found == [all[0]])
  }

  /// Where a row is found in the encoded column and in the decoded one.
  private func lastRows(of wanted: [UInt8], in rows: [[UInt8]?]) throws -> [Int?] {
    let (bytes, encoding) = encoded(rows)
    let column = try IdentifierColumn(bytes.rawSpan, encoding: encoding, count: rows.count)
    let inEncoded = try IdentifierColumn.lastRow(
      of: wanted.rawSpan, in: bytes.rawSpan, encoding: encoding, count: rows.count,
      limits: 1...255)
    return [inEncoded, column.lastRow(of: wanted.rawSpan)]
  }

  @Test(arguments: 0..<9)
  func anIdentifierIsFoundInItsLastRowWhetherOrNotTheColumnIsDecoded(form: Int) throws {
    var random = SeededRandom(UInt64(form))
    // The last form is random bytes, of which planes hold no differences, with ends in common.
    let make: (Int) -> [UInt8] = { [forms = Self.forms] number in
      guard form < forms.count else {
        var random = SeededRandom(UInt64(number))
        return random.bytes(14) + [UInt8(number % 3), 7]
      }
      return Array(forms[form].make(number).utf8)
    }
    for count in [1, 2, 31, 33, 200] {
      var rows: [[UInt8]?] = (0..<count).map { make($0) }
      for _ in 0..<(count / 4) { rows[random.below(count)] = make(random.below(count)) }
      for _ in 0..<(count / 40) { rows[random.below(count)] = nil }
      for number in 0..<(count + 3) {
        let wanted = make(number)
        let expected = rows.lastIndex(of: wanted)
        let found = try lastRows(of: wanted, in: rows)
        #expect(found == [expected, expected], "\(number) of \(count)")
      }
      for wanted in [[], [0], Array("6fa459ea-ee8a-3ca4-894e-DB77E160355E".utf8)] as [[UInt8]] {
        #expect(try lastRows(of: wanted, in: rows) == [nil, nil])
      }
    }
  }

  @Test func functionKeysTellAbsentFromEmpty() {
    for module in [nil, "", "Desk.Request", "ü"] {
      for name in [nil, "", "handle!", "þ"] {
        for arity in [nil, 0, 9, 10, 65_534] as [UInt16?] {
          let function = Function(module: module, name: name, arity: arity)
          let key = FunctionKey.bytes(of: function)
          #expect(FunctionKey.function(key.rawSpan) == function)
        }
      }
    }
  }

  @Test(arguments: seeds(10))
  func malformedBytesThrowAndNeverTrap(seed: UInt64) throws {
    var random = SeededRandom(seed)
    var rounds: [[UInt8]] = []
    var valid: [UInt8] = []
    var texts = TextColumnBuilder(seed: 1)
    for row in 0..<40 {
      let text = Array("t\(row % 9)".utf8)
      texts.append(text.rawSpan, row: row)
    }
    var rows = TextRows()
    texts.take(&rows)
    var encoder = TextColumnEncoder()
    encoder.takeTexts(rows)
    encoder.encode(&rows, rowCount: 40, to: &valid)
    rounds.append(valid)
    var numbers: [UInt8] = []
    IntegerColumn.appendDeltas((0..<40).map { $0 * $0 }, to: &numbers)
    rounds.append(numbers)
    var ids = IdentifierColumnBuilder()
    for row in 0..<40 where row % 2 == 0 {
      let id = Array("aabb\(row + 10)".utf8)
      ids.append(id.rawSpan, row: row)
    }
    var packed: [UInt8] = []
    let encoding = ids.encode(rowCount: 40, to: &packed)
    rounds.append(packed)
    for whole in rounds {
      for length in 0..<whole.count { decodeAll(Array(whole[..<length]), encoding) }
      for _ in 0..<400 {
        var bytes = whole
        for _ in 0...random.below(4) {
          bytes[random.below(bytes.count)] = random.pick([0, 1, 0x7F, 0x80, 0xFF])
        }
        decodeAll(bytes, encoding)
      }
    }
    for _ in 0..<300 { decodeAll(random.bytes(random.below(80)), UInt8(random.below(256))) }
  }

  /// Decodes bytes as everything that they might be; it is enough that nothing traps.
  private func decodeAll(_ bytes: [UInt8], _ encoding: UInt8) {
    _ = try? IntegerColumn.decodeDeltas(bytes.rawSpan, count: 40)
    _ = try? IntegerColumn.decodePlanes(bytes.rawSpan, count: 40)
    _ = try? PresenceBitmap.decode(bytes.rawSpan, count: 40)
    _ = try? IdentifierColumn(bytes.rawSpan, encoding: encoding, count: 40)
    let wanted: [UInt8] = [0x61, 0]
    _ = try? IdentifierColumn.lastRow(
      of: wanted.rawSpan, in: bytes.rawSpan, encoding: encoding, count: 40, limits: 1...255)
    _ = FunctionKey.function(bytes.rawSpan)
    if let column = try? TextColumn(bytes.rawSpan, count: 40) {
      for row in 0..<40 where column.code(row) != 0 { _ = column.text(code: column.code(row)) }
    }
    _ = try? BlockHeader(decoding: bytes.rawSpan)
    _ = try? ControlState(decoding: bytes.rawSpan)
    _ = try? PostingIndex(decoding: bytes, blockCount: 9)
    _ = try? FingerprintIndex(decoding: bytes, ordinalCount: 9)
    _ = try? RecordView(bytes.rawSpan).byteCount
    _ = try? LZ4Frame.content(of: bytes.rawSpan, byteCount: 100)
    for type in UInt8(0)...8 { _ = try? ControlRecord(type: type, body: bytes.rawSpan) }
  }
}
