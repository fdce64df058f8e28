/// A block as the cache keeps it, with what was made of it.
///
/// A value: an object would be one more place of memory to wait for in each look-up.
struct KeptBlock: Sendable {
  let block: DecodedBlock
  /// All its records, once they were rendered.
  let page: RecordPage?
  /// Whether a few rows were wanted of it before.
  let isTakenFrom: Bool

  init(_ block: DecodedBlock, page: RecordPage? = nil, isTakenFrom: Bool = false) {
    self.block = block
    self.page = page
    self.isTakenFrom = isTakenFrom
  }

  /// The same with something else or more.
  func with(
    block: DecodedBlock? = nil, page: RecordPage? = nil, isTakenFrom: Bool? = nil
  ) -> KeptBlock {
    KeptBlock(
      block ?? self.block, page: page ?? self.page, isTakenFrom: isTakenFrom ?? self.isTakenFrom)
  }

  var byteCount: Int { block.byteCount + (page?.byteCount ?? 0) + 64 }
}
