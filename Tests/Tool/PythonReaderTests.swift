import Foundation
import Reel
import Testing

@testable import ReelTool

/// The reader in Python, which follows `format-spec.md` alone, against what was recorded: where the
/// two differ, the page or the engine is wrong.
@Suite struct PythonReaderTests {
  private static let reader = repositoryPath + "/tools/read_segment.py"
  static let canRun = runs(
    if: run("python3", ["-c", "import lz4.frame, xxhash"])?.status == 0,
    otherwise: "no python3 with the packages lz4 and xxhash: the reader in Python is not checked")

  @Test(.enabled(if: canRun, "no python3 with lz4 and xxhash"))
  func theCutReadsAlike() throws {
    var configuration = RecorderConfiguration()
    configuration.segmentByteCount = 64 << 10
    try check(Sample.cutPath, configuration)
  }

  @Test(
    .enabled(if: canRun, "no python3 with lz4 and xxhash"),
    .enabled(if: Sample.hasFull, "the full recording is not here; REEL_SAMPLE names it"))
  func theFullRecordingReadsAlike() throws {
    try check(Sample.fullPath ?? "", RecorderConfiguration())
  }

  /// Records the events of a file and compares what Python reads, checking all indexes, with them.
  private func check(_ sample: String, _ configuration: RecorderConfiguration) throws {
    let events = try Sample.events(sample)
    try withTemporaryDirectory { path in
      let recorder = try Recorder(path: path, configuration: configuration)
      for event in events { try recorder.append(event) }
      try recorder.close()
      let segments = try fileNames(path).filter { $0.hasSuffix(".segment") }.sorted()
      let arguments = [Self.reader, "--check"] + segments.map { path + "/" + $0 }
      let (status, output) = try #require(run("python3", arguments))
      #expect(status == 0)
      let lines = output.split(separator: UInt8(ascii: "\n"))
      #expect(lines.count == events.count)
      let writer = EventWriter()
      var expected: [UInt8] = []
      for (line, event) in zip(lines, events) {
        expected.removeAll(keepingCapacity: true)
        writer.write(event, to: &expected)
        expected.removeLast()
        guard let comma = line.firstIndex(of: UInt8(ascii: ",")) else { continue }
        let found = [UInt8(ascii: "{")] + line[(comma + 1)...]
        if found != expected {
          Issue.record("\(String(decoding: line, as: UTF8.self))")
          return
        }
      }
    }
  }
}
