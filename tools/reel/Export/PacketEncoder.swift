import Reel

/// Puts what happens in a trace into packets on a second thread, in order, while more is read.
///
/// It takes longer to make and write the packets than to read and nest the events. At most some
/// batches wait; without a thread to be had they are written on the caller's.
final class PacketEncoder: @unchecked Sendable {
  /// Steps in a batch.
  static let batchCount = 256
  /// Batches that may wait or be written.
  private static let pendingLimit = 16

  /// The thread has it to itself, or the caller where there is none.
  private var packets: PerfettoPackets
  private let lock = Lock()
  private let changed: Condition
  private var queue: WorkQueue<[PerfettoStep]>?
  // The lock guards both of these.
  private var pendingCount = 0
  private var bytes: [UInt8] = []

  /// Starts the thread; ``stop()`` must follow.
  init(_ packets: PerfettoPackets) {
    self.packets = packets
    changed = Condition(lock)
    queue = try? WorkQueue { self.encode($0) }
  }

  /// Takes a batch, for which it may wait.
  func add(_ steps: [PerfettoStep]) {
    lock.withLock {
      while pendingCount >= Self.pendingLimit { changed.wait() }
      pendingCount += 1
    }
    if let queue { queue.add(steps) } else { encode(steps) }
  }

  /// Appends what is written of the trace so far, or once all of it is.
  func move(to output: inout [UInt8], waitsForAll: Bool) {
    lock.withLock {
      while waitsForAll, pendingCount > 0 { changed.wait() }
      output += bytes
      bytes.removeAll(keepingCapacity: true)
    }
  }

  /// Ends the thread.
  func stop() { queue?.stop() }

  private func encode(_ steps: [PerfettoStep]) {
    for step in steps { packets.add(step) }
    lock.withLock {
      pendingCount -= 1
      bytes += packets.writer.output
      changed.wakeAll()
    }
    packets.writer.output.removeAll(keepingCapacity: true)
  }
}
