import CLMDB
import Reel

/// LMDB with a writable map and no sync: kill-safe as Reel's default is.
///
/// Rows by (timestamp, sequence), five further tables that map a key to rows.
struct LMDBStore: Store {
  static let name = "LMDB"
  private let environment: OpaquePointer
  private var rows: MDB_dbi = 0
  private var ids: MDB_dbi = 0
  private var processes: MDB_dbi = 0
  private var functions: MDB_dbi = 0
  private var correlations: MDB_dbi = 0
  private var nodes: MDB_dbi = 0
  private var sequence: UInt64 = 0
  private var row: [UInt8] = []

  init(path: String) throws {
    var opened: OpaquePointer?
    try check(mdb_env_create(&opened))
    guard let opened else { throw StoreError(message: "no environment") }
    environment = opened
    try check(mdb_env_set_maxdbs(opened, 8))
    try check(mdb_env_set_mapsize(opened, 64 << 30))
    try check(
      mdb_env_open(opened, path, UInt32(MDB_NOSYNC | MDB_WRITEMAP | MDB_NOTLS), 0o644))
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
    EventRow.encode(event, into: &row)
    sequence += 1
    var key = EventRow.place(event.timestamp?.nanoseconds ?? 0, sequence)
    var id = event.id?.bytes ?? []
    var process = Array((event.process ?? "").utf8)
    var function = Array("\(event.function?.module ?? "").\(event.function?.name ?? "")".utf8)
    var correlation = Array((event.correlationID ?? "").utf8)
    var node = Array((event.astNodeID ?? "").utf8)
    var transaction: OpaquePointer?
    try check(mdb_txn_begin(environment, nil, 0, &transaction))
    try put(transaction, rows, &key, &row)
    try put(transaction, ids, &id, &key)
    try put(transaction, processes, &process, &key)
    try put(transaction, functions, &function, &key)
    try put(transaction, correlations, &correlation, &key)
    try put(transaction, nodes, &node, &key)
    try check(mdb_txn_commit(transaction))
  }

  private func put(
    _ transaction: OpaquePointer?, _ table: MDB_dbi, _ key: inout [UInt8], _ value: inout [UInt8]
  ) throws {
    let code = key.withUnsafeMutableBytes { key in
      value.withUnsafeMutableBytes { value in
        var k = MDB_val(mv_size: key.count, mv_data: key.baseAddress)
        var v = MDB_val(mv_size: value.count, mv_data: value.baseAddress)
        return mdb_put(transaction, table, &k, &v, 0)
      }
    }
    try check(code)
  }

  mutating func settle() {}

  mutating func close() {
    mdb_env_sync(environment, 1)
    mdb_env_close(environment)
  }

  func get(_ id: [UInt8]) throws -> Fold {
    try reading { transaction, fold in
      var id = id
      try id.withUnsafeMutableBytes { bytes in
        var key = MDB_val(mv_size: bytes.count, mv_data: bytes.baseAddress)
        var place = MDB_val()
        guard mdb_get(transaction, ids, &key, &place) == 0 else { return }
        var row = MDB_val()
        try check(mdb_get(transaction, rows, &place, &row))
        EventRow.add(UnsafeRawBufferPointer(start: row.mv_data, count: row.mv_size), to: &fold)
      }
    }
  }

  func range(from: Int64, limit: Int, isDescending: Bool) throws -> Fold {
    try reading { transaction, fold in
      var cursor: OpaquePointer?
      try check(mdb_cursor_open(transaction, rows, &cursor))
      defer { mdb_cursor_close(cursor) }
      var start = EventRow.place(from, isDescending ? .max : 0)
      start.withUnsafeMutableBytes { bytes in
        var key = MDB_val(mv_size: bytes.count, mv_data: bytes.baseAddress)
        var row = MDB_val()
        var code = mdb_cursor_get(cursor, &key, &row, MDB_SET_RANGE)
        if isDescending {
          code = mdb_cursor_get(cursor, &key, &row, code == 0 ? MDB_PREV : MDB_LAST)
        }
        while code == 0, fold.count < limit {
          EventRow.add(UnsafeRawBufferPointer(start: row.mv_data, count: row.mv_size), to: &fold)
          code = mdb_cursor_get(cursor, &key, &row, isDescending ? MDB_PREV : MDB_NEXT)
        }
      }
    }
  }

  func correlation(_ id: String) throws -> Fold {
    try reading { transaction, fold in
      var cursor: OpaquePointer?
      try check(mdb_cursor_open(transaction, correlations, &cursor))
      defer { mdb_cursor_close(cursor) }
      var bytes = Array(id.utf8)
      try bytes.withUnsafeMutableBytes { bytes in
        var key = MDB_val(mv_size: bytes.count, mv_data: bytes.baseAddress)
        var place = MDB_val()
        var code = mdb_cursor_get(cursor, &key, &place, MDB_SET)
        while code == 0 {
          var row = MDB_val()
          try check(mdb_get(transaction, rows, &place, &row))
          EventRow.add(UnsafeRawBufferPointer(start: row.mv_data, count: row.mv_size), to: &fold)
          code = mdb_cursor_get(cursor, &key, &place, MDB_NEXT_DUP)
        }
      }
    }
  }

  func replay() throws -> Fold { try range(from: .min, limit: .max, isDescending: false) }

  private func reading(_ body: (OpaquePointer?, inout Fold) throws -> Void) throws -> Fold {
    var transaction: OpaquePointer?
    try check(mdb_txn_begin(environment, nil, UInt32(MDB_RDONLY), &transaction))
    defer { mdb_txn_abort(transaction) }
    var fold = Fold()
    try body(transaction, &fold)
    return fold
  }
}

private func check(_ code: Int32) throws {
  guard code == 0 else { throw StoreError(message: "LMDB: \(String(cString: mdb_strerror(code)))") }
}
