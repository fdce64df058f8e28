import Reel

/// One system under measurement: the same work, through its own public API.
///
/// Every answer is checked by its fold, so each system really reads what it returns.
protocol Store: SendableMetatype {
  static var name: String { get }

  /// The version of the library, as the library tells it.
  static var version: String { get }

  /// One event in so many is stored where events go in one a call: more than 1 for a store that
  /// would take minutes for all of them.
  static var singleAppendDivisor: Int { get }

  /// Whether it has a cache of its own whose size can be chosen.
  static var hasCache: Bool { get }

  /// Opens the store in the folder `path`, made when missing.
  init(path: String, configuration: StoreConfiguration) throws

  /// Stores one event; on return it is as durable as the configuration asks.
  mutating func append(_ event: Event) throws

  /// Stores some events at once, all of them or, after a crash, none.
  mutating func append(batch: [Event]) throws

  /// Waits until everything is where queries find it at full speed.
  mutating func settle() throws

  mutating func close() throws

  func get(_ id: [UInt8]) throws -> Fold
  func range(from: Int64, limit: Int, isDescending: Bool) throws -> Fold
  func correlation(_ id: String) throws -> Fold
  /// The earliest `limit` events that happened in a process.
  func events(ofProcess process: String, limit: Int) throws -> Fold
  /// The earliest `limit` events of a function: module, name and arity.
  func events(of function: Function, limit: Int) throws -> Fold
  func replay() throws -> Fold
  /// How many events each function has, without a look at payloads.
  func countByFunction() throws -> Fold

  /// Removes every event before `timestamp`: on return no query finds one.
  mutating func removeEvents(before timestamp: Int64) throws
  /// Gives the space of removed events back to the file system, as far as the store can.
  mutating func reclaim() throws
}

extension Store {
  static var singleAppendDivisor: Int { 1 }
  static var hasCache: Bool { true }

  init(path: String) throws { try self.init(path: path, configuration: StoreConfiguration()) }
}

/// What the measurements vary about every store alike.
struct StoreConfiguration {
  /// Whether an event survives a loss of power once its append returned, not only the death of the
  /// process.
  var isDurable = false
  /// Bytes of the store's own cache of blocks or pages.
  var cacheByteCount = 1 << 30
}

/// All stores, Reel first.
let allStores: [any Store.Type] = [
  ReelStore.self, LMDBStore.self, LevelDBStore.self, RocksDBStore.self, SQLiteStore.self,
]

/// Why a measurement cannot go on.
struct StoreError: Error, CustomStringConvertible {
  let message: String

  var description: String { message }
}
