internal import CXXHash

/// The checksums and hashes of the format; nothing else computes one.
enum Checksum {
  /// XXH3-64 with a seed: the checksum of everything that is Reel's own.
  @inline(__always)
  static func xxh3(_ bytes: RawSpan, seed: UInt64 = 0) -> UInt64 {
    // Safe: the pointer is used only inside the closure and within its length.
    unsafe bytes.withUnsafeBytes { unsafe XXH3_64bits_withSeed($0.baseAddress, $0.count, seed) }
  }

  /// XXH32 with seed 0, which the LZ4 frame format demands.
  static func xxh32(_ bytes: RawSpan) -> UInt32 {
    // Safe: as above.
    unsafe bytes.withUnsafeBytes { unsafe XXH32($0.baseAddress, $0.count, 0) }
  }
}
