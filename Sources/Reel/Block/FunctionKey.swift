/// A function as one text of a dictionary or index: module, FF, name, FF, the arity in decimal.
///
/// An absent module or name is the byte FE, an absent arity is nothing. Neither byte occurs in
/// UTF-8, so a key has one reading, and all functions of a module share a prefix. Normative:
/// format-spec.md, "Function keys".
enum FunctionKey {
  static let separator: UInt8 = 0xFF
  static let absent: UInt8 = 0xFE

  /// The parts of a key as ranges of its bytes.
  struct Parts {
    var module: Range<Int>?
    var name: Range<Int>?
    var arity: UInt16?
  }

  /// Replaces the content of `key` by that of a record's function.
  @inline(__always)
  static func assign(
    module: RawSpan, hasModule: Bool, name: RawSpan, hasName: Bool, arityPlusOne: UInt32,
    to key: inout [UInt8]
  ) {
    key.removeAll(keepingCapacity: true)
    if hasModule { key.append(module) } else { key.append(absent) }
    key.append(separator)
    if hasName { key.append(name) } else { key.append(absent) }
    key.append(separator)
    appendDecimal(arityPlusOne, to: &key)
  }

  private static func appendDecimal(_ arityPlusOne: UInt32, to key: inout [UInt8]) {
    guard arityPlusOne > 0 else { return }
    let arity = arityPlusOne - 1
    if arity < 10 {
      key.append(0x30 + UInt8(arity))
    } else {
      key.append(contentsOf: String(arity).utf8)
    }
  }

  /// The key of `function`.
  static func bytes(of function: Function) -> [UInt8] {
    var key: [UInt8] = []
    let module = Array((function.module ?? "").utf8)
    let name = Array((function.name ?? "").utf8)
    assign(
      module: module.rawSpan, hasModule: function.module != nil, name: name.rawSpan,
      hasName: function.name != nil, arityPlusOne: function.arity.map { UInt32($0) + 1 } ?? 0,
      to: &key)
    return key
  }

  /// Takes a key apart; of a malformed one, what can be read.
  static func parts(_ key: RawSpan) -> Parts {
    guard let first = key.firstIndex(of: separator, from: 0),
      let second = key.firstIndex(of: separator, from: first + 1)
    else { return Parts(name: 0..<key.byteCount) }
    func range(_ start: Int, _ end: Int) -> Range<Int>? {
      end - start == 1 && key.byte(at: start) == absent ? nil : start..<end
    }
    var arity: UInt32 = 0
    var hasArity = false
    for offset in (second + 1)..<key.byteCount {
      let digit = key.byte(at: offset) &- 0x30
      guard digit < 10, arity < 65_536 else { break }
      arity = arity * 10 + UInt32(digit)
      hasArity = true
    }
    return Parts(
      module: range(0, first), name: range(first + 1, second),
      arity: hasArity && arity < 65_535 ? UInt16(arity) : nil)
  }

  /// The function that a key names.
  static func function(_ key: RawSpan) -> Function {
    let parts = parts(key)
    return Function(
      module: parts.module.map { String(decoding: key.extracting($0)) },
      name: parts.name.map { String(decoding: key.extracting($0)) }, arity: parts.arity)
  }
}
