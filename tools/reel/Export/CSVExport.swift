import Reel

/// Comma-separated values as RFC 4180 has them: a header, lines that end in CR LF, quotes where
/// they are needed.
///
/// A field that is absent is empty, and one that is there and empty is `""`. Payloads that are text
/// or JSON are as they are; all others in base64, as `data_encoding` says.
struct CSVExport {
  private static let columns = [
    "id", "timestamp_ns", "kind", "process", "peer_process", "module", "function", "arity",
    "correlation_id", "ast_node_id", "node", "call_id", "parent_id", "second_clock",
  ]
  private let attributes: [AttributeDeclaration]

  init(attributes: [AttributeDeclaration]) {
    self.attributes = attributes
  }

  /// Appends the line with the names of the columns.
  func begin(_ output: inout [UInt8]) {
    let names = attributes.map { EventFieldTable.key(ofAttribute: $0.name) }
    for (index, name) in (Self.columns + names + ["data", "data_encoding"]).enumerated() {
      if index > 0 { output.append(UInt8(ascii: ",")) }
      Self.append(Array(name.utf8).byteSpan, to: &output)
    }
    output.append(literal: "\r\n")
  }

  /// Appends the line of an event.
  func append(_ view: EventView, to output: inout [UInt8]) {
    let hasID = view.withIDBytes { span in
      guard let span, span.endOfPlainText(from: 0) == span.byteCount else { return false }
      Self.append(span, to: &output)
      return true
    }
    if !hasID { Self.append(view.id.description, to: &output) }
    output.append(UInt8(ascii: ","))
    output.append(decimal: view.timestamp.nanoseconds, isQuoted: false)
    append(.kind, view, to: &output)
    append(.process, view, to: &output)
    append(.peerProcess, view, to: &output)
    append(.module, view, to: &output)
    append(.functionName, view, to: &output)
    output.append(UInt8(ascii: ","))
    if let arity = view.arity { output.append(decimal: arity, isQuoted: false) }
    append(.correlationID, view, to: &output)
    append(.astNodeID, view, to: &output)
    append(.node, view, to: &output)
    append(.callID, view, to: &output)
    output.append(UInt8(ascii: ","))
    if let parent = view.parentID { Self.append(parent.description, to: &output) }
    output.append(UInt8(ascii: ","))
    if let clock = view.secondClock { output.append(decimal: clock, isQuoted: false) }
    if !attributes.isEmpty { append(view.attributes, to: &output) }
    output.append(UInt8(ascii: ","))
    append(payloadOf: view, to: &output)
    output.append(literal: "\r\n")
  }

  private func append(
    _ field: EventView.TextField, _ view: EventView, to output: inout [UInt8]
  ) {
    output.append(UInt8(ascii: ","))
    view.withBytes(of: field) { span in
      if let span { Self.append(span, to: &output) }
    }
  }

  private func append(_ values: [String: AttributeValue], to output: inout [UInt8]) {
    for attribute in attributes {
      output.append(UInt8(ascii: ","))
      guard let value = values[attribute.name] else { continue }
      if case .text(let text) = value {
        Self.append(text, to: &output)
      } else {
        var json: [UInt8] = []
        EventWriter.append(value, asStrings: false, to: &json)
        // Numbers, truth and base64 stand for themselves; several values are JSON.
        if json.first == UInt8(ascii: "\"") { json = Array(json.dropFirst().dropLast()) }
        Self.append(json.byteSpan, to: &output)
      }
    }
  }

  private func append(payloadOf view: EventView, to output: inout [UInt8]) {
    guard let encoding = view.payloadEncoding else {
      return output.append(UInt8(ascii: ","))
    }
    view.withPayloadBytes { span in
      let all = 0..<span.byteCount
      switch encoding {
      case .json, .jsonMembers, .text:
        let isText = span.endOfPlainText(from: 0) == all.count || span.array(all).isUTF8
        guard isText else { fallthrough }
        if encoding == .jsonMembers {
          var object = [UInt8(ascii: "{")]
          object.append(bytesOf: span, all)
          object.append(UInt8(ascii: "}"))
          Self.append(object.byteSpan, to: &output)
        } else {
          Self.append(span, to: &output)
        }
        output.append(UInt8(ascii: ","))
        output.append(contentsOf: encoding.name.utf8)
      default:
        BinaryText.appendBase64(span.array(all), to: &output)
        output.append(UInt8(ascii: ","))
        output.append(contentsOf: encoding.name.utf8)
        if encoding == .json || encoding == .jsonMembers || encoding == .text {
          output.append(literal: "_base64")
        }
      }
    }
  }

  private static func append(_ text: String, to output: inout [UInt8]) {
    // Safe: the bytes of a UTF-8 view are initialized, and the span ends with this call.
    append(unsafe text.utf8Span.span.bytes, to: &output)
  }

  /// Appends a field, in quotes where it is empty or has a comma, a quote or a line break.
  static func append(_ text: RawSpan, to output: inout [UInt8]) {
    var needsQuotes = text.byteCount == 0
    var hasQuote = false
    for offset in 0..<text.byteCount {
      switch text.loadByte(at: offset) {
      case UInt8(ascii: "\""):
        hasQuote = true
        needsQuotes = true
      case UInt8(ascii: ","), 0x0A, 0x0D: needsQuotes = true
      default: break
      }
    }
    guard needsQuotes else { return output.append(bytesOf: text, 0..<text.byteCount) }
    output.append(UInt8(ascii: "\""))
    if hasQuote {
      var start = 0
      for offset in 0..<text.byteCount where text.loadByte(at: offset) == UInt8(ascii: "\"") {
        output.append(bytesOf: text, start..<(offset + 1))
        output.append(UInt8(ascii: "\""))
        start = offset + 1
      }
      output.append(bytesOf: text, start..<text.byteCount)
    } else {
      output.append(bytesOf: text, 0..<text.byteCount)
    }
    output.append(UInt8(ascii: "\""))
  }
}
