import PerfettoTrace
import Reel
import SwiftProtobuf

/// Puts the packets of a trace into bytes on a second thread, in order, while more are made.
///
/// It takes swift-protobuf about as long to write a packet as it takes to make it. At most some
/// batches wait; without a thread to be had they are written on the caller's.
final class PacketEncoder: @unchecked Sendable {
  /// Packets in a batch.
  static let batchCount = 256
  /// Batches that may wait.
  private static let waitingLimit = 4

  private let lock = Lock()
  private let changed: Condition
  private var thread: WorkerThread?
  // The lock guards all of these.
  private var waiting: [[PerfettoTracePacket]] = []
  private var isEncoding = false
  private var isEnding = false
  private var bytes: [UInt8] = []
  private var failure: (any Error)?

  /// Starts the thread; ``stop()`` must follow.
  init() {
    changed = Condition(lock)
    thread = try? WorkerThread { self.run() }
  }

  /// Takes a batch, for which it may wait.
  func add(_ packets: [PerfettoTracePacket]) {
    guard thread != nil else { return finish(Self.encode(packets)) }
    lock.withLock {
      while waiting.count >= Self.waitingLimit { changed.wait() }
      waiting.append(packets)
      changed.wakeAll()
    }
  }

  /// Appends what is written of the trace so far, or once all of it is.
  /// - Throws: The first failure.
  func move(to output: inout [UInt8], waitsForAll: Bool) throws {
    let taken = try lock.withLock {
      while waitsForAll, isEncoding || !waiting.isEmpty { changed.wait() }
      if let failure { throw failure }
      defer { bytes.removeAll(keepingCapacity: true) }
      return bytes
    }
    output += taken
  }

  /// Ends the thread.
  func stop() {
    lock.withLock {
      isEnding = true
      changed.wakeAll()
    }
    thread?.join()
  }

  private func run() {
    while let packets = next() { finish(Self.encode(packets)) }
  }

  private func next() -> [PerfettoTracePacket]? {
    lock.withLock {
      while waiting.isEmpty, !isEnding { changed.wait() }
      guard !isEnding else { return nil }
      isEncoding = true
      return waiting.removeFirst()
    }
  }

  /// Packets as a part of a trace.
  ///
  /// A trace is its packets one after the other, each behind its field's tag and its length. As a
  /// whole it would be measured by swift-protobuf once more, and that takes longer than writing.
  private static func encode(_ packets: [PerfettoTracePacket]) -> Result<[UInt8], any Error> {
    Result {
      var bytes: [UInt8] = []
      for packet in packets {
        let encoded: [UInt8] = try packet.serializedBytes()
        bytes.append(packetTag)
        var rest = encoded.count
        while rest >= 0x80 {
          bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
          rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
        bytes += encoded
      }
      return bytes
    }
  }

  /// Field 1 of a trace, which has a length.
  private static let packetTag: UInt8 = 1 << 3 | 2

  private func finish(_ result: Result<[UInt8], any Error>) {
    lock.withLock {
      isEncoding = false
      switch result {
      case .success(let more): bytes += more
      case .failure(let error): failure = failure ?? error
      }
      changed.wakeAll()
    }
  }
}
