import Foundation
import Testing

@testable import Reel

/// Runs `body` with the path of a new folder, which is removed at the end; fails the test when a
/// file in it is still open then.
func withTemporaryDirectory(
  sourceLocation: SourceLocation = #_sourceLocation, _ body: (String) throws -> Void
) throws {
  let directory = try TemporaryDirectory()
  defer { directory.remove() }
  try body(directory.path)
  directory.expectNothingOpen(sourceLocation)
}

/// As ``withTemporaryDirectory(sourceLocation:_:)``, for asynchronous tests.
func withTemporaryDirectory(
  isolation: isolated (any Actor)? = #isolation,
  sourceLocation: SourceLocation = #_sourceLocation, _ body: (String) async throws -> Void
) async throws {
  let directory = try TemporaryDirectory()
  defer { directory.remove() }
  try await body(directory.path)
  // What a task has left behind may need a moment to let go.
  for _ in 0..<200 where !directory.openFiles.isEmpty {
    try await Task.sleep(for: .milliseconds(10))
  }
  directory.expectNothingOpen(sourceLocation)
}

/// A folder of a test's own.
struct TemporaryDirectory {
  let path: String

  init() throws {
    let parent = FileManager.default.temporaryDirectory.path
    path = parent + "/reel-tests-" + UUID().uuidString
    try FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: true)
  }

  func remove() {
    try? FileManager.default.removeItem(atPath: path)
  }

  /// Files below the folder that this process has open, as far as the system tells.
  var openFiles: [String] {
    let descriptors = "/proc/self/fd"
    let numbers = (try? FileManager.default.contentsOfDirectory(atPath: descriptors)) ?? []
    return numbers.compactMap { number in
      let file = try? FileManager.default.destinationOfSymbolicLink(
        atPath: descriptors + "/" + number)
      return file.flatMap { $0.hasPrefix(path) ? $0 : nil }
    }
  }

  func expectNothingOpen(_ sourceLocation: SourceLocation) {
    let leaked = openFiles
    #expect(leaked.isEmpty, "file descriptors leaked", sourceLocation: sourceLocation)
  }
}

/// Copies a folder file by file, as somebody would who knows nothing of recordings.
func copyFolder(_ source: String, to destination: String) throws {
  try FileManager.default.createDirectory(
    atPath: destination, withIntermediateDirectories: true)
  for name in try FileManager.default.contentsOfDirectory(atPath: source).sorted() {
    // A file may be dropped between listing and copying.
    try? FileManager.default.copyItem(
      atPath: source + "/" + name, toPath: destination + "/" + name)
  }
}

/// Copies a folder that a recorder is at work in so that all that was appended is in the copy, as
/// it is in what the death of the process leaves.
///
/// Buffers come first: what goes from one into a block meanwhile is in both then. A copy in another
/// order may have it in neither.
func copyLiveFolder(_ source: String, to destination: String) throws {
  try FileManager.default.createDirectory(
    atPath: destination, withIntermediateDirectories: true)
  for name in try fileNames(source) where name.hasSuffix(FileName.bufferSuffix) {
    try FileManager.default.copyItem(
      atPath: source + "/" + name, toPath: destination + "/" + name)
  }
  // Listed anew: a segment that has come meanwhile may hold what the buffer no longer has.
  for name in try fileNames(source) where !name.hasSuffix(FileName.bufferSuffix) {
    // One that is being made has another name a moment later.
    try? FileManager.default.copyItem(
      atPath: source + "/" + name, toPath: destination + "/" + name)
  }
}

/// The names of the files in a folder, sorted.
func fileNames(_ path: String) throws -> [String] {
  try FileManager.default.contentsOfDirectory(atPath: path).sorted()
}

/// The bytes of a file.
func bytes(ofFile path: String) throws -> [UInt8] {
  Array(try Data(contentsOf: URL(fileURLWithPath: path)))
}

/// Writes a file.
func write(_ bytes: [UInt8], toFile path: String) throws {
  try Data(bytes).write(to: URL(fileURLWithPath: path))
}

/// The root of the repository.
let repositoryPath = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
  .deletingLastPathComponent().deletingLastPathComponent().path

/// A value of the environment.
func environment(_ name: String) -> String? {
  ProcessInfo.processInfo.environment[name]
}

/// Says that a test cannot run here, so that it is counted rather than silently passed.
///
/// - Returns: `condition`, for an `.enabled(if:)` trait.
func runs(if condition: Bool, otherwise reason: String) -> Bool {
  if !condition { print("SKIPPED: \(reason)") }
  return condition
}

/// Runs a program and returns its exit status, or nothing when it is not installed.
@discardableResult
func run(_ program: String, _ arguments: [String]) -> (status: Int32, output: [UInt8])? {
  guard let path = findProgram(program) else { return nil }
  let process = Process()
  process.executableURL = URL(fileURLWithPath: path)
  process.arguments = arguments
  let pipe = Pipe()
  process.standardOutput = pipe
  process.standardError = FileHandle.nullDevice
  do {
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, Array(output))
  } catch {
    return nil
  }
}

/// Where a program is installed.
func findProgram(_ name: String) -> String? {
  let folders = (environment("PATH") ?? "").split(separator: ":")
  return folders.map { "\($0)/\(name)" }.first {
    FileManager.default.isExecutableFile(atPath: $0)
  }
}
