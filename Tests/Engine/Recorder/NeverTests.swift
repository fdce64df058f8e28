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
private final class LongFolder: Folder {
  private let folder: MemoryFolder
  private let byteCount: Int

  init(_ folder: MemoryFolder, _ byteCount: Int) {
    self.folder = folder
    self.byteCount = byteCount
  }

  var path: String { folder.path }
  func list() throws(ReelError) -> [String] { try folder.list() }
  func open(_ name: String, _ access: FileAccess) throws(ReelError) -> any File {
    let file = try folder.open(name, access)
    return name == FileName.segment(firstSequence: 1) ? LongFile(file, byteCount) : file
  }
  func temporaryFile() throws(ReelError) -> any File { try folder.temporaryFile() }
  func folder(_ name: String, create: Bool) throws(ReelError) -> any Folder {
    try folder.folder(name, create: create)
  }
  func unlink(_ name: String) throws(ReelError) { try folder.unlink(name) }
  func removeFolder(_ name: String) throws(ReelError) { try folder.removeFolder(name) }
  func rename(_ name: String, to newName: String) throws(ReelError) {
    try folder.rename(name, to: newName)
  }
  func sync() throws(ReelError) { try folder.sync() }
  func modificationTime() throws(ReelError) -> Int64 { try folder.modificationTime() }
}

private final class LongFile: File {
  private let file: any File
  private let length: Int
  var path: String { file.path }

  init(_ file: any File, _ length: Int) {
    self.file = file
    self.length = length
  }

  func byteCount() throws(ReelError) -> Int { length }
  func read(at offset: Int, byteCount: Int) throws(ReelError) -> [UInt8] {
    guard offset < 1 << 20 else { return [] }
    return try file.read(at: offset, byteCount: min(byteCount, 1 << 20))
  }
  func write(_ bytes: RawSpan, at offset: Int) throws(ReelError) {
    try file.write(bytes, at: offset)
  }
  func sync() throws(ReelError) { try file.sync() }
  func truncate(to byteCount: Int) throws(ReelError) { try file.truncate(to: byteCount) }
  func map(byteCount: Int) throws(ReelError) -> Region { try file.map(byteCount: byteCount) }
  func lock() throws(ReelError) -> Bool { try file.lock() }
}
