@testable import Reel

/// What a segment's footer holds, and the front of a merged index.
///
/// An input is which (u8), over how many blocks (u8), and the raw bytes.
enum IndexFuzz {
  static func run(_ input: [UInt8], _ faults: inout FuzzFaults) {
    var input = FuzzInput(input)
    let form = input.byte() & 7
    let blockCount = Int(input.byte()) + 1
    let raw = input.rest()
    switch form {
    case 0: postings(raw, blockCount, &faults)
    case 1: fingerprints(raw, blockCount, &faults)
    case 2: directory(raw, &faults)
    case 4: merged(raw, &faults)
    default:
      guard let trailer = try? Trailer(decoding: raw.rawSpan, at: 1 << 20) else { return }
      let end = trailer.directoryOffset + trailer.directoryByteCount
      faults.expect(end <= 1 << 20, "a directory behind its trailer")
      _ = trailer.summary.stretch
    }
  }

  private static func postings(
    _ raw: [UInt8], _ blockCount: Int, _ faults: inout FuzzFaults
  ) {
    guard let index = try? PostingIndex(decoding: raw, blockCount: blockCount) else { return }
    var keys: [[UInt8]] = []
    var byteCount = 0
    index.forEachKey { key, postings in
      byteCount += key.byteCount
      if keys.count < 256 { keys.append(key.copied()) }
      var last = -1
      index.forEachPosting(postings) { block, rows in
        faults.expect(block > last && block < blockCount, "block \(block) after \(last)")
        faults.expect(rows <= Limits.blockRecordCount, "\(rows) rows")
        last = block
      }
    }
    faults.expect(byteCount <= ReelFrame.maximumByteCount, "keys of \(byteCount) bytes")
    var scanned: [[UInt8]] = []
    let scan = PostingScan(raw, blockCount: blockCount)
    do throws(ByteReader.Malformed) {
      try scan.forEachKey { if scanned.count < 256 { scanned.append($0.copied()) } }
      faults.expect(scanned == keys, "a scan finds other keys")
    } catch {
      faults.expect(false, "a scan refuses what is taken over: \(error.reason)")
    }
    for (number, key) in keys.enumerated() {
      faults.expect(index.find(key.rawSpan) != nil, "key \(number) is not found")
      var first: [UInt8]?
      index.forEachKey(prefix: key.rawSpan) { found, _ in first = first ?? found.copied() }
      faults.expect(first == key, "key \(number) is not the first with its own bytes")
    }
    let other: [UInt8] = [1, 2, 3]
    _ = index.find(other.rawSpan)
  }

  private static func merged(_ raw: [UInt8], _ faults: inout FuzzFaults) {
    guard let (members, parts) = try? MergedIndex.decode(raw.rawSpan) else { return }
    faults.expect(MergedIndex.memberCounts.contains(members.count), "\(members.count) members")
    var next: UInt64 = 0
    for member in members {
      let summary = member.trailer.summary
      faults.expect(summary.firstSequence >= next, "members out of order")
      next = summary.nextSequence
    }
    for (part, other) in zip(parts, parts.dropFirst()) {
      faults.expect(part.column.rawValue < other.column.rawValue, "columns out of order")
    }
  }

  private static func fingerprints(
    _ raw: [UInt8], _ blockCount: Int, _ faults: inout FuzzFaults
  ) {
    guard let index = try? FingerprintIndex(decoding: raw, ordinalCount: blockCount) else { return }
    for number in 0..<UInt64(256) {
      let hash = number &* 0x0101_0101_0101_0101 ^ UInt64(raw.last ?? 0)
      let blocks = index.ordinals(hash)
      faults.expect(blocks.allSatisfy { $0 < blockCount }, "a block that is not covered")
    }
    let front = index.front
    faults.expect(front.keyCount == index.keyCount, "the front has other keys")
  }

  private static func directory(_ raw: [UInt8], _ faults: inout FuzzFaults) {
    var content: [UInt8] = []
    content.append(littleEndian: UInt32(raw.count))
    content += raw
    let offset = 64 << 10
    guard let directory = try? Directory(decoding: content.rawSpan, at: offset) else { return }
    var end = SegmentHeader.byteCount
    for entry in directory.blocks {
      faults.expect(entry.offset >= end, "blocks that overlap")
      end = entry.offset + entry.byteCount
    }
    faults.expect(end <= offset, "a block behind its directory")
    for part in directory.indexes {
      faults.expect(part.blocks.upperBound <= directory.blocks.count, "a part of no blocks")
      faults.expect(part.offset + part.byteCount <= offset, "a part behind its directory")
    }
    end = SegmentHeader.byteCount
    for place in directory.contexts {
      faults.expect(place.offset >= end && place.end <= offset, "a context in a wrong place")
      end = place.end
    }
    let again = directory.encode(state: LZ4.State())
    let decoded = try? Directory(decoding: again.rawSpan, at: offset)
    faults.expect(decoded == directory, "another directory comes back")
  }
}
