/// A thread that makes blocks of rows and writes them while the flusher collects the next ones.
final class BlockWriter: Sendable {
  private let results: Results
  private let queue: WorkQueue<Job>

  /// The rows of a block on their way from thread to thread; whoever has it alone uses it.
  ///
  /// A class, so that none of the arrays is ever shared and then copied.
  final class Parcel: @unchecked Sendable {
    var rows = BlockRows()
  }

  private struct Job: Sendable {
    let parcel: Parcel
    let context: SegmentContext?
    let segment: SegmentFile
    let offset: Int?
  }

  /// A block, and what became of it.
  struct Outcome {
    var block: SegmentWriter.EncodedBlock
    /// Whether it is in its file; what follows one that could not be written is not written either.
    var isWritten: Bool
    var failure: ReelError?
    /// Without rows.
    var parcel: Parcel
  }

  /// Starts the thread, which goes on with the encoder of all blocks before; ``stop()`` must
  /// follow.
  init(_ encoder: BlockEncoder, frameByteCount: Int) throws(ReelError) {
    let results = Results(encoder, frameByteCount: frameByteCount)
    self.results = results
    queue = try WorkQueue { results.write($0) }
  }

  /// Begins to make a block of `segment`, after those before it: for `offset` when all of these
  /// have been taken, else for where the last one ends.
  func begin(
    _ parcel: Parcel, context: SegmentContext?, in segment: SegmentFile, at offset: Int?
  ) {
    queue.add(Job(parcel: parcel, context: context, segment: segment, offset: offset))
  }

  /// The first block begun that has not been taken, once it is made; if it is not and `isWaiting`
  /// is false, nothing.
  func take(isWaiting: Bool) -> Outcome? { results.take(isWaiting: isWaiting) }

  /// Ends the thread once it has done what it is doing.
  func stop() { queue.stop() }

  private final class Results: @unchecked Sendable {
    private let lock = Lock()
    private let changed: Condition
    private var outcomes: [Outcome] = []
    private let frameByteCount: Int

    // Used by the thread alone.
    private let state = LZ4.State()
    private var encoder: BlockEncoder
    /// Where the next block goes.
    private var end = 0
    private var hasFailed = false

    init(_ encoder: BlockEncoder, frameByteCount: Int) {
      self.encoder = encoder
      self.frameByteCount = frameByteCount
      changed = Condition(lock)
    }

    func write(_ job: Job) {
      if let offset = job.offset { (end, hasFailed) = (offset, false) }
      let compressed = encoder.compress(
        &job.parcel.rows, frameByteCount: frameByteCount, state: state)
      let block = SegmentWriter.EncodedBlock(
        compressed, context: job.context, at: end, job.segment.header.binding)
      var outcome = Outcome(block: block, isWritten: false, failure: nil, parcel: job.parcel)
      if !hasFailed {
        do throws(ReelError) {
          try block.write(to: job.segment)
          outcome.isWritten = true
        } catch {
          outcome.failure = error
          hasFailed = true
        }
      }
      end += block.byteCount
      lock.withLock {
        outcomes.append(outcome)
        changed.wakeAll()
      }
    }

    func take(isWaiting: Bool) -> Outcome? {
      lock.lock()
      defer { lock.unlock() }
      while outcomes.isEmpty {
        guard isWaiting else { return nil }
        changed.wait()
      }
      return outcomes.removeFirst()
    }
  }
}
