/// A block whose frames are compressed: what lies in a segment behind the block's header.
struct CompressedBlock: Sendable {
  /// With the stored lengths and checksums of the frames.
  private(set) var header: BlockHeader
  /// The frames, one after the other.
  private(set) var data: [UInt8] = []

  init(_ columns: BlockColumns, state: LZ4.State) {
    header = columns.header
    data.reserveCapacity(header.rawByteCount / 2)
    var payloadOffset = 0
    for index in header.frames.indices {
      let start = data.count
      let rawByteCount = header.frames[index].rawByteCount
      if index == 0 {
        LZ4Frame.append(columns.attributes.rawSpan, to: &data, state: state)
      } else {
        let range = payloadOffset..<(payloadOffset + rawByteCount)
        LZ4Frame.append(columns.payloads.rawSpan.extracting(range), to: &data, state: state)
        payloadOffset += rawByteCount
      }
      header.frames[index].storedByteCount = data.count - start
      header.frames[index].checksum = Checksum.xxh3(data.rawSpan.extracting(start..<data.count))
    }
  }
}

/// A thread that compresses blocks while their owner collects the next ones: that takes about as
/// long as everything else that makes a block.
final class BlockCompressor: Sendable {
  private let queue: Queue
  private let thread: WorkerThread

  /// Starts the thread; ``stop()`` must follow.
  init() throws(ReelError) {
    let queue = Queue()
    self.queue = queue
    thread = try WorkerThread { queue.run() }
  }

  /// Begins to compress a block, after those before it.
  func begin(_ columns: BlockColumns) { queue.begin(columns) }

  /// The first block begun that has not been taken, once it is compressed; if it is not and
  /// `isWaiting` is false, nothing.
  func take(isWaiting: Bool) -> CompressedBlock? { queue.take(isWaiting: isWaiting) }

  func stop() {
    queue.stop()
    thread.join()
  }

  private final class Queue: @unchecked Sendable {
    private let lock = Lock()
    private let state = LZ4.State()
    private var inputs: [BlockColumns] = []
    private var outputs: [CompressedBlock] = []
    private var isStopping = false

    func begin(_ columns: BlockColumns) {
      lock.withLock {
        inputs.append(columns)
        lock.wakeAll()
      }
    }

    func take(isWaiting: Bool) -> CompressedBlock? {
      lock.lock()
      defer { lock.unlock() }
      while outputs.isEmpty {
        guard isWaiting else { return nil }
        lock.wait()
      }
      return outputs.removeFirst()
    }

    func stop() {
      lock.withLock {
        isStopping = true
        lock.wakeAll()
      }
    }

    func run() {
      while let columns = next() {
        let block = CompressedBlock(columns, state: state)
        lock.withLock {
          outputs.append(block)
          lock.wakeAll()
        }
      }
    }

    private func next() -> BlockColumns? {
      lock.lock()
      defer { lock.unlock() }
      while inputs.isEmpty {
        if isStopping { return nil }
        lock.wait()
      }
      return inputs.removeFirst()
    }
  }
}
