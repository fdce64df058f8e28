/// A key that was pressed.
enum Key: Hashable, Sendable {
  case character(Character)
  /// With the control key, such as `c`.
  case control(Character)
  case left, right, up, down, home, end, pageUp, pageDown
  case enter, escape, backspace, delete, tab
  /// One that means nothing here.
  case unknown
}

/// Makes keys of the bytes that a terminal sends.
///
/// A terminal sends some keys as several bytes that begin with an escape, which is a key as well:
/// it is taken for that when nothing follows for a while.
struct KeyDecoder {
  private var bytes: [UInt8] = []

  private static let escapeByte: UInt8 = 0x1B
  /// No key is longer; more is noise.
  private static let maximumByteCount = 32

  /// Takes bytes as they were read.
  mutating func take(_ more: [UInt8]) { bytes += more }

  /// Whether bytes wait for others.
  var isPending: Bool { !bytes.isEmpty }

  /// The next key; nothing when there is none, or not all of it, unless it `isLate`: then what is
  /// not there by now will not come.
  mutating func next(isLate: Bool = false) -> Key? {
    guard let first = bytes.first else { return nil }
    switch first {
    case Self.escapeByte: return escaped(isLate)
    case 0x0A, 0x0D: return take(1, .enter)
    case 0x08, 0x7F: return take(1, .backspace)
    case 0x09: return take(1, .tab)
    case 0x01...0x1A: return take(1, .control(Character(Unicode.Scalar(first + 0x60))))
    case 0x00..<0x20: return take(1, .unknown)
    default: return text(isLate)
    }
  }

  private mutating func take(_ count: Int, _ key: Key) -> Key {
    bytes.removeFirst(count)
    return key
  }

  private mutating func escaped(_ isLate: Bool) -> Key? {
    guard bytes.count > 1 else { return isLate ? take(1, .escape) : nil }
    let second = bytes[1]
    guard second == UInt8(ascii: "[") || second == UInt8(ascii: "O") else {
      return take(1, .escape)
    }
    var end = 2
    // Parameters and intermediate bytes; ECMA-48, 5.4.
    while end < bytes.count, (0x20...0x3F).contains(bytes[end]) { end += 1 }
    guard end < bytes.count else {
      if bytes.count > Self.maximumByteCount { return take(bytes.count, .unknown) }
      return isLate ? take(bytes.count, bytes.count == 2 ? .escape : .unknown) : nil
    }
    let number = String(decoding: bytes[2..<end].prefix { $0 != UInt8(ascii: ";") }, as: UTF8.self)
    return take(end + 1, Self.key(bytes[end], number))
  }

  private static func key(_ final: UInt8, _ number: String) -> Key {
    switch final {
    case UInt8(ascii: "A"): return .up
    case UInt8(ascii: "B"): return .down
    case UInt8(ascii: "C"): return .right
    case UInt8(ascii: "D"): return .left
    case UInt8(ascii: "H"): return .home
    case UInt8(ascii: "F"): return .end
    case UInt8(ascii: "M"): return .enter
    case UInt8(ascii: "~"):
      switch number {
      case "1", "7": return .home
      case "4", "8": return .end
      case "3": return .delete
      case "5": return .pageUp
      case "6": return .pageDown
      default: return .unknown
      }
    default: return .unknown
    }
  }

  /// A character in UTF-8.
  private mutating func text(_ isLate: Bool) -> Key? {
    let count =
      switch bytes[0] {
      case 0xC2...0xDF: 2
      case 0xE0...0xEF: 3
      case 0xF0...0xF4: 4
      default: 1
      }
    guard bytes.count >= count else { return isLate ? take(bytes.count, .unknown) : nil }
    guard let text = String(validating: bytes[..<count], as: UTF8.self), let first = text.first
    else { return take(1, .unknown) }
    return take(count, .character(first))
  }
}
