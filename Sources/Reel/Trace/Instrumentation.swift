/// Whether what was asked for was instrumented at that time: what tells "it did not happen" from
/// "nobody looked".
public struct Instrumentation: Hashable, Sendable {
  /// A version of the plan, while it held.
  public struct Stretch: Hashable, Sendable {
    /// The version of the document.
    public let version: UInt64
    /// When it was stored: it held from then on.
    public let from: Timestamp
    /// When the next one was stored; nothing while it holds.
    public let to: Timestamp?
    /// Whether it names what was asked for.
    public let isNamed: Bool
  }

  /// The versions that held in the time that was asked about, the oldest first; empty where none is
  /// known.
  public let stretches: [Stretch]

  /// Whether some version names it.
  public var isNamed: Bool { stretches.contains(where: \.isNamed) }
}

extension Recording {
  /// The document that tells what is instrumented: JSON whose strings are functions as
  /// `Module.name/arity`, modules, nodes of the syntax tree and kinds of events.
  ///
  /// Every version of it is kept, with the time from which it held.
  public static let instrumentationDocument = "instrumentation-plan"

  /// What the versions of the instrumentation plan say of the function, module, AST node and kinds
  /// that `query` asks for, in its time.
  ///
  /// A plan names a function when it has a string that is the function, or its module.
  ///
  /// - Returns: Nothing without a plan, or where the query asks for nothing that one could name.
  /// - Throws: ``ReelError/io(_:)``, ``ReelError/closed``; a damaged version is left out.
  /// - Complexity: Reads the versions of the document.
  public func instrumentation(_ query: Query) throws(ReelError) -> Instrumentation? {
    let wanted = Self.names(query)
    guard !wanted.isEmpty else { return nil }
    let versions: [DocumentInfo]
    do throws(ReelError) {
      versions = try documentVersions(Self.instrumentationDocument)
    } catch .documentNotFound {
      return nil
    }
    let known = versions.filter { $0.damage == nil && $0.created != nil }
    var stretches: [Instrumentation.Stretch] = []
    for (place, version) in known.enumerated() {
      let from = version.created ?? .min
      let to = place + 1 < known.count ? known[place + 1].created : nil
      guard from <= query.to, to.map({ $0 > query.from }) ?? true else { continue }
      var isNamed = false
      if !version.isRemoved {
        let plan = try document(version.name, version: version.version)
        isNamed = Self.names(wanted, in: plan.bytes)
      }
      stretches.append(
        Instrumentation.Stretch(
          version: version.version, from: from, to: to, isNamed: isNamed))
    }
    return Instrumentation(stretches: stretches)
  }

  /// For each condition the strings of which a plan must have one.
  private static func names(_ query: Query) -> [[String]] {
    var names: [[String]] = []
    if query.module != nil || query.function != nil {
      let function = Function(module: query.module, name: query.function, arity: query.arity)
      names.append([function.description] + (query.module.map { [$0] } ?? []))
    }
    if let node = query.astNodeID { names.append([node]) }
    if !query.kinds.isEmpty { names.append(query.kinds) }
    return names
  }

  private static func names(_ wanted: [[String]], in plan: [UInt8]) -> Bool {
    let text = plan.rawSpan
    return wanted.allSatisfy { alternatives in
      alternatives.contains { name in
        let quoted = [UInt8(ascii: "\"")] + Array(name.utf8) + [UInt8(ascii: "\"")]
        guard quoted.count <= text.byteCount else { return false }
        return (0...(text.byteCount - quoted.count)).contains {
          text.byte(at: $0) == quoted[0]
            && text.extracting($0..<($0 + quoted.count)).equals(quoted.rawSpan)
        }
      }
    }
  }
}
