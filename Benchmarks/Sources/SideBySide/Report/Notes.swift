/// How the figures were made and what they leave out, as a reader of the tables needs it.
enum Notes {
  static func markdown(_ arguments: Arguments) -> String {
    var lines = ["## How to read this", ""]
    lines += reading.map { "- \($0)" }
    lines += ["", "## The stores", ""]
    for store in arguments.stores {
      lines.append("- \(store.name), \(store.version): \(settings[store.name] ?? "")")
    }
    lines += ["", "## Not measured", "", notMeasured]
    return lines.joined(separator: "\n")
  }

  private static let reading = [
    """
    The ratio is that of Reel to the best peer at the operation. ✓ and ✗ tell whether the target is
      reached: by the ratio where it has a ×, else by the figure. – is what a store does not have.
    """,
    """
    Unless it says durable, an event survives the death of the process once its append has returned,
      in every store, and a loss of power in none. Durable, it survives both.
    """,
    """
    Every byte of every field of the answers is looked at, and each answer is compared between the
      stores. Queries run on a warm cache of 1 GiB, but for the gets with 8 MB; LMDB has no cache of
      its own. The answers to questions for 1,000 events are picked by random events.
    """,
    """
    SQLite stores 1 event in \(SQLiteStore.singleAppendDivisor) where rate and processor time of
      ingest, one a call and in batches, are measured: all of them would take minutes. For
      everything else it has all events, stored in batches of 1,000, also before the kill and for
      its memory.
    """,
    """
    LMDB keeps the number of rows that a key has, so a count by function is one look at each
      function; the others count.
    """,
    """
    Durable writes: at most 2,000 appends of one event, 500 batches of 100, 100 batches of 1,000, or
      three seconds. Eight writers each wait for their own event.
    """,
    """
    Append times: one thread, with the control after each append in the same loop. Where the system
      takes the processor away for a while, it shows in both. At a fixed rate the thread waits on the
      clock for each event's moment, and does not wait when it is late.
    """,
    """
    Peak memory is that of a process which makes the events as it goes, less that of one which only
      makes them. Mapped pages of files count: LMDB's memory is its file.
    """,
    """
    The drop removes what is older than the median timestamp. The answer is right when a query for
      the oldest event shows the first one kept. Space: LMDB's file never shrinks, LevelDB and
      RocksDB compact, SQLite runs VACUUM. Memory and drop are measured in the first round alone.
    """,
  ]

  private static let settings = [
    ReelStore.name: "default configuration, but for a cache of 1 GiB.",
    LMDBStore.name:
      "six tables; writable map, no syncs; durable with syncs and an ordinary map, as fast there.",
    LevelDBStore.name: "six prefixes, Snappy, Bloom filter of 10 bits, write buffer of 64 MiB.",
    RocksDBStore.name: "six column families, LZ4, Bloom filter of 10 bits, log without syncs.",
    SQLiteStore.name:
      "a table with six indexes, WAL, prepared statements; synchronous OFF, durable FULL.",
  ]

  private static let notMeasured = """
    MCAP and DuckDB, which have no such indexes; cold caches; queries while somebody writes; queries
    by kind and by AST node; more than one writer of the peers.
    """
}
