#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif
import CRocksDB
import Reel

/// RocksDB with LZ4, a Bloom filter of 10 bits a key, one cache of 1 GiB and a log without syncs:
/// kill-safe as Reel's default is.
///
/// Six column families: rows by (timestamp, sequence), and five that map a key to rows.
struct RocksDBStore: Store {
  static let name = "RocksDB"
  static let version = (try? libraryVersion()) ?? "of unknown version"
  let database: OpaquePointer
  let reading: OpaquePointer
  let families: Families
  private let writing: OpaquePointer
  private let batch: OpaquePointer
  private let options: OpaquePointer
  private let cache: OpaquePointer
  private var sequence: UInt64 = 0
  private var row: [UInt8] = []

  /// The column families in the order of their opening.
  struct Families {
    static let names = ["default", "ids", "processes", "functions", "correlations", "nodes"]
    let all: [OpaquePointer?]

    var rows: OpaquePointer? { all[0] }
    var ids: OpaquePointer? { all[1] }
    var processes: OpaquePointer? { all[2] }
    var functions: OpaquePointer? { all[3] }
    var correlations: OpaquePointer? { all[4] }
    var nodes: OpaquePointer? { all[5] }
  }

  init(path: String, configuration: StoreConfiguration) throws {
    guard let options = rocksdb_options_create(), let writing = rocksdb_writeoptions_create(),
      let reading = rocksdb_readoptions_create(), let batch = rocksdb_writebatch_create(),
      let cache = rocksdb_cache_create_lru(configuration.cacheByteCount)
    else { throw StoreError(message: "RocksDB: no options") }
    Self.set(options, cache: cache)
    rocksdb_writeoptions_set_sync(writing, configuration.isDurable ? 1 : 0)
    var handles = [OpaquePointer?](repeating: nil, count: Families.names.count)
    let names = Families.names.map { strdup($0) }
    defer { for name in names { free(name) } }
    var message: UnsafeMutablePointer<CChar>?
    let opened = rocksdb_open_column_families(
      options, path, Int32(names.count), names.map { UnsafePointer($0) },
      [OpaquePointer?](repeating: options, count: names.count), &handles, &message)
    try Self.check(message)
    guard let opened else { throw StoreError(message: "RocksDB cannot open \(path)") }
    database = opened
    families = Families(all: handles)
    self.options = options
    self.writing = writing
    self.reading = reading
    self.batch = batch
    self.cache = cache
  }

  private static func set(_ options: OpaquePointer, cache: OpaquePointer) {
    let table = rocksdb_block_based_options_create()
    rocksdb_block_based_options_set_block_cache(table, cache)
    rocksdb_block_based_options_set_filter_policy(table, rocksdb_filterpolicy_create_bloom_full(10))
    rocksdb_options_set_block_based_table_factory(options, table)
    rocksdb_block_based_options_destroy(table)
    rocksdb_options_set_create_if_missing(options, 1)
    rocksdb_options_set_create_missing_column_families(options, 1)
    rocksdb_options_set_compression(options, Int32(rocksdb_lz4_compression))
    rocksdb_options_increase_parallelism(options, 2)
  }

  static func check(_ message: UnsafeMutablePointer<CChar>?) throws {
    guard let message else { return }
    defer { rocksdb_free(message) }
    throw StoreError(message: "RocksDB: \(String(cString: message))")
  }

  mutating func append(_ event: Event) throws {
    rocksdb_writebatch_clear(batch)
    put(event)
    try write()
  }

  mutating func append(batch events: [Event]) throws {
    rocksdb_writebatch_clear(batch)
    for event in events { put(event) }
    try write()
  }

  private mutating func put(_ event: Event) {
    EventRow.encode(event, into: &row)
    sequence += 1
    let place = EventRow.place(event.timestamp?.nanoseconds ?? 0, sequence)
    let keys = EventKeys(event)
    put(families.rows, place, row)
    if let id = keys.id { put(families.ids, id, place) }
    if let process = keys.process { put(families.processes, process + [0] + place, []) }
    if let function = keys.function { put(families.functions, function + [0] + place, []) }
    if let correlation = keys.correlation {
      put(families.correlations, correlation + [0] + place, [])
    }
    if let node = keys.node { put(families.nodes, node + [0] + place, []) }
  }

  private func put(_ family: OpaquePointer?, _ key: [UInt8], _ value: [UInt8]) {
    key.withUnsafeBytes { key in
      value.withUnsafeBytes { value in
        rocksdb_writebatch_put_cf(
          batch, family, key.baseAddress?.assumingMemoryBound(to: CChar.self), key.count,
          value.baseAddress?.assumingMemoryBound(to: CChar.self), value.count)
      }
    }
  }

  private func write() throws {
    var message: UnsafeMutablePointer<CChar>?
    rocksdb_write(database, writing, batch, &message)
    try Self.check(message)
  }

  mutating func settle() {}

  /// Writes out what is in memory first, so that the next opening need not read the log.
  mutating func close() throws {
    try flush()
    for family in families.all { rocksdb_column_family_handle_destroy(family) }
    rocksdb_close(database)
    rocksdb_options_destroy(options)
    rocksdb_writeoptions_destroy(writing)
    rocksdb_readoptions_destroy(reading)
    rocksdb_writebatch_destroy(batch)
    rocksdb_cache_destroy(cache)
  }

  // MARK: Removal

  /// By ranges where a key has many rows: rows, processes, functions and nodes.
  ///
  /// By single keys where a range would hold few: ids and correlations.
  mutating func removeEvents(before timestamp: Int64) throws {
    let end = EventRow.place(timestamp, 0)
    let iterator = RocksDBIterator(database, reading, families.rows)
    defer { iterator.close() }
    var processes: Set<[UInt8]> = []
    var functions: Set<[UInt8]> = []
    var nodes: Set<[UInt8]> = []
    var count = 0
    rocksdb_writebatch_clear(batch)
    iterator.seek([0])
    while iterator.isValid {
      let place = Array(iterator.key)
      guard place.lexicographicallyPrecedes(end) else { break }
      let keys = EventKeys(row: iterator.value)
      if let id = keys.id { remove(families.ids, id) }
      if let key = keys.correlation { remove(families.correlations, key + [0] + place) }
      if let process = keys.process { processes.insert(process) }
      if let function = keys.function { functions.insert(function) }
      if let node = keys.node { nodes.insert(node) }
      count += 1
      if count % 1000 == 0 {
        try write()
        rocksdb_writebatch_clear(batch)
      }
      iterator.next()
    }
    try iterator.check()
    remove(families.rows, from: [0], to: end)
    for (family, keys) in [
      (families.processes, processes), (families.functions, functions), (families.nodes, nodes),
    ] {
      for key in keys { remove(family, from: key + [0], to: key + [0] + end) }
    }
    try write()
  }

  private func remove(_ family: OpaquePointer?, _ key: [UInt8]) {
    key.withUnsafeBytes {
      rocksdb_writebatch_delete_cf(
        batch, family, $0.baseAddress?.assumingMemoryBound(to: CChar.self), $0.count)
    }
  }

  private func remove(_ family: OpaquePointer?, from: [UInt8], to: [UInt8]) {
    from.withUnsafeBytes { from in
      to.withUnsafeBytes { to in
        rocksdb_writebatch_delete_range_cf(
          batch, family, from.baseAddress?.assumingMemoryBound(to: CChar.self), from.count,
          to.baseAddress?.assumingMemoryBound(to: CChar.self), to.count)
      }
    }
  }

  mutating func reclaim() throws {
    try flush()
    for family in families.all { rocksdb_compact_range_cf(database, family, nil, 0, nil, 0) }
  }

  private func flush() throws {
    let options = rocksdb_flushoptions_create()
    defer { rocksdb_flushoptions_destroy(options) }
    for family in families.all {
      var message: UnsafeMutablePointer<CChar>?
      rocksdb_flush_cf(database, options, family, &message)
      try Self.check(message)
    }
  }

  /// The version, from the options that every database keeps beside its data: the C interface has
  /// no function for it.
  private static func libraryVersion() throws -> String? {
    let folder = try TemporaryFolder("version")
    defer { folder.remove() }
    var store = try RocksDBStore(path: folder.path)
    try store.close()
    for name in try folder.fileNames() where name.hasPrefix("OPTIONS") {
      guard let file = fopen(folder.path + "/" + name, "r") else { continue }
      defer { fclose(file) }
      var line = [CChar](repeating: 0, count: 256)
      while fgets(&line, 256, file) != nil {
        let bytes = line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:))
        let text = String(decoding: bytes, as: UTF8.self)
        if let match = text.wholeMatch(of: /\s*rocksdb_version=([0-9.]+)\s*/) {
          return String(match.1)
        }
      }
    }
    return nil
  }
}
