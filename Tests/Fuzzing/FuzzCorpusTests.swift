import Testing

@testable import Reel
@testable import ReelTool

/// Every input that fuzzing begins with, or that once showed a fault, goes through its target.
@Suite struct FuzzCorpusTests {
  /// The inputs of a target: what the recipe makes, and the files that are kept.
  private static func inputs(_ target: FuzzTarget) throws -> [(name: String, bytes: [UInt8])] {
    let folder = repositoryPath + "/Tests/Fuzzing/Corpus/" + target.rawValue
    let kept = (try? fileNames(folder)) ?? []
    let made = try FuzzCorpus.recipe(target).sorted { $0.key < $1.key }
    return made.map { ($0.key, $0.value) }
      + (try kept.map { ("kept " + $0, try bytes(ofFile: folder + "/" + $0)) })
  }

  @Test(arguments: FuzzTarget.allCases)
  func everyInputOfTheCorpusIsHandled(_ target: FuzzTarget) throws {
    let inputs = try Self.inputs(target)
    #expect(!inputs.isEmpty)
    for (name, bytes) in inputs {
      let faults = target.run(bytes)
      #expect(faults.isEmpty, "\(target) \(name): \(faults)")
    }
  }

  @Test func theCorpusIsSmall() throws {
    for target in FuzzTarget.allCases {
      let byteCount = try Self.inputs(target).reduce(0) { $0 + $1.bytes.count }
      #expect(byteCount < 64 << 10, "\(target) has \(byteCount) bytes")
    }
  }

  /// Mending makes of mutated bytes what a reader believes: else nothing behind is reached.
  @Test func theRecipesAreReadWhole() throws {
    for (name, input) in try FuzzCorpus.recipe(.segment) {
      var bytes = Array(input.dropFirst())
      // Another salt: nothing is right any more, until it is mended.
      bytes[48] ^= 1
      #expect(SoundRows(segment: bytes).vouch(for: 1, hasPayload: false) == false, "\(name)")
      ChecksumMending.segment(&bytes)
      let recording = try Recording(folder: MemoryFolder([SegmentFuzz.name(bytes): bytes]))
      #expect(try recording.count() > 5, "\(name)")
      // Of a segment that a run was still writing, its buffer is missed.
      let isOpen = name == "open" || name == "gone-on-with"
      var reasons: [String] = []
      _ = try recording.verify { reasons.append($0.corruption.reason) }
      #expect(reasons == (isOpen ? [RecoveryReport.lostEndReason] : []), "\(name)")
    }
    for (name, input) in try FuzzCorpus.recipe(.buffer) {
      var bytes = BufferFuzz.file(input)
      bytes[40] ^= 1
      ChecksumMending.buffer(&bytes)
      let file = try MemoryFolder(["x": bytes]).open("x", .read)
      var reader = try BufferReader(file: file)
      var count = 0
      #expect(try reader.read { _, _ in count += 1 })
      #expect(count >= 3, "\(name): \(count)")
    }
  }

  /// A check that cannot fail tells nothing: events that no checksum vouches for are told.
  @Test func anEventThatNothingVouchesForIsTold() throws {
    let folder = MemoryFolder(try FuzzCorpus.image(isClosed: true))
    var faults = FuzzFaults()
    try RecordingFuzz(try Recording(folder: folder)).ask(&faults) { _ in false }
    #expect(faults.found.count > 5)
  }

  /// As the fuzzer does, for a moment: bytes changed, cut out, and doubled.
  @Test(arguments: FuzzTarget.allCases)
  func mutatedInputsAreHandled(_ target: FuzzTarget) throws {
    let inputs = try Self.inputs(target)
    let rounds = 20_000
    var sweep = Sweep("mutated inputs of \(target)")
    sweep.run(
      rounds * inputs.count, sample: target == .segment || target == .buffer ? 40 : 100,
      label: { "\(inputs[$0 / rounds].name), seed \($0)" },
      { number in
        let input = Self.mutated(inputs[number / rounds].bytes, seed: UInt64(number))
        return target.run(input).map { Sweep.Failure(kind: "\(target)", details: $0) }
      })
    sweep.finish(of: rounds * inputs.count)
  }

  static func mutated(_ bytes: [UInt8], seed: UInt64) -> [UInt8] {
    var random = SeededRandom(seed)
    var bytes = bytes
    for _ in 0..<(1 + random.below(4)) where !bytes.isEmpty {
      let place = random.below(bytes.count)
      let end = min(bytes.count, place + 1 + random.below(16))
      switch random.below(7) {
      case 0: bytes[place] ^= 1 << UInt8(random.below(8))
      case 1: bytes[place] = random.pick([0, 1, 0x7F, 0x80, 0xFE, 0xFF])
      case 2: bytes.removeSubrange(place..<end)
      case 3: bytes.insert(contentsOf: bytes[place..<end], at: random.below(bytes.count))
      case 4: bytes.replaceSubrange(place..<end, with: random.bytes(end - place))
      case 5: bytes.replaceSubrange(place..<end, with: repeatElement(0xFF, count: end - place))
      default: bytes[place] &+= random.pick([1, 255])
      }
    }
    return bytes
  }
}
