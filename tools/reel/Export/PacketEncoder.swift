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
        var content: [UInt8] = try packet.frame.serializedBytes()
        if let event = packet.event {
          append(try event.serializedBytes(), as: trackEventField, to: &content)
        }
        append(content, as: packetField, to: &bytes)
      }
      return bytes
    }
  }

  /// The packets of a trace, and the event of a packet.
  private static let packetField: UInt8 = 1
  private static let trackEventField: UInt8 = 11

  /// Appends a field that has a length: its tag, that as a varint, the content.
  private static func append(_ content: [UInt8], as field: UInt8, to bytes: inout [UInt8]) {
    bytes.append(field << 3 | 2)
    bytes.append(varint: UInt64(content.count))
    bytes += content
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
