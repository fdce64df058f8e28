import Foundation
import Testing

@testable import Reel

/// What is in a recording's folder and does not belong there, or not like that.
@Suite struct OddEntryTests {
  /// A recording on disk made of an image.
  private func store(_ image: FolderImage, to path: String) throws {
    try FileManager.default.createDirectory(
      atPath: path + "/" + FileName.documents, withIntermediateDirectories: true)
    for (name, bytes) in image { try store(bytes, path + "/" + name) }
  }

  private func store(_ bytes: [UInt8], _ path: String) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: path))
  }

  private enum Kind: CaseIterable {
    case link, danglingLink, linkToDevice, pipe, folder, fullFolder
  }

  private func put(_ kind: Kind, at place: String, outside: String) throws {
    let files = FileManager.default
    try? files.removeItem(atPath: place)
    switch kind {
    case .link: try files.createSymbolicLink(atPath: place, withDestinationPath: outside)
    case .danglingLink:
      try files.createSymbolicLink(atPath: place, withDestinationPath: outside + "-missing")
    case .linkToDevice:
      try files.createSymbolicLink(atPath: place, withDestinationPath: "/dev/zero")
    case .pipe: try #require(run("mkfifo", [place])?.status == 0)
    case .folder: try files.createDirectory(atPath: place, withIntermediateDirectories: false)
    case .fullFolder:
      try files.createDirectory(atPath: place, withIntermediateDirectories: false)
      try store([1], place + "/inner")
    }
  }

  @Test func aFileReplacedBySomethingElseIsRefusedOrIgnored() throws {
    let recipe = try DamageRecipe(isClosed: false)
    for name in recipe.files + [FileName.documents, "00000000000000000500.segment.tmp"] {
      for kind in Kind.allCases {
        try withTemporaryDirectory { path in
          try store(recipe.image, to: path + "/r")
          let outside = path + "/outside"
          let content = recipe.image[name] ?? [7, 7, 7]
          try store(content, outside)
          try put(kind, at: path + "/r/" + name, outside: outside)
          open(path + "/r", recipe, "\(kind) for \(name)")
          #expect(try bytes(ofFile: outside) == content, "\(kind) for \(name)")
          #expect(!FileManager.default.fileExists(atPath: outside + "-missing"))
        }
      }
    }
  }

  /// Opens for reading and for writing; errors must name the path.
  private func open(_ path: String, _ recipe: DamageRecipe, _ name: String) {
    let known = Set(recipe.events + recipe.removed)
    do throws(ReelError) {
      let recording = try Recording(path: path)
      for event in try recording.events(limit: nil).events {
        #expect(known.contains(event), "\(name)")
      }
      _ = try recording.verify { _ in }
      _ = try recording.documents()
    } catch {
      #expect(error.description.contains(path), "\(name): \(error)")
    }
    do throws(ReelError) {
      let recorder = try Recorder(path: path)
      try recorder.append(Event(id: "later"))
      try recorder.close()
    } catch {
      #expect(error.description.contains(path), "\(name): \(error)")
    }
  }

  @Test func aHundredThousandForeignEntriesHinderNothing() throws {
    let recipe = try DamageRecipe(isClosed: false)
    var image = recipe.image
    for number in 0..<100_000 { image["junk-\(number)"] = [] }
    for name in ["...", String(repeating: "n", count: 255), "00000000000000000000.segment", " "] {
      image[name] = [1]
    }
    image["99999999999999999999.segment"] = []
    let folder = MemoryFolder(image)
    let recording = try Recording(folder: folder)
    let found = try recording.events(limit: nil).events
    #expect(Set(found) == Set(recipe.events) && found.count == recipe.events.count)
    var noteCount = 0
    let report = try recording.verify { if $0.severity == .note { noteCount += 1 } }
    #expect(noteCount == 100_005 && report.isSound)
    let recorder = try Recorder(folder: folder, configuration: DamageRecipe.configuration)
    try recorder.close()
    #expect(folder.image.count >= image.count - 1)
  }

  @Test func leftoversOfEveryKindAreRemovedOrHinderNothing() throws {
    let recipe = try DamageRecipe(isClosed: false)
    let leftovers = [
      "00000000000000000001.segment.tmp", "00000000000000000500.segment.tmp",
      "00000000000000000106.buffer.tmp", "documents/plan.tmp", ".reel-17",
    ]
    var sweep = Sweep("leftovers")
    sweep.run(
      1 << leftovers.count, sample: 1 << leftovers.count, label: { "set \($0)" },
      { set in
        var image = recipe.image
        for (index, name) in leftovers.enumerated() where set >> index & 1 == 1 {
          image[name] = recipe.image[recipe.segments[0]]
        }
        return DamageCheck(recipe, image).run()
      })
    sweep.finish(of: 1 << leftovers.count)
  }

  /// A file of another version of the format is named with its version, and nothing is written.
  @Test func aVersionFromTheFutureIsNamedAndRefused() throws {
    let recipe = try DamageRecipe(isClosed: false)
    for name in recipe.segments + [try #require(recipe.buffer)] {
      var image = recipe.image
      let bytes = try #require(image[name])
      image[name] = name.hasSuffix(FileName.bufferSuffix) ? buffer(bytes) : try segment(bytes)
      let harmed = image
      let folder = MemoryFolder(harmed)
      for _ in 0..<2 {
        let error = #expect(throws: ReelError.self, "\(name)") {
          try Recorder(folder: folder, configuration: DamageRecipe.configuration)
        }
        #expect(error?.kind == "unsupported format", "\(name): \(String(describing: error))")
        #expect(error?.description.contains("version 7") ?? false)
        #expect(error?.description.contains(name) ?? false)
      }
      let error = #expect(throws: ReelError.self, "\(name)") { try Recording(folder: folder) }
      #expect(error?.kind == "unsupported format", "\(name)")
      let changed = harmed.keys.filter { folder.image[$0] != harmed[$0] && $0 != FileName.lock }
      #expect(changed.isEmpty, "\(name): \(changed)")
      #expect(folder.openFiles.value == 0)
    }
  }

  @Test func aFlippedBitOfAVersionIsDamageAndNoLaterVersion() throws {
    let recipe = try DamageRecipe(isClosed: false)
    let document = "documents/plan.0000000002.document"
    for name in recipe.segments + [try #require(recipe.buffer), document] {
      var image = recipe.image
      image[name]?[name.hasSuffix(FileName.bufferSuffix) ? 8 : 28] ^= 4
      let failures = DamageCheck(recipe, image).run()
      #expect(failures.isEmpty, "\(name): \(failures)")
    }
  }

  private func segment(_ bytes: [UInt8]) throws -> [UInt8] {
    let header = try SegmentHeader(decoding: Array(bytes.prefix(SegmentHeader.byteCount)), path: "")
    var content = Array(bytes[20..<SegmentHeader.byteCount])
    content[8] = 7
    var frame: [UInt8] = []
    ReelFrame.append(
      content, type: .segmentHeader, at: 0, binding: header.binding, to: &frame)
    return frame + bytes.dropFirst(SegmentHeader.byteCount)
  }

  private func buffer(_ bytes: [UInt8]) -> [UInt8] {
    var page = Array(bytes.prefix(64))
    page[8] = 7
    let checksum = Checksum.xxh3(page.rawSpan)
    page.append(littleEndian: checksum)
    return page + bytes.dropFirst(72)
  }

  /// Names that lead out of a folder are names like others.
  @Test func documentsStayInTheirFolder() throws {
    try withTemporaryDirectory { path in
      let recorder = try Recorder(path: path + "/r", configuration: .tiny)
      let names = ["..", ".", "../../x", "/etc/x", "a/b", String(repeating: "%", count: 64), "\0"]
      for name in names { try recorder.setDocument(name, Array(name.utf8)) }
      for name in names {
        #expect(try recorder.recording.document(name).bytes == Array(name.utf8))
      }
      try recorder.close()
      #expect(try fileNames(path) == ["r"])
      #expect(try fileNames(path + "/r/documents").count == names.count)
      try Recording.destroy(path: path + "/r")
      #expect(try fileNames(path).isEmpty)
    }
  }

  /// What a crash while storing leaves is a file of the recording's too.
  @Test func destroyingARecordingTakesItsLeftoverDocumentsToo() throws {
    try withTemporaryDirectory { path in
      let recorder = try Recorder(path: path + "/r", configuration: .tiny)
      try recorder.setDocument("plan", [1])
      try recorder.close()
      try store([1, 2], path + "/r/documents/plan.tmp")
      try Recording.destroy(path: path + "/r")
      #expect(try fileNames(path).isEmpty)
    }
  }

  /// A file whose name has the highest number there is leaves no room for numbers after it.
  @Test func aForeignFileWithTheHighestNumberHidesNothingNew() throws {
    let recipe = try DamageRecipe(isClosed: true)
    for suffix in [FileName.segmentSuffix, FileName.bufferSuffix] {
      var image = recipe.image
      image["0" + String(Limits.sequenceNumber) + suffix] = [1, 2, 3]
      let folder = MemoryFolder(image)
      do throws(ReelError) {
        let recorder = try Recorder(folder: folder, configuration: DamageRecipe.configuration)
        try recorder.append(Event(id: "later", timestamp: .max))
        try recorder.close()
        let answer = try Recording(folder: folder).events(limit: nil)
        #expect(answer.events.last?.id == "later", "\(suffix)")
      } catch {
        #expect(error.kind == "not a recording", "\(suffix): \(error)")
      }
    }
  }
}
