/// A thread that compresses blocks while the flusher collects the next ones: that takes about as
/// long as everything else that makes a block.
final class BlockCompressor: Sendable {
  private let results: Results
  private let queue: WorkQueue<BlockColumns>

  /// Starts the thread; ``stop()`` must follow.
  init() throws(ReelError) {
    let results = Results()
    self.results = results
    queue = try WorkQueue { results.compress($0) }
  }

  /// Begins to compress a block, after those before it.
  func begin(_ columns: BlockColumns) { queue.add(columns) }

  /// The first block begun that has not been taken, once it is compressed; if it is not and
  /// `isWaiting` is false, nothing.
  func take(isWaiting: Bool) -> CompressedBlock? { results.take(isWaiting: isWaiting) }

  /// Ends the thread once it has compressed what it is compressing.
  func stop() { queue.stop() }

  private final class Results: @unchecked Sendable {
    private let lock = Lock()
    private let changed: Condition
    /// Used by the thread alone.
    private let state = LZ4.State()
    private var blocks: [CompressedBlock] = []

    init() { changed = Condition(lock) }

    func compress(_ columns: BlockColumns) {
      let block = CompressedBlock(columns, state: state)
      lock.withLock {
        blocks.append(block)
        changed.wakeAll()
      }
    }

    func take(isWaiting: Bool) -> CompressedBlock? {
      lock.lock()
      defer { lock.unlock() }
      while blocks.isEmpty {
        guard isWaiting else { return nil }
        changed.wait()
      }
      return blocks.removeFirst()
    }
  }
}
