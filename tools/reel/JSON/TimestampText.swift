/// Moments as text: nanoseconds since the Unix epoch, or ISO 8601.
///
/// Days and dates convert as in Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms"
/// (howardhinnant.github.io/date_algorithms.html), `days_from_civil` and `civil_from_days`:
/// proleptic Gregorian, years that start in March so that a leap day comes last, eras of 400 years.
enum TimestampText {
  /// Why a text is no moment.
  enum Fault: Error, Equatable {
    /// Neither a whole number nor a date.
    case malformed
    /// A date that does not exist, such as February 30, or an hour 24.
    case noSuchTime
    /// Outside of what 64 bits of nanoseconds hold.
    case outOfRange

    /// The fault in words, after "the time '…'".
    var description: String {
      switch self {
      case .malformed:
        "is neither nanoseconds since 1970 nor a date such as 2026-11-21 or 2026-11-21T03:22:00.5Z"
      case .noSuchTime: "does not exist in the calendar"
      case .outOfRange:
        "lies outside 1677-09-21T00:12:43.145224192Z ... 2262-04-11T23:47:16.854775807Z"
      }
    }
  }

  /// The nanoseconds that `text` names.
  ///
  /// - Parameter text: A whole number of nanoseconds; or `YYYY-MM-DD`, which is its midnight in
  ///   UTC; or that, `T`, `t` or a space, `hh:mm`, optionally `:ss` and a fraction of up to nine
  ///   digits, and `Z`, `z`, `±hh:mm`, `±hhmm`, `±hh` or nothing, which is UTC.
  /// - Returns: Any Int64, negative before 1970.
  /// - Throws: ``Fault``, which says what is wrong with the text.
  static func nanoseconds(_ text: String) throws(Fault) -> Int64 {
    let bytes = Array(text.utf8)
    return try nanoseconds(bytes)
  }

  /// The nanoseconds that the UTF-8 bytes of a text name.
  static func nanoseconds(_ text: [UInt8]) throws(Fault) -> Int64 {
    if let number = text.byteSpan.decimalInteger(0..<text.count) { return number }
    let digits = text.first == UInt8(ascii: "-") ? text.dropFirst() : text[...]
    if !digits.isEmpty, digits.allSatisfy(isDigit), digits.first != UInt8(ascii: "0") {
      throw .outOfRange
    }
    var parser = Parser(text: text)
    let total = try parser.parse()
    guard let nanoseconds = Int64(exactly: total) else { throw .outOfRange }
    return nanoseconds
  }

  /// `nanoseconds` in RFC 3339, UTC, with nine digits of fraction.
  static func rfc3339(_ nanoseconds: Int64) -> String {
    var bytes: [UInt8] = []
    append(nanoseconds, to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Appends `nanoseconds` in RFC 3339, UTC, with nine digits of fraction.
  static func append(_ nanoseconds: Int64, to output: inout [UInt8]) {
    let (seconds, fraction) = floorDivision(nanoseconds, 1_000_000_000)
    let (days, second) = floorDivision(seconds, 86_400)
    let date = civil(fromDays: days)
    append(date.year, digits: 4, then: "-", to: &output)
    append(date.month, digits: 2, then: "-", to: &output)
    append(date.day, digits: 2, then: "T", to: &output)
    append(second / 3600, digits: 2, then: ":", to: &output)
    append(second / 60 % 60, digits: 2, then: ":", to: &output)
    append(second % 60, digits: 2, then: ".", to: &output)
    append(fraction, digits: 9, then: "Z", to: &output)
  }

  /// The days from 1970-01-01 to a date; the caller has checked that it exists.
  static func days(fromYear year: Int64, month: Int64, day: Int64) -> Int64 {
    let marchYear = month <= 2 ? year - 1 : year
    let (era, yearOfEra) = floorDivision(marchYear, 400)
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return era * 146_097 + dayOfEra - 719_468
  }

  /// The date that is `days` after 1970-01-01.
  static func civil(fromDays days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let (era, dayOfEra) = floorDivision(days + 719_468, 146_097)
    let yearOfEra =
      (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let marchMonth = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
    let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
  }

  private static func floorDivision(
    _ value: Int64, _ divisor: Int64
  ) -> (quotient: Int64, remainder: Int64) {
    let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
  }

  private static func append(
    _ value: Int64, digits: Int, then separator: StaticString, to output: inout [UInt8]
  ) {
    let start = output.count
    var rest = value
    for _ in 0..<digits { output.append(0) }
    for index in stride(from: start + digits - 1, through: start, by: -1) {
      output[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    }
    output.append(literal: separator)
  }

  /// Reads one ISO 8601 text from front to back.
  private struct Parser {
    let text: [UInt8]
    var position = 0

    mutating func parse() throws(Fault) -> Int128 {
      let year = try number(digits: 4)
      try expect(UInt8(ascii: "-"))
      let month = try number(digits: 2)
      try expect(UInt8(ascii: "-"))
      let day = try number(digits: 2)
      guard 1...12 ~= month, day >= 1, day <= Self.dayCount(year, month) else {
        throw .noSuchTime
      }
      var seconds = TimestampText.days(fromYear: year, month: month, day: day) * 86_400
      var fraction: Int64 = 0
      if position < text.count {
        guard take(UInt8(ascii: "T")) || take(UInt8(ascii: "t")) || take(UInt8(ascii: " ")) else {
          throw .malformed
        }
        let time = try timeOfDay()
        fraction = time.fraction
        seconds += time.seconds - (try offset())
      }
      guard position == text.count else { throw .malformed }
      return Int128(seconds) * 1_000_000_000 + Int128(fraction)
    }

    private mutating func timeOfDay() throws(Fault) -> (seconds: Int64, fraction: Int64) {
      let hour = try number(digits: 2)
      try expect(UInt8(ascii: ":"))
      let minute = try number(digits: 2)
      var second: Int64 = 0
      var fraction: Int64 = 0
      if take(UInt8(ascii: ":")) {
        second = try number(digits: 2)
        if take(UInt8(ascii: ".")) || take(UInt8(ascii: ",")) { fraction = try nanoseconds() }
      }
      // A leap second has no number of its own in Unix time.
      guard hour <= 23, minute <= 59, second <= 59 else { throw .noSuchTime }
      return (hour * 3600 + minute * 60 + second, fraction)
    }

    private mutating func nanoseconds() throws(Fault) -> Int64 {
      let start = position
      while position < text.count, isDigit(text[position]) { position += 1 }
      let count = position - start
      guard 1...9 ~= count else { throw .malformed }
      position = start
      var value = try number(digits: count)
      for _ in count..<9 { value *= 10 }
      return value
    }

    /// The seconds to take off to get UTC.
    private mutating func offset() throws(Fault) -> Int64 {
      if position == text.count || take(UInt8(ascii: "Z")) || take(UInt8(ascii: "z")) { return 0 }
      let isNegative = take(UInt8(ascii: "-"))
      if !isNegative { try expect(UInt8(ascii: "+")) }
      let hour = try number(digits: 2)
      var minute: Int64 = 0
      if position < text.count {
        _ = take(UInt8(ascii: ":"))
        minute = try number(digits: 2)
      }
      guard hour <= 23, minute <= 59 else { throw .noSuchTime }
      let seconds = hour * 3600 + minute * 60
      return isNegative ? -seconds : seconds
    }

    private mutating func number(digits: Int) throws(Fault) -> Int64 {
      guard position + digits <= text.count else { throw .malformed }
      var value: Int64 = 0
      for byte in text[position..<(position + digits)] {
        guard isDigit(byte) else { throw .malformed }
        value = value * 10 + Int64(byte - UInt8(ascii: "0"))
      }
      position += digits
      return value
    }

    private mutating func take(_ byte: UInt8) -> Bool {
      guard position < text.count, text[position] == byte else { return false }
      position += 1
      return true
    }

    private mutating func expect(_ byte: UInt8) throws(Fault) {
      guard take(byte) else { throw .malformed }
    }

    private static func dayCount(_ year: Int64, _ month: Int64) -> Int64 {
      switch month {
      case 2:
        year.isMultiple(of: 4) && (!year.isMultiple(of: 100) || year.isMultiple(of: 400)) ? 29 : 28
      case 4, 6, 9, 11: 30
      default: 31
      }
    }
  }
}
