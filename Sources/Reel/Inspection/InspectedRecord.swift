/// A record of a block or of the write-ahead buffer, as inspection shows it: nothing that queries
/// leave out, such as events that were removed, is left out here.
public struct InspectedRecord: Hashable, Sendable {
  /// What a record says.
  public enum Content: Hashable, Sendable {
    /// An event, with its sequence number and its id.
    case event(Event)
    /// A recorder opened the recording.
    case runStart(Run)
    /// The recorder closed it; both clocks at that moment.
    case runEnd(wall: Int64, monotonic: Int64)
    /// Events were offered and not recorded.
    case gap(Gap)
    /// Events that arrived before this record are removed, those before a moment or all.
    case cut(before: Timestamp?, below: SequenceNumber)
    /// Retention unlinked everything below a number, and how many events that were.
    case drop(below: SequenceNumber, eventCount: UInt64)
    /// Everything up to a number is durable.
    case syncMark(watermark: SequenceNumber)
    /// The declared attributes.
    case configuration([AttributeDeclaration])
    /// What events of some kinds mean.
    case roles(KindRoles)
    /// A control record of a later version.
    case unknown(type: UInt8, body: [UInt8])
    /// A control record that cannot be read.
    case malformed(type: UInt8, body: [UInt8], reason: String)
  }

  /// Its place in the order of arrival.
  public let sequenceNumber: SequenceNumber
  /// Its timestamp; of a control record the recorder's wall clock.
  public let timestamp: Timestamp
  /// What it says.
  public let content: Content
}

extension InspectedRecord.Content {
  /// A control record of `type` with `body`.
  init(type: UInt8, body: RawSpan) {
    do throws(ByteReader.Malformed) {
      switch try ControlRecord(type: type, body: body) {
      case .runStart(let run)?: self = .runStart(run)
      case .runEnd(let wall, let monotonic)?: self = .runEnd(wall: wall, monotonic: monotonic)
      case .gap(let gap)?: self = .gap(gap)
      case .cut(let cut)?:
        self = .cut(
          before: cut.before.map(Timestamp.init(nanoseconds:)),
          below: SequenceNumber(rawValue: cut.sequence))
      case .drop(let drop)?:
        self = .drop(
          below: SequenceNumber(rawValue: drop.below), eventCount: drop.eventCount)
      case .syncMark(let watermark)?:
        self = .syncMark(watermark: SequenceNumber(rawValue: watermark))
      case .configuration(let declarations)?: self = .configuration(declarations)
      case .roles(let roles)?: self = .roles(roles)
      case nil: self = .unknown(type: type, body: body.copied())
      }
    } catch {
      self = .malformed(type: type, body: body.copied(), reason: error.reason)
    }
  }
}

extension DecodedBlock {
  /// All records of the block, every column of which must be decoded.
  ///
  /// - Throws: ``ReelError/corrupted(_:)`` when a payload cannot be read.
  func inspectedRecords(_ schema: AttributeSchema) throws(ReelError) -> [InspectedRecord] {
    var records: [InspectedRecord] = []
    records.reserveCapacity(header.recordCount)
    while records.count < header.recordCount {
      let rest = (Int32(records.count)..<Int32(header.recordCount)).map { $0 }
      let page = try RecordRenderer.page(self, rows: rest, schema: schema)
      if let damage = page.damage { throw .corrupted(damage) }
      for place in 0..<page.count {
        guard let view = page.view(place) else { continue }
        let type = view.recordType
        let content: InspectedRecord.Content =
          type == 0
          ? .event(view.event)
          : view.withPayloadBytes { InspectedRecord.Content(type: type, body: $0) }
        records.append(
          InspectedRecord(
            sequenceNumber: view.sequenceNumber, timestamp: view.timestamp, content: content))
      }
    }
    return records
  }
}
