import CLMDB
import Reel

extension LMDBStore {
  func get(_ id: [UInt8]) throws -> Fold {
    try reading { transaction, fold in
      try withValue(id) { key in
        var place = MDB_val()
        guard mdb_get(transaction, ids, &key, &place) == 0 else { return }
        var row = MDB_val()
        try check(mdb_get(transaction, rows, &place, &row))
        Self.add(row, to: &fold)
      }
    }
  }

  func range(from: Int64, limit: Int, isDescending: Bool) throws -> Fold {
    try reading { transaction, fold in
      var cursor: OpaquePointer?
      try check(mdb_cursor_open(transaction, rows, &cursor))
      defer { mdb_cursor_close(cursor) }
      withValue(EventRow.place(from, isDescending ? .max : 0)) { key in
        var row = MDB_val()
        var code = mdb_cursor_get(cursor, &key, &row, MDB_SET_RANGE)
        if isDescending {
          code = mdb_cursor_get(cursor, &key, &row, code == 0 ? MDB_PREV : MDB_LAST)
        }
        while code == 0, fold.count < limit {
          Self.add(row, to: &fold)
          code = mdb_cursor_get(cursor, &key, &row, isDescending ? MDB_PREV : MDB_NEXT)
        }
      }
    }
  }

  func correlation(_ id: String) throws -> Fold {
    try events(in: correlations, Array(id.utf8), limit: .max)
  }

  func events(ofProcess process: String, limit: Int) throws -> Fold {
    try events(in: processes, Array(process.utf8), limit: limit)
  }

  func events(of function: Function, limit: Int) throws -> Fold {
    try events(in: functions, EventKeys.key(function), limit: limit)
  }

  /// The rows that an index has for a key, looked up by one cursor: the next row of a key is often
  /// on the same page.
  private func events(in table: MDB_dbi, _ key: [UInt8], limit: Int) throws -> Fold {
    try reading { transaction, fold in
      var cursor: OpaquePointer?
      try check(mdb_cursor_open(transaction, table, &cursor))
      defer { mdb_cursor_close(cursor) }
      var rowCursor: OpaquePointer?
      try check(mdb_cursor_open(transaction, rows, &rowCursor))
      defer { mdb_cursor_close(rowCursor) }
      try withValue(key) { key in
        var place = MDB_val()
        var code = mdb_cursor_get(cursor, &key, &place, MDB_SET)
        while code == 0, fold.count < limit {
          var row = MDB_val()
          try check(mdb_cursor_get(rowCursor, &place, &row, MDB_SET))
          Self.add(row, to: &fold)
          code = mdb_cursor_get(cursor, &key, &place, MDB_NEXT_DUP)
        }
      }
    }
  }

  func replay() throws -> Fold { try range(from: .min, limit: .max, isDescending: false) }

  func countByFunction() throws -> Fold {
    try reading { transaction, fold in
      var cursor: OpaquePointer?
      try check(mdb_cursor_open(transaction, functions, &cursor))
      defer { mdb_cursor_close(cursor) }
      var key = MDB_val()
      var place = MDB_val()
      while mdb_cursor_get(cursor, &key, &place, MDB_NEXT_NODUP) == 0 {
        var count = 0
        try check(mdb_cursor_count(cursor, &count))
        let bytes = UnsafeRawBufferPointer(start: key.mv_data, count: key.mv_size)
        fold.add(key: RawSpan(_unsafeBytes: bytes), count: count)
      }
    }
  }

  private static func add(_ row: MDB_val, to fold: inout Fold) {
    EventRow.add(UnsafeRawBufferPointer(start: row.mv_data, count: row.mv_size), to: &fold)
  }

  private func reading(_ body: (OpaquePointer?, inout Fold) throws -> Void) throws -> Fold {
    var transaction: OpaquePointer?
    try check(mdb_txn_begin(environment, nil, UInt32(MDB_RDONLY), &transaction))
    defer { mdb_txn_abort(transaction) }
    var fold = Fold()
    try body(transaction, &fold)
    return fold
  }
}
