import Foundation

/// The cut of the real recording as `reel record` records it, once for all tests.
enum RecordedCut {
  private struct NotRecorded: Error {
    var message: String
  }

  private static let files = Result { () throws -> [String: [UInt8]] in
    let folder = try TemporaryFolder()
    let trace = folder.path("trace")
    let content = try Sample.content(Sample.cutPath)
    let run = try ToolRun(["record", trace], input: String(decoding: content, as: UTF8.self))
    guard run.status == 0 else { throw NotRecorded(message: run.errors) }
    let names = try fileNames(trace)
    return try Dictionary(
      uniqueKeysWithValues: names.map { ($0, try bytes(ofFile: trace + "/" + $0)) })
  }

  /// Writes its files into a new folder.
  static func write(to path: String) throws {
    let files = try files.get()
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    for (name, bytes) in files { try ReelTests.write(bytes, toFile: path + "/" + name) }
  }
}
