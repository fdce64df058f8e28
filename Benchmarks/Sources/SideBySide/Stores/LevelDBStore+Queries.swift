import CLevelDB
import Reel

extension LevelDBStore {
  func get(_ id: [UInt8]) throws -> Fold {
    var fold = Fold()
    guard let place = try value([Prefix.id] + id) else { return fold }
    defer { leveldb_free(UnsafeMutableRawPointer(mutating: place.baseAddress)) }
    try add([Prefix.row] + Array(place), to: &fold)
    return fold
  }

  private func value(_ key: [UInt8]) throws -> UnsafeRawBufferPointer? {
    var message: UnsafeMutablePointer<CChar>?
    var count = 0
    let bytes = key.withUnsafeBytes {
      leveldb_get(
        database, reading, $0.baseAddress?.assumingMemoryBound(to: CChar.self), key.count, &count,
        &message)
    }
    try Self.check(message)
    return bytes.map { UnsafeRawBufferPointer(start: $0, count: count) }
  }

  private func add(_ key: [UInt8], to fold: inout Fold) throws {
    guard let row = try value(key) else { throw StoreError(message: "LevelDB: a row is missing") }
    EventRow.add(row, to: &fold)
    leveldb_free(UnsafeMutableRawPointer(mutating: row.baseAddress))
  }

  func range(from: Int64, limit: Int, isDescending: Bool) throws -> Fold {
    var fold = Fold()
    let iterator = LevelDBIterator(database, reading)
    defer { iterator.close() }
    iterator.seek([Prefix.row] + EventRow.place(from, isDescending ? .max : 0))
    if isDescending { if iterator.isValid { iterator.previous() } else { iterator.seekToLast() } }
    while fold.count < limit, iterator.isValid, iterator.key.first == Prefix.row {
      EventRow.add(iterator.value, to: &fold)
      if isDescending { iterator.previous() } else { iterator.next() }
    }
    try iterator.check()
    return fold
  }

  func correlation(_ id: String) throws -> Fold {
    try events(Prefix.correlation, Array(id.utf8), limit: .max)
  }

  func events(ofProcess process: String, limit: Int) throws -> Fold {
    try events(Prefix.process, Array(process.utf8), limit: limit)
  }

  func events(of function: Function, limit: Int) throws -> Fold {
    try events(Prefix.function, EventKeys.key(function), limit: limit)
  }

  /// The rows that an index has for a key.
  private func events(_ prefix: UInt8, _ text: [UInt8], limit: Int) throws -> Fold {
    var fold = Fold()
    let iterator = LevelDBIterator(database, reading)
    defer { iterator.close() }
    let prefix = [prefix] + text + [0]
    iterator.seek(prefix)
    while fold.count < limit, iterator.isValid {
      let key = iterator.key
      guard key.starts(with: prefix) else { break }
      try add([Prefix.row] + Array(key.dropFirst(prefix.count)), to: &fold)
      iterator.next()
    }
    try iterator.check()
    return fold
  }

  func replay() throws -> Fold { try range(from: .min, limit: .max, isDescending: false) }

  func countByFunction() throws -> Fold {
    let iterator = LevelDBIterator(database, reading)
    defer { iterator.close() }
    var groups = KeyGroups()
    iterator.seek([Prefix.function])
    while iterator.isValid, iterator.key.first == Prefix.function {
      // Between the prefix and the zero before the place.
      groups.add(UnsafeRawBufferPointer(rebasing: iterator.key.dropFirst().dropLast(17)))
      iterator.next()
    }
    try iterator.check()
    return groups.finish()
  }
}

/// A position in the ordered map.
struct LevelDBIterator {
  private let iterator: OpaquePointer?

  init(_ database: OpaquePointer, _ reading: OpaquePointer) {
    iterator = leveldb_create_iterator(database, reading)
  }

  func close() { leveldb_iter_destroy(iterator) }
  func next() { leveldb_iter_next(iterator) }
  func previous() { leveldb_iter_prev(iterator) }
  func seekToLast() { leveldb_iter_seek_to_last(iterator) }

  func seek(_ key: [UInt8]) {
    key.withUnsafeBytes {
      leveldb_iter_seek(iterator, $0.baseAddress?.assumingMemoryBound(to: CChar.self), $0.count)
    }
  }

  var isValid: Bool { leveldb_iter_valid(iterator) != 0 }

  var key: UnsafeRawBufferPointer {
    var count = 0
    let bytes = leveldb_iter_key(iterator, &count)
    return UnsafeRawBufferPointer(start: bytes, count: count)
  }

  var value: UnsafeRawBufferPointer {
    var count = 0
    let bytes = leveldb_iter_value(iterator, &count)
    return UnsafeRawBufferPointer(start: bytes, count: count)
  }

  /// Throws what ended the iteration, if it was a failure.
  func check() throws {
    var message: UnsafeMutablePointer<CChar>?
    leveldb_iter_get_error(iterator, &message)
    try LevelDBStore.check(message)
  }
}
