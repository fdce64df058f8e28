import PerfettoTrace
import Reel
import SwiftProtobuf

/// Puts the packets of a trace into bytes on a second thread, in order, while more are made.
///
/// It takes swift-protobuf about as long to write a packet as it takes to make it. At most some
/// batches wait; without a thread to be had they are written on the caller's.
final class PacketEncoder: @unchecked Sendable {
  /// A packet with the event that it is of, if it is of one.
  struct Packet {
    var frame: PerfettoTracePacket
    var event: PerfettoTrackEvent?
  }

  /// Packets in a batch.
  static let batchCount = 256
  /// Batches that may wait or be written.
  private static let pendingLimit = 5

  private let lock = Lock()
  private let changed: Condition
  private var queue: WorkQueue<[Packet]>?
  // The lock guards all of these.
  private var pendingCount = 0
  private var bytes: [UInt8] = []
  private var failure: (any Error)?

  /// Starts the thread; ``stop()`` must follow.
  init() {
    changed = Condition(lock)
    queue = try? WorkQueue { self.finish(Self.encode($0)) }
  }

  /// Takes a batch, for which it may wait.
  func add(_ packets: [Packet]) {
    lock.withLock {
      while pendingCount >= Self.pendingLimit { changed.wait() }
      pendingCount += 1
    }
    if let queue { queue.add(packets) } else { finish(Self.encode(packets)) }
  }

  /// Appends what is written of the trace so far, or once all of it is.
  /// - Throws: The first failure.
  func move(to output: inout [UInt8], waitsForAll: Bool) throws {
    let taken = try lock.withLock {
      while waitsForAll, pendingCount > 0 { changed.wait() }
      if let failure { throw failure }
      defer { bytes.removeAll(keepingCapacity: true) }
      return bytes
    }
    output += taken
  }

  /// Ends the thread.
  func stop() { queue?.stop() }

  /// Packets as a part of a trace.
  ///
  /// A trace is its packets one after the other, each behind its field's tag and its length, and so
  /// is an event in its packet. Within one message swift-protobuf would measure what is nested once
  /// more for each level, and that takes longer than writing.
  private static func encode(_ packets: [Packet]) -> Result<[UInt8], any Error> {
    Result {
      var bytes: [UInt8] = []
      for packet in packets {
        let frame: [UInt8] = try packet.frame.serializedBytes()
        guard let event = packet.event else {
          append(length: frame.count, of: packetField, to: &bytes)
          bytes += frame
          continue
        }
        let content: [UInt8] = try event.serializedBytes()
        let head = lengthByteCount(content.count) + 1
        append(length: frame.count + head + content.count, of: packetField, to: &bytes)
        bytes += frame
        append(length: content.count, of: trackEventField, to: &bytes)
        bytes += content
      }
      return bytes
    }
  }

  /// The packets of a trace, and the event of a packet.
  private static let packetField: UInt8 = 1
  private static let trackEventField: UInt8 = 11

  /// Appends the tag of a field that has a length, and that as a varint.
  private static func append(length: Int, of field: UInt8, to bytes: inout [UInt8]) {
    bytes.append(field << 3 | 2)
    var rest = length
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }

  private static func lengthByteCount(_ length: Int) -> Int {
    max(1, (Int.bitWidth - length.leadingZeroBitCount + 6) / 7)
  }

  private func finish(_ result: Result<[UInt8], any Error>) {
    lock.withLock {
      pendingCount -= 1
      switch result {
      case .success(let more): bytes += more
      case .failure(let error): failure = failure ?? error
      }
      changed.wakeAll()
    }
  }
}
