/// A thread that does one kind of work, one input after the other, so that whoever has it to do
/// need not wait.
package final class WorkQueue<Input: Sendable>: Sendable {
  private let inputs: Inputs
  private let thread: WorkerThread

  /// Starts the thread, which calls `work` with each input; ``stop()`` must follow.
  package init(_ work: @escaping @Sendable (Input) -> Void) throws(ReelError) {
    let inputs = Inputs()
    self.inputs = inputs
    thread = try WorkerThread {
      while let input = inputs.next() { work(input) }
    }
  }

  /// Asks for work on `input`, after all before it.
  package func add(_ input: Input) { inputs.add(input) }

  /// Ends the thread once it has done what it is doing; further inputs are dropped.
  package func stop() {
    inputs.stop()
    thread.join()
  }

  private final class Inputs: @unchecked Sendable {
    private let lock = Lock()
    private let changed: Condition
    private var waiting: [Input] = []
    private var isStopping = false

    init() { changed = Condition(lock) }

    func add(_ input: Input) {
      lock.withLock {
        waiting.append(input)
        changed.wakeAll()
      }
    }

    func next() -> Input? {
      lock.lock()
      defer { lock.unlock() }
      while waiting.isEmpty && !isStopping { changed.wait() }
      return isStopping ? nil : waiting.removeFirst()
    }

    func stop() {
      lock.withLock {
        isStopping = true
        changed.wakeAll()
      }
    }
  }
}
