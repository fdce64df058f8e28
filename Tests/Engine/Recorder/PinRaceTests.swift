import Synchronization
import Testing

@testable import Reel

/// What is pinned while a recorder goes on, or after damage, has all that the recording has.
@Suite struct PinRaceTests {
  private var configuration: RecorderConfiguration {
    var configuration = RecorderConfiguration.tiny
    configuration.segmentEventCount = 500
    return configuration
  }

  /// A recording of several segments whose trailers at the ordinals `damaged` are not whole.
  private func recording(damaged: [Int]) throws -> MemoryFolder {
    let folder = MemoryFolder()
    let recorder = try Recorder(folder: folder, configuration: configuration)
    for number in 1...3000 { try recorder.append(numbered(number)) }
    try recorder.close()
    var image = folder.image
    let segments = image.keys.filter { $0.hasSuffix(".segment") }.sorted()
    try #require(segments.count > 3)
    for ordinal in damaged {
      image[segments[ordinal]].map { image[segments[ordinal]]?[$0.count - 40] ^= 1 }
    }
    return MemoryFolder(image)
  }

  @Test(arguments: [[1], [0, 1], [0, 2]])
  func segmentsWithoutATrailerArePinnedToo(damaged: [Int]) throws {
    let folder = try recording(damaged: damaged)
    let source = try Recording(folder: folder)
    let whole = try source.count()
    #expect(whole == 3000)
    _ = try source.pin("p")
    let pins = try folder.folder(FileName.pins, create: false)
    let pinned = try Recording(folder: try pins.folder("p", create: false))
    #expect(try pinned.count() == whole)
  }

  private func pin(
    in folder: MemoryFolder, through hooked: HookedFolder
  ) throws -> Recording {
    _ = try Recording(folder: hooked).pin("p")
    let pins = try folder.folder(FileName.pins, create: false)
    return try Recording(folder: try pins.folder("p", create: false))
  }

  /// A segment that is dropped between the look at the recording and its linking.
  @Test func aSegmentThatIsDroppedMeanwhileIsNotLeftOutInSilence() throws {
    let folder = MemoryFolder()
    let recorder = try Recorder(folder: folder, configuration: configuration)
    for number in 1...3000 { try recorder.append(numbered(number)) }
    try recorder.flush()
    let hooked = HookedFolder(folder)
    hooked.beforeLink = { _ = try? recorder.keepNewest(bytes: 90 << 10) }
    let pinned = try pin(in: folder, through: hooked)
    let left = try recorder.recording.events(limit: nil).events.map(\.id)
    #expect(left.count < 3000 && !left.isEmpty)
    let answer = try pinned.events(limit: nil)
    #expect(answer.events.map(\.id) == left)
    #expect(answer.completeness.removedEventCount == UInt64(3000 - left.count))
    try recorder.close()
  }

  /// One that is gone for good, though the recording lists it.
  @Test func aSegmentThatIsNeverThereFailsThePin() throws {
    let folder = try recording(damaged: [])
    let hooked = HookedFolder(folder)
    hooked.isGone = { $0.hasSuffix("1.segment") }
    #expect(throws: ReelError.self) { _ = try Recording(folder: hooked).pin("p") }
    #expect(try Recording(folder: folder).pins().isEmpty)
  }

  /// The buffer's room is used again, and goes into blocks, while it is copied.
  @Test(arguments: [300, 380, 460], [3, 40, 120])
  func aBufferIsCopiedWholeBesideAFastWriter(count: Int, stride: Int) throws {
    let folder = MemoryFolder()
    let recorder = try Recorder(folder: folder, configuration: .tiny)
    for number in 1...count { try recorder.append(numbered(number)) }
    let hooked = HookedFolder(folder)
    let next = Counter()
    next.value = count
    hooked.betweenPieces = {
      for _ in 0..<stride {
        next.add(1)
        _ = try? recorder.append(numbered(next.value))
      }
      if next.value % 7 == 0 { try? recorder.flush() }
    }
    let pinned = try pin(in: folder, through: hooked)
    // A ring of sixteen pages.
    #expect(next.value >= count + 16 * stride)
    let answer = try pinned.events(limit: nil)
    #expect(answer.completeness.damages.isEmpty)
    #expect(answer.completeness.missing.isEmpty)
    let ids = answer.events.map(\.id)
    #expect(ids.count >= count)
    #expect(ids == (1...max(count, ids.count)).map { EventID("event-\($0)") })
    #expect(try pinned.verify { _ in }.isSound)
    try recorder.close()
  }
}

/// A folder that lets others go on while it is at work.
private final class HookedFolder: ForwardingFolder {
  let base: any Folder
  private let hooks = Mutex(Hooks())

  private struct Hooks: Sendable {
    var beforeLink: (@Sendable () -> Void)?
    var betweenPieces: (@Sendable () -> Void)?
    var isGone: (@Sendable (String) -> Bool)?
  }

  init(_ folder: MemoryFolder) { base = folder }

  /// Called once, before the first file gets its second name.
  var beforeLink: (@Sendable () -> Void)? {
    get { hooks.withLock { $0.beforeLink } }
    set { hooks.withLock { $0.beforeLink = newValue } }
  }
  /// Called after each page of a file that is copied.
  var betweenPieces: (@Sendable () -> Void)? {
    get { hooks.withLock { $0.betweenPieces } }
    set { hooks.withLock { $0.betweenPieces = newValue } }
  }
  /// Whether a file is not there when it is to get its second name.
  var isGone: (@Sendable (String) -> Bool)? {
    get { hooks.withLock { $0.isGone } }
    set { hooks.withLock { $0.isGone = newValue } }
  }

  func open(_ name: String, _ access: FileAccess) throws(ReelError) -> any File {
    HookedFile(try base.open(name, access), betweenPieces)
  }
  func link(_ name: String, into target: any Folder) throws(ReelError) {
    let hook = hooks.withLock { hooks in
      defer { hooks.beforeLink = nil }
      return hooks.beforeLink
    }
    hook?()
    let isGone = hooks.withLock { $0.isGone?(name) ?? false }
    // As the system answers where the file has no name any more.
    try base.link(isGone ? "gone" : name, into: target)
  }
}

/// A file whose bytes are read page by page when much is asked for, as the kernel does it.
private final class HookedFile: ForwardingFile {
  let base: any File
  private let hook: (@Sendable () -> Void)?

  init(_ file: any File, _ hook: (@Sendable () -> Void)?) {
    base = file
    self.hook = hook
  }

  func read(at offset: Int, byteCount: Int) throws(ReelError) -> [UInt8] {
    guard let hook, byteCount >= 1 << 20, path.hasSuffix(FileName.bufferSuffix) else {
      return try base.read(at: offset, byteCount: byteCount)
    }
    var bytes: [UInt8] = []
    while bytes.count < byteCount {
      let page = try base.read(at: offset + bytes.count, byteCount: 4096)
      bytes += page
      if page.count < 4096 { break }
      hook()
    }
    return bytes
  }
}
