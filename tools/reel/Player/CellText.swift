/// Texts by the cells of a terminal that they take.
enum CellText {
  /// Scalars from 0x1100 on that take two cells: Unicode's East Asian Width W and F, in ranges that
  /// include what is not assigned yet.
  private static let wide: [ClosedRange<UInt32>] = [
    0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0xA4CF,
    0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60,
    0xFFE0...0xFFE6, 0x1F000...0x1FAFF, 0x20000...0x3FFFD,
  ]

  /// The cells that a character takes; those whose width terminals do not agree on count as two.
  static func width(_ character: Character) -> Int {
    var width = 1
    for scalar in character.unicodeScalars where scalar.value >= 0x1100 {
      if wide.contains(where: { $0.contains(scalar.value) }) { width = 2 }
      // What asks for the coloured form of a sign that is narrow otherwise.
      if scalar.value == 0xFE0F { width = 2 }
    }
    return width
  }

  /// The cells that a text takes.
  static func width(_ text: String) -> Int {
    if text.utf8.allSatisfy({ $0 < 0x80 }) { return text.utf8.count }
    return text.reduce(0) { $0 + width($1) }
  }

  /// The beginning of `text` that takes at most `count` cells, with `mark` at its end when that is
  /// not all of it; harmless for a terminal.
  static func fit(_ text: String, _ count: Int, mark: String = "…") -> String {
    // What does not fit in any case need not be looked at.
    let text = Wording.harmless(String(text.prefix(max(count, 0) + 1)))
    guard width(text) > count else { return text }
    var shown = ""
    var used = width(mark)
    guard used <= count else { return "" }
    for character in text {
      used += width(character)
      if used > count { break }
      shown.append(character)
    }
    return shown + mark
  }

  /// `text` in exactly `count` cells.
  static func pad(_ text: String, _ count: Int, mark: String = "…") -> String {
    let shown = fit(text, count, mark: mark)
    return shown + String(repeating: " ", count: max(0, count - width(shown)))
  }

  /// The last characters of `text` that take at most `count` cells.
  static func end(of text: String, _ count: Int) -> String {
    var shown: [Character] = []
    var used = 0
    for character in Wording.harmless(text).reversed() {
      used += width(character)
      if used > count { break }
      shown.append(character)
    }
    return String(shown.reversed())
  }

  /// `text` in lines of at most `width` cells, at most `count` of them.
  static func wrap(_ text: String, width: Int, count: Int) -> [String] {
    var lines: [String] = []
    var line = ""
    var used = 0
    let rest = Wording.harmless(String(text.prefix(width * count + 1)))
    for character in rest {
      let cells = self.width(character)
      if used + cells > width {
        if lines.count + 1 == count { return lines + [fit(line + "…", width - 1, mark: "") + "…"] }
        lines.append(line)
        line = ""
        used = 0
      }
      line.append(character)
      used += cells
    }
    if !line.isEmpty { lines.append(line) }
    return lines
  }
}
