internal import CLZ4

/// The LZ4 block codec; the only file that calls liblz4.
enum LZ4 {
  /// Compresses `source` at the default level (acceleration 1: 2 gained 3–10 % speed on random
  /// payloads, nothing on real ones, and cost 2 % of bytes).
  ///
  /// - Returns: Whether the result is smaller than the source; if not, `output` is unchanged.
  static func compress(_ source: RawSpan, appendingTo output: inout [UInt8], _ state: State) -> Bool
  {
    let start = output.count
    let bound = max(source.byteCount - 1, 0)
    guard source.byteCount > 0, bound <= Int(Int32.max) else { return false }
    output.append(addingCapacity: bound) { destination in
      // Safe: liblz4 writes at most `bound` bytes, for which there is room, and says how many.
      unsafe destination.withUnsafeMutableBufferPointer { destination, count in
        unsafe source.withUnsafeBytes { source in
          count = Int(
            unsafe LZ4_compress_fast_extState(
              state.memory, source.baseAddress, destination.baseAddress, Int32(source.count),
              Int32(bound), 1))
        }
      }
    }
    return output.count > start
  }

  /// Decompresses `source` into exactly `byteCount` bytes, or its first `byteCount` when
  /// `isPartial`.
  ///
  /// - Returns: Nothing when the source is malformed or yields another length.
  static func decompress(_ source: RawSpan, byteCount: Int, isPartial: Bool = false) -> [UInt8]? {
    guard source.byteCount <= Int(Int32.max), byteCount <= Int(Int32.max) else { return nil }
    var result: Int32 = -1
    let output = unsafe [UInt8](unsafeUninitializedCapacity: byteCount) { destination, filled in
      // Safe: liblz4 reads within `source` and writes within `destination`, whatever the bytes.
      unsafe source.withUnsafeBytes { source in
        let from = source.baseAddress
        let to = destination.baseAddress
        result =
          isPartial
          ? unsafe LZ4_decompress_safe_partial(
            from, to, Int32(source.count), Int32(byteCount), Int32(byteCount))
          : unsafe LZ4_decompress_safe(from, to, Int32(source.count), Int32(byteCount))
      }
      filled = result == Int32(byteCount) ? byteCount : 0
    }
    return result == Int32(byteCount) ? output : nil
  }

  /// The working memory of the compressor, 16 KiB, kept between calls.
  @safe final class State: @unchecked Sendable {
    fileprivate let memory: UnsafeMutableRawPointer

    init() {
      unsafe memory = .allocate(byteCount: Int(LZ4_sizeofState()), alignment: 16)
    }

    deinit { unsafe memory.deallocate() }
  }
}
