import Reel

/// One system under measurement: the same work, through its own public API.
///
/// Every answer is checked by its fold: the number of events and a sum over all bytes of all
/// fields, so each system really reads what it returns.
protocol Store {
  static var name: String { get }

  /// Opens the store in the folder `path`, made when missing.
  init(path: String) throws

  /// Stores one event; on return it survives the death of the process.
  mutating func append(_ event: Event) throws

  /// Waits until everything is where queries find it at full speed.
  mutating func settle() throws

  mutating func close() throws

  func get(_ id: [UInt8]) throws -> Fold
  func range(from: Int64, limit: Int, isDescending: Bool) throws -> Fold
  func correlation(_ id: String) throws -> Fold
  func replay() throws -> Fold
}

/// What reading events comes to.
struct Fold: Equatable {
  var count = 0
  var sum: UInt64 = 0

  @inline(__always)
  mutating func add(_ bytes: RawSpan) {
    // Eight bytes at a time: the cost of looking is not what is measured.
    var total: UInt64 = 0
    var offset = 0
    while offset &+ 8 <= bytes.byteCount {
      total &+= unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
      offset &+= 8
    }
    if offset < bytes.byteCount, bytes.byteCount >= 8 {
      // The last eight once more, some of them a second time.
      total &+= unsafe bytes.unsafeLoadUnaligned(
        fromByteOffset: bytes.byteCount &- 8, as: UInt64.self)
      offset = bytes.byteCount
    }
    while offset < bytes.byteCount {
      total &+= UInt64(unsafe bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self))
      offset &+= 1
    }
    sum &+= total
  }

  @inline(__always)
  mutating func add(_ number: Int64) { sum &+= UInt64(bitPattern: number) }
}

struct StoreError: Error {
  let message: String
}
