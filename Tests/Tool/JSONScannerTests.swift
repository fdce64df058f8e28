import Testing

@testable import ReelTool

/// The scanner takes exactly JSON: tables of what is and is not, then every cut and many mutations
/// of a line, which must neither trap nor yield ranges outside of it.
@Suite struct JSONScannerTests {
  /// What a scanner makes of the whole of `bytes`.
  static func scan(
    _ bytes: [UInt8], form: JSONScanner.Form = .object
  ) -> Result<[JSONMember], JSONFault> {
    var scanner = JSONScanner(bytes.byteSpan, form: form)
    var members: [JSONMember] = []
    do throws(JSONFault) {
      while let member = try scanner.nextMember() { members.append(member) }
      return .success(members)
    } catch {
      return .failure(error)
    }
  }

  static func isValid(_ value: String) -> Bool {
    if case .success = scan(Array(#"{"v":\#(value)}"#.utf8)) { return true }
    return false
  }

  @Test(arguments: [
    "0", "-0", "12", "-1.5", "1e5", "1E+5", "1.25e-7", "\"\"", #""a\n\"\\\/\b\f\r\tz""#,
    #""\u00e9\uD83D\uDE00""#, "\"é😀\u{7F}\"", "[]", "[ 1 , [ ] , {} ]", #"{"a":{"b":[null]}}"#,
    "true", "false", "null", " \t\n\r1 ",
  ])
  func acceptsValue(_ value: String) {
    #expect(Self.isValid(value))
  }

  @Test(arguments: [
    "", "01", "-", "+1", "1.", ".5", "1e", "1e+", "0x1", "NaN", "tru", "nulll", "'a'", "\"a",
    #""\x""#, #""\u12""#, #""\u12G4""#, #""\uD83D""#, #""\uDE00""#, #""\uD83Dx""#,
    #""\uD83D\n""#, #""\uD83D\u0041""#, #""\uDE00\uDE00""#, "\"a\nb\"", "\"\u{0}\"", "[1,]",
    "[1 2]", "[", "{\"a\"}",
    "{\"a\":1,}", "{a:1}", "{\"a\":}", "[1}", "1 2", "1]",
  ])
  func refusesValue(_ value: String) {
    #expect(!Self.isValid(value))
  }

  @Test(arguments: [
    "", " ", "[]", "1", "null", "{", "{}x", "{} {}", "{\"a\":1", "\u{FEFF}{}", "{,}",
  ])
  func refusesLine(_ line: String) {
    #expect(throws: JSONFault.self) { try Self.scan(Array(line.utf8)).get() }
  }

  @Test(
    arguments: [
      [0x80], [0xC0, 0x80], [0xC1, 0xBF], [0xC3], [0xE0, 0x9F, 0xBF], [0xED, 0xA0, 0x80],
      [0xF0, 0x8F, 0xBF, 0xBF], [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xE2, 0x82],
      [0xE2, 0x82, 0x41], [0xFF],
    ] as [[UInt8]])
  func refusesBytesThatAreNotUTF8(_ bytes: [UInt8]) {
    let line = Array(#"{"v":""#.utf8) + bytes + Array(#""}"#.utf8)
    #expect(throws: JSONFault.self) { try Self.scan(line).get() }
  }

  @Test func agreesWithSwiftOnEveryScalarBorder() {
    let borders: [UInt32] = [
      0x20, 0x7E, 0x7F, 0x80, 0x7FF, 0x800, 0xFFF, 0x1000, 0xD7FF, 0xE000, 0xFFFF, 0x10000,
      0x3FFFF, 0x40000, 0xFFFFF, 0x100000, 0x10FFFF,
    ]
    for border in borders {
      guard let scalar = Unicode.Scalar(border) else { continue }
      #expect(Self.isValid("\"\(Character(scalar))\""), "U+\(String(border, radix: 16))")
    }
  }

  @Test func yieldsExactRanges() throws {
    let line = Array(#" { "a\u0062" : [ 1, 2 ] ,"c":"x\n" } "#.utf8)
    let members = try Self.scan(line).get()
    let first = try #require(members.first)
    let last = try #require(members.last)
    let span = line.byteSpan
    #expect(members.count == 2)
    #expect(span.unescaped(first.key) == Array("ab".utf8))
    #expect(span.text(first.value.range) == "[ 1, 2 ]")
    #expect(span.text(last.quotedKey) == "\"c\"")
    #expect(span.text(of: last.value) == "x\n")
  }

  @Test func unescapesPairsAndControls() throws {
    let line = Array(#"{"v":"\uD83D\uDE00\u0000\u00E9\/\b\f\r\t"}"#.utf8)
    let member = try #require(try Self.scan(line).get().first)
    let span = line.byteSpan
    #expect(span.text(of: member.value) == "😀\u{0}é/\u{8}\u{C}\r\t")
  }

  @Test func takesDepth512AndNoMore() {
    func line(_ brackets: Int) -> String {
      String(repeating: "[", count: brackets) + String(repeating: "]", count: brackets)
    }
    // The object's own brace is the first.
    #expect(Self.isValid(line(511)))
    #expect(!Self.isValid(line(512)))
    #expect(!Self.isValid(String(repeating: "[", count: 1_000_000)))
    #expect(!Self.isValid(String(repeating: #"{"a":"#, count: 1_000_000)))
  }

  @Test func saysWhereTheFaultIs() {
    guard case .failure(let fault) = Self.scan(Array(#"{"a":1 "b":2}"#.utf8)) else {
      Issue.record("a missing comma was taken")
      return
    }
    #expect(fault.offset == 7)
    #expect(fault.message(in: []) == "expected ',' or the closing bracket (at byte 7)")
  }

  @Test func everyCutIsRefusedAtItsEndOrBefore() {
    let line = Array(#"{"id":"é\u00e9","n":[-1.5e3,{"a":true}],"z":null}"#.utf8)
    for count in 0..<line.count {
      let cut = Array(line[..<count])
      guard case .failure(let fault) = Self.scan(cut) else {
        Issue.record("a cut at \(count) was taken")
        continue
      }
      #expect(fault.offset <= count)
    }
  }

  @Test func survivesMutations() {
    let line = Array(#"{"id":"é\uD83D\uDE00","n":[-1.5e3,{"a":true}],"z":null}"#.utf8)
    var random = SeededRandom(7)
    for _ in 0..<50_000 {
      var bytes = line
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        let index = Int.random(in: 0..<bytes.count, using: &random)
        bytes[index] = UInt8.random(in: 0...255, using: &random)
      }
      // What is taken must be UTF-8 and lie inside the line.
      guard case .success(let members) = Self.scan(bytes) else { continue }
      #expect(bytes.isUTF8)
      #expect(members.allSatisfy { $0.value.range.upperBound < bytes.count })
    }
  }
}
