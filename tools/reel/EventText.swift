import Reel

/// Parts of events as text.
enum EventText {
  /// The attributes and the payload, the latter cut to about `byteCount` bytes.
  static func data(_ event: Event, byteCount: Int = .max) -> String {
    var parts: [String] = []
    for (name, value) in event.attributes.sorted(by: { $0.key < $1.key }) {
      parts.append("\(name)=\(text(value))")
    }
    if let payload = event.payload {
      let bytes = payload.bytes.prefix(byteCount)
      let term = payload.encoding == .externalTerm ? term(payload, event.node, byteCount) : nil
      switch payload.encoding {
      case .text, .json, .jsonMembers: parts.append(String(decoding: bytes, as: UTF8.self))
      case .externalTerm where term != nil: parts.append(term ?? "")
      default:
        var digits = Array("0x".utf8)
        BinaryText.appendHexadecimal(Array(bytes), to: &digits)
        parts.append(String(decoding: digits, as: UTF8.self))
      }
    }
    return parts.joined(separator: " ")
  }

  /// An external term as Erlang prints it, or nothing when its bytes are none.
  private static func term(_ payload: Payload, _ node: String?, _ byteCount: Int) -> String? {
    let node = Array((node ?? "").utf8)
    do throws(TermFault) {
      let text = try ExternalTermPrinter.text(
        payload.bytes.byteSpan, node: node, limit: byteCount)
      return String(decoding: text, as: UTF8.self)
    } catch {
      return nil
    }
  }

  private static func text(_ value: AttributeValue) -> String {
    switch value {
    case .text(let text): return text
    case .integer(let number): return number.description
    case .double(let number): return number.description
    case .boolean(let flag): return flag.description
    case .bytes(let bytes):
      var text: [UInt8] = []
      BinaryText.appendBase64(bytes, to: &text)
      return String(decoding: text, as: UTF8.self)
    case .many(let values): return "[" + values.map(text).joined(separator: ",") + "]"
    }
  }
}
