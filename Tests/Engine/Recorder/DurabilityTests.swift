import Foundation
import Testing

@testable import Reel

/// Durability, and what happens while the disk does not keep up.
@Suite struct DurabilityTests {
  @Test func whatIsAppendedWithDurabilityDiskIsInTheFileAndSynced() throws {
    try withTemporaryDirectory { path in
      let folder = HangingFolder(try POSIXFolder(path: path, create: true))
      var configuration = RecorderConfiguration.tiny
      configuration.durability = .disk
      let recorder = try Recorder(folder: folder, configuration: configuration)
      for number in 1...20 {
        let before = folder.syncCount
        let given = try #require(try recorder.append(numbered(number)))
        #expect(folder.syncCount > before)
        #expect(recorder.status.durableSequenceNumber >= given)
      }
      try recorder.append(contentsOf: (21...40).map(numbered))
      #expect(try Recording(path: path).count() == 40)
      try recorder.close()
      #expect(try Recording(path: path).count() == 40)
    }
  }

  @Test func syncReachesEverythingAppended() throws {
    try withTemporaryDirectory { path in
      let recorder = try Recorder(path: path, configuration: .tiny)
      for number in 1...200 { try recorder.append(numbered(number)) }
      try recorder.sync()
      #expect(recorder.status.durableSequenceNumber.rawValue >= 200)
      #expect(try recorder.recording.statistics().bufferedEventCount == 0)
      try recorder.close()
    }
  }

  @Test func aFullBufferDropsAndTellsItWithAGapRecord() throws {
    try withTemporaryDirectory { path in
      let folder = HangingFolder(try POSIXFolder(path: path, create: true))
      var configuration = RecorderConfiguration.tiny
      configuration.backpressure = .drop
      let recorder = try Recorder(folder: folder, configuration: configuration)
      folder.hang()
      var taken = 0
      var dropped = 0
      for number in 1...3000 {
        if try recorder.append(numbered(number)) == nil { dropped += 1 } else { taken += 1 }
      }
      dropped += 5 - (try recorder.append(contentsOf: (1...5).map(numbered)))
      #expect(dropped > 0)
      #expect(recorder.status.droppedEventCount == UInt64(dropped))
      folder.resume()
      try recorder.flush()
      #expect(try recorder.append(numbered(3001)) != nil)
      let answer = try recorder.recording.events(Query(from: .min, to: .max), limit: nil)
      #expect(answer.events.count == taken + 1)
      let statistics = try recorder.recording.statistics()
      #expect(statistics.droppedEventCount == dropped)
      #expect(!statistics.gaps.isEmpty)
      #expect(answer.completeness.droppedEventCount == UInt64(dropped))
      #expect(!answer.completeness.isComplete)
      try recorder.close()
      #expect(try Recording(path: path).statistics().droppedEventCount == dropped)
    }
  }

  @Test func aFullBufferMakesWritersWaitAndLosesNothing() async throws {
    try await withTemporaryDirectory { path in
      let folder = HangingFolder(try POSIXFolder(path: path, create: true))
      let recorder = try Recorder(folder: folder, configuration: .tiny)
      folder.hang()
      let writer = onThread {
        for number in 1...1500 { try recorder.append(numbered(number)) }
      }
      // Half of them fit into the buffer: the writer waits until the disk answers.
      while recorder.status.bufferedByteCount < 40 << 10 { await Task.yield() }
      folder.resume()
      try await writer.value
      try recorder.close()
      #expect(try Recording(path: path).count() == 1500)
    }
  }

  @Test func aBatchThatAFullDiskInterruptsIsKeptWhole() async throws {
    try await withTemporaryDirectory { path in
      let folder = HangingFolder(try POSIXFolder(path: path, create: true))
      let recorder = try Recorder(folder: folder, configuration: .tiny)
      for round in 0..<6 {
        folder.fill(true)
        let writer = onThread {
          // Many blocks each: the disk is full in the middle of one.
          for batch in 0..<4 {
            let first = 600 * round + 150 * batch + 1
            try recorder.append(contentsOf: (first..<first + 150).map(numbered))
          }
        }
        while recorder.status.stall == nil { await Task.yield() }
        folder.fill(false)
        try await writer.value
      }
      try recorder.close()
      let events = try Recording(path: path).events(limit: nil).events
      #expect(events.compactMap { $0.timestamp?.nanoseconds } == Array(1...3600))
    }
  }
}
