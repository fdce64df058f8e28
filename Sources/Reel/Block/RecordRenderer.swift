/// Turns rows of a block back into records, column by column.
///
/// It costs about as much as copying the rows; what it makes can be given out any number of times.
struct RecordRenderer {
  private let block: DecodedBlock
  private let rows: [Int32]
  private let schema: AttributeSchema
  private let withPayloads: Bool
  /// Where each record begins, and where its next field goes.
  private var offsets: [Int] = []
  private var positions: [Int] = []
  private var region = Region(byteCount: 0)
  private var flags: [UInt16] = []
  private var attributes: [[UInt8]] = []
  /// Per code of the functions' column, where a row has it.
  private var functions: [FunctionKey.Parts?] = []
  private var damage: Corruption?
  private var unreadable: [Int] = []

  /// A page never takes more; rows that would are rendered in several pages.
  static let maximumByteCount = 2 * Limits.blockByteCount

  /// For `rows` of a block with all columns decoded.
  private init(
    _ block: DecodedBlock, _ rows: [Int32], _ schema: AttributeSchema, _ withPayloads: Bool
  ) {
    self.block = block
    self.rows = rows
    self.schema = schema
    self.withPayloads = withPayloads
  }

  /// A page with the records of `rows`, in that order, or of as many of them as may be in one page.
  ///
  /// Rows whose payload is damaged are marked as unreadable; unless `withPayloads` is set, no
  /// payload is read, and the records have none.
  /// - Throws: ``ReelError/io(_:)``.
  static func page(
    _ block: DecodedBlock, rows: [Int32], schema: AttributeSchema, withPayloads: Bool = true
  ) throws(ReelError) -> RecordPage {
    var renderer = RecordRenderer(block, rows, schema, withPayloads)
    return try renderer.render()
  }

  private mutating func render() throws(ReelError) -> RecordPage {
    let count = measure()
    if count < rows.count {
      return try Self.page(
        block, rows: Array(rows[..<count]), schema: schema, withPayloads: withPayloads)
    }
    positions = offsets.map { $0 + Record.headerByteCount }
    writeHeaders()
    writeIdentifiers(block.ids, .id)
    writeTexts(block.text(.kind), .kind)
    writeTexts(block.text(.process), .process)
    writeTexts(block.text(.peerProcess), .peerProcess)
    writeFunctions()
    writeTexts(block.text(.correlationID), .correlationID)
    writeTexts(block.text(.astNodeID), .astNodeID)
    writeTexts(block.text(.node), .node)
    writeIdentifiers(block.parentIDs, .parentID)
    writeIdentifiers(block.callIDs, .callID)
    writeFlags()
    writeAttributes()
    if withPayloads { try writePayloads() }
    var starts = offsets.map { UInt32($0) }
    for index in unreadable { starts[index] = RecordPage.unreadable }
    return RecordPage(region: region, offsets: starts, schema: schema, damage: damage)
  }

  // MARK: Measuring

  /// Lays the records out.
  /// - Returns: How many of them fit into a page.
  private mutating func measure() -> Int {
    var sizes = [Int](
      repeating: RecordPage.entryPrefixByteCount + Record.headerByteCount, count: rows.count)
    for id in [ColumnID.kind, .process, .peerProcess, .correlationID, .astNodeID, .node] {
      if let column = block.text(id) { add(column, to: &sizes) }
    }
    if let column = block.text(.function) { addFunctions(column, to: &sizes) }
    for column in [block.ids, block.parentIDs, block.callIDs] {
      guard let column else { continue }
      for index in rows.indices { sizes[index] += column.bytes(Int(rows[index])).byteCount }
    }
    if !block.attributeColumns.isEmpty {
      attributes = rows.map { attributeSection(Int($0)) }
      for index in rows.indices { sizes[index] += attributes[index].count }
    }
    if withPayloads {
      for index in rows.indices { sizes[index] += block.payloadByteCount(Int(rows[index])) }
    }
    offsets.reserveCapacity(rows.count)
    var total = 0
    for (index, size) in sizes.enumerated() {
      if total + size > Self.maximumByteCount, index > 0 { return index }
      offsets.append(total + RecordPage.entryPrefixByteCount)
      total += size
    }
    region = Region(uninitializedByteCount: total)
    return rows.count
  }

  private func add(_ column: TextColumn, to sizes: inout [Int]) {
    for index in rows.indices { sizes[index] += column.byteCount(ofRow: Int(rows[index])) }
  }

  private mutating func addFunctions(_ column: TextColumn, to sizes: inout [Int]) {
    functions = [FunctionKey.Parts?](repeating: nil, count: column.count + 1)
    functions[0] = FunctionKey.Parts()
    for index in rows.indices {
      let code = column.code(Int(rows[index]))
      let parts = functions[Int(code)] ?? FunctionKey.parts(column.text(code: code))
      functions[Int(code)] = parts
      sizes[index] += (parts.module?.count ?? 0) + (parts.name?.count ?? 0)
    }
  }

  /// The declared attributes of a row as a record holds them.
  private func attributeSection(_ row: Int) -> [UInt8] {
    var entries: [UInt8] = []
    var count: UInt64 = 0
    for index in block.attributeColumns.keys.sorted() {
      guard let column = block.attributeColumns[index] else { continue }
      let code = column.code(row)
      guard code != 0 else { continue }
      count += 1
      entries.append(UInt8(index))
      entries.append(lengthPrefixed: column.text(code: code))
    }
    guard count > 0 else { return [] }
    var section: [UInt8] = []
    section.append(varint: count)
    return section + entries
  }

  // MARK: Writing

  private mutating func writeHeaders() {
    let region = region
    flags = [UInt16](repeating: 0, count: rows.count)
    let runID = block.header.runID
    for index in rows.indices {
      let row = Int(rows[index])
      let start = offsets[index]
      let end =
        index + 1 < offsets.count
        ? offsets[index + 1] - RecordPage.entryPrefixByteCount : region.byteCount
      region.store(block.sequence(row), at: start - 16)
      region.store(runID, at: start - 8)
      region.store(UInt32(end - start), at: start)
      region.store(block.recordType(row), at: start + 4)
      region.store(block.payloadEncoding(row), at: start + 5)
      let clock = block.secondClock(row)
      flags[index] = clock == nil ? 0 : Record.secondClockFlag
      region.store(block.timestamps[row], at: start + 8)
      region.store(clock ?? 0, at: start + 16)
      let length = UInt32(block.payloadByteCount(row))
      let hasPayload = withPayloads && block.hasPayload(row)
      region.store(hasPayload ? length : Record.absentPayload, at: start + 24)
      region.store(UInt32(0), at: start + 28)
      region.store(Record.absentLength, at: start + 32)
    }
  }

  /// Puts a field behind those before; fields come in the order of ``Record/Field``.
  @inline(__always)
  private mutating func put(_ bytes: RawSpan, _ field: Record.Field, _ index: Int) {
    region.copy(bytes, at: positions[index])
    positions[index] &+= bytes.byteCount
    flags[index] |= RecordPage.presence(of: field)
  }

  /// Notes for all rows where a field ends.
  @inline(__always)
  private func end(_ field: Record.Field) {
    for index in rows.indices {
      let start = offsets[index]
      let place = start &+ Record.lengthsOffset &+ 2 &* field.rawValue
      region.store(UInt16(truncatingIfNeeded: positions[index] &- start), at: place)
    }
  }

  private mutating func writeTexts(_ column: TextColumn?, _ field: Record.Field) {
    if let column {
      for index in rows.indices {
        let code = column.code(Int(rows[index]))
        if code != 0 { put(column.text(code: code), field, index) }
      }
    }
    end(field)
  }

  private mutating func writeIdentifiers(_ column: IdentifierColumn?, _ field: Record.Field) {
    if let column {
      for index in rows.indices {
        let row = Int(rows[index])
        if column.hasValue(row) { put(column.bytes(row), field, index) }
      }
    }
    end(field)
  }

  private mutating func writeFunctions() {
    guard let column = block.text(.function) else {
      end(.module)
      return end(.function)
    }
    for index in rows.indices {
      let code = column.code(Int(rows[index]))
      if let module = functions[Int(code)]?.module {
        put(column.text(code: code).extracting(module), .module, index)
      }
    }
    end(.module)
    for index in rows.indices {
      let code = column.code(Int(rows[index]))
      guard let parts = functions[Int(code)] else { continue }
      if let name = parts.name { put(column.text(code: code).extracting(name), .function, index) }
      if let arity = parts.arity { region.store(arity, at: offsets[index] + 32) }
    }
    end(.function)
  }

  private func writeFlags() {
    for index in rows.indices { region.store(flags[index], at: offsets[index] + 6) }
  }

  private mutating func writeAttributes() {
    for index in attributes.indices {
      let section = attributes[index]
      region.store(UInt32(section.count), at: offsets[index] + 28)
      region.copy(section.rawSpan, at: positions[index])
      positions[index] += section.count
    }
  }

  private mutating func writePayloads() throws(ReelError) {
    var frames = [[UInt8]?](repeating: nil, count: block.header.frames.count)
    var damaged = [Bool](repeating: false, count: frames.count)
    // A frame is decompressed up to the last payload that is wanted.
    var ends = [Int](repeating: 0, count: frames.count)
    for row in rows {
      if let (number, range) = block.payloadPlace(Int(row)) {
        ends[number] = max(ends[number], range.upperBound)
      }
    }
    for index in rows.indices {
      guard let (number, range) = block.payloadPlace(Int(rows[index])) else { continue }
      if frames[number] == nil && !damaged[number] {
        do throws(ReelError) {
          frames[number] = try block.payloads.frame(number, prefix: ends[number])
        } catch .corrupted(let corruption) {
          damage = damage ?? corruption
          damaged[number] = true
        }
      }
      if let bytes = frames[number] {
        region.copy(bytes.rawSpan.extracting(range), at: positions[index])
      } else {
        unreadable.append(index)
      }
    }
  }
}
