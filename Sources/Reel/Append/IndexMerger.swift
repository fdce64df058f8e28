/// A thread that makes merged indexes of sealed segments while recording goes on.
///
/// Derived and never needed: what fails is left out, until the next opening tries again.
final class IndexMerger: Sendable {
  private let results: Results
  private let queue: WorkQueue<[UInt64]>

  /// A merged index: what its segments hold, and its length; 0 until it is made.
  struct Entry: Hashable, Sendable {
    var firstSequence: UInt64
    var nextSequence: UInt64
    var byteCount: Int
  }

  /// Starts the thread; ``stop()`` must follow.
  init(folder: any Folder, clock: any Clock) throws(ReelError) {
    let results = Results()
    self.results = results
    queue = try WorkQueue { results.merge($0, in: folder, clock: clock) }
  }

  /// Begins to make the index of the segments with these first sequence numbers.
  func begin(_ firstSequences: [UInt64]) { queue.add(firstSequences) }

  /// The indexes that have been made since it was last asked.
  func takeFinished() -> [Entry] { results.takeFinished() }

  /// Gives up what is being made, and makes nothing more.
  func cancel() { results.cancel() }

  /// Ends the thread; what it is making is given up.
  func stop() {
    results.cancel()
    queue.stop()
  }

  private final class Results: @unchecked Sendable {
    private let lock = Lock()
    private var finished: [Entry] = []
    private var isCancelled = false

    func merge(_ firstSequences: [UInt64], in folder: any Folder, clock: any Clock) {
      let index = try? IndexMerge.write(firstSequences, in: folder, salt: clock.random()) {
        self.lock.withLock { self.isCancelled }
      }
      guard let index else { return }
      lock.withLock {
        finished.append(
          Entry(
            firstSequence: index.firstSequence, nextSequence: index.nextSequence,
            byteCount: index.byteCount))
      }
    }

    func takeFinished() -> [Entry] {
      lock.withLock {
        defer { finished = [] }
        return finished
      }
    }

    func cancel() { lock.withLock { isCancelled = true } }
  }
}
