@testable import ReelTool

/// Terms made by hand, for what OTP does not write on demand.
indirect enum Term {
  case atom(String)
  case integer(Int64)
  case binary([UInt8])
  case list([Term])
  case tuple([Term])
  /// A process by its node and its two numbers.
  case pid(String, UInt32, UInt32)
  /// Bytes as they are.
  case raw([UInt8])

  static let me = Term.pid("nonode@nohost", 50, 0)
  static let you = Term.pid("nonode@nohost", 51, 2)

  /// The term without the byte that begins one.
  var body: [UInt8] {
    switch self {
    case .atom(let name): [TermTag.smallAtomUTF8, UInt8(name.utf8.count)] + name.utf8
    case .integer(let value): Self.encode(value)
    case .binary(let bytes): [TermTag.binary] + Self.long(bytes.count) + bytes
    case .list(let elements):
      elements.isEmpty
        ? [TermTag.empty]
        : [TermTag.list] + Self.long(elements.count) + elements.flatMap(\.body) + [TermTag.empty]
    case .tuple(let elements):
      [TermTag.smallTuple, UInt8(elements.count)] + elements.flatMap(\.body)
    case .pid(let node, let number, let serial):
      [TermTag.newPID] + Term.atom(node).body + Self.long(Int(number)) + Self.long(Int(serial))
        + [0, 0, 0, 1]
    case .raw(let bytes): bytes
    }
  }

  /// The whole term.
  var bytes: [UInt8] { [ExternalTermReader.version] + body }

  /// A record of a trace file with this term.
  var record: [UInt8] { [0] + Self.long(bytes.count) + bytes }

  /// A trace message of ``me`` with a timestamp.
  static func message(_ elements: Term..., microseconds: Int64 = 7) -> Term {
    let time = Term.tuple([.integer(1795), .integer(289_613), .integer(microseconds)])
    return .tuple([.atom("trace_ts"), me] + elements + [time])
  }

  static func long(_ value: Int) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
  }

  private static func encode(_ value: Int64) -> [UInt8] {
    if (0...255).contains(value) { return [TermTag.smallInteger, UInt8(value)] }
    if let small = Int32(exactly: value) { return [TermTag.integer] + long(Int(small)) }
    let digits = (0..<8).map { UInt8(truncatingIfNeeded: value.magnitude >> UInt64(8 * $0)) }
    return [TermTag.smallBig, 8, value < 0 ? 1 : 0] + digits
  }
}

/// OTP and what makes and reads trace files with it.
enum Erlang {
  static let canRun = runs(
    if: ReelTests.run(
      "erl", ["-noshell", "-eval", "{module,_}=code:ensure_loaded(dbg), halt()."])?.status == 0,
    otherwise: "needs erl with dbg (Debian: erlang-base, erlang-runtime-tools)")

  /// Runs `tools/make-beam-trace`.
  static func run(_ arguments: [String]) -> (status: Int32, output: [UInt8])? {
    ReelTests.run("escript", [repositoryPath + "/tools/make-beam-trace"] + arguments)
  }

  static let fixture = repositoryPath + "/Tests/Fixtures/shop.trace"
  static let termsFixture = repositoryPath + "/Tests/Fixtures/terms.tsv"
}
