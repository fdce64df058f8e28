import Testing

@testable import ReelTool

/// The generic writer against whole output, and the texts of bytes against RFC 4648's examples.
@Suite struct JSONWriterTests {
  @Test func writesNestedValues() {
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("a", "x\"y")
      writer.member("none", nil as String?)
      writer.member("count", Int64.min)
      writer.member("small", UInt16(7))
      writer.member("ratio", 0.5)
      writer.name("list")
      writer.array { writer in
        writer.boolean(true)
        writer.object { _ in }
        writer.array { _ in }
        writer.null()
        writer.number(.nan)
        writer.integer(UInt64.max)
      }
      writer.member("last", false)
    }
    writer.endLine()
    writer.string("\u{0}\u{8}\u{C}é")
    #expect(
      writer.text == #"""
        {"a":"x\"y","none":null,"count":"-9223372036854775808","small":7,"ratio":0.5,\#
        "list":[true,{},[],null,null,"18446744073709551615"],"last":false}
        "\u0000\b\fé"
        """#)
  }

  @Test(arguments: [
    ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
    ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
  ])
  func base64IsThatOfRFC4648(_ text: String, _ base64: String) {
    var output: [UInt8] = []
    BinaryText.appendBase64(Array(text.utf8), to: &output)
    #expect(output == Array(base64.utf8))
    #expect(BinaryText.decodeBase64(output) == Array(text.utf8))
  }

  @Test(arguments: ["Z", "Zg", "Zg=", "Zh==", "Zm9=", "Z===", "====", "Zg==Zg==", "Zm 9", "Zm-_"])
  func refusesOtherBase64(_ text: String) {
    #expect(BinaryText.decodeBase64(Array(text.utf8)) == nil)
  }

  @Test func binaryTextReadsBack() {
    for count in 0..<64 {
      let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 37 + count * 101) }
      var base64: [UInt8] = []
      var hexadecimal: [UInt8] = []
      BinaryText.appendBase64(bytes, to: &base64)
      BinaryText.appendHexadecimal(bytes, to: &hexadecimal)
      #expect(BinaryText.decodeBase64(base64) == bytes)
      #expect(BinaryText.decodeHexadecimal(hexadecimal) == bytes)
    }
  }
}
