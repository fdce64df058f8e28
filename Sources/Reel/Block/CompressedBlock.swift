/// A block whose frames are compressed: what lies in a segment behind the block's header.
struct CompressedBlock: Sendable {
  /// With the stored lengths and checksums of the frames.
  private(set) var header: BlockHeader
  /// The frames, one after the other.
  private(set) var data: [UInt8] = []

  /// Compresses `columns`.
  init(_ columns: BlockColumns, state: LZ4.State) {
    header = columns.header
    data.reserveCapacity(header.rawByteCount / 2)
    var payloadOffset = 0
    for index in header.frames.indices {
      let start = data.count
      let rawByteCount = header.frames[index].rawByteCount
      if index == 0 {
        LZ4Frame.append(columns.attributes.rawSpan, to: &data, state: state)
      } else {
        let range = payloadOffset..<(payloadOffset + rawByteCount)
        LZ4Frame.append(columns.payloads.rawSpan.extracting(range), to: &data, state: state)
        payloadOffset += rawByteCount
      }
      header.frames[index].storedByteCount = data.count - start
      header.frames[index].checksum = Checksum.xxh3(data.rawSpan.extracting(start..<data.count))
    }
  }
}
