/// A recording that a program shares without handing a recorder around: opened on first use, in the
/// folder that the environment variable `REEL_RECORDING` names, or else in `reel-recording` within
/// the current folder.
///
/// Its recorder has the default configuration. Close it before the program ends; without that the
/// next opening recovers, as after a crash.
public enum DefaultStore {
  /// The name of the environment variable that says where it is.
  public static let variable = "REEL_RECORDING"

  /// How many events ``events(since:limit:)`` returns unless told otherwise.
  public static let defaultLimit = 10_000

  private static let lock = Lock()
  nonisolated(unsafe) private static var opened: Recorder?

  /// The folder it is, or will be, in.
  public static var path: String { environmentVariable(variable) ?? "reel-recording" }

  /// The shared recorder, opened now if it is not open.
  ///
  /// - Throws: As ``Recorder/init(path:configuration:)``; the next use tries again.
  public static var recorder: Recorder {
    get throws(ReelError) {
      lock.lock()
      defer { lock.unlock() }
      if let recorder = unsafe opened { return recorder }
      let recorder = try Recorder(path: path)
      unsafe opened = recorder
      return recorder
    }
  }

  /// Appends a batch, as ``Recorder/append(contentsOf:)``.
  ///
  /// - Returns: The number of events appended.
  /// - Throws: As ``recorder`` and ``Recorder/append(contentsOf:)``.
  @discardableResult
  public static func append(contentsOf events: [Event]) throws(ReelError) -> Int {
    guard !events.isEmpty else { return 0 }
    return try recorder.append(contentsOf: events)
  }

  /// The events from `since` on, inclusive, in order of time.
  ///
  /// - Parameters:
  ///   - since: The earliest timestamp.
  ///   - limit: How many at most; nothing means all.
  /// - Returns: The events.
  /// - Throws: As ``recorder`` and ``Recording/events(_:limit:)``.
  public static func events(
    since: Timestamp, limit: Int? = defaultLimit
  ) throws(ReelError) -> [Event] {
    try recorder.recording.events(Query(from: since), limit: limit).events
  }

  /// Whether there is an event with `id`.
  public static func contains(id: EventID) throws(ReelError) -> Bool {
    try recorder.recording.contains(id: id)
  }

  /// Closes the shared recorder; the next use opens it again.
  ///
  /// - Throws: As ``Recorder/close()``.
  public static func close() throws(ReelError) {
    lock.lock()
    let recorder = unsafe opened
    unsafe opened = nil
    lock.unlock()
    try recorder?.close()
  }
}
