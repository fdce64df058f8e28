extension Recording {
  /// The attribute by which an event of a merged recording says where it came from.
  public static let sourceAttribute = "source"

  /// Puts recordings together at `newPath`, by time.
  ///
  /// Each event keeps its id, also one that the store gave, and says in the attribute `source`
  /// under which name its recording was given. With `prefixesProcesses` processes and peers are
  /// called `NAME/PROCESS`: else those of one name in several recordings count as one, with one
  /// stack.
  ///
  /// Documents are taken over in all their versions, with their times. One that several recordings
  /// have, each its own, is called `NAME/DOCUMENT`; with `prefixesProcesses` all of them are.
  ///
  /// - Parameters:
  ///   - sources: The recordings, each with a name of its own.
  ///   - newPath: A place where nothing is, or an empty folder.
  ///   - prefixesProcesses: Whether processes are named for their recordings.
  /// - Returns: The events of each source, and what the sources lack.
  /// - Throws: ``ReelError/invalidArgument(_:)`` for two of one name,
  ///   ``ReelError/notARecording(path:reason:)`` when something is at `newPath` already,
  ///   ``ReelError/limitExceeded(what:found:limit:)`` where they declare more than 64 attributes or
  ///   one with two types, or a name grows too long, ``ReelError/io(_:)``. Nothing is then at
  ///   `newPath`.
  /// - Complexity: O(n) in the memory of one cursor a source.
  public static func merge(
    _ sources: [(name: String, recording: Recording)], to newPath: String,
    prefixesProcesses: Bool = false
  ) throws(ReelError) -> [(eventCount: Int, completeness: Completeness)] {
    guard Set(sources.map(\.name)).count == sources.count else {
      throw .invalidArgument("two recordings to be merged have one name; give each its own")
    }
    return try NewRecording.make(at: newPath, by: "merge") { target throws(ReelError) in
      (try merge(sources, to: target, prefixesProcesses), true)
    }
  }

  static func merge(
    _ sources: [(name: String, recording: Recording)], to target: any Folder,
    _ prefixesProcesses: Bool
  ) throws(ReelError) -> [(eventCount: Int, completeness: Completeness)] {
    var attributes = AttributeSchema()
    try attributes.merge([AttributeDeclaration(name: sourceAttribute, type: .text)])
    var roles = KindRoles()
    var cursors: [EventCursor] = []
    for (_, recording) in sources {
      let snapshot = try recording.snapshot()
      try attributes.merge(snapshot.control.attributes.declarations)
      try roles.merge(snapshot.control.roles.declared)
      cursors.append(
        try EventCursor(Query(), limit: nil, snapshot: snapshot, cache: recording.cache))
    }
    var writer = try WholeRecording(in: target, attributes: attributes, roles: roles)
    var heads: [EventView?] = []
    for cursor in cursors { heads.append(try cursor.next()) }
    var counts = [Int](repeating: 0, count: sources.count)
    while let first = heads.indices.filter({ heads[$0] != nil }).min(by: { a, b in
      (heads[a]?.timestamp ?? .max, a) < (heads[b]?.timestamp ?? .max, b)
    }), let view = heads[first] {
      var event = view.event
      let name = sources[first].name
      event.attributes[sourceAttribute] = .text(name)
      if prefixesProcesses {
        event.process = event.process.map { "\(name)/\($0)" }
        event.peerProcess = event.peerProcess.map { "\(name)/\($0)" }
      }
      try writer.append(event)
      counts[first] += 1
      heads[first] = try cursors[first].next()
    }
    try copyDocuments(sources, to: target, writer.recordingID, prefixesProcesses)
    try writer.finish()
    return zip(counts, cursors).map { ($0, $1.completeness) }
  }

  private static func copyDocuments(
    _ sources: [(name: String, recording: Recording)], to target: any Folder,
    _ recordingID: RecordingID, _ prefixesAll: Bool
  ) throws(ReelError) {
    var holders: [String: [Int]] = [:]
    for (index, source) in sources.enumerated() {
      for document in try source.recording.documents(includingRemoved: true) {
        holders[document.name, default: []].append(index)
      }
    }
    let store = DocumentStore(folder: target, recording: recordingID)
    for (name, indexes) in holders.sorted(by: { $0.key < $1.key }) {
      var taken: [DocumentVersions] = []
      for index in indexes {
        let versions = try DocumentVersions(name, of: sources[index].recording)
        // Recordings that were cut out of one have the same.
        if !taken.contains(versions) || prefixesAll {
          taken.append(versions)
          taken[taken.count - 1].source = sources[index].name
        }
      }
      for versions in taken {
        let isShared = prefixesAll || taken.count > 1
        try versions.write(isShared ? "\(versions.source)/\(name)" : name, to: store, recordingID)
      }
    }
  }
}
