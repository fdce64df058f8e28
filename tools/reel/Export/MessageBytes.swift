import SwiftProtobuf

/// What swift-protobuf writes a message into, without allocating memory for a short one.
///
/// Packets are written in many small messages, each of which would need an array.
struct MessageBytes: SwiftProtobufContiguousBytes {
  let count: Int
  private var short = InlineArray<256, UInt8>(repeating: 0)
  private var long: [UInt8] = []

  init(repeating byte: UInt8, count: Int) {
    self.count = count
    if count > short.count {
      long = [UInt8](repeating: byte, count: count)
    } else if byte != 0 {
      for place in 0..<count { short[place] = byte }
    }
  }

  init<S: Sequence>(_ bytes: S) where S.Element == UInt8 {
    let bytes = Array(bytes)
    self.init(repeating: 0, count: bytes.count)
    if count > short.count {
      long = bytes
    } else {
      for place in 0..<count { short[place] = bytes[place] }
    }
  }

  /// The bytes in place.
  var bytes: RawSpan {
    @_lifetime(borrow self)
    get {
      if count > short.count { return long.byteSpan }
      // Safe: bytes are nothing else than bytes.
      return unsafe short.span.bytes.extracting(0..<count)
    }
  }

  func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
    // Safe: `body` is called with bytes that are there for as long.
    unsafe try bytes.withUnsafeBytes(body)
  }

  mutating func withUnsafeMutableBytes<R>(
    _ body: (UnsafeMutableRawBufferPointer) throws -> R
  ) rethrows -> R {
    // Safe: as above.
    if count > short.count { return unsafe try long.withUnsafeMutableBytes(body) }
    let count = count
    // Safe: as above; the bytes of an inline array are its own.
    return unsafe try Swift.withUnsafeMutableBytes(of: &short) {
      unsafe try body(UnsafeMutableRawBufferPointer(rebasing: $0[..<count]))
    }
  }
}
