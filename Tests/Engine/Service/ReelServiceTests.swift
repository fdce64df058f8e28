import ReelServiceLifecycle
import ServiceLifecycle
import ServiceLifecycleTestKit
import Testing

@testable import Reel

/// The service enforces retention, ends when it is told to and never before, and does not hang.
@Suite struct ReelServiceTests {
  private func isClosed(_ recorder: Recorder) -> Bool {
    do {
      try recorder.append(Event())
      return false
    } catch {
      return true
    }
  }

  @Test(arguments: [Duration.zero, .milliseconds(1)])
  func aGracefulShutdownClosesTheRecorder(interval: Duration) async throws {
    try await withTemporaryDirectory { path in
      let recorder = try Recorder(path: path, configuration: .tiny)
      try recorder.append(numbered(1))
      try await testGracefulShutdown { trigger in
        try await withThrowingTaskGroup(of: Void.self) { group in
          group.addTask {
            try await ReelService(recorder, retentionInterval: interval).run()
          }
          for _ in 0..<100 { await Task.yield() }
          // It has not ended by itself.
          #expect(!isClosed(recorder))
          trigger.triggerGracefulShutdown()
          try await group.waitForAll()
        }
      }
      #expect(isClosed(recorder))
      #expect(try Recording(path: path).statistics().runs.map(\.end) == [.closed])
    }
  }

  @Test(arguments: [Duration.zero, .seconds(60)])
  func aCancellationClosesTheRecorder(interval: Duration) async throws {
    try await withTemporaryDirectory { path in
      let recorder = try Recorder(path: path, configuration: .tiny)
      try recorder.append(numbered(1))
      let task = Task { try await ReelService(recorder, retentionInterval: interval).run() }
      task.cancel()
      try await task.value
      #expect(isClosed(recorder))
      #expect(try Recording(path: path).count() == 1)
    }
  }

  @Test func retentionIsEnforcedAtIntervals() async throws {
    try await withTemporaryDirectory { path in
      let clock = ManualClock()
      var configuration = RecorderConfiguration.tiny
      configuration.clock = clock
      configuration.maximumAge = .seconds(60)
      configuration.retentionInterval = .zero
      let recorder = try Recorder(path: path, configuration: configuration)
      for number in 1...100 { try recorder.append(numbered(number)) }
      try recorder.flush()
      clock.advance(by: .seconds(3600))
      // The next block begins a new segment, so that the old one may go.
      for number in 101...103 { try recorder.append(numbered(number)) }
      try recorder.flush()
      let task = Task {
        try await ReelService(recorder, retentionInterval: .milliseconds(1)).run()
      }
      while try recorder.recording.count() > 3 { await Task.yield() }
      task.cancel()
      try await task.value
      #expect(try Recording(path: path).count() == 3)
    }
  }

  @Test func aCloseThatHangsIsGivenUpAtTheDeadline() async throws {
    try await withTemporaryDirectory { path in
      let folder = HangingFolder(try POSIXFolder(path: path, create: true))
      let recorder = try Recorder(folder: folder, configuration: .tiny)
      try recorder.append(numbered(1))
      folder.hang()
      let service = ReelService(
        recorder, retentionInterval: .zero, closeDeadline: .milliseconds(10))
      let task = Task { try await service.run() }
      task.cancel()
      await #expect(throws: ReelService.CloseDeadlineExceeded.self) { try await task.value }
      folder.resume()
      while try fileNames(path).contains(where: { $0.hasSuffix(".buffer") }) {
        await Task.yield()
      }
      #expect(try Recording(path: path).count() == 1)
    }
  }
}
