import Foundation

import Testing

@testable import Reel

/// Documents in versions, and what deletes a recording: rows D4, D12, D15 and D16 of the seed.
@Suite(.serialized) struct DocumentTests {
  @Test func d15ADocumentIsKeptInVersions() throws {
    try withTemporaryDirectory { path in
      let recorder = try Recorder(path: path)
      #expect(try recorder.setDocument("plan/für alle", Array("one".utf8)) == 1)
      #expect(try recorder.setDocument("plan/für alle", Array("two".utf8)) == 2)
      try recorder.close()
      let recording = try Recording(path: path)
      #expect(try recording.document("plan/für alle").bytes == Array("two".utf8))
      #expect(try recording.document("plan/für alle", version: 1).bytes == Array("one".utf8))
      let again = try Recorder(path: path)
      #expect(try again.removeDocument("plan/für alle") == 3)
      try again.close()
      #expect(throws: ReelError.documentNotFound(name: "plan/für alle")) {
        try recording.document("plan/für alle")
      }
      #expect(try recording.document("plan/für alle", version: 2).bytes == Array("two".utf8))
      #expect(try recording.documents().isEmpty)
      #expect(try recording.documents(includingRemoved: true).map(\.version) == [3])
    }
  }

  @Test func d16ADocumentIsReadAgainOrSaidToBeMissing() throws {
    try withTemporaryDirectory { path in
      let recorder = try Recorder(path: path)
      #expect(throws: ReelError.documentNotFound(name: "plan")) {
        try recorder.recording.document("plan")
      }
      _ = try recorder.setDocument("plan", [])
      #expect(try recorder.recording.document("plan").bytes == [])
      for name in ["", String(repeating: "x", count: 65)] {
        #expect(throws: ReelError.self) { try recorder.setDocument(name, [1]) }
      }
      try recorder.close()
    }
  }

  @Test func aDamagedVersionIsToldAndTheOneBeforeItTaken() throws {
    try withTemporaryDirectory { path in
      let recorder = try Recorder(path: path)
      _ = try recorder.setDocument("plan", Array("whole".utf8))
      _ = try recorder.setDocument("plan", Array("to be damaged".utf8))
      try recorder.close()
      let file = path + "/documents/plan.0000000002.document"
      var bytes = try Data(contentsOf: URL(fileURLWithPath: file))
      bytes[bytes.count - 12] ^= 1
      try bytes.write(to: URL(fileURLWithPath: file))
      let document = try Recording(path: path).document("plan")
      #expect(document.bytes == Array("whole".utf8))
      #expect(document.info.newerDamages.count == 1)
      #expect(try !Recording(path: path).verify { _ in }.isSound)
    }
  }

  @Test func d12DestroyingDeletesARecordingAndNothingElse() throws {
    try withTemporaryDirectory { path in
      let manager = FileManager.default
      let recorder = try Recorder(path: path + "/trace")
      try recorder.append(Event(kind: "k"))
      _ = try recorder.setDocument("plan", [1])
      #expect(throws: ReelError.self) { try Recording.destroy(path: path + "/trace") }
      try recorder.close()
      try Recording.destroy(path: path + "/trace")
      #expect(!manager.fileExists(atPath: path + "/trace"))
      #expect(throws: ReelError.notFound(path: path + "/trace")) {
        try Recording.destroy(path: path + "/trace")
      }
      #expect(throws: ReelError.self) { try Recording.destroy(path: path) }
      let other = try Recorder(path: path + "/other")
      try other.close()
      _ = manager.createFile(atPath: path + "/other/notes.txt", contents: Data([1]))
      try Recording.destroy(path: path + "/other")
      #expect(try manager.contentsOfDirectory(atPath: path + "/other") == ["notes.txt"])
    }
  }

  @Test func d4EventsGoToADefaultStoreThatTheEnvironmentCanMove() throws {
    try withTemporaryDirectory { path in
      _ = unsafe setenv(DefaultStore.variable, path + "/shared", 1)
      defer { _ = unsafe unsetenv(DefaultStore.variable) }
      #expect(try DefaultStore.append(contentsOf: []) == 0)
      #expect(!FileManager.default.fileExists(atPath: path + "/shared"))
      let events = (1...3).map {
        Event(id: EventID("e\($0)"), timestamp: Timestamp(nanoseconds: $0))
      }
      #expect(try DefaultStore.append(contentsOf: events) == 3)
      #expect(try DefaultStore.contains(id: "e2"))
      #expect(try !DefaultStore.contains(id: "e4"))
      #expect(try DefaultStore.events(since: 2).count == 2)
      try DefaultStore.close()
      #expect(try Recording(path: path + "/shared").count() == 3)
    }
  }
}
