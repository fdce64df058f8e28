import Foundation
import Testing

@testable import Reel

/// What is pinned outlives retention, takes no room before, and disturbs nobody.
@Suite struct PinTests {
  private func links(_ path: String) throws -> Int {
    try #require(
      try FileManager.default.attributesOfItem(atPath: path)[.referenceCount] as? Int)
  }

  @Test func whatIsPinnedOutlivesRetention() throws {
    try withTemporaryDirectory { path in
      var configuration = RecorderConfiguration.tiny
      configuration.maximumEventCount = 4000
      let recorder = try Recorder(path: path + "/r", configuration: configuration)
      for number in 1...3000 { try recorder.append(numbered(number)) }
      try recorder.flush()
      let wanted = try recorder.recording.events(Query(from: 1000, to: 1500), limit: nil).events
      let pin = try recorder.recording.pin("an incident/1", from: 1000, to: 1500)
      let segments = try fileNames(pin.path).filter { $0.hasSuffix(".segment") }
      #expect(!segments.isEmpty)
      // The same files: no room is taken.
      for name in segments { #expect(try links(pin.path + "/" + name) == 2) }
      #expect(throws: ReelError.self) {
        try recorder.recording.pin("an incident/1", from: 1000, to: 1500)
      }
      #expect(throws: ReelError.self) {
        try recorder.recording.pin("more", byteBudget: pin.byteCount)
      }
      for number in 3001...12_000 { try recorder.append(numbered(number)) }
      try recorder.close()
      let recording = try Recording(path: path + "/r")
      #expect(try recording.count(Query(from: 1000, to: 1500)) == 0)
      let kept = try Recording(path: pin.path)
      #expect(try kept.events(Query(from: 1000, to: 1500), limit: nil).events == wanted)
      #expect(try kept.moment(at: 1200).isComplete)
      for name in segments { #expect(try links(pin.path + "/" + name) == 1) }
      #expect(try recording.pins() == [pin])
      #expect(try recording.verify { _ in }.findingCount == 0)
      try recording.unpin("an incident/1")
      #expect(try recording.pins().isEmpty)
      #expect(throws: ReelError.self) { try recording.unpin("an incident/1") }
    }
  }

  /// The newest events are in the buffer and in a segment that is written to.
  @Test func whatIsStillBeingWrittenIsCopied() throws {
    try withTemporaryDirectory { path in
      let recorder = try Recorder(path: path + "/r", configuration: .tiny)
      for number in 1...1000 { try recorder.append(numbered(number)) }
      let pin = try recorder.recording.pin("now")
      for number in 1001...2000 { try recorder.append(numbered(number)) }
      let kept = try Recording(path: pin.path)
      #expect(try kept.count() == 1000)
      try recorder.close()
      #expect(try Recording(path: pin.path).count() == 1000)
      try Recording.destroy(path: path + "/r")
      #expect(try fileNames(path).isEmpty)
    }
  }

  @Test func aFailureLeavesNoPin() throws {
    let memory = MemoryFolder()
    let recorder = try Recorder(folder: memory, configuration: .tiny)
    for number in 1...3000 { try recorder.append(numbered(number)) }
    try recorder.close()
    let plain = FaultyFolder(MemoryFolder(memory.image))
    _ = try Recording(folder: plain).pin("p")
    let counts = plain.counts
    let segmentCount = RecordingFiles(try memory.list()).segments.count
    for call in [Call.open, .write, .rename, .sync, .folderSync, .folder] {
      for index in 0..<counts[call, default: 0] {
        let copy = MemoryFolder(memory.image)
        let folder = FaultyFolder(copy)
        let recording = try Recording(folder: folder)
        folder.set(Fault(call: call, index: index, code: ErrorNumber.noSpace))
        let made = (try? recording.pin("p")) != nil
        folder.set(nil)
        let count = try Recording(folder: copy).pins().count
        #expect(!made || count == 1, "\(call) \(index)")
        // Where only the last sync failed it may be there all the same, and is whole.
        if count == 1 {
          let names = copy.image.keys.filter { $0.hasPrefix("pins/p/") }
          let pinned = names.count { $0.hasSuffix(".segment") }
          #expect(pinned == segmentCount, "\(call) \(index)")
        } else {
          _ = try Recording(folder: copy).pin("p")
        }
      }
    }
  }

  @Test func whatIsNotThereIsNotPinned() throws {
    try withTemporaryDirectory { path in
      try record((1...100).map(numbered), at: path + "/r")
      let recording = try Recording(path: path + "/r")
      #expect(throws: ReelError.self) { try recording.pin("none", from: 200) }
      #expect(throws: ReelError.self) { try recording.pin("", from: 2) }
      #expect(throws: ReelError.self) { try recording.pin("back", from: 20, to: 10) }
      #expect(try fileNames(path + "/r").contains("pins") == false)
    }
  }
}
