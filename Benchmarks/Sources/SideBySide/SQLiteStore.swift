import CSQLite
import Reel

/// SQLite in WAL mode without syncs, which survives the death of the process as Reel's default
/// does; a table with five indexes, prepared statements, a transaction an event.
struct SQLiteStore: Store {
  static let name = "SQLite"
  private let database: OpaquePointer
  private let insert: OpaquePointer?
  private let byID: OpaquePointer?
  private let ascending: OpaquePointer?
  private let descending: OpaquePointer?
  private let byCorrelation: OpaquePointer?

  init(path: String) throws {
    var opened: OpaquePointer?
    guard sqlite3_open(path + "/events.db", &opened) == SQLITE_OK, let opened else {
      throw StoreError(message: "SQLite cannot open \(path)")
    }
    database = opened
    let setup = """
      PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA cache_size=-1048576;
      PRAGMA mmap_size=8589934592;
      CREATE TABLE IF NOT EXISTS events(sequence INTEGER PRIMARY KEY, timestamp INTEGER, id BLOB,
        kind TEXT, process TEXT, module TEXT, function TEXT, arity TEXT, correlation TEXT,
        node TEXT, payload BLOB);
      CREATE INDEX IF NOT EXISTS by_time ON events(timestamp);
      CREATE INDEX IF NOT EXISTS by_id ON events(id);
      CREATE INDEX IF NOT EXISTS by_process ON events(process, timestamp);
      CREATE INDEX IF NOT EXISTS by_function ON events(module, function, timestamp);
      CREATE INDEX IF NOT EXISTS by_correlation ON events(correlation, timestamp);
      CREATE INDEX IF NOT EXISTS by_node ON events(node, timestamp);
      """
    guard sqlite3_exec(opened, setup, nil, nil, nil) == SQLITE_OK else {
      throw StoreError(message: String(cString: sqlite3_errmsg(opened)))
    }
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
      "SELECT \(columns) FROM events WHERE correlation = ? ORDER BY timestamp")
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
      throw StoreError(message: String(cString: sqlite3_errmsg(database)))
    }
    sqlite3_reset(insert)
  }

  mutating func settle() {}
  mutating func close() {
    for statement in [insert, byID, ascending, descending, byCorrelation] {
      sqlite3_finalize(statement)
    }
    sqlite3_close(database)
  }

  func get(_ id: [UInt8]) throws -> Fold {
    bind(byID, 1, id)
    return fold(byID)
  }

  func range(from: Int64, limit: Int, isDescending: Bool) throws -> Fold {
    let statement = isDescending ? descending : ascending
    sqlite3_bind_int64(statement, 1, from)
    sqlite3_bind_int64(statement, 2, Int64(limit))
    return fold(statement)
  }

  func correlation(_ id: String) throws -> Fold {
    bind(byCorrelation, 1, id)
    return fold(byCorrelation)
  }

  func replay() throws -> Fold { try range(from: .min, limit: .max, isDescending: false) }

  private func fold(_ statement: OpaquePointer?) -> Fold {
    var fold = Fold()
    while sqlite3_step(statement) == SQLITE_ROW {
      fold.count += 1
      fold.add(sqlite3_column_int64(statement, 0))
      for column in Int32(1)..<10 {
        let count = Int(sqlite3_column_bytes(statement, column))
        guard count > 0, let bytes = sqlite3_column_blob(statement, column) else { continue }
        fold.add(RawSpan(_unsafeStart: bytes, byteCount: count))
      }
    }
    sqlite3_reset(statement)
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
