public import ArgumentParser
public import Reel

/// The conditions on events that some commands share.
///
/// All that are given must hold.
struct FilterOptions: ParsableArguments {
  @Option(help: "The event with this id.")
  var id: String?

  @Option(help: "Events of this kind; given again, of any of them.")
  var kind: [String] = []

  @Option(help: "Events of this process, such as '<0.157.0>'.")
  var process: String?

  @Option(help: "The end at which the process is looked for: either, process or peer.")
  var role: Query.Role = .either

  @Option(help: "Events in functions of this module.")
  var module: String?

  @Option(
    help: """
      Events in this function: a name, or without --module also Module.function or \
      Module.function/arity.
      """)
  var function: String?

  @Option(help: "Events in functions with so many arguments.")
  var arity: UInt16?

  @Option(help: "Events with this correlation id, such as that of a request.")
  var correlation: String?

  @Option(help: "Events at this node of the program's syntax tree.")
  var astNode: String?

  @Option(help: "Events of this machine or runtime.")
  var node: String?

  @Option(
    name: .customLong("where"),
    help: ArgumentHelp(
      "Events with this value of a declared attribute (bytes in base64).", valueName: "name=value"))
  var conditions: [String] = []

  @Option(
    parsing: .unconditional,
    help: """
      The earliest time, inclusive: nanoseconds since 1970 or ISO 8601 (UTC if it has no zone).
      """,
    transform: Arguments.time)
  var from: Timestamp?

  @Option(
    parsing: .unconditional, help: "The latest time, inclusive.", transform: Arguments.time)
  var to: Timestamp?

  /// The query that the options describe; `recording` tells the types of its attributes.
  func query(_ recording: Recording) throws -> Query {
    try query { try recording.attributes }
  }

  /// As ``query(_:)``; the declared attributes are asked for only where they matter.
  func query(_ declarations: () throws -> [AttributeDeclaration]) throws -> Query {
    var query = Query(from: from ?? .min, to: to ?? .max)
    query.id = id.map { EventID($0) }
    query.kinds = kind
    query.process = process
    query.role = role
    query.correlationID = correlation
    query.astNodeID = astNode
    query.node = node
    query.module = module
    query.function = function
    query.arity = arity
    if module == nil, let function {
      let parts = Self.split(function)
      query.module = parts.module
      query.function = parts.name
      query.arity = arity ?? parts.arity
    }
    if !conditions.isEmpty { query.attributes = try attributes(declarations()) }
    return query
  }

  /// The parts of `Module.name/arity`, of which only the name must be there.
  ///
  /// Module names have points too, as in `Desk.Request.handle/1`, so the last one separates; a
  /// function may itself be called `/`, as in `Kernel.//2`.
  static func split(_ text: String) -> Function {
    var function = Function()
    var rest = text[...]
    if let slash = rest.lastIndex(of: "/"), let arity = UInt16(rest[rest.index(after: slash)...]),
      slash != rest.startIndex
    {
      function.arity = arity
      rest = rest[..<slash]
    }
    if let point = rest.lastIndex(of: "."), point != rest.startIndex,
      rest.index(after: point) != rest.endIndex
    {
      function.module = String(rest[..<point])
      rest = rest[rest.index(after: point)...]
    }
    function.name = String(rest)
    return function
  }

  private func attributes(
    _ declarations: [AttributeDeclaration]
  ) throws -> [String: AttributeValue] {
    var values: [String: AttributeValue] = [:]
    for condition in conditions {
      guard let equals = condition.firstIndex(of: "=") else {
        throw ValidationError("'\(condition)' is no condition; give one such as size=3")
      }
      let name = String(condition[..<equals])
      guard let declaration = declarations.first(where: { $0.name == name }) else {
        let known = declarations.map(\.name).joined(separator: ", ")
        throw ValidationError(
          "the attribute '\(name)' is not declared in this recording, which has"
            + " \(known.isEmpty ? "none" : known)")
      }
      values[name] = try Arguments.value(
        String(condition[condition.index(after: equals)...]), of: declaration)
    }
    return values
  }
}

extension Query.Role: ExpressibleByArgument {}

/// How events are printed.
struct OutputOptions: ParsableArguments {
  @Flag(
    help: """
      Print JSON Lines: events in the fields that `reel record` reads, anything else as objects; \
      integers of 64 bits are strings.
      """)
  var json = false
}
