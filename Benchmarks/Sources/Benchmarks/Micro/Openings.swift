import Benchmark
import Reel

/// Adds the benchmarks of opening a recording of 100,000 events that was closed.
func registerOpenings() {
  register("Open for reading after close", fixture: ClosedRecording.init) { benchmark, fixture in
    var recording: Recording?
    try benchmark.measure { recording = try Recording(path: fixture.path) }
    recording?.close()
  }
  register("Open for writing after close", fixture: ClosedRecording.init) { benchmark, fixture in
    // Each run leaves records in a recording: without a copy every opening would find more.
    let path = try fixture.makeCopy()
    var recorder: Recorder?
    try benchmark.measure { recorder = try Recorder(path: path) }
    try recorder?.close()
    try fixture.removeCopy()
  }
}

private final class ClosedRecording: Fixture {
  private let folder: TemporaryFolder
  var path: String { folder.path("recording") }

  init() throws {
    folder = try TemporaryFolder()
    try Events.record(at: path)
  }

  func makeCopy() throws -> String {
    try folder.copy("recording", to: "copy")
    return folder.path("copy")
  }

  func removeCopy() throws { try folder.remove("copy") }

  func close() {}
}
