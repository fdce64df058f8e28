import Foundation
import Testing

@testable import Reel
@testable import ReelTool

/// The decoder of external terms: against what Erlang prints, and against bytes that are none.
@Suite struct ExternalTermTests {
  /// Terms and what `io_lib:format("~0p", …)` makes of them, as `tools/make-beam-trace --terms` has
  /// written them.
  private static func terms(_ path: String) throws -> [(bytes: [UInt8], text: String)] {
    let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
    return try lines.map { line in
      let parts = line.split(separator: "\t", maxSplits: 1)
      let bytes = try #require(BinaryText.decodeBase64(Array(parts[0].utf8)))
      return (bytes, String(parts[1]))
    }
  }

  private static func text(_ bytes: [UInt8], limit: Int = .max) -> String? {
    guard let text = try? ExternalTermPrinter.text(bytes.byteSpan, limit: limit) else { return nil }
    return String(validating: text, as: UTF8.self)
  }

  private static func fault(_ bytes: [UInt8]) -> TermFault? {
    do throws(TermFault) {
      _ = try ExternalTermPrinter.text(bytes.byteSpan)
      return nil
    } catch {
      return error
    }
  }

  @Test func termsPrintAsErlangPrintsThem() throws {
    let terms = try Self.terms(Erlang.termsFixture)
    #expect(terms.count > 40)
    for term in terms { #expect(Self.text(term.bytes) == term.text) }
  }

  @Test(.enabled(if: Erlang.canRun, "needs erl with dbg"))
  func termsPrintAsThisErlangPrintsThem() throws {
    let folder = try TemporaryFolder()
    #expect(Erlang.run(["--terms", folder.path("terms")])?.status == 0)
    let terms = try Self.terms(folder.path("terms"))
    #expect(terms.count > 40)
    for term in terms { #expect(Self.text(term.bytes) == term.text) }
  }

  @Test func whatErlangHasNotWrittenPrintsReadably() {
    let cases: [(Term, String)] = [
      (.pid("desk@here", 50, 1), "<desk@here.50.1>"), (.me, "<0.50.0>"),
      (.binary(Array("größer".utf8)), "<<\"größer\"/utf8>>"), (.binary([0x9B]), "<<155>>"),
      (.binary(Array("a\u{1B}[2Jb".utf8)), #"<<"a\e[2Jb">>"#),
      (.binary([0x61, 0x07]), "<<97,7>>"), (.atom("naïve"), "'naïve'"),
      (.raw([TermTag.atom, 0, 2, 0xE9, 0x61]), "'éa'"),
      (.raw([TermTag.smallAtomUTF8, 2, 0xFF, 0x61]), "'\u{FFFD}a'"),
      (.raw([TermTag.float] + Array("1.50000000000000000000e+00".utf8) + [0, 0, 0, 0, 0]), "1.5"),
      (
        .raw([TermTag.pid] + Term.atom("nonode@nohost").body + [0, 0, 0, 9, 0, 0, 0, 1, 0]),
        "<0.9.1>"
      ),
      (.raw([TermTag.reference] + Term.atom("a@b").body + [0, 0, 0, 9, 0]), "#Ref<a@b.9>"),
      (
        .raw([TermTag.v4Port] + Term.atom("a@b").body + [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1]),
        "#Port<a@b.4294967296>"
      ),
      (.raw([TermTag.largeBig, 0, 0, 0, 1, 1, 5]), "-5"),
      (.raw([TermTag.smallBig, 0, 0]), "0"),
      (.raw([TermTag.string, 0, 2, 104, 105]), #""hi""#),
      (.raw([TermTag.bitBinary, 0, 0, 0, 0, 8]), "<<>>"),
    ]
    for (term, text) in cases { #expect(Self.text(term.bytes) == text) }
    let big = Term.raw([TermTag.smallBig, 100, 0] + [UInt8](repeating: 0xAB, count: 100))
    #expect(Self.text(big.bytes) == "16#" + String(repeating: "AB", count: 100))
  }

  @Test func itsOwnNodeIsZero() throws {
    let bytes = Term.tuple([.pid("desk@here", 50, 1), .pid("else@there", 3, 0)]).bytes
    let text = try ExternalTermPrinter.text(bytes.byteSpan, node: Array("desk@here".utf8))
    #expect(String(decoding: text, as: UTF8.self) == "{<0.50.1>,<else@there.3.0>}")
  }

  @Test func everyBeginningOfATermIsRefused() throws {
    for term in try Self.terms(Erlang.termsFixture) {
      for count in 0..<term.bytes.count {
        let fault = Self.fault(Array(term.bytes[..<count]))
        #expect(fault != nil, "\(count) bytes of \(term.text)")
        #expect(fault.map { $0.offset <= count } ?? false)
      }
      #expect(Self.fault(term.bytes + [0])?.offset == term.bytes.count)
    }
  }

  @Test func everyFlippedBitGivesATermOrAFaultAndBoundedText() throws {
    var found = (terms: 0, faults: 0)
    for term in try Self.terms(Erlang.termsFixture) where term.bytes.count < 600 {
      for bit in 0..<(8 * term.bytes.count) {
        var bytes = term.bytes
        bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        do throws(TermFault) {
          let text = try ExternalTermPrinter.text(bytes.byteSpan, limit: 100)
          found.terms += 1
          // The last number, name or escape may go beyond the limit.
          #expect(text.count < 100 + 6 * 1100, "bit \(bit) of \(term.text)")
          #expect(text.isUTF8, "bit \(bit) of \(term.text)")
        } catch {
          found.faults += 1
          #expect(error.offset <= bytes.count, "bit \(bit) of \(term.text)")
        }
        var reader = ExternalTermReader(bytes.byteSpan, from: 1)
        try? reader.skipTerm()
        #expect(reader.offset <= bytes.count)
      }
    }
    #expect(found.terms > 1000 && found.faults > 1000)
  }

  @Test(arguments: [
    TermTag.largeTuple, TermTag.list, TermTag.map, TermTag.binary, TermTag.bitBinary,
    TermTag.largeBig, TermTag.function, TermTag.newFunction, TermTag.newerReference,
  ])
  func lengthsThatTheBytesDoNotHoldAreRefusedAtOnce(tag: UInt8) {
    for fill in [UInt8(0x7F), 0xFF] {
      let bytes = [ExternalTermReader.version, tag] + [UInt8](repeating: fill, count: 60)
      #expect(Self.fault(bytes) != nil)
      var reader = ExternalTermReader(bytes.byteSpan, from: 1)
      #expect(throws: TermFault.self) { try reader.skipTerm() }
    }
  }

  @Test func aTermNestedWithoutEndIsPassedOverAndPrintedUpToADepth() throws {
    let depth = 200_000
    let bytes =
      [ExternalTermReader.version]
      + Array(repeatElement([TermTag.smallTuple, 1], count: depth).joined()) + [TermTag.empty]
    var reader = ExternalTermReader(bytes.byteSpan, from: 1)
    try reader.skipTerm()
    #expect(reader.left == 0)
    let braces = ExternalTermPrinter.depthLimit
    #expect(
      Self.text(bytes) == String(repeating: "{", count: braces) + "..."
        + String(repeating: "}", count: braces))
  }

  @Test func aLongTermIsCutWhereTheCallerSays() {
    let list = Term.list((0..<100_000).map { .integer(Int64($0) + 1000) })
    let text = Self.text(list.bytes, limit: 50)
    #expect(text?.hasPrefix("[1000,1001,") == true && text?.hasSuffix("...") == true)
    #expect((text?.utf8.count ?? 100) < 70)
    let long = Term.binary(Array(String(repeating: "ä", count: 1000).utf8))
    for limit in 10..<20 {
      let text = Self.text(long.bytes, limit: limit)
      #expect(text?.hasSuffix("ä...") == true, "\(limit)")
    }
  }

  @Test func aCompressedTermIsRefusedWithWhatToDo() {
    let bytes: [UInt8] = [131, 80, 0, 0, 0, 9, 0x78, 0x9C, 1, 2, 3]
    #expect(
      Self.fault(bytes)?.description
        == "the term is compressed, which is not supported: write it uncompressed (at its byte 1)")
  }
}
