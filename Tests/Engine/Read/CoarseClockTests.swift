import Testing

@testable import Reel

/// The clock that a file system takes times of change from ticks slower than recorders come and go.
@Suite struct CoarseClockTests {
  /// A folder whose time of change never moves.
  private final class StandingFolder: ForwardingFolder {
    let base: any Folder
    private let time: Int64

    init(folder: any Folder, time: Int64) {
      base = folder
      self.time = time
    }

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
