import ArgumentParser
import Reel

/// `reel document`: named documents beside the events, in versions.
struct DocumentCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "document",
    abstract: "Keeps named documents beside the events, in versions.",
    discussion: """
      Examples:
        reel document trace/ set plan < plan.json     a new version
        reel document trace/ get plan > plan.json     the newest, or --version N
        reel document trace/ list
        reel document trace/ remove plan              earlier versions stay

      get writes the very bytes. set and remove need the recording for themselves: while somebody \
      records, its recorder sets documents. Exit status 2 when there is no such document.
      """)

  /// What to do.
  enum Action: String, ExpressibleByArgument, CaseIterable {
    case get, set, list, remove
  }

  @Argument(help: "The folder of a recording.")
  var recording: String

  @Argument(help: "get, set, list or remove.")
  var action: Action

  @Argument(help: "The document's name, 1 to 64 bytes; not with list.")
  var name: String?

  @Option(name: .customLong("version"), help: "With get: which version, instead of the newest.")
  var wantedVersion: UInt64?

  @Flag(help: "With list: also those that have been removed.")
  var removed = false

  @Flag(help: "With list, set and remove: print JSON Lines; integers of 64 bits are strings.")
  var json = false

  func validate() throws {
    if action != .list, name == nil {
      throw ValidationError("\(action.rawValue) needs the document's name")
    }
    if action == .list, name != nil { throw ValidationError("list takes no name") }
    if wantedVersion != nil, action != .get {
      throw ValidationError("--version goes with get")
    }
  }

  func run() throws {
    switch action {
    case .get:
      let document = try Recording(path: recording).document(name ?? "", version: wantedVersion)
      guard writeAll(document.bytes, to: 1) else { throw ExitCode(ExitStatus.failure.rawValue) }
    case .list: try list()
    case .set: try change { recorder in try recorder.setDocument(name ?? "", Self.readInput()) }
    case .remove: try change { recorder in try recorder.removeDocument(name ?? "") }
    }
  }

  private func list() throws {
    var out = Output()
    for info in try Recording(path: recording).documents(includingRemoved: removed) {
      if json {
        out.json { $0.members(info) }
      } else {
        let state = info.isRemoved ? "removed" : Wording.bytes(info.byteCount)
        let created = info.created.map { TimestampText.rfc3339($0.nanoseconds) } ?? ""
        out.line("\(Wording.harmless(info.name))  version \(info.version)  \(state)  \(created)")
      }
    }
    out.flush()
  }

  private func change(_ body: (Recorder) throws -> UInt64) throws {
    // Without this a misspelt path would become a new recording.
    _ = try Recording(path: recording)
    let recorder = try Recorder(path: recording)
    let version: UInt64
    do {
      version = try body(recorder)
    } catch {
      try? recorder.close()
      throw error
    }
    try recorder.close()
    guard json else { return }
    var out = Output()
    out.json { writer in
      writer.member("name", name)
      writer.member("version", version)
    }
    out.flush()
  }

  private static func readInput() throws -> [UInt8] {
    var bytes: [UInt8] = []
    while let piece = try readPiece(from: 0) { bytes += piece }
    return bytes
  }
}

extension JSONWriter {
  /// Members that say what is known of a version of a document.
  mutating func members(_ info: DocumentInfo) {
    member("name", info.name)
    member("version", info.version)
    member("bytes", info.byteCount)
    member("removed", info.isRemoved)
    member("created_ns", info.created?.nanoseconds)
  }
}
