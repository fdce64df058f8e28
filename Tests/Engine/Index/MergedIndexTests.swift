import Foundation
import Testing

@testable import Reel

/// Merged indexes spare a look at segments and never change an answer.
@Suite struct MergedIndexTests {
  /// A closed recording of random events in at least six segments, its folder and its model.
  private static func with(
    seed: UInt64, repeatsIDs: Bool = true, isQuarterRemoved: Bool = false,
    _ body: (POSIXFolder, ModelStore) throws -> Void
  ) throws {
    try withTemporaryDirectory { path in
      var random = RandomEvents(seed: seed)
      random.repeatsIDs = repeatsIDs
      var configuration = RecorderConfiguration.tiny
      configuration.segmentEventCount = 150
      configuration.mergedSegmentCount = 64
      configuration.attributes = RandomEvents.declarations
      var model = ModelStore()
      let recorder = try Recorder(path: path, configuration: configuration)
      try recorder.append(random.events(1500), to: &model)
      if isQuarterRemoved {
        let timestamps = model.events.compactMap(\.timestamp).sorted()
        try recorder.removeEvents(before: timestamps[timestamps.count / 4])
        _ = model.removeEvents(before: timestamps[timestamps.count / 4])
      }
      try recorder.close()
      let folder = try POSIXFolder(path: path, create: false)
      try #require(RecordingFiles(try folder.list()).segments.count > 6)
      try body(folder, model)
    }
  }

  /// Merges as many segments at a time as `count`, of those that are sealed.
  private static func merge(_ folder: POSIXFolder, by count: Int) throws -> [MergedIndex] {
    let segments = RecordingFiles(try folder.list()).segments.dropLast()
    var indexes: [MergedIndex] = []
    for start in stride(from: 0, to: segments.count - 1, by: count) {
      let group = Array(segments[start..<min(start + count, segments.count)])
      guard group.count > 1 else { continue }
      let index = try IndexMerge.write(group, in: folder, salt: UInt64(start)) { false }
      indexes.append(try #require(index))
    }
    return indexes
  }

  /// Writes a file in the place of `index`, all checksums being right.
  private static func rewrite(
    _ index: MergedIndex, _ members: [MergedIndex.Member], _ columns: [MergedColumn],
    in folder: POSIXFolder
  ) throws {
    let file = try folder.open(index.name, .readWrite)
    try file.truncate(to: 0)
    try MergedIndex.write(members, columns, binding: index.binding, to: file)
  }

  /// Asks for every id, and for keys of every column, with a cache of `byteCount`.
  private static func expectAnswers(
    _ folder: POSIXFolder, _ model: ModelStore, seed: UInt64, cache byteCount: Int,
    everyID step: Int = 1, _ comment: Comment
  ) throws {
    var reading = RecordingConfiguration()
    reading.cacheByteCount = byteCount
    let recording = try Recording(path: folder.path, configuration: reading)
    defer { recording.close() }
    var random = RandomEvents(seed: seed)
    for index in stride(from: 0, to: model.events.count, by: step) {
      let id = try #require(model.events[index].id)
      let found = try recording.event(id: id)
      #expect(found?.id == model.event(id: id)?.id, comment)
      #expect(found?.sequenceNumber == model.event(id: id)?.sequenceNumber, comment)
    }
    #expect(try recording.event(id: EventID("no such id")) == nil, comment)
    for _ in 0..<(step < 10 ? 40 : 12) {
      let query = random.query()
      let found = try recording.events(query, limit: nil).events
      #expect(difference(found, model.events(query)) == nil, comment)
    }
  }

  @Test(arguments: seeds(2))
  func answersAreTheSameWithAndWithoutThem(seed: UInt64) throws {
    try Self.with(seed: seed, isQuarterRemoved: seed % 2 == 0) { folder, model in
      for count in [2, 4, 64] {
        let indexes = try Self.merge(folder, by: count)
        let recording = try Recording(path: folder.path)
        let groups = try recording.snapshot().mergedGroups
        #expect(groups.map(\.index.name) == indexes.map(\.name), "seed \(seed)")
        recording.close()
        for cache in [0, 32 << 20] {
          try Self.expectAnswers(
            folder, model, seed: seed, cache: cache, everyID: cache == 0 ? 25 : 5,
            "seed \(seed), by \(count), cache \(cache)")
        }
        for index in indexes { try folder.unlink(index.name) }
      }
    }
  }

  @Test func theyNameEverySegmentThatHasAKeyAndFewOthers() throws {
    try Self.with(seed: 7, repeatsIDs: false) { folder, model in
      let indexes = try Self.merge(folder, by: 64)
      let index = try #require(indexes.first)
      let segments = RecordingFiles(try folder.list()).segments
      let recording = try Recording(path: folder.path)
      defer { recording.close() }
      let group = try #require(try recording.snapshot().mergedGroups.first)
      var cost = QueryCost()
      var vain = 0
      var asked = 0
      for event in model.events {
        guard let id = event.id, id.generatedParts == nil, let sequence = event.sequenceNumber
        else { continue }
        let place = segments.lastIndex { $0 <= sequence.rawValue }
        let ordinal = try #require(place)
        guard ordinal < index.members.count else { continue }
        let bytes = id.bytes
        let members = recording.cache.members(
          of: group, having: [keyHash(bytes.rawSpan)], in: .id, eventCount: .max, cost: &cost
        ).may
        #expect(members >> UInt64(ordinal) & 1 == 1, "id \(id)")
        vain += members.nonzeroBitCount - 1
        asked += 1
      }
      #expect(asked > 500 && vain < asked / 10, "\(vain) of \(asked)")
      var strangers = 0
      for number in 0..<2_000 {
        let key = Array("stranger-\(number)".utf8)
        strangers +=
          recording.cache.members(
            of: group, having: [keyHash(key.rawSpan)], in: .id, eventCount: .max, cost: &cost
          ).may.nonzeroBitCount
      }
      #expect(strangers < 200, "\(strangers)")
    }
  }

  @Test func damagedOnesAreDoneWithout() throws {
    try Self.with(seed: 11) { folder, model in
      let index = try #require(try Self.merge(folder, by: 64).first)
      let path = folder.path + "/" + index.name
      let whole = try bytes(ofFile: path)
      var random = SeededRandom(11)
      let front = index.parts[0].offset
      for round in 0..<12 {
        var harmed = whole
        // Each of its halves: the front tells readers where the segments end.
        let place = round % 2 == 0 ? random.below(front) : random.below(whole.count)
        harmed[place] ^= 1 << UInt8(random.below(8))
        if round % 5 == 4 { harmed.removeLast(1 + random.below(whole.count)) }
        try write(harmed, toFile: path)
        try Self.expectAnswers(folder, model, seed: 11, cache: 0, everyID: 60, "byte \(place)")
        let recording = try Recording(path: folder.path)
        var warnings: [VerificationFinding] = []
        let report = try recording.verify { warnings.append($0) }
        #expect(report.isSound && warnings.map(\.severity) == [.warning], "\(warnings)")
        recording.close()
      }
    }
  }

  /// One of other segments, whose index says of every key that nobody has it.
  @Test func aStaleOneIsNotBelieved() throws {
    try Self.with(seed: 5) { folder, model in
      let index = try #require(try Self.merge(folder, by: 64).first)
      var builder = FingerprintIndexBuilder(
        keyCount: 0, ordinalCount: index.members.count, fingerprintBits: 8)
      let isBegun = builder.beginEntries()
      try #require(isBegun)
      let nothing = builder.finish()
      let columns = index.parts.map {
        MergedColumn(column: $0.column, uncovered: 0, content: nothing)
      }
      for isOther in [true, false] {
        var members = index.members
        if isOther { members[2].salt ^= 1 } else { members[2].trailer.watermark ^= 1 }
        try Self.rewrite(index, members, columns, in: folder)
        try Self.expectAnswers(
          folder, model, seed: 5, cache: 0, everyID: 9, "another salt: \(isOther)")
      }
      // Of these very segments it would be believed, and only a verification finds out.
      try Self.rewrite(index, index.members, columns, in: folder)
      let recording = try Recording(path: folder.path)
      defer { recording.close() }
      var findings: [VerificationFinding] = []
      _ = try recording.verify { findings.append($0) }
      #expect(findings.map(\.severity) == [.warning])
      #expect(findings.first?.corruption.reason.contains("is not that of the segments") == true)
    }
  }

  @Test func anOpeningPassesOverTheSegmentsThatOneIsOf() throws {
    try Self.with(seed: 3) { folder, model in
      let index = try #require(try Self.merge(folder, by: 64).first)
      // Their fronts are not looked at, so that harm to one shows when it is read.
      let victim = FileName.segment(
        firstSequence: index.members[2].trailer.summary.firstSequence)
      var harmed = try bytes(ofFile: folder.path + "/" + victim)
      harmed[40] ^= 1
      try write(harmed, toFile: folder.path + "/" + victim)
      let recording = try Recording(path: folder.path)
      #expect(try recording.snapshot().damages == [])
      let answer = try recording.events(Query(), limit: nil)
      let lost = Int(index.members[2].trailer.summary.eventCount)
      #expect(answer.events.count == model.events.count - lost)
      #expect(answer.completeness.damages.count == 1, "\(answer.completeness)")
      var damageCount = 0
      _ = try recording.verify { if $0.severity == .damage { damageCount += 1 } }
      #expect(damageCount == 1)
      recording.close()
      // One byte more or less is another file.
      try write(Array(harmed.dropLast()), toFile: folder.path + "/" + victim)
      let other = try Recording(path: folder.path)
      #expect(try !other.snapshot().damages.isEmpty)
      other.close()
    }
  }

  /// Two segments of one length change their names: neither is read under the other's.
  @Test func exchangedSegmentsAreNotTakenForEachOther() throws {
    try Self.with(seed: 17) { folder, model in
      let index = try #require(try Self.merge(folder, by: 64).first)
      let names = index.members.map {
        FileName.segment(firstSequence: $0.trailer.summary.firstSequence)
      }
      // Lengths differ by chance, so the index is made to say what is there now.
      try folder.rename(names[1], to: "other")
      try folder.rename(names[2], to: names[1])
      try folder.rename("other", to: names[2])
      var members = index.members
      members[1].byteCount = index.members[2].byteCount
      members[2].byteCount = index.members[1].byteCount
      try Self.rewrite(index, members, [], in: folder)
      let recording = try Recording(path: folder.path)
      defer { recording.close() }
      let answer = try recording.events(Query(), limit: nil)
      let lost = members[1...2].reduce(0) { $0 + Int($1.trailer.summary.eventCount) }
      #expect(answer.events.count == model.events.count - lost)
      #expect(answer.completeness.damages.count == 2, "\(answer.completeness)")
    }
  }

  /// Whatever lies under the name of an index, recording and reading go on.
  @Test func whatCannotBeOpenedIsDoneWithout() throws {
    try Self.with(seed: 19) { folder, model in
      let name = FileName.mergedIndex(firstSequence: 1)
      let path = folder.path + "/" + name
      for isFolder in [true, false] {
        if isFolder {
          try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: false)
        } else {
          try FileManager.default.createSymbolicLink(
            atPath: path, withDestinationPath: "/dev/null")
        }
        try Self.expectAnswers(folder, model, seed: 19, cache: 0, everyID: 50, "\(isFolder)")
        let recording = try Recording(path: folder.path)
        var findings: [VerificationFinding] = []
        _ = try recording.verify { findings.append($0) }
        #expect(findings.map(\.severity) == [.warning], "\(findings)")
        recording.close()
        try Recorder(path: folder.path, configuration: .tiny).close()
        try? FileManager.default.removeItem(atPath: path)
      }
    }
  }

  /// The reader in Python, which follows `format-spec.md` alone, finds every key of every segment.
  @Test(.enabled(if: PythonReaderTests.canRun, "no python3 with lz4 and xxhash"))
  func thePageIsEnoughToReadThem() throws {
    try Self.with(seed: 13) { folder, _ in
      let indexes = try Self.merge(folder, by: 4)
      let reader = repositoryPath + "/tools/read_merged_index.py"
      let paths = indexes.map { folder.path + "/" + $0.name }
      let (status, output) = try #require(run("python3", [reader] + paths))
      #expect(status == 0)
      #expect(output.split(separator: UInt8(ascii: "\n")).count == indexes.count)
      // It notices a key that is missing, and a flipped bit.
      let index = try #require(indexes.first)
      var builder = FingerprintIndexBuilder(keyCount: 0, ordinalCount: 4, fingerprintBits: 8)
      let isBegun = builder.beginEntries()
      try #require(isBegun)
      let ids = MergedColumn(column: .id, uncovered: 0, content: builder.finish())
      var flipped = try bytes(ofFile: paths[0])
      try Self.rewrite(index, index.members, [ids], in: folder)
      let empty = try bytes(ofFile: paths[0])
      flipped[flipped.count - 1] ^= 128
      for harmed in [empty, flipped] {
        try write(harmed, toFile: paths[0])
        #expect(run("python3", [reader, paths[0]])?.status == 4)
      }
    }
  }
}
