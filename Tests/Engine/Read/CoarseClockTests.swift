import Testing

@testable import Reel

/// The clock that a file system takes times of change from ticks slower than recorders come and go.
@Suite struct CoarseClockTests {
  /// A folder whose time of change never moves.
  private final class StandingFolder: Folder {
    private let folder: any Folder
    private let time: Int64

    init(folder: any Folder, time: Int64) {
      self.folder = folder
      self.time = time
    }

    var path: String { folder.path }
    func list() throws(ReelError) -> [String] { try folder.list() }
    func open(_ name: String, _ access: FileAccess) throws(ReelError) -> any File {
      try folder.open(name, access)
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
    func modificationTime() throws(ReelError) -> Int64 { time }
  }

  @Test func aRunThatComesAndGoesWithinOneTickIsSeen() throws {
    let folder = MemoryFolder()
    let clock = ManualClock()
    func record(_ number: Int) throws {
      let recorder = try Recorder(folder: folder, configuration: .tiny)
      try recorder.append(numbered(number))
      try recorder.close()
    }
    try record(1)
    let standing = StandingFolder(folder: folder, time: clock.wall())
    let recording = try Recording(folder: standing, clock: clock)
    #expect(try recording.count() == 1)
    try record(2)
    #expect(try recording.count() == 2)
    try record(3)
    clock.advance(by: .seconds(1))
    #expect(try recording.count() == 3)
  }
}
