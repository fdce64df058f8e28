/// Decodes the block that a cursor comes to next, on a thread of its own, while the cursor's owner
/// looks at the events of the one before.
///
/// What it decodes goes into the cache, where the cursor finds it; what fails is left to the
/// cursor, which meets the same error and says so. One block ahead is enough: a second one would
/// only help where the times of decoding and looking vary much.
final class ReadAhead: Sendable {
  private let work: Work
  private let queue: WorkQueue<BlockOrigin>

  /// Starts the thread; ``stop()`` must follow.
  ///
  /// With `isWhole` the records of all rows are made, else only the columns are decoded.
  init(cache: ReadCache, schema: AttributeSchema, isWhole: Bool) throws(ReelError) {
    let work = Work(cache: cache, schema: schema, isWhole: isWhole)
    self.work = work
    queue = try WorkQueue { work.run($0) }
  }

  /// Asks for a block, unless the thread is still busy with another.
  func begin(_ origin: BlockOrigin) {
    if work.accept(origin) { queue.add(origin) }
  }

  /// Waits for a block that the thread is about to decode, or takes it back when it has not begun.
  /// - Returns: What the thread has read since the last call.
  func finish(_ origin: BlockOrigin) -> QueryCost { work.finish(origin) }

  /// Ends the thread once it has done what it is doing.
  func stop() { queue.stop() }

  private final class Work: @unchecked Sendable {
    private let cache: ReadCache
    private let schema: AttributeSchema
    private let isWhole: Bool
    private let lock = Lock()
    private let changed: Condition
    private var accepted: CacheKey?
    private var isRunning = false
    private var cost = QueryCost()

    init(cache: ReadCache, schema: AttributeSchema, isWhole: Bool) {
      self.cache = cache
      self.schema = schema
      self.isWhole = isWhole
      changed = Condition(lock)
    }

    func accept(_ origin: BlockOrigin) -> Bool {
      lock.withLock {
        guard !isRunning else { return false }
        accepted = origin.key
        return true
      }
    }

    func run(_ origin: BlockOrigin) {
      let isWanted = lock.withLock {
        isRunning = accepted == origin.key
        return isRunning
      }
      guard isWanted else { return }
      var cost = QueryCost()
      if isWhole {
        _ = try? cache.page(
          origin.entry, of: origin.segment, mayRender: true, schema: schema, cost: &cost)
      } else {
        _ = try? cache.block(origin.entry, of: origin.segment, wanted: .all, cost: &cost)
      }
      lock.withLock {
        self.cost.add(cost)
        accepted = nil
        isRunning = false
        changed.wakeAll()
      }
    }

    func finish(_ origin: BlockOrigin) -> QueryCost {
      lock.withLock {
        if accepted == origin.key {
          while isRunning { changed.wait() }
          accepted = nil
        }
        defer { cost = QueryCost() }
        return cost
      }
    }
  }
}

extension QueryCost {
  /// Adds what somebody else read for the same answer.
  mutating func add(_ other: QueryCost) {
    blocksDecoded += other.blocksDecoded
    bytesRead += other.bytesRead
  }
}
