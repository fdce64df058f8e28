import ArgumentParser
import Reel

/// A line that the player asks for.
struct PlayerPrompt: Equatable {
  enum Purpose {
    case time, search, filter
  }
  let purpose: Purpose
  var text = ""

  /// What is asked for.
  var label: String {
    switch purpose {
    case .time: "go to: "
    case .search: "search: "
    case .filter: "filter: "
    }
  }

  /// What may be typed.
  var hint: String {
    switch purpose {
    case .time: "nanoseconds, ISO 8601, 03:22:00.5, +5ms, -1s, 40%, #123, start or end"
    case .search: "a text in the kind, processes, function, correlation id or payload"
    case .filter: "kind=… process=… module=… function=… correlation=… …, or nothing for all"
    }
  }
}

/// A place to go to, as one types it.
enum PlayerTarget: Equatable {
  case time(Timestamp)
  case sequenceNumber(SequenceNumber)
  case start
  case end

  /// What is wrong with a text.
  struct Fault: Error {
    let text: String
  }

  /// The place that `text` names.
  ///
  /// `+` and `-` count from `current`, whose day a time of day is of; percentages are of `range`.
  init(_ text: String, from current: Timestamp, in range: ClosedRange<Timestamp>) throws(Fault) {
    let text = text.filter { $0 != " " }
    if text == "start" {
      self = .start
    } else if text == "end" {
      self = .end
    } else if text.hasPrefix("#"), let number = UInt64(text.dropFirst()) {
      self = .sequenceNumber(SequenceNumber(rawValue: number))
    } else if text.hasSuffix("%"), let share = Double(text.dropLast()), (0...100).contains(share) {
      self = .time(Self.time(share / 100, of: range))
    } else if let sign = text.first, sign == "+" || sign == "-",
      let distance = try? Arguments.duration(String(text.dropFirst()))
    {
      let offset = Int64(clamping: distance)
      let (time, overflow) =
        sign == "+"
        ? current.nanoseconds.addingReportingOverflow(offset)
        : current.nanoseconds.subtractingReportingOverflow(offset)
      self = .time(Timestamp(nanoseconds: overflow ? (sign == "+" ? .max : .min) : time))
    } else {
      self = .time(try Self.time(text, on: current))
    }
  }

  private static func time(_ share: Double, of range: ClosedRange<Timestamp>) -> Timestamp {
    let width = UInt64(
      bitPattern: range.upperBound.nanoseconds &- range.lowerBound.nanoseconds)
    let offset = share >= 1 ? width : UInt64(Double(width) * share)
    return Timestamp(nanoseconds: range.lowerBound.nanoseconds &+ Int64(bitPattern: offset))
  }

  /// A moment; of a time of day that of the day of `current`.
  private static func time(_ text: String, on current: Timestamp) throws(Fault) -> Timestamp {
    var whole = text
    if text.prefix(3).last == ":" {
      whole = "\(TimestampText.rfc3339(current.nanoseconds).prefix(10))T\(text)"
    }
    do throws(TimestampText.Fault) {
      return Timestamp(nanoseconds: try TimestampText.nanoseconds(whole))
    } catch {
      throw Fault(text: "'\(text)' is no place: \(error.description)")
    }
  }
}

/// Conditions as one types them in the player: `kind=error process=<0.1.0>`, in the words of the
/// options.
enum FilterText {
  /// The query that `text` describes.
  static func query(_ text: String, _ recording: Recording) throws -> Query {
    var arguments: [String] = []
    for word in words(text) {
      let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2 else {
        throw ValidationError("'\(word)' is no condition; give one such as kind=error")
      }
      arguments += ["--\(parts[0])=\(parts[1])"]
    }
    return try FilterOptions.parse(arguments).query(recording)
  }

  /// What is wrong with a filter, in one line.
  static func message(_ error: any Error) -> String {
    if let error = error as? ReelError { return error.description }
    let text = FilterOptions.message(for: error)
    return text.split(separator: "\n").first.map(String.init) ?? text
  }

  /// Words between spaces; quotes keep spaces together.
  static func words(_ text: String) -> [String] {
    var words: [String] = []
    var word = ""
    var quote: Character?
    for character in text {
      if character == quote {
        quote = nil
      } else if quote == nil, character == "\"" || character == "'" {
        quote = character
      } else if quote == nil, character == " " {
        if !word.isEmpty { words.append(word) }
        word = ""
      } else {
        word.append(character)
      }
    }
    if !word.isEmpty { words.append(word) }
    return words
  }
}

extension FilterOptions {
  /// The options as one would type them in the player.
  var text: String {
    var words: [(String, String?)] = [("id", id)]
    words += kind.map { ("kind", $0) }
    words += [("process", process), ("role", role == .either ? nil : role.rawValue)]
    words += [("module", module), ("function", function), ("arity", arity.map { "\($0)" })]
    words += [("correlation", correlation), ("ast-node", astNode), ("node", node)]
    words += conditions.map { ("where", $0) }
    words += [("from", from), ("to", to)].map { ($0, $1.map { "\($0.nanoseconds)" }) }
    return words.compactMap { name, value in value.map { "\(name)=\(Self.quoted($0))" } }
      .joined(separator: " ")
  }

  /// `text` so that it stays one word.
  private static func quoted(_ text: String) -> String {
    guard text.contains(where: { " '\"".contains($0) }) else { return text }
    return text.contains("'") ? "\"\(text)\"" : "'\(text)'"
  }
}
