/// Why a line was refused, and where.
///
/// It holds offsets instead of texts, because it must stay trivial: typed throws of a type with
/// references next to a span that depends on a lifetime crash the compiler (Swift 6.3).
/// ``message(in:)`` words it with the line at hand.
struct JSONFault: Error, Equatable {
  /// The offset in the line of the first byte that is wrong.
  var offset: Int
  /// What is wrong: a sentence when there is no field, else its end.
  var reason: Reason
  /// The bytes of the field's name as written, without quotes.
  var field: Range<Int>?
  /// The bytes of the field's value as written.
  var value: Range<Int>?

  init(
    _ reason: StaticString, at offset: Int, field: Range<Int>? = nil, value: Range<Int>? = nil
  ) {
    self.offset = offset
    self.reason = Reason(text: reason)
    self.field = field
    self.value = value
  }

  /// The fault of a member whose value is not what its name asks for.
  init(_ expectation: StaticString, _ member: JSONMember) {
    self.init(
      expectation, at: member.value.range.lowerBound, field: member.key,
      value: member.value.range)
  }

  /// A literal that can be compared.
  struct Reason: Equatable, CustomStringConvertible {
    let text: StaticString
    var description: String { text.description }
    static func == (lhs: Reason, rhs: Reason) -> Bool { lhs.description == rhs.description }
  }

  /// The fault in words, for a person.
  /// - Parameter line: The bytes that were being read.
  /// - Returns: One line without a full stop.
  func message(in line: RawSpan) -> String {
    guard let field else { return "\(reason) (at byte \(offset))" }
    let name = Self.excerpt(line, field)
    guard let value else { return "\(name) \(reason) (at byte \(offset))" }
    return "\(name) is \(Self.excerpt(line, value)), \(reason)"
  }

  /// The fault in words, for a person.
  /// - Parameter line: The bytes that were being read.
  /// - Returns: One line without a full stop.
  func message(in line: [UInt8]) -> String { message(in: line.byteSpan) }

  /// At most 60 bytes of `range`, without characters that could steer a terminal.
  private static func excerpt(_ line: RawSpan, _ range: Range<Int>) -> String {
    let bounds = 0..<line.byteCount
    let whole = range.clamped(to: bounds)
    let shown = whole.lowerBound..<min(whole.upperBound, whole.lowerBound + 60)
    let isCut = shown.upperBound < whole.upperBound
    var text = line.text(shown)
    // The cut may fall inside a character.
    while isCut, text.unicodeScalars.last == "\u{FFFD}" { text.unicodeScalars.removeLast() }
    var excerpt = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      let category = scalar.properties.generalCategory
      let isHarmless =
        category != .control && category != .format && category != .lineSeparator
        && category != .paragraphSeparator
      excerpt.append(isHarmless ? scalar : "\u{FFFD}")
    }
    return String(excerpt) + (isCut ? "…" : "")
  }
}
