/// Texts by number, in one array.
///
/// Beside that it keeps the numbers in order of the texts' bytes, once that is asked for, so that a
/// block's dictionary is sorted without comparing texts.
struct SymbolTexts {
  private var offsets: [UInt32] = [0]
  private var bytes: [UInt8] = []

  /// Symbols below its count in order of their bytes, and each one's place in that order.
  private var ordered: [UInt32] = []
  private var ranks: [UInt32] = []

  /// Above this many symbols, inserting new ones in order costs more than sorting each block's.
  private static let maximumRankedCount = 4096

  var count: Int { offsets.count - 1 }
  var byteCount: Int { bytes.count }

  /// The bytes of a symbol.
  @inline(__always)
  @_lifetime(borrow self)
  func bytes(of symbol: UInt32) -> RawSpan {
    let range = Int(offsets[Int(symbol)])..<Int(offsets[Int(symbol) + 1])
    return bytes.rawSpan.extracting(range)
  }

  /// Gives `text` the next number.
  @inline(__always)
  mutating func append(_ text: RawSpan) {
    bytes.append(text)
    offsets.append(UInt32(bytes.count))
  }

  /// Gives the next numbers to the texts of `other` from its number `first` on.
  mutating func append(contentsOf other: SymbolTexts, from first: Int) {
    let start = other.offsets[first]
    let base = UInt32(bytes.count)
    bytes.append(other.bytes.rawSpan.extracting(Int(start)..<other.bytes.count))
    for offset in other.offsets[(first + 1)...] { offsets.append(base + (offset - start)) }
  }

  /// Forgets all texts.
  mutating func removeAll() {
    bytes.forget()
    offsets.removeLast(offsets.count - 1)
    ordered.removeAll(keepingCapacity: true)
  }

  /// Sorts `symbols`, each of which occurs once, by their bytes.
  mutating func sort(_ symbols: inout [UInt32]) {
    if count <= Self.maximumRankedCount {
      rankNewSymbols()
      // A bit for each rank that occurs: a table has few words of them.
      var present = [UInt64](repeating: 0, count: (count + 63) / 64)
      for symbol in symbols {
        let rank = ranks[Int(symbol)]
        present[Int(rank) >> 6] |= 1 << UInt64(rank & 63)
      }
      var next = 0
      for (index, word) in present.enumerated() {
        var rest = word
        while rest != 0 {
          symbols[next] = ordered[index << 6 | rest.trailingZeroBitCount]
          next &+= 1
          rest &= rest &- 1
        }
      }
    } else {
      symbols.sort { isOrdered($0, $1) }
    }
  }

  /// All symbols in order of their bytes.
  mutating func allSorted() -> [UInt32] {
    var symbols = Array(UInt32(0)..<UInt32(count))
    sort(&symbols)
    return symbols
  }

  private mutating func rankNewSymbols() {
    guard ordered.count < count else { return }
    for symbol in UInt32(ordered.count)..<UInt32(count) {
      var low = 0
      var high = ordered.count
      while low < high {
        let middle = (low + high) / 2
        if isOrdered(ordered[middle], symbol) { low = middle + 1 } else { high = middle }
      }
      ordered.insert(symbol, at: low)
    }
    ranks = [UInt32](repeating: 0, count: count)
    for (rank, symbol) in ordered.enumerated() { ranks[Int(symbol)] = UInt32(rank) }
  }

  private func isOrdered(_ a: UInt32, _ b: UInt32) -> Bool {
    bytes(of: a).isLexicographicallyBefore(bytes(of: b))
  }
}
