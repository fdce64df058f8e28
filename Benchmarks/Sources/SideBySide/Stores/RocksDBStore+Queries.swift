import CRocksDB
import Reel

extension RocksDBStore {
  func get(_ id: [UInt8]) throws -> Fold {
    var fold = Fold()
    var place: [UInt8]?
    try withValue(families.ids, id) { place = $0.map { Array($0) } }
    if let place { try add(place, to: &fold) }
    return fold
  }

  /// Calls `body` with the value of a key where it lies in the cache, or with nothing.
  private func withValue(
    _ family: OpaquePointer?, _ key: [UInt8], _ body: (UnsafeRawBufferPointer?) throws -> Void
  ) throws {
    var message: UnsafeMutablePointer<CChar>?
    let pinned = key.withUnsafeBytes {
      rocksdb_get_pinned_cf(
        database, reading, family, $0.baseAddress?.assumingMemoryBound(to: CChar.self), $0.count,
        &message)
    }
    try Self.check(message)
    guard let pinned else { return try body(nil) }
    defer { rocksdb_pinnableslice_destroy(pinned) }
    var count = 0
    let bytes = rocksdb_pinnableslice_value(pinned, &count)
    try body(UnsafeRawBufferPointer(start: bytes, count: count))
  }

  private func add(_ place: [UInt8], to fold: inout Fold) throws {
    var sum = fold
    try withValue(families.rows, place) { row in
      guard let row else { throw StoreError(message: "RocksDB: a row is missing") }
      EventRow.add(row, to: &sum)
    }
    fold = sum
  }

  func range(from: Int64, limit: Int, isDescending: Bool) throws -> Fold {
    var fold = Fold()
    let iterator = RocksDBIterator(database, reading, families.rows)
    defer { iterator.close() }
    let place = EventRow.place(from, isDescending ? .max : 0)
    if isDescending { iterator.seekBack(place) } else { iterator.seek(place) }
    while fold.count < limit, iterator.isValid {
      EventRow.add(iterator.value, to: &fold)
      if isDescending { iterator.previous() } else { iterator.next() }
    }
    try iterator.check()
    return fold
  }

  func correlation(_ id: String) throws -> Fold {
    try events(families.correlations, Array(id.utf8), limit: .max)
  }

  func events(ofProcess process: String, limit: Int) throws -> Fold {
    try events(families.processes, Array(process.utf8), limit: limit)
  }

  func events(of function: Function, limit: Int) throws -> Fold {
    try events(families.functions, EventKeys.key(function), limit: limit)
  }

  /// The rows that an index has for a key, fetched by many keys at once, which RocksDB does faster
  /// than one by one.
  private func events(_ family: OpaquePointer?, _ text: [UInt8], limit: Int) throws -> Fold {
    var fold = Fold()
    let iterator = RocksDBIterator(database, reading, family)
    defer { iterator.close() }
    let prefix = text + [0]
    var places: [UInt8] = []
    iterator.seek(prefix)
    while fold.count + places.count / Self.placeByteCount < limit, iterator.isValid {
      let key = iterator.key
      guard key.starts(with: prefix) else { break }
      places.append(contentsOf: key.dropFirst(prefix.count))
      if places.count == Self.groupCount * Self.placeByteCount {
        try addRows(at: places, to: &fold)
        places.removeAll(keepingCapacity: true)
      }
      iterator.next()
    }
    try iterator.check()
    try addRows(at: places, to: &fold)
    return fold
  }

  private static let placeByteCount = 16
  private static let groupCount = 100

  /// Adds the rows at some places, one after the other in `places` and ascending.
  private func addRows(at places: [UInt8], to fold: inout Fold) throws {
    let count = places.count / Self.placeByteCount
    let lengths = [Int](repeating: Self.placeByteCount, count: count)
    var rows = [OpaquePointer?](repeating: nil, count: count)
    var messages = [UnsafeMutablePointer<CChar>?](repeating: nil, count: count)
    places.withUnsafeBytes { places in
      let keys = (0..<count).map { index in
        places.baseAddress.map {
          ($0 + index * Self.placeByteCount).assumingMemoryBound(to: CChar.self)
        }
      }
      rocksdb_batched_multi_get_cf(
        database, reading, families.rows, count, keys, lengths, &rows, &messages, true)
    }
    defer { for row in rows { if let row { rocksdb_pinnableslice_destroy(row) } } }
    for message in messages { try Self.check(message) }
    for row in rows {
      guard let row else { throw StoreError(message: "RocksDB: a row is missing") }
      var byteCount = 0
      let bytes = rocksdb_pinnableslice_value(row, &byteCount)
      EventRow.add(UnsafeRawBufferPointer(start: bytes, count: byteCount), to: &fold)
    }
  }

  func replay() throws -> Fold { try range(from: .min, limit: .max, isDescending: false) }

  func countByFunction() throws -> Fold {
    let iterator = RocksDBIterator(database, reading, families.functions)
    defer { iterator.close() }
    var groups = KeyGroups()
    iterator.seek([])
    while iterator.isValid {
      // Up to the zero before the place.
      groups.add(UnsafeRawBufferPointer(rebasing: iterator.key.dropLast(17)))
      iterator.next()
    }
    try iterator.check()
    return groups.finish()
  }
}

/// A position in a column family.
struct RocksDBIterator {
  private let iterator: OpaquePointer?

  init(_ database: OpaquePointer, _ reading: OpaquePointer, _ family: OpaquePointer?) {
    iterator = rocksdb_create_iterator_cf(database, reading, family)
  }

  func close() { rocksdb_iter_destroy(iterator) }
  func next() { rocksdb_iter_next(iterator) }
  func previous() { rocksdb_iter_prev(iterator) }

  func seek(_ key: [UInt8]) {
    key.withUnsafeBytes {
      rocksdb_iter_seek(iterator, $0.baseAddress?.assumingMemoryBound(to: CChar.self), $0.count)
    }
  }

  /// Goes to the last key that is not after `key`.
  func seekBack(_ key: [UInt8]) {
    key.withUnsafeBytes {
      rocksdb_iter_seek_for_prev(
        iterator, $0.baseAddress?.assumingMemoryBound(to: CChar.self), $0.count)
    }
  }

  var isValid: Bool { rocksdb_iter_valid(iterator) != 0 }

  var key: UnsafeRawBufferPointer {
    var count = 0
    let bytes = rocksdb_iter_key(iterator, &count)
    return UnsafeRawBufferPointer(start: bytes, count: count)
  }

  var value: UnsafeRawBufferPointer {
    var count = 0
    let bytes = rocksdb_iter_value(iterator, &count)
    return UnsafeRawBufferPointer(start: bytes, count: count)
  }

  /// Throws what ended the iteration, if it was a failure.
  func check() throws {
    var message: UnsafeMutablePointer<CChar>?
    rocksdb_iter_get_error(iterator, &message)
    try RocksDBStore.check(message)
  }
}
