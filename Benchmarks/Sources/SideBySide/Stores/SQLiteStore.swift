import CSQLite
import Reel

/// SQLite in WAL mode without syncs, which survives the death of the process as Reel's default
/// does; a table with six indexes, prepared statements, a transaction an event or a batch.
struct SQLiteStore: Store {
  static let name = "SQLite"
  static let version = String(cString: sqlite3_libversion())
  static let singleAppendDivisor = 5
  private let database: OpaquePointer
  private let insert: OpaquePointer?
  private let byID: OpaquePointer?
  private let ascending: OpaquePointer?
  private let descending: OpaquePointer?
  private let byCorrelation: OpaquePointer?
  private let byProcess: OpaquePointer?
  private let byFunction: OpaquePointer?
  private let functionCounts: OpaquePointer?
  private let remove: OpaquePointer?

  init(path: String, configuration: StoreConfiguration) throws {
    var opened: OpaquePointer?
    guard sqlite3_open(path + "/events.db", &opened) == SQLITE_OK, let opened else {
      throw StoreError(message: "SQLite cannot open \(path)")
    }
    database = opened
    try Self.execute(
      opened,
      """
      PRAGMA journal_mode=WAL; PRAGMA synchronous=\(configuration.isDurable ? "FULL" : "OFF");
      PRAGMA cache_size=-\(configuration.cacheByteCount >> 10);
      \(Self.schema)
      """)
    // Mapped pages are no part of the cache: with a small one, the map would stand in for it.
    let isMapped = configuration.cacheByteCount >= 1 << 30
    try Self.execute(opened, "PRAGMA mmap_size=\(isMapped ? 8 << 30 : 0)")
    func prepare(_ text: String) throws -> OpaquePointer? {
      var statement: OpaquePointer?
      guard sqlite3_prepare_v2(opened, text, -1, &statement, nil) == SQLITE_OK else {
        throw StoreError(message: String(cString: sqlite3_errmsg(opened)))
      }
      return statement
    }
    let columns =
      "timestamp, id, kind, process, module, function, arity, correlation, node, payload"
    insert = try prepare("INSERT INTO events(\(columns)) VALUES(?,?,?,?,?,?,?,?,?,?)")
    byID = try prepare("SELECT \(columns) FROM events WHERE id = ?")
    ascending = try prepare(
      "SELECT \(columns) FROM events WHERE timestamp >= ? ORDER BY timestamp, sequence LIMIT ?")
    descending = try prepare(
      "SELECT \(columns) FROM events WHERE timestamp <= ?"
        + " ORDER BY timestamp DESC, sequence DESC LIMIT ?")
    byCorrelation = try prepare(
      "SELECT \(columns) FROM events WHERE correlation = ? ORDER BY timestamp, sequence")
    byProcess = try prepare(
      "SELECT \(columns) FROM events WHERE process = ? ORDER BY timestamp, sequence LIMIT ?")
    byFunction = try prepare(
      "SELECT \(columns) FROM events WHERE module = ? AND function = ? AND arity = ?"
        + " ORDER BY timestamp, sequence LIMIT ?")
    functionCounts = try prepare(
      "SELECT module || '.' || function || '/' || arity, count(*) FROM events"
        + " WHERE module IS NOT NULL GROUP BY module, function, arity")
    remove = try prepare("DELETE FROM events WHERE timestamp < ?")
  }

  private static let schema = """
    CREATE TABLE IF NOT EXISTS events(sequence INTEGER PRIMARY KEY, timestamp INTEGER, id BLOB,
      kind TEXT, process TEXT, module TEXT, function TEXT, arity TEXT, correlation TEXT,
      node TEXT, payload BLOB);
    CREATE INDEX IF NOT EXISTS by_time ON events(timestamp);
    CREATE INDEX IF NOT EXISTS by_id ON events(id);
    CREATE INDEX IF NOT EXISTS by_process ON events(process, timestamp);
    CREATE INDEX IF NOT EXISTS by_function ON events(module, function, arity, timestamp);
    CREATE INDEX IF NOT EXISTS by_correlation ON events(correlation, timestamp);
    CREATE INDEX IF NOT EXISTS by_node ON events(node, timestamp);
    """

  private static func execute(_ database: OpaquePointer, _ text: String) throws {
    guard sqlite3_exec(database, text, nil, nil, nil) == SQLITE_OK else {
      throw StoreError(message: "SQLite: \(String(cString: sqlite3_errmsg(database)))")
    }
  }

  mutating func append(batch: [Event]) throws {
    try Self.execute(database, "BEGIN")
    for event in batch { try append(event) }
    try Self.execute(database, "COMMIT")
  }

  mutating func append(_ event: Event) throws {
    sqlite3_bind_int64(insert, 1, event.timestamp?.nanoseconds ?? 0)
    bind(insert, 2, event.id?.bytes ?? [])
    bind(insert, 3, event.kind)
    bind(insert, 4, event.process)
    bind(insert, 5, event.function?.module)
    bind(insert, 6, event.function?.name)
    bind(insert, 7, event.function?.arity.map { String($0) })
    bind(insert, 8, event.correlationID)
    bind(insert, 9, event.astNodeID)
    bind(insert, 10, event.payload?.bytes ?? [])
    guard sqlite3_step(insert) == SQLITE_DONE else {
      throw failure()
    }
    sqlite3_reset(insert)
  }

  mutating func settle() {}
  mutating func close() {
    for statement in [
      insert, byID, ascending, descending, byCorrelation, byProcess, byFunction, functionCounts,
      remove,
    ] {
      sqlite3_finalize(statement)
    }
    sqlite3_close(database)
  }

  func get(_ id: [UInt8]) throws -> Fold {
    bind(byID, 1, id)
    return try fold(byID)
  }

  func range(from: Int64, limit: Int, isDescending: Bool) throws -> Fold {
    let statement = isDescending ? descending : ascending
    sqlite3_bind_int64(statement, 1, from)
    sqlite3_bind_int64(statement, 2, Int64(limit))
    return try fold(statement)
  }

  func correlation(_ id: String) throws -> Fold {
    bind(byCorrelation, 1, id)
    return try fold(byCorrelation)
  }

  func events(ofProcess process: String, limit: Int) throws -> Fold {
    bind(byProcess, 1, process)
    sqlite3_bind_int64(byProcess, 2, Int64(limit))
    return try fold(byProcess)
  }

  func events(of function: Function, limit: Int) throws -> Fold {
    bind(byFunction, 1, function.module)
    bind(byFunction, 2, function.name)
    bind(byFunction, 3, function.arity.map { String($0) })
    sqlite3_bind_int64(byFunction, 4, Int64(limit))
    return try fold(byFunction)
  }

  func countByFunction() throws -> Fold {
    var fold = Fold()
    var code = sqlite3_step(functionCounts)
    while code == SQLITE_ROW {
      let count = Int(sqlite3_column_bytes(functionCounts, 0))
      if let key = sqlite3_column_blob(functionCounts, 0) {
        fold.add(
          key: RawSpan(_unsafeStart: key, byteCount: count),
          count: Int(sqlite3_column_int64(functionCounts, 1)))
      }
      code = sqlite3_step(functionCounts)
    }
    sqlite3_reset(functionCounts)
    guard code == SQLITE_DONE else { throw failure() }
    return fold
  }

  mutating func removeEvents(before timestamp: Int64) throws {
    sqlite3_bind_int64(remove, 1, timestamp)
    guard sqlite3_step(remove) == SQLITE_DONE else { throw failure() }
    sqlite3_reset(remove)
  }

  mutating func reclaim() throws {
    try Self.execute(database, "VACUUM; PRAGMA wal_checkpoint(TRUNCATE)")
  }

  private func failure() -> StoreError {
    StoreError(message: "SQLite: \(String(cString: sqlite3_errmsg(database)))")
  }

  func replay() throws -> Fold { try range(from: .min, limit: .max, isDescending: false) }

  private func fold(_ statement: OpaquePointer?) throws -> Fold {
    var fold = Fold()
    var code = sqlite3_step(statement)
    while code == SQLITE_ROW {
      fold.count += 1
      fold.add(sqlite3_column_int64(statement, 0))
      for column in Int32(1)..<10 {
        let count = Int(sqlite3_column_bytes(statement, column))
        guard count > 0, let bytes = sqlite3_column_blob(statement, column) else { continue }
        fold.add(RawSpan(_unsafeStart: bytes, byteCount: count))
      }
      code = sqlite3_step(statement)
    }
    sqlite3_reset(statement)
    guard code == SQLITE_DONE else { throw failure() }
    return fold
  }

  private static let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

  private func bind(_ statement: OpaquePointer?, _ index: Int32, _ text: String?) {
    guard let text else {
      sqlite3_bind_null(statement, index)
      return
    }
    sqlite3_bind_text(statement, index, text, Int32(text.utf8.count), Self.transient)
  }

  private func bind(_ statement: OpaquePointer?, _ index: Int32, _ bytes: [UInt8]) {
    sqlite3_bind_blob(statement, index, bytes, Int32(bytes.count), Self.transient)
  }
}
