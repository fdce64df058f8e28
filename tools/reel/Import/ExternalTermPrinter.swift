/// Prints external terms as Erlang's `~p` does, on one line: `{order,17,<<"abc">>}`.
///
/// What is nested deeper than ``depthLimit``, or comes after so many bytes of text as the caller
/// wants, is told by `...`. The text is UTF-8 whatever the bytes are.
struct ExternalTermPrinter: ~Escapable {
  /// The terms that are printed within each other; it bounds the stack of the recursion.
  static let depthLimit = 64
  /// The bytes of an integer that are converted to decimal digits, which takes their square.
  private static let decimalByteCount = 64

  var reader: ExternalTermReader
  var output: [UInt8] = []
  let limit: Int
  /// The node whose processes have numbers alone, as those of the printing one have in Erlang.
  private let node: [UInt8]
  var isCut = false

  /// The text of the term in `bytes`, which begin with 131, or why there is none.
  static func text(
    _ bytes: RawSpan, node: [UInt8] = [], limit: Int = .max
  ) throws(TermFault) -> [UInt8] {
    var printer = ExternalTermPrinter(bytes, node: node, limit: limit)
    return try printer.print()
  }

  @_lifetime(copy bytes)
  private init(_ bytes: RawSpan, node: [UInt8], limit: Int) {
    reader = ExternalTermReader(bytes)
    self.limit = limit
    self.node = node
  }

  private mutating func print() throws(TermFault) -> [UInt8] {
    try reader.skipVersion()
    try term(depth: 0)
    if isCut {
      output.append(literal: "...")
    } else if reader.left > 0 {
      throw reader.fault("bytes follow the term")
    }
    return output
  }

  // MARK: Terms

  /// Prints the next term; nothing more once the text is long enough.
  private mutating func term(depth: Int) throws(TermFault) {
    if output.count >= limit { isCut = true }
    guard !isCut else { return }
    guard depth < Self.depthLimit else {
      output.append(literal: "...")
      return try reader.skipTerm()
    }
    switch try reader.peek() {
    case TermTag.smallTuple, TermTag.largeTuple:
      let count = try reader.tuple() ?? 0
      output.append(UInt8(ascii: "{"))
      try terms(count, depth)
      output.append(UInt8(ascii: "}"))
    case TermTag.list: try list(depth)
    case TermTag.map: try map(depth)
    case TermTag.string:
      _ = try reader.byte()
      string(try reader.take(try reader.short()), stride: 1)
    case TermTag.atom, TermTag.smallAtom, TermTag.atomUTF8, TermTag.smallAtomUTF8:
      atom(try reader.atom())
    case TermTag.newFunction, TermTag.function: try function()
    default: try leaf()
    }
  }

  /// Prints terms with commas between them.
  private mutating func terms(_ count: Int, _ depth: Int) throws(TermFault) {
    var index = 0
    while index < count, !isCut {
      if index > 0 { output.append(UInt8(ascii: ",")) }
      try term(depth: depth + 1)
      index += 1
    }
  }

  private mutating func list(_ depth: Int) throws(TermFault) {
    _ = try reader.byte()
    let count = try reader.long()
    if let text = textList(count) {
      _ = try reader.take(text.count + 1)
      return string(text, stride: 2)
    }
    output.append(UInt8(ascii: "["))
    try terms(count, depth)
    if isCut { return }
    if try reader.peek() == TermTag.empty {
      _ = try reader.byte()
    } else {
      output.append(UInt8(ascii: "|"))
      try term(depth: depth + 1)
    }
    output.append(UInt8(ascii: "]"))
  }

  /// Where the elements of a list lie that is printed as text: characters alone.
  private func textList(_ count: Int) -> Range<Int>? {
    let start = reader.offset
    guard count > 0, count <= (reader.left - 1) / 2 else { return nil }
    for index in 0..<count {
      let place = start + 2 * index
      guard reader.bytes.loadByte(at: place) == TermTag.smallInteger,
        Self.isPrintable(reader.bytes.loadByte(at: place + 1))
      else { return nil }
    }
    let end = start + 2 * count
    return reader.bytes.loadByte(at: end) == TermTag.empty ? start..<end : nil
  }

  private mutating func map(_ depth: Int) throws(TermFault) {
    _ = try reader.byte()
    let count = try reader.long()
    output.append(literal: "#{")
    var index = 0
    while index < count, !isCut {
      if index > 0 { output.append(UInt8(ascii: ",")) }
      try term(depth: depth + 1)
      output.append(literal: " => ")
      try term(depth: depth + 1)
      index += 1
    }
    output.append(UInt8(ascii: "}"))
  }

  private mutating func function() throws(TermFault) {
    let isNew = try reader.byte() == TermTag.newFunction
    if isNew { try reader.skip(25) }
    var freeCount = try reader.long()
    // The older form has the process first, the newer one last.
    if !isNew { try reader.skipTerm() }
    output.append(literal: "#Fun<")
    append(cleaned: try reader.atom())
    for _ in 0..<2 {
      output.append(UInt8(ascii: "."))
      guard let number = try reader.integer() else { throw reader.fault("expected an integer") }
      output.append(decimal: number, isQuoted: false)
    }
    output.append(UInt8(ascii: ">"))
    if isNew { try reader.skipTerm() }
    while freeCount > 0 {
      try reader.skipTerm()
      freeCount -= 1
    }
  }

  private mutating func leaf() throws(TermFault) {
    let tag = try reader.peek()
    if let number = try reader.integer() {
      return output.append(decimal: number, isQuoted: false)
    }
    _ = try reader.byte()
    switch tag {
    case TermTag.empty: output.append(literal: "[]")
    case TermTag.newFloat:
      let bits = UInt64(try reader.long()) << 32 | UInt64(try reader.long())
      float(Double(bitPattern: bits))
    case TermTag.float:
      let text = reader.bytes.text(try reader.take(31)).prefix { $0 != "\0" }
      guard let number = Double(text) else { throw reader.fault("expected a number before this") }
      float(number)
    case TermTag.binary: binary(try reader.take(try reader.long()), lastBits: 8)
    case TermTag.bitBinary:
      let count = try reader.long()
      let bits = Int(try reader.byte())
      guard (1...8).contains(bits) else { throw reader.fault("expected 1 to 8 bits before this") }
      binary(try reader.take(count), lastBits: bits)
    case TermTag.smallBig:
      let count = Int(try reader.byte())
      try big(count)
    case TermTag.largeBig: try big(try reader.long())
    case TermTag.export:
      output.append(literal: "fun ")
      atom(try reader.atom())
      output.append(UInt8(ascii: ":"))
      atom(try reader.atom())
      output.append(UInt8(ascii: "/"))
      guard let arity = try reader.integer() else { throw reader.fault("expected an arity") }
      output.append(decimal: arity, isQuoted: false)
    default: try identifier(tag)
    }
  }

  // MARK: Identifiers

  private mutating func identifier(_ tag: UInt8) throws(TermFault) {
    switch tag {
    case TermTag.pid, TermTag.newPID:
      output.append(UInt8(ascii: "<"))
      nodeNumber(try reader.atom())
      for _ in 0..<2 { try number(try reader.long()) }
      try reader.skip(tag == TermTag.pid ? 1 : 4)
    case TermTag.port, TermTag.newPort, TermTag.v4Port:
      output.append(literal: "#Port<")
      nodeNumber(try reader.atom())
      var value = try reader.long()
      if tag == TermTag.v4Port {
        let low = try reader.long()
        value = Int(truncatingIfNeeded: UInt64(value) << 32 | UInt64(low))
      }
      try number(value)
      try reader.skip(tag == TermTag.port ? 1 : 4)
    case TermTag.reference:
      output.append(literal: "#Ref<")
      nodeNumber(try reader.atom())
      try number(try reader.long())
      try reader.skip(1)
    case TermTag.newReference, TermTag.newerReference:
      let count = try reader.short()
      output.append(literal: "#Ref<")
      nodeNumber(try reader.atom())
      try reader.skip(tag == TermTag.newReference ? 1 : 4)
      let words = try reader.take(4 * count)
      for index in (0..<count).reversed() {
        var word = ExternalTermReader(reader.bytes, from: words.lowerBound + 4 * index)
        try number(try word.long())
      }
    default:
      // It knows the tags, and says what is wrong.
      var again = ExternalTermReader(reader.bytes, from: reader.offset - 1)
      try again.skipTerm()
      throw reader.fault("a term of this kind cannot be printed")
    }
    output.append(UInt8(ascii: ">"))
  }

  private mutating func number(_ value: Int) throws(TermFault) {
    output.append(UInt8(ascii: "."))
    output.append(decimal: UInt64(bitPattern: Int64(value)), isQuoted: false)
  }

  /// Prints 0 for the node that the term is of, else its name.
  private mutating func nodeNumber(_ name: (text: Range<Int>, isUTF8: Bool)) {
    if NodeName.isLocal(reader.bytes.extracting(name.text), node) {
      output.append(UInt8(ascii: "0"))
    } else {
      append(cleaned: name)
    }
  }

  // MARK: Numbers

  /// Erlang writes an exponent without a plus sign, and a point before it.
  private mutating func float(_ value: Double) {
    let text = value.description
    guard let exponent = text.firstIndex(of: "e") else {
      return output.append(contentsOf: text.utf8)
    }
    let mantissa = text[..<exponent]
    output.append(contentsOf: mantissa.utf8)
    if !mantissa.contains(".") { output.append(literal: ".0") }
    output.append(UInt8(ascii: "e"))
    var power = text[text.index(after: exponent)...]
    if power.first == "+" { power.removeFirst() }
    if power.first == "-" {
      output.append(UInt8(ascii: "-"))
      power.removeFirst()
    }
    output.append(contentsOf: (Int(power) ?? 0).description.utf8)
  }

  /// Prints an integer of more than 64 bits: in hexadecimal where decimal digits would take long.
  private mutating func big(_ count: Int) throws(TermFault) {
    if try reader.byte() != 0 { output.append(UInt8(ascii: "-")) }
    let digits = try reader.take(count)
    guard count <= Self.decimalByteCount else {
      output.append(literal: "16#")
      for place in digits.reversed() {
        if output.count >= limit { return isCut = true }
        let byte = reader.bytes.loadByte(at: place)
        output.append(uppercaseDigit(byte >> 4))
        output.append(uppercaseDigit(byte & 15))
      }
      return
    }
    var magnitude = reader.bytes.array(digits)
    var decimal: [UInt8] = []
    while let last = magnitude.lastIndex(where: { $0 != 0 }) {
      magnitude.removeSubrange((last + 1)...)
      var rest = 0
      for index in magnitude.indices.reversed() {
        let value = rest << 8 | Int(magnitude[index])
        magnitude[index] = UInt8(value / 10)
        rest = value % 10
      }
      decimal.append(UInt8(ascii: "0") + UInt8(rest))
    }
    output.append(contentsOf: decimal.isEmpty ? [UInt8(ascii: "0")] : decimal.reversed())
  }
}
