import Foundation
import Testing

@testable import Reel

/// Damaged segments, read by the engine and by the reader in Python, which shares no code with it:
/// both return the same events, and leave out the same rows where payloads are damaged.
///
/// Of a torn last block, which R41 lets a reader ignore, the engine gives the rows that are whole.
@Suite struct PythonDamageTests {
  private static let reader = repositoryPath + "/tools/read_segment.py"

  private enum Kind: CaseIterable {
    case flip, cut, zeros, removal, insertion
  }

  private static func harm(_ bytes: [UInt8], _ kind: Kind, at offset: Int) -> [UInt8] {
    var bytes = bytes
    let end = min(bytes.count, offset + 24)
    switch kind {
    case .flip: bytes[offset] ^= 1 << UInt8(offset % 8)
    case .cut: bytes.removeSubrange(offset...)
    case .zeros: bytes.replaceSubrange(offset..<end, with: repeatElement(0, count: end - offset))
    case .removal: bytes.removeSubrange(offset..<end)
    case .insertion: bytes.insert(contentsOf: bytes[offset..<end], at: offset)
    }
    return bytes
  }

  /// What Python reads, by sequence number, and its exit status.
  private static func python(_ path: String) throws -> (status: Int32, sequences: [UInt64]) {
    let (status, output) = try #require(run("python3", [reader, path]))
    let prefix = Array(#"{"sequence":"#.utf8)
    let sequences = output.split(separator: UInt8(ascii: "\n")).compactMap { line in
      UInt64(
        String(
          decoding: line.dropFirst(prefix.count).prefix { $0 != UInt8(ascii: ",") },
          as: UTF8.self))
    }
    return (status, sequences.sorted())
  }

  /// Whether Python takes the end of a file for what a crash while writing leaves.
  private static func hasTornTail(_ path: String) -> Bool {
    guard let (_, output) = run("python3", [reader, "--summary", path]) else { return false }
    return String(decoding: output, as: UTF8.self).contains(#""torn_tail": true"#)
  }

  /// What the engine reads of the same file, and whether it is sound.
  private static func engine(_ path: String) -> (isSound: Bool, sequences: [UInt64]) {
    guard let recording = try? Recording(path: path),
      let answer = try? recording.events(limit: nil),
      let report = try? recording.verify({ _ in })
    else { return (false, []) }
    return (report.isSound, answer.events.compactMap { $0.sequenceNumber?.rawValue }.sorted())
  }

  @Test(.enabled(if: PythonReaderTests.canRun, "no python3 with lz4 and xxhash"))
  func readersAgreeWhichEventsOfDamagedSegmentsCanBeRead() throws {
    let image = try FuzzCorpus.image(isClosed: true, count: 40)
    let places = image.keys.sorted().filter { $0.hasSuffix(FileName.segmentSuffix) }.flatMap {
      name in (0..<(image[name]?.count ?? 0)).map { (name: name, offset: $0) }
    }
    let kinds = Kind.allCases
    try withTemporaryDirectory { path in
      var sweep = Sweep("damaged segments in Python")
      try sweep.run(
        places.count * kinds.count, sample: 16,
        label: { "\(places[$0 / kinds.count]) \(kinds[$0 % kinds.count])" },
        { number in
          let place = places[number / kinds.count]
          let kind = kinds[number % kinds.count]
          let bytes = Self.harm(image[place.name] ?? [], kind, at: place.offset)
          let file = path + "/" + place.name
          try write(bytes, toFile: file)
          let (status, sequences) = try Self.python(file)
          let found = Self.engine(file)
          var failures: [Sweep.Failure] = []
          if sequences != found.sequences,
            !(found.sequences.starts(with: sequences) && Self.hasTornTail(file))
          {
            let details = "Python \(sequences), engine \(found.sequences)"
            failures.append(Sweep.Failure(kind: "other events, \(kind)", details: details))
          }
          if status != 0, found.isSound {
            failures.append(Sweep.Failure(kind: "verify is silent, \(kind)", details: "\(status)"))
          }
          return failures
        })
      sweep.finish(of: places.count * kinds.count)
    }
  }

  /// Of a block of which one payload frame is damaged all other rows are there.
  @Test(.enabled(if: PythonReaderTests.canRun, "no python3 with lz4 and xxhash"))
  func onlyTheRowsOfADamagedPayloadFrameAreLeftOut() throws {
    let image = try FuzzCorpus.image(isClosed: true, count: 40)
    let name = try #require(image.keys.sorted().first { $0.hasSuffix(FileName.segmentSuffix) })
    let bytes = try #require(image[name])
    let segment = try SegmentFile(file: try MemoryFolder(image).open(name, .read))
    let scan = try SegmentScanner(segment, byteCount: bytes.count, check: .everything).scan()
    try withTemporaryDirectory { path in
      let file = path + "/" + name
      try write(bytes, toFile: file)
      let whole = Self.engine(file).sequences
      var count = 0
      for entry in scan.blocks {
        let (header, headerByteCount, _) = try segment.blockHeader(entry)
        var end = entry.offset + headerByteCount
        for (index, frame) in header.frames.enumerated() {
          end += frame.storedByteCount
          guard index > 0 else { continue }
          var harmed = bytes
          harmed[end - 1] ^= 1
          try write(harmed, toFile: file)
          let (status, sequences) = try Self.python(file)
          #expect(status == 4)
          #expect(sequences == Self.engine(file).sequences)
          let lost = Set(whole).subtracting(sequences)
          let rows = lost.map { Int($0 - header.firstSequence) }
          let last = index + 1 < header.frames.count ? header.frames[index + 1].firstRow : .max
          #expect(!rows.isEmpty && rows.allSatisfy { $0 >= frame.firstRow && $0 < last })
          count += 1
        }
      }
      #expect(count > 3)
    }
  }
}
