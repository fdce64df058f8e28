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
    var total: UInt64 = 0
    for offset in bytes.byteOffsets {
      total &+= UInt64(unsafe bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self))
    }
    sum &+= total
  }

  @inline(__always)
  mutating func add(_ number: Int64) { sum &+= UInt64(bitPattern: number) }
}

struct StoreError: Error {
  let message: String
}
