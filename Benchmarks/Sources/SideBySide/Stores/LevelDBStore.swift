import CLevelDB
import Reel

/// LevelDB with Snappy, a Bloom filter of 10 bits a key and a cache of 1 GiB: kill-safe as Reel's
/// default is.
///
/// One ordered map: rows by (timestamp, sequence) under the prefix `r`, and five further prefixes
/// that map a key to rows.
struct LevelDBStore: Store {
  static let name = "LevelDB"
  static var version: String { "\(leveldb_major_version()).\(leveldb_minor_version())" }
  let database: OpaquePointer
  let reading: OpaquePointer
  private let writing: OpaquePointer
  private let batch: OpaquePointer
  private let options: OpaquePointer
  private let filter: OpaquePointer
  private let cache: OpaquePointer
  private var sequence: UInt64 = 0
  private var row: [UInt8] = []

  enum Prefix {
    static let row = UInt8(ascii: "r")
    static let id = UInt8(ascii: "i")
    static let process = UInt8(ascii: "p")
    static let function = UInt8(ascii: "f")
    static let correlation = UInt8(ascii: "c")
    static let node = UInt8(ascii: "n")
  }

  init(path: String, configuration: StoreConfiguration) throws {
    guard let options = leveldb_options_create(), let writing = leveldb_writeoptions_create(),
      let reading = leveldb_readoptions_create(), let batch = leveldb_writebatch_create(),
      let filter = leveldb_filterpolicy_create_bloom(10),
      let cache = leveldb_cache_create_lru(configuration.cacheByteCount)
    else { throw StoreError(message: "LevelDB: no options") }
    leveldb_options_set_create_if_missing(options, 1)
    leveldb_options_set_filter_policy(options, filter)
    leveldb_options_set_cache(options, cache)
    leveldb_options_set_write_buffer_size(options, 64 << 20)
    leveldb_options_set_compression(options, Int32(leveldb_snappy_compression))
    leveldb_writeoptions_set_sync(writing, configuration.isDurable ? 1 : 0)
    var message: UnsafeMutablePointer<CChar>?
    let opened = leveldb_open(options, path, &message)
    try Self.check(message)
    guard let opened else { throw StoreError(message: "LevelDB cannot open \(path)") }
    database = opened
    self.options = options
    self.writing = writing
    self.reading = reading
    self.batch = batch
    self.filter = filter
    self.cache = cache
  }

  static func check(_ message: UnsafeMutablePointer<CChar>?) throws {
    guard let message else { return }
    defer { leveldb_free(message) }
    throw StoreError(message: "LevelDB: \(String(cString: message))")
  }

  mutating func append(_ event: Event) throws {
    leveldb_writebatch_clear(batch)
    put(event)
    try write()
  }

  mutating func append(batch events: [Event]) throws {
    leveldb_writebatch_clear(batch)
    for event in events { put(event) }
    try write()
  }

  private mutating func put(_ event: Event) {
    EventRow.encode(event, into: &row)
    sequence += 1
    let place = EventRow.place(event.timestamp?.nanoseconds ?? 0, sequence)
    put([Prefix.row] + place, row)
    let keys = EventKeys(event)
    if let id = keys.id { put([Prefix.id] + id, place) }
    for key in Self.indexKeys(keys, place) { put(key, []) }
  }

  /// The keys of an event whose value is empty: prefix, text, zero, place.
  private static func indexKeys(_ keys: EventKeys, _ place: [UInt8]) -> [[UInt8]] {
    var result: [[UInt8]] = []
    func add(_ prefix: UInt8, _ text: [UInt8]?) {
      if let text { result.append([prefix] + text + [0] + place) }
    }
    add(Prefix.process, keys.process)
    add(Prefix.function, keys.function)
    add(Prefix.correlation, keys.correlation)
    add(Prefix.node, keys.node)
    return result
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

  private func remove(_ key: [UInt8]) {
    key.withUnsafeBytes {
      leveldb_writebatch_delete(
        batch, $0.baseAddress?.assumingMemoryBound(to: CChar.self), $0.count)
    }
  }

  private func write() throws {
    var message: UnsafeMutablePointer<CChar>?
    leveldb_write(database, writing, batch, &message)
    try Self.check(message)
  }

  mutating func settle() {}

  mutating func close() {
    leveldb_close(database)
    leveldb_options_destroy(options)
    leveldb_writeoptions_destroy(writing)
    leveldb_readoptions_destroy(reading)
    leveldb_writebatch_destroy(batch)
    leveldb_filterpolicy_destroy(filter)
    leveldb_cache_destroy(cache)
  }

  // MARK: Removal

  /// Key by key, in batches of 1,000 rows.
  mutating func removeEvents(before timestamp: Int64) throws {
    let end = [Prefix.row] + EventRow.place(timestamp, 0)
    let iterator = LevelDBIterator(database, reading)
    defer { iterator.close() }
    leveldb_writebatch_clear(batch)
    var count = 0
    iterator.seek([Prefix.row])
    while iterator.isValid {
      let key = Array(iterator.key)
      guard key.lexicographicallyPrecedes(end) else { break }
      let keys = EventKeys(row: iterator.value)
      remove(key)
      if let id = keys.id { remove([Prefix.id] + id) }
      for key in Self.indexKeys(keys, Array(key.dropFirst())) { remove(key) }
      count += 1
      if count % 1000 == 0 {
        try write()
        leveldb_writebatch_clear(batch)
      }
      iterator.next()
    }
    try iterator.check()
    try write()
  }

  mutating func reclaim() { leveldb_compact_range(database, nil, 0, nil, 0) }
}
