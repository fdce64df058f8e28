import Reel

/// A text that is looked for in events, whatever the case of ASCII letters: in the kind, both
/// processes, the function, the correlation id and the payload.
struct TextSearch {
  let text: String
  private let needle: [UInt8]

  private static let fields: [EventView.TextField] = [
    .kind, .process, .peerProcess, .module, .functionName, .correlationID,
  ]

  init(_ text: String) {
    self.text = text
    needle = text.utf8.map(Self.lowercased)
  }

  /// Whether an event has the text.
  func matches(_ view: EventView) -> Bool {
    for field in Self.fields {
      let isFound = view.withBytes(of: field) { bytes in
        if let bytes { isIn(bytes) } else { false }
      }
      if isFound { return true }
    }
    return view.withPayloadBytes { isIn($0) }
  }

  private func isIn(_ bytes: RawSpan) -> Bool {
    guard let first = needle.first else { return true }
    guard bytes.byteCount >= needle.count else { return false }
    for start in 0...(bytes.byteCount - needle.count) {
      guard Self.lowercased(bytes.loadByte(at: start)) == first else { continue }
      var index = 1
      while index < needle.count,
        Self.lowercased(bytes.loadByte(at: start + index)) == needle[index]
      {
        index += 1
      }
      if index == needle.count { return true }
    }
    return false
  }

  @inline(__always)
  private static func lowercased(_ byte: UInt8) -> UInt8 {
    byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte
  }
}
