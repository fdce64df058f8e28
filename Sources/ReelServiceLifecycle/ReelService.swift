internal import Dispatch
public import Reel
public import ServiceLifecycle

/// Runs a recorder as a service: retention at intervals, and a close that ends in time.
///
/// ```swift
/// let recorder = try Recorder(path: "trace")
/// let group = ServiceGroup(services: [server, ReelService(recorder)], logger: logger)
/// try await group.run()
/// ```
///
/// A service group stops its services in reverse order, so name this one before those that record.
/// Nobody else may close the recorder.
public struct ReelService: Service {
  /// The recorder that this service closes.
  public let recorder: Recorder
  /// How often retention is enforced.
  ///
  /// Zero: never by this service.
  public let retentionInterval: Duration
  /// How long the close may take.
  public let closeDeadline: Duration

  /// The recorder could not be closed in time: the disk does not answer.
  ///
  /// What was acknowledged is in the write-ahead buffer, and the next opening recovers it.
  public struct CloseDeadlineExceeded: Error, Hashable, Sendable, CustomStringConvertible {
    /// The recording.
    public let path: String
    /// The time that was given.
    public let deadline: Duration

    /// What happened and what remains true.
    public var description: String {
      "\(path): the recorder could not be closed within \(deadline); everything acknowledged is"
        + " kept, and the next opening recovers it"
    }
  }

  /// Creates the service of `recorder`.
  ///
  /// - Parameters:
  ///   - recorder: Open; the service closes it.
  ///   - retentionInterval: 0 or more. Default: 60 s. Zero: retention is left to the recorder.
  ///   - closeDeadline: 0 or more. Default: 10 s.
  public init(
    _ recorder: Recorder, retentionInterval: Duration = .seconds(60),
    closeDeadline: Duration = .seconds(10)
  ) {
    precondition(retentionInterval >= .zero, "the retention interval is negative")
    precondition(closeDeadline >= .zero, "the close deadline is negative")
    self.recorder = recorder
    self.retentionInterval = retentionInterval
    self.closeDeadline = closeDeadline
  }

  /// Enforces retention until a graceful shutdown or a cancellation, then closes the recorder.
  ///
  /// A retention that fails, as on a full disk, is tried again at the next interval; a recorder
  /// that has failed for good is reported by the close.
  ///
  /// - Throws: What ``Recorder/close()`` throws, or ``CloseDeadlineExceeded``.
  public func run() async throws {
    let retention = retentionInterval > .zero ? Task { await enforceRetention() } : nil
    // A cancellation ends the wait as a shutdown does; either way the recorder is closed.
    try? await gracefulShutdown()
    retention?.cancel()
    try await close()
  }

  private func enforceRetention() async {
    while (try? await Task.sleep(for: retentionInterval)) != nil {
      await withCheckedContinuation { continuation in
        // It waits for the disk, which no thread of Swift's pool should.
        DispatchQueue.global().async {
          _ = try? recorder.enforceRetention()
          continuation.resume()
        }
      }
    }
  }

  /// Closes the recorder on a thread of its own, and goes on without it at the deadline: a system
  /// call that hangs cannot be called off.
  private func close() async throws {
    let results = AsyncStream<Result<Void, any Error>>.makeStream(
      bufferingPolicy: .bufferingOldest(1))
    DispatchQueue.global().async {
      results.continuation.yield(Result { try recorder.close() })
    }
    let timer = Task {
      try await Task.sleep(for: closeDeadline)
      results.continuation.yield(
        .failure(CloseDeadlineExceeded(path: recorder.path, deadline: closeDeadline)))
    }
    defer { timer.cancel() }
    // Not within the calling task, whose cancellation would end the stream at once.
    let result = await Task {
      var iterator = results.stream.makeAsyncIterator()
      return await iterator.next()
    }.value
    try result?.get()
  }
}
