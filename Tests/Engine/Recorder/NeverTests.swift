import Testing

@testable import Reel

/// The longest intervals and the longest files that can be asked for are no different from others.
@Suite struct NeverTests {
  @Test func anIntervalOfForeverNeverComes() throws {
    let memory = MemoryFolder()
    let folder = FaultyFolder(memory)
    var configuration = RecorderConfiguration.tiny
    configuration.syncInterval = .seconds(Int64.max)
    configuration.retentionInterval = .seconds(Int64.max)
    configuration.maximumAge = .seconds(Int64.max)
    let recorder = try Recorder(folder: folder, configuration: configuration)
    let before = folder.counts[.sync, default: 0]
    for number in 1...20 {
      try recorder.append(numbered(number))
      _ = memory.imageAtRest
    }
    try recorder.flush()
    _ = memory.imageAtRest
    #expect(folder.counts[.sync, default: 0] == before)
    #expect(try recorder.recording.count() == 20)
    try recorder.close()
  }

  /// A sparse file takes no room, whatever its length.
  @Test(arguments: [1 << 40, Int.max / 16 + 1, Int.max / 2, Int.max])
  func aFileOfAnyLengthIsOpenedOrRefused(byteCount: Int) throws {
    let name = FileName.segment(firstSequence: 1)
    let memory = MemoryFolder([name: [UInt8](repeating: 0, count: 99)])
    let folder = LongFolder(memory, byteCount)
    do {
      try Recorder(folder: folder, configuration: .tiny).close()
    } catch ReelError.notARecording {
      #expect(byteCount > 1 << 50)
    }
    _ = HashingBudget(byteCount)
  }
}

/// A folder whose segments are very long.
private final class LongFolder: ForwardingFolder {
  let base: any Folder
  private let byteCount: Int

  init(_ folder: MemoryFolder, _ byteCount: Int) {
    base = folder
    self.byteCount = byteCount
  }

  func open(_ name: String, _ access: FileAccess) throws(ReelError) -> any File {
    let file = try base.open(name, access)
    return name == FileName.segment(firstSequence: 1) ? LongFile(file, byteCount) : file
  }
}

private final class LongFile: ForwardingFile {
  let base: any File
  private let length: Int

  init(_ file: any File, _ length: Int) {
    base = file
    self.length = length
  }

  func byteCount() throws(ReelError) -> Int { length }
  func read(at offset: Int, byteCount: Int) throws(ReelError) -> [UInt8] {
    guard offset < 1 << 20 else { return [] }
    return try base.read(at: offset, byteCount: min(byteCount, 1 << 20))
  }
}
