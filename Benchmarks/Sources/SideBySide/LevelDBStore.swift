#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif
import CLevelDB
import Reel

/// LevelDB with Snappy, a Bloom filter of 10 bits a key and a cache of 1 GiB: kill-safe as Reel's
/// default is.
///
/// One ordered map: rows by (timestamp, sequence) under the prefix `r`, and five further prefixes
/// that map a key to rows.
struct LevelDBStore: Store {
  static let name = "LevelDB"
  private let database: OpaquePointer
  private let writing: OpaquePointer
  private let reading: OpaquePointer
  private let batch: OpaquePointer
  private var sequence: UInt64 = 0
  private var row: [UInt8] = []

  private enum Prefix {
    static let row = UInt8(ascii: "r")
    static let id = UInt8(ascii: "i")
    static let process = UInt8(ascii: "p")
    static let function = UInt8(ascii: "f")
    static let correlation = UInt8(ascii: "c")
    static let node = UInt8(ascii: "n")
  }

  init(path: String) throws {
    let options = leveldb_options_create()
    leveldb_options_set_create_if_missing(options, 1)
    leveldb_options_set_filter_policy(options, leveldb_filterpolicy_create_bloom(10))
    leveldb_options_set_cache(options, leveldb_cache_create_lru(1 << 30))
    leveldb_options_set_write_buffer_size(options, 64 << 20)
    leveldb_options_set_compression(options, Int32(leveldb_snappy_compression))
    var message: UnsafeMutablePointer<CChar>?
    guard let opened = leveldb_open(options, path, &message) else {
      throw StoreError(message: "LevelDB: \(message.map { String(cString: $0) } ?? "")")
    }
    database = opened
    guard let writing = leveldb_writeoptions_create(), let reading = leveldb_readoptions_create(),
      let batch = leveldb_writebatch_create()
    else { throw StoreError(message: "LevelDB: no options") }
    self.writing = writing
    self.reading = reading
    self.batch = batch
  }

  mutating func append(_ event: Event) throws {
    EventRow.encode(event, into: &row)
    sequence += 1
    let place = EventRow.place(event.timestamp?.nanoseconds ?? 0, sequence)
    leveldb_writebatch_clear(batch)
    put([Prefix.row] + place, row)
    put([Prefix.id] + (event.id?.bytes ?? []), place)
    put(Self.key(Prefix.process, event.process ?? "", place), [])
    let function = "\(event.function?.module ?? "").\(event.function?.name ?? "")"
    put(Self.key(Prefix.function, function, place), [])
    put(Self.key(Prefix.correlation, event.correlationID ?? "", place), [])
    put(Self.key(Prefix.node, event.astNodeID ?? "", place), [])
    var message: UnsafeMutablePointer<CChar>?
    leveldb_write(database, writing, batch, &message)
    if let message { throw StoreError(message: "LevelDB: \(String(cString: message))") }
  }

  private static func key(_ prefix: UInt8, _ text: String, _ place: [UInt8]) -> [UInt8] {
    [prefix] + Array(text.utf8) + [0] + place
  }

  private func put(_ key: [UInt8], _ value: [UInt8]) {
    key.withUnsafeBytes { key in
      value.withUnsafeBytes { value in
        leveldb_writebatch_put(
          batch, key.baseAddress?.assumingMemoryBound(to: CChar.self), key.count,
          value.baseAddress?.assumingMemoryBound(to: CChar.self), value.count)
      }
    }
  }

  mutating func settle() {}

  mutating func close() {
    leveldb_close(database)
    leveldb_writeoptions_destroy(writing)
    leveldb_readoptions_destroy(reading)
    leveldb_writebatch_destroy(batch)
  }

  func get(_ id: [UInt8]) throws -> Fold {
    var fold = Fold()
    guard let place = value([Prefix.id] + id) else { return fold }
    defer { leveldb_free(UnsafeMutableRawPointer(mutating: place.baseAddress)) }
    add([Prefix.row] + Array(place), to: &fold)
    return fold
  }

  private func value(_ key: [UInt8]) -> UnsafeRawBufferPointer? {
    var message: UnsafeMutablePointer<CChar>?
    var count = 0
    let bytes = key.withUnsafeBytes {
      leveldb_get(
        database, reading, $0.baseAddress?.assumingMemoryBound(to: CChar.self), key.count, &count,
        &message)
    }
    return bytes.map { UnsafeRawBufferPointer(start: $0, count: count) }
  }

  private func add(_ key: [UInt8], to fold: inout Fold) {
    guard let row = value(key) else { return }
    EventRow.add(row, to: &fold)
    leveldb_free(UnsafeMutableRawPointer(mutating: row.baseAddress))
  }

  func range(from: Int64, limit: Int, isDescending: Bool) throws -> Fold {
    var fold = Fold()
    let iterator = leveldb_create_iterator(database, reading)
    defer { leveldb_iter_destroy(iterator) }
    seek(iterator, [Prefix.row] + EventRow.place(from, isDescending ? .max : 0))
    if isDescending {
      if leveldb_iter_valid(iterator) != 0 {
        leveldb_iter_prev(iterator)
      } else {
        leveldb_iter_seek_to_last(iterator)
      }
    }
    while fold.count < limit, leveldb_iter_valid(iterator) != 0 {
      guard key(iterator).first == Prefix.row else { break }
      var count = 0
      let bytes = leveldb_iter_value(iterator, &count)
      EventRow.add(UnsafeRawBufferPointer(start: bytes, count: count), to: &fold)
      if isDescending { leveldb_iter_prev(iterator) } else { leveldb_iter_next(iterator) }
    }
    return fold
  }

  private func seek(_ iterator: OpaquePointer?, _ key: [UInt8]) {
    key.withUnsafeBytes {
      leveldb_iter_seek(iterator, $0.baseAddress?.assumingMemoryBound(to: CChar.self), key.count)
    }
  }

  private func key(_ iterator: OpaquePointer?) -> UnsafeRawBufferPointer {
    var count = 0
    let bytes = leveldb_iter_key(iterator, &count)
    return UnsafeRawBufferPointer(start: bytes, count: count)
  }

  func correlation(_ id: String) throws -> Fold {
    var fold = Fold()
    let iterator = leveldb_create_iterator(database, reading)
    defer { leveldb_iter_destroy(iterator) }
    let prefix = [Prefix.correlation] + Array(id.utf8) + [0]
    seek(iterator, prefix)
    while leveldb_iter_valid(iterator) != 0 {
      let key = key(iterator)
      guard key.count > prefix.count, key.prefix(prefix.count).elementsEqual(prefix) else { break }
      add([Prefix.row] + Array(key.dropFirst(prefix.count)), to: &fold)
      leveldb_iter_next(iterator)
    }
    return fold
  }

  func replay() throws -> Fold { try range(from: .min, limit: .max, isDescending: false) }
}
