import Testing

@testable import Reel

/// A recording in a folder of its own, to be exported.
struct ExportedTrace {
  let folder: TemporaryFolder
  let path: String

  init() throws {
    folder = try TemporaryFolder()
    path = folder.path("trace")
  }

  /// Records the cut of the real recording.
  func recordCut() throws { try RecordedCut.write(to: path) }

  /// Records events that may have any of the attributes of random ones.
  func record(_ events: [Event]) throws {
    var configuration = RecorderConfiguration()
    configuration.attributes = RandomEvents.declarations
    configuration.segmentByteCount = 64 << 10
    let recorder = try Recorder(path: path, configuration: configuration)
    for event in events { try recorder.append(event) }
    try recorder.close()
  }
}
