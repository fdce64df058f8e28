/// The planes of a column of identifiers of one length.
struct IdentifierPlanes: ~Escapable {
  private let form: IdentifierColumnBuilder.Form
  /// Bytes of an identifier as it is packed, and unpacked.
  let width: Int
  let byteCount: Int
  /// Of each plane: 1 when it holds differences.
  let modes: RawSpan
  let planes: RawSpan
  private let count: Int

  @_lifetime(copy span)
  init(_ span: RawSpan, count: Int, _ limits: ClosedRange<Int>) throws(ByteReader.Malformed) {
    var reader = ByteReader(span)
    let formValue = try reader.integer(UInt8.self, "an identifier column's form")
    guard let form = IdentifierColumnBuilder.Form(rawValue: formValue) else {
      throw ByteReader.Malformed("an identifier column's form", "is unknown", found: formValue)
    }
    self.form = form
    self.count = count
    width = Int(try reader.integer(UInt8.self, "an identifier's width"))
    modes = try reader.span(width, "the planes' modes")
    planes = try reader.span(width * count, "the planes")
    try reader.finish("an identifier column")
    byteCount = form == .raw ? width : form == .hexadecimal ? 2 * width : 36
    guard width > 0, form != .uuid || width == 16, limits.contains(byteCount) else {
      throw ByteReader.Malformed("an identifier's width", "cannot be", found: width)
    }
    for plane in 0..<width where modes.byte(at: plane) > 1 {
      throw ByteReader.Malformed("a plane's mode", "is unknown", found: modes.byte(at: plane))
    }
  }

  /// Appends the identifier at `index` as it is packed.
  func append(_ index: Int, to packed: inout [UInt8]) {
    for plane in 0..<width {
      let start = plane * count
      guard modes.byte(at: plane) == 1 else {
        packed.append(planes.byte(at: start + index))
        continue
      }
      var value: UInt8 = 0
      for place in start...(start + index) { value = value &+ planes.byte(at: place) }
      packed.append(value)
    }
  }

  /// Whether no plane holds differences.
  var areDirect: Bool { modes.lastIndex(of: 1, before: modes.byteCount) == nil }

  /// The last row of `wanted` in direct planes: rows are found by one plane and looked up in the
  /// others.
  func lastRow(of wanted: RawSpan) -> Int? {
    guard let packed = pack(wanted) else { return nil }
    // Most identifiers that begin alike end differently.
    let last = planes.extracting(((width - 1) * count)..<(width * count))
    var end = count
    while let row = last.lastIndex(of: packed[width - 1], before: end) {
      if (0..<width).allSatisfy({ planes.byte(at: $0 * count + row) == packed[$0] }) { return row }
      end = row
    }
    return nil
  }

  /// An identifier as it would be packed here, or nothing when it cannot be in these planes.
  private func pack(_ identifier: RawSpan) -> [UInt8]? {
    guard identifier.byteCount == byteCount else { return nil }
    var packed: [UInt8] = []
    switch form {
    case .raw: return identifier.copied()
    case .hexadecimal: return identifier.appendPackedHexadecimal(to: &packed) ? packed : nil
    case .uuid: return identifier.appendPackedUUID(to: &packed) ? packed : nil
    }
  }

  /// The identifiers of packed ones.
  func unpack(_ packed: [UInt8]) -> [UInt8] {
    guard form != .raw else { return packed }
    var text: [UInt8] = []
    text.reserveCapacity(packed.count * (form == .uuid ? 3 : 2))
    for (index, byte) in packed.enumerated() {
      let position = index & 15
      if form == .uuid && (position == 4 || position == 6 || position == 8 || position == 10) {
        text.append(0x2D)
      }
      text.append(hexadecimalDigit(byte >> 4))
      text.append(hexadecimalDigit(byte & 15))
    }
    return text
  }
}

extension RawSpan {
  /// Appends the values of the pairs of lowercase hexadecimal digits that the bytes are.
  /// - Returns: Whether they are nothing else; if not, what was appended means nothing.
  func appendPackedHexadecimal(to packed: inout [UInt8]) -> Bool {
    for offset in stride(from: 0, to: byteCount, by: 2) {
      guard let high = hexadecimalValue(byte(at: offset)),
        let low = hexadecimalValue(byte(at: offset + 1))
      else { return false }
      packed.append(high << 4 | low)
    }
    return true
  }

  /// Appends the 16 bytes of the UUID, in lowercase, that the 36 bytes are.
  /// - Returns: As ``appendPackedHexadecimal(to:)``.
  func appendPackedUUID(to packed: inout [UInt8]) -> Bool {
    var offset = 0
    for position in 0..<16 {
      if position == 4 || position == 6 || position == 8 || position == 10 {
        guard byte(at: offset) == 0x2D else { return false }
        offset += 1
      }
      guard let high = hexadecimalValue(byte(at: offset)),
        let low = hexadecimalValue(byte(at: offset + 1))
      else { return false }
      packed.append(high << 4 | low)
      offset += 2
    }
    return true
  }
}
