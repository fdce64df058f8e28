import Reel

/// Parts of events for the formats of other programs, read in place.
enum EventParts {
  /// Appends `Module.name/arity`, as far as it is known, or the kind where no function is.
  static func appendName(_ view: EventView, to text: inout [UInt8]) {
    if !appendFunction(view, to: &text) {
      view.withBytes(of: .kind) { span in
        if let span { text.append(bytesOf: span, 0..<span.byteCount) }
      }
    }
  }

  /// Appends `Module.name/arity`, as far as it is known.
  /// - Returns: Whether anything of it is.
  static func appendFunction(_ view: EventView, to text: inout [UInt8]) -> Bool {
    let start = text.count
    view.withBytes(of: .module) { span in
      guard let span else { return }
      text.append(bytesOf: span, 0..<span.byteCount)
      text.append(UInt8(ascii: "."))
    }
    let arity = view.arity
    let hasName = view.withBytes(of: .functionName) { span in
      guard let span else { return false }
      text.append(bytesOf: span, 0..<span.byteCount)
      return true
    }
    if !hasName, text.count > start || arity != nil { text.append(UInt8(ascii: "?")) }
    if let arity {
      text.append(UInt8(ascii: "/"))
      text.append(decimal: arity, isQuoted: false)
    }
    return text.count > start
  }

  /// The name of a process for people.
  static func name(_ process: String?) -> String { process ?? "(no process)" }
}

/// What a payload is for a format that knows JSON and text.
enum PayloadForm {
  /// One JSON value, which the bytes are.
  case json
  /// The members of a JSON object, which the bytes are.
  case members
  /// Text.
  case text([UInt8]?)
  /// An external term as Erlang prints it.
  case term([UInt8])
  /// Bytes of an encoding, in base64.
  case base64

  /// Bytes of an external term's text after which it is cut.
  private static let termByteLimit = 64 << 10

  /// The form of a payload, checked: what claims to be JSON and is not is shown as bytes.
  init(
    _ bytes: RawSpan, _ encoding: Payload.Encoding, depth: Int, node: @autoclosure () -> String?
  ) {
    self = .base64
    switch encoding {
    case .json where Self.isJSON(bytes, depth): self = .json
    case .jsonMembers where Self.areMembers(bytes): self = .members
    case .text:
      let text = bytes.array(0..<bytes.byteCount)
      self = text.isUTF8 ? .text(nil) : .base64
    case .externalTerm:
      do throws(TermFault) {
        let node = Array((node() ?? "").utf8)
        self = .term(
          try ExternalTermPrinter.text(bytes, node: node, limit: Self.termByteLimit))
      } catch {}
    default: break
    }
  }

  private static func isJSON(_ bytes: RawSpan, _ depth: Int) -> Bool {
    var scanner = JSONScanner(bytes)
    do throws(JSONFault) { try scanner.scanWholeValue(depth: depth) } catch { return false }
    return true
  }

  private static func areMembers(_ bytes: RawSpan) -> Bool {
    var scanner = JSONScanner(bytes, form: .members)
    do throws(JSONFault) {
      while try scanner.nextMember() != nil {}
    } catch { return false }
    return true
  }
}

extension Payload.Encoding {
  /// The name in exports; a number for what has none.
  var name: String {
    switch self {
    case .bytes: "bytes"
    case .text: "text"
    case .json: "json"
    case .jsonMembers: "json_members"
    case .externalTerm: "external_term"
    default: String(rawValue)
    }
  }
}
