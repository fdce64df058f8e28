/// The matrix of bytes with `columnCount` columns whose rows lie one after the other in `bytes`,
/// with rows and columns exchanged.
///
/// Eight by eight bytes at a time: in three steps, blocks of 4, 2 and 1 change places across the
/// diagonal (Warren, Hacker's Delight, 7-3, for bits).
func transposed(_ bytes: RawSpan, columnCount: Int) -> [UInt8] {
  let rowCount = columnCount == 0 ? 0 : bytes.byteCount / columnCount
  precondition(rowCount * columnCount == bytes.byteCount, "not a matrix")
  // Safe: every offset is a product of a row and a column inside the matrix, of `bytes` or of the
  // array, which are equally long; the words of eight bytes are loaded and stored only where eight
  // more rows and columns are left. All bytes are initialized.
  return unsafe [UInt8](unsafeUninitializedCapacity: bytes.byteCount) { output, count in
    count = bytes.byteCount
    guard let target = UnsafeMutableRawPointer(output.baseAddress) else { return }
    unsafe bytes.withUnsafeBytes { input in
      guard let source = input.baseAddress else { return }
      let wholeRows = rowCount & ~7
      let wholeColumns = columnCount & ~7
      for row in stride(from: 0, to: wholeRows, by: 8) {
        for column in stride(from: 0, to: wholeColumns, by: 8) {
          unsafe transposeTile(
            source + (row &* columnCount &+ column), columnCount,
            target + (column &* rowCount &+ row), rowCount)
        }
      }
      for row in 0..<rowCount {
        for column in (row < wholeRows ? wholeColumns : 0)..<columnCount {
          unsafe (target + (column &* rowCount &+ row)).storeBytes(
            of: (source + (row &* columnCount &+ column)).load(as: UInt8.self), as: UInt8.self)
        }
      }
    }
  }
}

/// Transposes eight by eight bytes, of rows that begin `sourceStride` bytes apart.
@inline(__always)
private func transposeTile(
  _ source: UnsafeRawPointer, _ sourceStride: Int, _ target: UnsafeMutableRawPointer,
  _ targetStride: Int
) {
  func row(_ index: Int) -> UInt64 {
    unsafe UInt64(
      littleEndian: source.loadUnaligned(fromByteOffset: index &* sourceStride, as: UInt64.self))
  }
  func exchange(_ a: inout UInt64, _ b: inout UInt64, _ shift: UInt64, _ mask: UInt64) {
    let moved = (a >> shift ^ b) & mask
    b ^= moved
    a ^= moved << shift
  }
  var (r0, r1, r2, r3) = (row(0), row(1), row(2), row(3))
  var (r4, r5, r6, r7) = (row(4), row(5), row(6), row(7))
  exchange(&r0, &r4, 32, 0x0000_0000_FFFF_FFFF)
  exchange(&r1, &r5, 32, 0x0000_0000_FFFF_FFFF)
  exchange(&r2, &r6, 32, 0x0000_0000_FFFF_FFFF)
  exchange(&r3, &r7, 32, 0x0000_0000_FFFF_FFFF)
  exchange(&r0, &r2, 16, 0x0000_FFFF_0000_FFFF)
  exchange(&r1, &r3, 16, 0x0000_FFFF_0000_FFFF)
  exchange(&r4, &r6, 16, 0x0000_FFFF_0000_FFFF)
  exchange(&r5, &r7, 16, 0x0000_FFFF_0000_FFFF)
  exchange(&r0, &r1, 8, 0x00FF_00FF_00FF_00FF)
  exchange(&r2, &r3, 8, 0x00FF_00FF_00FF_00FF)
  exchange(&r4, &r5, 8, 0x00FF_00FF_00FF_00FF)
  exchange(&r6, &r7, 8, 0x00FF_00FF_00FF_00FF)
  func store(_ value: UInt64, _ index: Int) {
    unsafe target.storeBytes(
      of: value.littleEndian, toByteOffset: index &* targetStride, as: UInt64.self)
  }
  store(r0, 0)
  store(r1, 1)
  store(r2, 2)
  store(r3, 3)
  store(r4, 4)
  store(r5, 5)
  store(r6, 6)
  store(r7, 7)
}
