import Foundation
import Testing

/// One run of the built tool, from start to end.
struct ToolRun {
  /// The exit status, or the signal that ended it.
  let status: Int32
  let wasSignaled: Bool
  let output: String
  let errors: String

  var lines: [String] { output.split(separator: "\n").map(String.init) }

  /// Runs `reel` with `arguments`, `input` on its standard input.
  init(_ arguments: String..., input: String = "") throws {
    try self.init(arguments, input: input)
  }

  init(
    _ arguments: [String], input: String = "", environment: [String: String] = [:]
  ) throws {
    // Files instead of pipes: nothing can fill up while nobody reads.
    let folder = try TemporaryFolder()
    try Data(input.utf8).write(to: folder.url("in"))
    try Data().write(to: folder.url("out"))
    try Data().write(to: folder.url("err"))
    let process = try Tool.process(arguments)
    if !environment.isEmpty {
      process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    }
    process.standardInput = try FileHandle(forReadingFrom: folder.url("in"))
    process.standardOutput = try FileHandle(forWritingTo: folder.url("out"))
    process.standardError = try FileHandle(forWritingTo: folder.url("err"))
    try process.run()
    process.waitUntilExit()
    status = process.terminationStatus
    wasSignaled = process.terminationReason == .uncaughtSignal
    output = String(decoding: try Data(contentsOf: folder.url("out")), as: UTF8.self)
    errors = String(decoding: try Data(contentsOf: folder.url("err")), as: UTF8.self)
  }
}

/// The built tool.
enum Tool {
  struct NotBuilt: Error, CustomStringConvertible {
    let description = "reel is not beside the tests; build it, or name it in REEL_TOOL"
  }

  /// A process of it that has not been started.
  static func process(_ arguments: [String]) throws -> Process {
    let process = Process()
    process.executableURL = try url()
    process.arguments = arguments
    return process
  }

  /// Beside the bundle of the tests, which is the running program itself on Linux.
  private static func url() throws -> URL {
    if let path = ProcessInfo.processInfo.environment["REEL_TOOL"] {
      return URL(fileURLWithPath: path)
    }
    let bundles = Bundle.allBundles.map(\.bundleURL).filter { $0.pathExtension == "xctest" }
    for place in [URL(fileURLWithPath: CommandLine.arguments[0])] + bundles {
      let tool = place.deletingLastPathComponent().appendingPathComponent("reel")
      if FileManager.default.isExecutableFile(atPath: tool.path) { return tool }
    }
    throw NotBuilt()
  }
}

/// A folder of one test, removed with the last reference to it.
final class TemporaryFolder: Sendable {
  private let folder: URL

  init() throws {
    folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("reel-tool-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  deinit {
    try? FileManager.default.removeItem(at: folder)
  }

  func url(_ name: String) -> URL { folder.appendingPathComponent(name) }

  func path(_ name: String) -> String { url(name).path }
}

/// Event lines to record.
enum Lines {
  /// `count` events of four kinds and three requests, a microsecond apart.
  static func simple(_ numbers: Range<Int>) -> String {
    numbers.map { number in
      let kind = ["call", "return", "send", "receive"][number % 4]
      return #"{"id":"e\#(number)","timestamp_ns":"\#(1_000_000_000 + number * 1000)","#
        + #""kind":"\#(kind)","process":"p\#(number % 5)","module":"Shop","function":"buy","#
        + #""arity":2,"correlation_id":"req-\#(number % 3)","data":{"n": \#(number)}}"# + "\n"
    }.joined()
  }

  /// The ids in `output`, lines that `reel query --json` printed.
  static func ids(_ run: ToolRun) throws -> [String] {
    try run.lines.map { line in
      let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      return try #require(object?["id"] as? String)
    }
  }
}

/// A recorder with `--ack` that is fed through a pipe.
final class RecorderFeed {
  let process: Process
  let input = Pipe()
  let output = Pipe()

  init(_ trace: String, _ arguments: [String] = []) throws {
    // Feeding goes on for a moment after the reader was killed.
    signal(SIGPIPE, SIG_IGN)
    process = try Tool.process(["record", trace, "--ack"] + arguments)
    process.standardInput = input
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
  }

  func write(_ lines: String) throws {
    try input.fileHandleForWriting.write(contentsOf: Data(lines.utf8))
  }

  /// The next acknowledgements, at least one unless the process has ended.
  func acknowledged() -> [Int] {
    let text = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
    return text.split(separator: "\n").compactMap { Int($0) }
  }

  /// Ends the input and waits for the recorder to close.
  func end() throws {
    try input.fileHandleForWriting.close()
    process.waitUntilExit()
  }
}
