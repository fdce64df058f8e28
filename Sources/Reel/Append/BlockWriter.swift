/// A thread that makes blocks of rows, writes them and turns to the next segment, while the flusher
/// collects rows.
final class BlockWriter: Sendable {
  private let results: Results
  private let queue: WorkQueue<SegmentWork.Job>

  enum Outcome: Sendable {
    case done(SegmentWork.Done)
    /// What is left of it is to be finished before anything else.
    case failed(ReelError)
    /// One before it has failed.
    case untouched(SegmentWork.Job)
  }

  /// Starts the thread; ``stop()`` must follow.
  init(_ work: SegmentWork) throws(ReelError) {
    let results = Results(work)
    self.results = results
    queue = try WorkQueue { results.perform($0) }
  }

  /// Begins a job, after those before it.
  ///
  /// Once one has failed, all that were begun must be taken, and it be finished, before the next
  /// one is.
  func begin(_ job: SegmentWork.Job) { queue.add(job) }

  /// What has come of the first of the jobs begun that have not been taken; if the thread has not
  /// come to it and `isWaiting` is false, nothing.
  func take(isWaiting: Bool) -> Outcome? { results.take(isWaiting: isWaiting) }

  /// Ends the thread once it has done what it is doing.
  func stop() { queue.stop() }

  private final class Results: @unchecked Sendable {
    private let work: SegmentWork
    private let lock = Lock()
    private let changed: Condition
    private var outcomes: [Outcome] = []

    init(_ work: SegmentWork) {
      self.work = work
      changed = Condition(lock)
    }

    func perform(_ job: SegmentWork.Job) {
      var outcome = Outcome.untouched(job)
      if !work.hasUnfinished {
        do throws(ReelError) {
          outcome = .done(try work.perform(job))
        } catch {
          outcome = .failed(error)
        }
      }
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
