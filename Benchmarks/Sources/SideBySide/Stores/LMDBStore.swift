import CLMDB
import Reel

/// LMDB with a writable map and no sync: kill-safe as Reel's default is.
///
/// Rows by (timestamp, sequence), five further tables that map a key to rows. Durable, it has
/// neither flag: each commit writes its pages and syncs.
struct LMDBStore: Store {
  static let name = "LMDB"
  static var version: String {
    var (major, minor, patch): (Int32, Int32, Int32) = (0, 0, 0)
    mdb_version(&major, &minor, &patch)
    return "\(major).\(minor).\(patch)"
  }
  static let hasCache = false
  let environment: OpaquePointer
  private(set) var rows: MDB_dbi = 0
  private(set) var ids: MDB_dbi = 0
  private(set) var processes: MDB_dbi = 0
  private(set) var functions: MDB_dbi = 0
  private(set) var correlations: MDB_dbi = 0
  private(set) var nodes: MDB_dbi = 0
  private var sequence: UInt64 = 0
  private var row: [UInt8] = []

  init(path: String, configuration: StoreConfiguration) throws {
    var opened: OpaquePointer?
    try check(mdb_env_create(&opened))
    guard let opened else { throw StoreError(message: "LMDB: no environment") }
    environment = opened
    try check(mdb_env_set_maxdbs(opened, 8))
    try check(mdb_env_set_mapsize(opened, 64 << 30))
    let unsynced = configuration.isDurable ? 0 : MDB_NOSYNC | MDB_WRITEMAP
    try check(mdb_env_open(opened, path, UInt32(unsynced | MDB_NOTLS), 0o644))
    var transaction: OpaquePointer?
    try check(mdb_txn_begin(opened, nil, 0, &transaction))
    let duplicates = UInt32(MDB_CREATE | MDB_DUPSORT | MDB_DUPFIXED)
    try check(mdb_dbi_open(transaction, "rows", UInt32(MDB_CREATE), &rows))
    try check(mdb_dbi_open(transaction, "ids", UInt32(MDB_CREATE), &ids))
    try check(mdb_dbi_open(transaction, "processes", duplicates, &processes))
    try check(mdb_dbi_open(transaction, "functions", duplicates, &functions))
    try check(mdb_dbi_open(transaction, "correlations", duplicates, &correlations))
    try check(mdb_dbi_open(transaction, "nodes", duplicates, &nodes))
    try check(mdb_txn_commit(transaction))
  }

  mutating func append(_ event: Event) throws {
    var transaction: OpaquePointer?
    try check(mdb_txn_begin(environment, nil, 0, &transaction))
    try put(event, transaction)
    try check(mdb_txn_commit(transaction))
  }

  mutating func append(batch: [Event]) throws {
    var transaction: OpaquePointer?
    try check(mdb_txn_begin(environment, nil, 0, &transaction))
    for event in batch { try put(event, transaction) }
    try check(mdb_txn_commit(transaction))
  }

  private mutating func put(_ event: Event, _ transaction: OpaquePointer?) throws {
    EventRow.encode(event, into: &row)
    sequence += 1
    let place = EventRow.place(event.timestamp?.nanoseconds ?? 0, sequence)
    let keys = EventKeys(event)
    try put(transaction, rows, place, row)
    if let id = keys.id { try put(transaction, ids, id, place) }
    if let process = keys.process { try put(transaction, processes, process, place) }
    if let function = keys.function { try put(transaction, functions, function, place) }
    if let correlation = keys.correlation {
      try put(transaction, correlations, correlation, place)
    }
    if let node = keys.node { try put(transaction, nodes, node, place) }
  }

  private func put(
    _ transaction: OpaquePointer?, _ table: MDB_dbi, _ key: [UInt8], _ value: [UInt8]
  ) throws {
    try withValue(key) { key in
      try withValue(value) { value in try check(mdb_put(transaction, table, &key, &value, 0)) }
    }
  }

  mutating func settle() {}

  mutating func close() {
    mdb_env_sync(environment, 1)
    mdb_env_close(environment)
  }

  // MARK: Removal

  /// Row by row, from every table, in transactions of 10,000 rows: more would overflow the list of
  /// pages that a transaction has changed.
  mutating func removeEvents(before timestamp: Int64) throws {
    while try removeSome(before: EventRow.place(timestamp, 0)) {}
  }

  private func removeSome(before end: [UInt8]) throws -> Bool {
    var transaction: OpaquePointer?
    try check(mdb_txn_begin(environment, nil, 0, &transaction))
    var cursor: OpaquePointer?
    try check(mdb_cursor_open(transaction, rows, &cursor))
    var key = MDB_val()
    var row = MDB_val()
    var count = 0
    while count < 10_000, mdb_cursor_get(cursor, &key, &row, MDB_FIRST) == 0 {
      let place = Array(UnsafeRawBufferPointer(start: key.mv_data, count: key.mv_size))
      guard place.lexicographicallyPrecedes(end) else { break }
      let keys = EventKeys(row: UnsafeRawBufferPointer(start: row.mv_data, count: row.mv_size))
      try check(mdb_cursor_del(cursor, 0))
      try remove(transaction, ids, keys.id, nil)
      try remove(transaction, processes, keys.process, place)
      try remove(transaction, functions, keys.function, place)
      try remove(transaction, correlations, keys.correlation, place)
      try remove(transaction, nodes, keys.node, place)
      count += 1
    }
    mdb_cursor_close(cursor)
    try check(mdb_txn_commit(transaction))
    return count == 10_000
  }

  private func remove(
    _ transaction: OpaquePointer?, _ table: MDB_dbi, _ key: [UInt8]?, _ value: [UInt8]?
  ) throws {
    guard let key else { return }
    try withValue(key) { key in
      guard let value else { return try check(mdb_del(transaction, table, &key, nil)) }
      try withValue(value) { value in try check(mdb_del(transaction, table, &key, &value)) }
    }
  }

  /// Nothing: the file never shrinks, its free pages are used again.
  mutating func reclaim() {}
}

/// Calls `body` with `bytes` as LMDB takes them; it only reads them.
func withValue<R>(_ bytes: [UInt8], _ body: (inout MDB_val) throws -> R) rethrows -> R {
  try bytes.withUnsafeBytes { bytes in
    var value = MDB_val(
      mv_size: bytes.count, mv_data: UnsafeMutableRawPointer(mutating: bytes.baseAddress))
    return try body(&value)
  }
}

func check(_ code: Int32) throws {
  guard code == 0 else { throw StoreError(message: "LMDB: \(String(cString: mdb_strerror(code)))") }
}
