/// The one reader that a recorder makes of its own recording, when somebody first asks for it.
final class SharedRecording: Sendable {
  private let lock = Lock()
  private nonisolated(unsafe) var opened: Recording?

  func recording(
    _ folder: any Folder, _ configuration: RecorderConfiguration,
    mark: @escaping @Sendable () -> LiveMark?
  ) throws(ReelError) -> Recording {
    lock.lock()
    defer { lock.unlock() }
    if let recording = unsafe opened { return recording }
    let recording = try Recording(
      folder: folder, configuration: configuration.reading, clock: configuration.clock, mark: mark)
    unsafe opened = recording
    return recording
  }
}
