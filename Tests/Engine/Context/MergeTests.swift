import Testing

@testable import Reel

/// Recordings put together: every event once, by time, saying where it came from.
@Suite struct MergeTests {
  @Test func everyEventOfEachComesOnceInOrderOfTimeWithItsSource() throws {
    for seed in seeds(4) {
      var sources: [(name: String, recording: Recording)] = []
      var wanted: [(Timestamp, Int, EventID?)] = []
      for index in 0..<3 {
        var random = RandomEvents(seed: seed &+ UInt64(index))
        var configuration = RecorderConfiguration.tiny
        if index < 2 { configuration.attributes = RandomEvents.declarations }
        let folder = MemoryFolder()
        let recorder = try Recorder(folder: folder, configuration: configuration)
        for var event in random.events(200) {
          if index == 2 { event.attributes = [:] }
          try recorder.append(event)
        }
        try recorder.close()
        let recording = try Recording(folder: folder)
        sources.append(("r\(index)", recording))
        for event in try recording.events(limit: nil).events {
          wanted.append((event.timestamp ?? .min, index, event.id))
        }
      }
      let target = MemoryFolder()
      let report = try Recording.merge(sources, to: target, false)
      #expect(report.map(\.eventCount) == [200, 200, 200])
      let merged = try Recording(folder: target)
      let events = try merged.events(limit: nil).events
      // The order of a source's events of one timestamp is kept.
      let places = wanted.indices.sorted {
        (wanted[$0].0, wanted[$0].1, $0) < (wanted[$1].0, wanted[$1].1, $1)
      }
      #expect(events.map(\.id) == places.map { wanted[$0].2 }, "seed \(seed)")
      #expect(
        events.map { $0.attributes["source"] } == places.map { .text("r\(wanted[$0].1)") },
        "seed \(seed)")
      var query = Query()
      query.attributes["source"] = .text("r1")
      #expect(try merged.count(query) == 200)
      #expect(try merged.verify { _ in }.findingCount == 0)
    }
  }

  @Test func processesAreNamedForTheirSourceWhereThatIsAskedFor() throws {
    var sources: [(name: String, recording: Recording)] = []
    for name in ["a", "b"] {
      let folder = MemoryFolder()
      let recorder = try Recorder(folder: folder, configuration: .tiny)
      try recorder.append(
        Event(
          timestamp: 1, kind: "function_entry", process: "p", peerProcess: "q",
          function: Function(name: name)))
      try recorder.close()
      sources.append((name, try Recording(folder: folder)))
    }
    let target = MemoryFolder()
    _ = try Recording.merge(sources, to: target, true)
    let processes = try Recording(folder: target).moment().processes
    #expect(processes.map(\.name) == ["a/p", "b/p"])
    #expect(processes.allSatisfy { $0.stack.count == 1 })
  }

  /// The names of a recording's documents, with the bytes of their versions; nothing for a removal.
  private func documents(_ recording: Recording) throws -> [String: [[UInt8]?]] {
    var found: [String: [[UInt8]?]] = [:]
    for document in try recording.documents(includingRemoved: true) {
      found[document.name] = try recording.documentVersions(document.name).map {
        $0.isRemoved ? nil : try recording.document($0.name, version: $0.version).bytes
      }
    }
    return found
  }

  @Test func documentsAreTakenOverAndNamedForTheirSourceWhereTheyDiffer() throws {
    let folder = MemoryFolder()
    let recorder = try Recorder(folder: folder, configuration: .tiny)
    try recorder.setDocument("same", [1])
    try recorder.setDocument("same", [2])
    let whole = try recorder.recording
    var sources: [(name: String, recording: Recording)] = []
    for name in ["a", "b"] {
      let part = MemoryFolder()
      _ = try whole.slice(Query(), to: part)
      let recorder = try Recorder(folder: part, configuration: .tiny)
      try recorder.setDocument("plan", Array("plan of \(name)".utf8))
      if name == "b" {
        try recorder.setDocument("note", [7])
        try recorder.removeDocument("note")
      }
      try recorder.close()
      sources.append((name, try Recording(folder: part)))
    }
    try recorder.close()
    let target = MemoryFolder()
    _ = try Recording.merge(sources, to: target, false)
    let merged = try Recording(folder: target)
    #expect(
      try documents(merged) == [
        "same": [[1], [2]], "note": [[7], nil], "a/plan": [Array("plan of a".utf8)],
        "b/plan": [Array("plan of b".utf8)],
      ])
    let times = try whole.documentVersions("same").map(\.created)
    #expect(try merged.documentVersions("same").map(\.created) == times)
    #expect(try merged.verify { _ in }.findingCount == 0)
    let prefixed = MemoryFolder()
    _ = try Recording.merge(sources, to: prefixed, true)
    #expect(
      try documents(Recording(folder: prefixed)).keys.sorted()
        == ["a/plan", "a/same", "b/note", "b/plan", "b/same"])
  }

  @Test func recordingsOfOneNameAndContradictoryAttributesAreRefused() throws {
    try withTemporaryDirectory { path in
      var sources: [(name: String, recording: Recording)] = []
      for (name, type) in [("a", AttributeDeclaration.ValueType.text), ("b", .integer)] {
        var configuration = RecorderConfiguration.tiny
        configuration.attributes = [AttributeDeclaration(name: "size", type: type)]
        try record([numbered(1)], at: path + "/" + name, configuration)
        sources.append((name, try Recording(path: path + "/" + name)))
      }
      #expect(throws: ReelError.self) {
        try Recording.merge([sources[0], sources[0]], to: path + "/m")
      }
      #expect(throws: ReelError.self) { try Recording.merge(sources, to: path + "/m") }
      #expect(try fileNames(path) == ["a", "b"])
    }
  }
}
