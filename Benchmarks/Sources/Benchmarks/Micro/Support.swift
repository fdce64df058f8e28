import Foundation
import Reel
import Workload

/// The events that every benchmark works on, made once a process.
enum Events {
  static let all: [Event] = {
    var generator = Generator(seed: 1)
    return generator.events(100_000)
  }()

  /// The same events in batches of 1,000.
  static let batches: [[Event]] = stride(from: 0, to: all.count, by: 1000).map {
    Array(all[$0..<min($0 + 1000, all.count)])
  }

  /// Writes all of them into a new recording at `path` and closes it.
  static func record(at path: String) throws {
    let recorder = try Recorder(path: path)
    for batch in batches { try recorder.append(contentsOf: batch) }
    try recorder.close()
  }
}

/// A folder that is there, with all that is put into it, as long as this object.
final class TemporaryFolder {
  private let location: URL

  init() throws {
    location = FileManager.default.temporaryDirectory
      .appending(path: "reel-micro-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: location, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: location) }

  /// The path of something in it, which need not be there.
  func path(_ name: String) -> String { location.appending(path: name).path }

  func remove(_ name: String) throws {
    try FileManager.default.removeItem(atPath: path(name))
  }

  func copy(_ name: String, to other: String) throws {
    try FileManager.default.copyItem(atPath: path(name), toPath: path(other))
  }
}
