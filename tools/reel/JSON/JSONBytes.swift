// Every unchecked load and copy of the JSON layer, so that its other files stay free of `unsafe`.

extension RawSpan {
  /// The byte at `offset`; traps outside the span.
  @inline(__always)
  func loadByte(at offset: Int) -> UInt8 {
    // Safe: `unsafeLoad` checks the bounds and a byte has no alignment.
    unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self)
  }

  /// The eight bytes from `offset` on, the first one lowest; traps outside the span.
  @inline(__always)
  func loadWord(at offset: Int) -> UInt64 {
    // Safe: `unsafeLoadUnaligned` checks the bounds; every bit pattern is a valid integer.
    unsafe UInt64(littleEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }

  /// The text of the bytes in `range`, with ill-formed UTF-8 replaced by U+FFFD.
  @inline(__always)
  func text(_ range: Range<Int>) -> String {
    // Safe: `extracting` checks the bounds, and the pointer is used only inside the closure.
    unsafe extracting(range).withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
  }

  /// A copy of the bytes in `range`.
  @inline(__always)
  func array(_ range: Range<Int>) -> [UInt8] {
    // Safe: `extracting` checks the bounds, and the pointer is used only inside the closure.
    unsafe extracting(range).withUnsafeBytes { unsafe [UInt8]($0) }
  }

  /// Whether all bytes equal those of `other`.
  func hasSameBytes(as other: RawSpan) -> Bool {
    guard byteCount == other.byteCount else { return false }
    for offset in 0..<byteCount where loadByte(at: offset) != other.loadByte(at: offset) {
      return false
    }
    return true
  }

  /// The offset of the first byte from `start` on that does not stand for itself in a JSON string
  /// (a quote, a backslash, a control character) or is not ASCII; the byte count when there is
  /// none.
  @inline(__always)
  func endOfPlainText(from start: Int) -> Int {
    var offset = start
    while offset &+ 8 <= byteCount {
      let special = specialBytes(loadWord(at: offset))
      if special != 0 { return offset &+ special.trailingZeroBitCount / 8 }
      offset &+= 8
    }
    while offset < byteCount {
      let byte = loadByte(at: offset)
      if byte < 0x20 || byte >= 0x80 || byte == 0x22 || byte == 0x5C { return offset }
      offset &+= 1
    }
    return offset
  }
}

/// The top bit of each byte of `word` that is special in a JSON string; exact for the lowest such
/// byte, since a borrow only reaches higher ones ("Determine if a word has a byte less than n",
/// Sean Eron Anderson, Bit Twiddling Hacks).
@inline(__always)
private func specialBytes(_ word: UInt64) -> UInt64 {
  let ones: UInt64 = 0x0101_0101_0101_0101
  let quote = word ^ (ones &* 0x22)
  let backslash = word ^ (ones &* 0x5C)
  let control = (word &- ones &* 0x20) & ~word
  let quotes = (quote &- ones) & ~quote
  let backslashes = (backslash &- ones) & ~backslash
  return (word | control | quotes | backslashes) & (ones &* 0x80)
}

extension Array where Element == UInt8 {
  /// The array's bytes.
  var byteSpan: RawSpan {
    @_lifetime(borrow self)
    get {
      // Safe: an array's elements are initialized bytes, and the span borrows the array.
      unsafe span.bytes
    }
  }

  /// Whether the bytes are well-formed UTF-8.
  var isUTF8: Bool {
    do {
      _ = try UTF8Span(validating: span)
      return true
    } catch {
      return false
    }
  }

  /// Appends the bytes of `span` in `range`.
  @inline(__always)
  mutating func append(bytesOf span: RawSpan, _ range: Range<Int>) {
    // Safe: `extracting` checks the bounds, and the pointer is used only inside the closure.
    unsafe span.extracting(range).withUnsafeBytes { unsafe append(contentsOf: $0) }
  }

  /// Appends the UTF-8 bytes of a literal.
  @inline(__always)
  mutating func append(literal: StaticString) {
    // Safe: a literal's bytes live as long as the program.
    literal.withUTF8Buffer { unsafe append(contentsOf: $0) }
  }
}
