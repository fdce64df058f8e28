/// Numbers as people read them.
enum Wording {
  /// `number` with a comma before each group of three digits.
  static func grouped<T: FixedWidthInteger>(_ number: T) -> String {
    let digits = Array(number.magnitude.description.utf8)
    var text: [UInt8] = number < 0 ? [UInt8(ascii: "-")] : []
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index).isMultiple(of: 3) { text.append(UInt8(ascii: ",")) }
      text.append(digit)
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// A number and what it counts, such as `1 event` or `2,000 events`.
  static func count<T: FixedWidthInteger>(
    _ number: T, _ noun: String, plural: String? = nil
  ) -> String {
    "\(grouped(number)) \(number == 1 ? noun : plural ?? noun + "s")"
  }

  /// Bytes in a unit that leaves one to four digits before the point.
  static func bytes(_ count: Int) -> String {
    var value = Double(count)
    for unit in ["bytes", "KiB", "MiB", "GiB"] {
      if value < 1024 || unit == "GiB" {
        return unit == "bytes" ? Self.count(count, "byte") : "\(fixed(value, digits: 1)) \(unit)"
      }
      value /= 1024
    }
    return ""
  }

  /// `value` with so many digits after the point.
  static func fixed(_ value: Double, digits: Int) -> String {
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    let scaled = (value.magnitude * scale).rounded()
    guard scaled < 1e15 else { return value.description }
    let whole = Int(scaled) / Int(scale)
    let sign = value < 0 ? "-" : ""
    guard digits > 0 else { return sign + grouped(whole) }
    let fraction = String(Int(scaled) % Int(scale))
    let zeros = String(repeating: "0", count: digits - fraction.count)
    return "\(sign)\(grouped(whole)).\(zeros)\(fraction)"
  }

  /// Nanoseconds as a duration of two or three figures.
  static func duration(_ nanoseconds: UInt64) -> String {
    let seconds = Double(nanoseconds) / 1e9
    if nanoseconds < 1000 { return "\(nanoseconds) ns" }
    if nanoseconds < 1_000_000 { return "\(fixed(seconds * 1e6, digits: 1)) µs" }
    if seconds < 1 { return "\(fixed(seconds * 1e3, digits: 1)) ms" }
    if seconds < 120 { return "\(fixed(seconds, digits: 3)) s" }
    if seconds < 7200 { return "\(fixed(seconds / 60, digits: 1)) min" }
    return "\(fixed(seconds / 3600, digits: 1)) h"
  }

  /// The number of characters in `text`; quick where it is ASCII, as most is.
  static func characterCount(_ text: String) -> Int {
    text.utf8.allSatisfy { $0 < 0x80 } ? text.utf8.count : text.count
  }

  /// `text` without characters that could steer a terminal or break a line.
  static func harmless(_ text: String) -> String {
    guard text.utf8.contains(where: { $0 < 0x20 || $0 >= 0x7F }) else { return text }
    var shown = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator: shown.append("\u{FFFD}")
      default: shown.append(scalar)
      }
    }
    return String(shown)
  }
}
